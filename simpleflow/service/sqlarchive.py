"""The closed runs, found in the database and not kept in memory.

Each look-up walks an index from a known place, so it costs what it returns, however many runs have closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from .events import Event, to_json
from .journal import ClosedRun, Run
from .visibility import Filter, Position, Query, filters_of

Row = tuple[Any, ...]
#: Runs a query and gives all its rows.
Fetch = Callable[[str, Row], list[Row]]

_PAGE = 256
_PURGE_EVENTS = 1000
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1

_RUN = "run_key, region, domain, workflow_id, run_id"
_CLOSED = f"{_RUN}, started_ms, closed_ms, purge_ms, description"
_KEY = "(SELECT run_key FROM runs WHERE run_id = ?)"
# CROSS JOIN keeps SQLite from another order of the tables.
GET = f"SELECT {_CLOSED} FROM runs CROSS JOIN closed_runs USING (run_key) WHERE run_id = ?"
_FIND = f"""
    SELECT at_ms, {_CLOSED}
    FROM closed_index CROSS JOIN closed_runs USING (run_key) CROSS JOIN runs USING (run_key)
    WHERE shelf = ? AND (at_ms, run_key) > (?, ?) AND (at_ms, run_key) < (?, ?) AND purge_ms > ?
"""
FIND_ASCENDING = f"{_FIND} ORDER BY at_ms, run_key LIMIT {_PAGE}"
FIND_DESCENDING = f"{_FIND} ORDER BY at_ms DESC, run_key DESC LIMIT {_PAGE}"
COUNT = "SELECT count(*) FROM closed_index WHERE shelf = ? AND at_ms BETWEEN ? AND ?"
# The + keeps SQLite from walking the whole shelf again for each run that is gone.
COUNT_GONE = """
    SELECT count(*) FROM closed_runs CROSS JOIN closed_index USING (run_key)
    WHERE purge_ms <= ? AND shelf = ? AND +at_ms BETWEEN ? AND ?
    AND at_ms IN (started_ms, closed_ms)
"""
DUE = f"""
    SELECT {_RUN}, (SELECT max(event_id) FROM events WHERE events.run_key = closed_runs.run_key)
    FROM closed_runs CROSS JOIN runs USING (run_key)
    WHERE purge_ms <= ? ORDER BY purge_ms, run_key LIMIT ?
"""
FIRST_PURGE = "SELECT min(purge_ms) FROM closed_runs WHERE purge_ms > ?"
EVENTS = f"SELECT body FROM events WHERE run_key = {_KEY} AND event_id BETWEEN ? AND ? ORDER BY event_id"
EVENT_COUNT = f"SELECT max(event_id) FROM events WHERE run_key = {_KEY}"


def shelf(region: str, domain: str, by: str, filter: Filter) -> str:
    """The shelf of a filter, as the index names it."""
    return to_json([region, domain, by, *filter]).decode()


def shelves_of(closed: ClosedRun) -> list[tuple[str, int]]:
    """Where a closed run stands in the index: shelves and instants."""
    run = closed.run
    return [
        (shelf(run.region, run.domain, by, filter), at_ms)
        for filter in filters_of(closed.description["executionInfo"])
        for by, at_ms in (("start", closed.started_ms), ("close", closed.closed_ms))
    ]


def read_json(text: str) -> Any:
    """What `to_json` wrote; the standard library reads the escaped surrogates that orjson refuses."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def read_event(body: str) -> Event:
    return Event(read_json(body))


class SqlArchive:
    """The Archive over the connection of the store. `fetch` sees all that has been handed to the journal."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._next_purge_ms = self._first_purge(_LEAST)

    def add(self, closed: ClosedRun, events: list[Event]) -> None:
        """Nothing to keep: the store files the run. Only the next purge may come earlier."""
        self._next_purge_ms = min(self._next_purge_ms, closed.purge_ms)

    def get(self, run_id: str, now_ms: int) -> ClosedRun | None:
        for row in self._fetch(GET, (run_id,)):
            closed = read_closed(row)
            return closed if now_ms < closed.purge_ms else None
        return None

    def events(self, run_id: str, first: int, last: int) -> list[Event]:
        return [read_event(body) for (body,) in self._fetch(EVENTS, (run_id, first, last))]

    def event_count(self, run_id: str) -> int:
        count: int | None = self._fetch(EVENT_COUNT, (run_id,))[0][0]
        return count or 0

    def find(self, query: Query, now_ms: int, after: Position | None = None) -> Iterator[tuple[Position, ClosedRun]]:
        name = shelf(query.region, query.domain, query.by, query.filter)
        low, high = (_int64(query.oldest_ms), -1), (_int64(query.latest_ms), _MOST)
        rows: list[Row] = []
        while not rows or len(rows) == _PAGE:
            if after is not None:
                position = (_int64(after[0]), _int64(after[1]))
                low, high = (max(low, position), high) if query.ascending else (low, min(high, position))
            statement = FIND_ASCENDING if query.ascending else FIND_DESCENDING
            rows = self._fetch(statement, (name, *low, *high, now_ms))
            if not rows:
                return
            for at_ms, *row in rows:
                closed = read_closed(row)
                after = (at_ms, closed.run.serial)
                yield after, closed

    def count(self, query: Query, now_ms: int) -> int:
        name = shelf(query.region, query.domain, query.by, query.filter)
        bounds = (name, _int64(query.oldest_ms), _int64(query.latest_ms))
        found: int = self._fetch(COUNT, bounds)[0][0]
        if self._next_purge_ms <= now_ms:
            found -= self._fetch(COUNT_GONE, (now_ms, *bounds))[0][0]
        return found

    def purge(self, now_ms: int, at_most: int) -> list[Run]:
        """The runs to drop; RunPurged tells the journal to do so."""
        if now_ms < self._next_purge_ms:
            return []
        gone: list[Run] = []
        events = 0
        for *identity, count in self._fetch(DUE, (now_ms, at_most)):
            gone.append(Run(*identity))
            events += count or 0
            if events >= _PURGE_EVENTS:  # they are deleted before anybody else is served
                return gone
        if len(gone) < at_most:
            self._next_purge_ms = self._first_purge(now_ms)
        return gone

    def _first_purge(self, after_ms: int) -> int:
        first: int | None = self._fetch(FIRST_PURGE, (after_ms,))[0][0]
        return _MOST if first is None else first


def read_closed(row: Sequence[Any]) -> ClosedRun:
    """A row of GET."""
    *identity, started_ms, closed_ms, purge_ms, description = row
    return ClosedRun(Run(*identity), started_ms, closed_ms, purge_ms, read_json(description))


def _int64(number: int) -> int:
    return min(max(number, _LEAST), _MOST)
