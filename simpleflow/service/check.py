"""Is a journal sound? Every history is folded again and compared with what the file says about it.

A check only reads and may run beside a server. A repair makes the projections anew from the events; what is wrong with
the events themselves it can only tell.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .database import Database, connect_readonly, explain
from .events import attributes_of, event_ms
from .journal import ClosedRun, Run
from .sqlarchive import read_closed, read_event, read_json, shelves_of
from .state import State
from .store import file
from .visibility import closed_run

_RUNS = "SELECT run_key, region, domain, workflow_id, run_id FROM runs ORDER BY run_key"
_EVENTS = "SELECT event_id, body FROM events WHERE run_key = ? ORDER BY event_id"
_CLOSED = """
    SELECT run_key, region, domain, workflow_id, run_id, started_ms, closed_ms, purge_ms, description
    FROM closed_runs JOIN runs USING (run_key) WHERE run_key = ?
"""
_ORPHANS = "SELECT DISTINCT run_key FROM {} WHERE run_key NOT IN (SELECT run_key FROM runs)"
_JSON = (("domains", "name", "tags"), ("types", "name", "defaults"))


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what is wrong with it. `derived` is what a repair puts right, `primary` what it cannot."""

    runs: int
    events: int
    primary: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.primary and not self.derived


def check(path: str | Path) -> Report:
    """Look at everything in a database; raises StoreError when it cannot be read at all."""
    connection = connect_readonly(path)
    try:
        return _check(connection)
    except sqlite3.Error as error:
        raise explain(Path(path), error) from error
    finally:
        connection.close()


def repair(path: str | Path) -> Report:
    """Make the projections anew, then check; raises StoreRefused while a server has the database."""
    with Database(path) as database:
        connection = database.connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            _rebuild(connection)
            report = _check(connection)
            connection.execute("COMMIT")
            return report
        except sqlite3.Error as error:
            raise explain(database.path, error) from error
        finally:
            connection.close()


# -- looking -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Findings:
    events: int = 0
    #: Rows that the index should have.
    places: int = 0
    primary: list[str] = field(default_factory=list)
    derived: list[str] = field(default_factory=list)


def _check(connection: sqlite3.Connection) -> Report:
    if not connection.in_transaction:
        connection.execute("BEGIN")  # one view of the file, whatever a server does meanwhile
    found = _Findings()
    found.primary += [f"SQLite: {text}" for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"]
    found.primary += _unreadable_json(connection)
    found.primary += _unreadable_retentions(connection)
    retentions = _retentions(connection)
    runs = [Run(*row) for row in connection.execute(_RUNS)]
    still_open: dict[tuple[str, str, str], Run] = {}
    unknown: set[int] = set()
    for run in runs:
        state = _check_run(connection, run, retentions, found)
        if state is None:
            unknown.add(run.serial)
            continue
        if state.is_open:
            other = still_open.setdefault((run.region, run.domain, run.workflow_id), run)
            if other is not run:
                found.primary.append(f"{_name(run)}: run {other.run_id} of the same workflow id is open too")
        _check_projections(connection, run, state, retentions, found)
    for table in ("events", "heartbeats"):
        found.primary += [f"{table}: rows of run {key}, which does not exist" for key in _orphans(connection, table)]
    connection.create_function("is_unknown", 1, unknown.__contains__)
    (places,) = connection.execute("SELECT count(*) FROM closed_index WHERE NOT is_unknown(run_key)").fetchone()
    if places > found.places:
        found.derived.append(f"closed_index: {places - found.places} rows too many")
    for table in ("closed_runs", "closed_index"):
        found.derived += [f"{table}: rows of run {key}, which does not exist" for key in _orphans(connection, table)]
    return Report(len(runs), found.events, tuple(found.primary), tuple(found.derived))


def _check_run(
    connection: sqlite3.Connection, run: Run, retentions: dict[tuple[str, str], str], found: _Findings
) -> State | None:
    """The state behind a run; None, and a finding, when nobody can say what follows from its events."""
    state = _check_history(connection, run, found)
    if state is not None and (run.region, run.domain) not in retentions:
        found.primary.append(f"{_name(run)}: the domain is not registered, or not as it should be")
        return None
    return state


def _check_history(connection: sqlite3.Connection, run: Run, found: _Findings) -> State | None:
    """Fold the events of a run; None, and a finding, when they are no history."""
    state = State()
    expected = 0
    try:
        for expected, (event_id, body) in enumerate(connection.execute(_EVENTS, (run.serial,)), start=1):
            _fold(state, expected, event_id, body)
    except (ValueError, KeyError, AttributeError, TypeError, AssertionError) as error:
        found.primary.append(f"{_name(run)}: event {expected}: {str(error) or 'it does not fit the events before it'}")
        return None
    found.events += expected
    if expected == 0:
        found.primary.append(f"{_name(run)}: no events")
        return None
    return state


def _fold(state: State, expected: int, event_id: int, body: str) -> None:
    event = read_event(body)
    if event_id != expected or event["eventId"] != expected:
        raise ValueError(f"the id is {event_id} in its row and {event['eventId']} in its text")
    if not state.is_open:
        raise ValueError(f"{event['eventType']} follows the closing event")
    if (event["eventType"] == "WorkflowExecutionStarted") != (expected == 1):
        raise ValueError(f"{event['eventType']} cannot stand there")
    if event_ms(event) < state.last_ms:
        raise ValueError("it is earlier than the one before it")
    state.apply(event_id, event_ms(event), event["eventType"], attributes_of(event))


def _check_projections(
    connection: sqlite3.Connection, run: Run, state: State, retentions: dict[tuple[str, str], str], found: _Findings
) -> None:
    row = connection.execute(_CLOSED, (run.serial,)).fetchone()
    if state.is_open:
        if row is not None:
            found.derived.append(f"{_name(run)}: is open, yet stands among the closed runs")
        return
    right = closed_run(run, state, retentions[run.region, run.domain])
    places = _places(connection, right)
    if row is None and not any(places):
        return  # it waits to be filed with others
    found.places += len(places)
    if row is None:
        found.derived.append(f"{_name(run)}: has closed, yet does not stand among the closed runs")
    elif read_closed(row) != right:
        found.derived.append(f"{_name(run)}: what list and describe tell differs from its events")
    elif not all(places):
        found.derived.append(f"{_name(run)}: does not stand on every shelf of the index")


def _places(connection: sqlite3.Connection, closed: ClosedRun) -> list[bool]:
    """For each place where a closed run should stand in the index, whether it does."""
    statement = "SELECT 1 FROM closed_index WHERE (shelf, at_ms, run_key) = (?, ?, ?)"
    places = shelves_of(closed)
    return [connection.execute(statement, (*place, closed.run.serial)).fetchone() is not None for place in places]


def _retentions(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """As registered, by region and domain; those that can be read."""
    rows = connection.execute("SELECT region, name, retention FROM domains")
    return {(region, name): retention for region, name, retention in rows if _is_retention(retention)}


def _unreadable_retentions(connection: sqlite3.Connection) -> Iterator[str]:
    for region, name, retention in connection.execute("SELECT region, name, retention FROM domains"):
        if not _is_retention(retention):
            yield f"domains: {name} in {region}: retention: {retention!r} is no number of days and not NONE"


def _is_retention(value: object) -> bool:
    return value == "NONE" or (isinstance(value, str) and value.isascii() and value.isdecimal())


def _unreadable_json(connection: sqlite3.Connection) -> Iterator[str]:
    for table, name, column in _JSON:
        for region, owner, text in connection.execute(f"SELECT region, {name}, {column} FROM {table}"):
            try:
                read_json(text)
            except ValueError as error:
                yield f"{table}: {owner} in {region}: {column}: {error}"


def _orphans(connection: sqlite3.Connection, table: str) -> list[int]:
    return [key for (key,) in connection.execute(_ORPHANS.format(table))]


def _name(run: Run) -> str:
    return f"run {run.run_id} of {run.workflow_id} in {run.domain} ({run.region})"


# -- repairing -----------------------------------------------------------------------------------


def _rebuild(connection: sqlite3.Connection) -> None:
    """Fill closed_runs and closed_index from the events; where nobody can say what follows from them, they stay."""
    retentions = _retentions(connection)
    runs = [Run(*row) for row in connection.execute(_RUNS)]
    unknown = {run.serial for run in runs if _check_run(connection, run, retentions, _Findings()) is None}
    connection.create_function("is_unknown", 1, unknown.__contains__)
    for table in ("closed_index", "closed_runs"):
        connection.execute(f"DELETE FROM {table} WHERE NOT is_unknown(run_key)")
    for run in runs:
        state = None if run.serial in unknown else _check_history(connection, run, _Findings())
        if state is not None and not state.is_open:
            file(connection, [closed_run(run, state, retentions[run.region, run.domain])])
