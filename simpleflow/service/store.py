"""The journal of the service in SQLite, and how the service is read back from it.

What is written. The changes of a transaction go into the tables of `schema.sql` as they are: events as the JSON of the
wire under (run, event id), so that an event written twice is refused by the database itself; the registry; heartbeats.
A closed run also gets rows for list, count and describe, on a dozen pages of the file. Those can be computed from its
events again, so many runs are filed together: when there are many, or when somebody asks. Those that wait when the
service ends are found at the next start, and wait again. Nothing else in the file can be computed from anything else.

When it is written. `commit` only takes the changes down; `flush` writes them and makes them durable, in one commit for
all transactions since the last one (a FULL commit costs as much as ten calls). Whoever calls the service must therefore
flush before an answer leaves, an answer that only reads included: it may have seen what is not durable yet. Should the
archive be asked meanwhile, the changes taken down are written first, inside the transaction that `flush` will end.

When it fails. A write or commit that fails leaves the memory of the service ahead of the file. The store then refuses
everything; the answers of the group must become errors, and a new store is opened, from which a new service is read.
Whether the group is in the file (an error can come behind the commit) does not matter: what is read back is the truth.

Not chosen: a commit per call (a tenth of the throughput); a thread for the commits (answers would have to wait in two
places, and calls would be in the memory that the commit before them may still lose); rows for open runs (they would
change with each event, and folding the events of the open runs at the start takes milliseconds per thousand).
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

from .core import StoredRun
from .database import VERSION, Database, StoreError, StoreFailed, StoreRefused, explain
from .events import CLOSING, started_task, to_json
from .journal import (
    Appended,
    Change,
    ClosedRun,
    Domain,
    DomainPut,
    Run,
    RunClosed,
    RunOpened,
    RunPurged,
    Type,
    TypeDeleted,
    TypePut,
)
from .rescue import put_back
from .sqlarchive import GET, Row, SqlArchive, read_closed, read_event, read_json, shelves_of
from .state import folded
from .visibility import closed_run

#: A filed run stands in many places; together they take their pages once.
_FILED_TOGETHER = 64

_log = logging.getLogger(__name__)


class Store:
    """The Journal and the Archive of one service. Raises StoreError; after one, only `close` is of use."""

    def __init__(self, database: Database, synchronous: str = "FULL") -> None:
        """`synchronous` is SQLite's word for when it waits for the disk; anything but FULL is for tests."""
        self._database = database
        self._path = database.path
        self._synchronous = synchronous
        self._connection = database.connect(synchronous)
        self._taken: list[Change] = []
        self._unfiled: list[ClosedRun] = []
        self._failed = False
        #: Whether what was flushed may be in the open file alone.
        self._needed = True
        self.archive = SqlArchive(self._fetch)

    def commit(self, changes: Sequence[Change]) -> None:
        """Take down a transaction, to be made durable by the next `flush`."""
        self._taken.extend(changes)

    @property
    def dirty(self) -> bool:
        """Whether anything waits for a `flush`."""
        return bool(self._taken) or self._connection.in_transaction

    def flush(self) -> None:
        """Make durable what was taken down."""
        if self.dirty:
            self._guarded(self._write_and_commit)

    def probe(self) -> None:
        """Write something that changes nothing, to see whether the disk takes it."""
        self._guarded(self._connection.execute, f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Close the file; what was not flushed is lost."""
        try:
            self.leave()
        except StoreError as error:
            _log.error("%s", error)
            self._connection.close()

    def leave(self) -> None:
        """The same. Raises StoreError, and does not close it where what was flushed would be lost, too."""
        if self._needed:
            with contextlib.suppress(sqlite3.Error):
                self._connection.rollback()
            self._stay_in_place()
        self._needed = False
        self._connection.close()

    # -- reading back --------------------------------------------------------------------------------

    def domains(self) -> list[Domain]:
        rows = self._fetch("SELECT region, name, status, description, retention, tags FROM domains")
        return [
            Domain(region, name, status, description, retention, read_json(tags))
            for region, name, status, description, retention, tags in rows
        ]

    def types(self) -> list[Type]:
        return [_type(*row) for row in self._fetch("SELECT * FROM types")]

    def open_runs(self) -> Iterator[StoredRun]:
        """The open runs in the order of their serials. To be walked through once, at the start.

        The closed ones that are met on the way wait to be filed from then on.
        """
        retentions = {(domain.region, domain.name): domain.retention for domain in self.domains()}
        unfiled: list[ClosedRun] = []
        heartbeats = _by_run(self._fetch(_OPEN.format("scheduled_id, at_ms, details", "heartbeats")))
        for row in self._fetch(_OPEN.format("region, domain, workflow_id, run_id", "runs")):
            run = Run(*row)
            rows = [(read_event(body), nonce) for body, nonce in self._fetch(_EVENTS, (run.serial,))]
            events = [event for event, _ in rows]
            if events and events[-1]["eventType"] in CLOSING:
                closed = closed_run(run, folded(events), retentions[run.region, run.domain])
                self.archive.add(closed, events)
                unfiled.append(closed)
                continue
            yield StoredRun(
                run,
                events,
                {started_task(event): nonce for event, nonce in rows if nonce is not None},
                {scheduled_id: (at_ms, details) for scheduled_id, at_ms, details in heartbeats.get(run.serial, ())},
            )
        self._unfiled += unfiled

    def last_serial(self) -> int:
        """The highest serial ever given to a run."""
        rows = self._fetch("SELECT seq FROM sqlite_sequence WHERE name = 'runs'")
        return rows[0][0] if rows else 0

    # -- statements ----------------------------------------------------------------------------------

    def _fetch(self, statement: str, arguments: Row = ()) -> list[Row]:
        rows: list[Row] = self._guarded(self._write_and_fetch, statement, arguments)
        return rows

    def _write_and_fetch(self, statement: str, arguments: Row) -> list[Row]:
        self._write()
        self._file()
        return self._connection.execute(statement, arguments).fetchall()

    def _write_and_commit(self) -> None:
        self._write()
        if len(self._unfiled) >= _FILED_TOGETHER:
            self._file()
        self._connection.execute("COMMIT")
        self._stay_in_place()

    def _write(self) -> None:
        """Bring what was taken down into the tables, one statement for many rows."""
        if self._taken:
            self._begin()
            self._unfiled += write(self._connection, self._taken)
            self._taken = []

    def _file(self) -> None:
        if self._unfiled:
            self._begin()
            file(self._connection, self._unfiled)
            self._unfiled = []

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _stay_in_place(self) -> None:
        """What nobody could find again is not durable. Raises StoreError."""
        if self._database.in_place:
            return
        try:
            put_back(self._database, self._connection)
        except StoreRefused:
            self._needed = False  # there is a copy
            raise
        self._needed = False
        self._connection.close()
        self._connection = self._database.connect(self._synchronous)
        self._needed = True

    def _guarded(self, act: Callable[..., Any], *arguments: Any) -> Any:
        if self._failed:
            raise StoreFailed(f"An earlier write to the database {self._path} failed")
        try:
            return act(*arguments)
        except (sqlite3.Error, json.JSONDecodeError) as error:
            self._failed = True
            raise explain(self._path, error) from error
        except BaseException:
            self._failed = True
            raise


_OPEN = "SELECT run_key, {} FROM {} WHERE run_key NOT IN (SELECT run_key FROM closed_runs) ORDER BY run_key"
_EVENTS = "SELECT body, nonce FROM events WHERE run_key = ? ORDER BY event_id"


def _type(
    region: str,
    domain: str,
    kind: str,
    name: str,
    version: str,
    status: str,
    description: str | None,
    created_ms: int,
    deprecated_ms: int | None,
    defaults: str,
) -> Type:
    """A type from its row."""
    ref = {"name": name, "version": version}
    settings = read_json(defaults)
    return Type(region, domain, kind, name, version, status, description, created_ms, deprecated_ms, settings, ref)


def _by_run(rows: list[Row]) -> dict[int, list[Row]]:
    return {key: [row[1:] for row in group] for key, group in groupby(rows, key=lambda row: row[0])}


# -- changes into rows ---------------------------------------------------------------------------


def write(connection: sqlite3.Connection, changes: Sequence[Change]) -> list[ClosedRun]:
    """Carry out the statements for the changes of some transactions; the runs that are to be filed.

    The rows of one statement go together. Their order is kept, and the statements come in an order that is right for
    every run: opened, its events, what hangs on them, purged. The registry is independent of runs and rarely
    changes; it is written as it goes.
    """
    rows: dict[str, list[Row]] = {statement: [] for statement in _STATEMENTS}
    closed: list[ClosedRun] = []
    purged: list[Run] = []
    for change in changes:
        if isinstance(change, Appended):
            event = change.event
            rows[_APPEND].append((change.run.serial, event["eventId"], event.wire().decode(), change.nonce))
        elif isinstance(change, DomainPut | TypePut | TypeDeleted):
            connection.execute(*_registry(change))
        elif isinstance(change, RunClosed):
            closed.append(change.closed)
            rows[_FORGET_BEATS].append((change.closed.run.serial,))
        elif isinstance(change, RunPurged):
            purged.append(change.run)
        elif isinstance(change, RunOpened):
            run = change.run
            rows[_OPEN_RUN].append((run.serial, run.region, run.domain, run.workflow_id, run.run_id))
        else:
            rows[_BEAT].append((change.run.serial, change.scheduled_id, change.at_ms, change.details))
    for statement, of_statement in rows.items():
        if of_statement:
            connection.executemany(statement, of_statement)
    for run in purged:
        _purge(connection, run)
    gone = set(purged)
    return [run for run in closed if run.run not in gone]


def file(connection: sqlite3.Connection, closed: Sequence[ClosedRun]) -> None:
    """Put closed runs where list, count and describe find them."""
    summaries = [(c.run.serial, c.started_ms, c.closed_ms, c.purge_ms, _text(c.description)) for c in closed]
    places = [(shelf, at_ms, c.run.serial) for c in closed for shelf, at_ms in shelves_of(c)]
    connection.executemany("INSERT INTO closed_runs VALUES (?, ?, ?, ?, ?)", summaries)
    connection.executemany("INSERT INTO closed_index VALUES (?, ?, ?)", sorted(places))


_OPEN_RUN = "INSERT INTO runs VALUES (?, ?, ?, ?, ?)"
_APPEND = "INSERT INTO events VALUES (?, ?, ?, ?)"
_BEAT = "INSERT OR REPLACE INTO heartbeats VALUES (?, ?, ?, ?)"
_FORGET_BEATS = "DELETE FROM heartbeats WHERE run_key = ?"
_STATEMENTS = (_OPEN_RUN, _APPEND, _BEAT, _FORGET_BEATS)
_UNSHELVE = "DELETE FROM closed_index WHERE (shelf, at_ms, run_key) = (?, ?, ?)"
_OF_A_RUN = ("closed_runs", "heartbeats", "events", "runs")


def _registry(change: DomainPut | TypePut | TypeDeleted) -> tuple[str, Row]:
    if isinstance(change, DomainPut):
        domain = change.domain
        row: Row = (domain.region, domain.name, domain.status, domain.description, domain.retention, _text(domain.tags))
        return "INSERT OR REPLACE INTO domains VALUES (?, ?, ?, ?, ?, ?)", row
    type = change.type
    key = (type.region, type.domain, type.kind, type.name, type.version)
    if isinstance(change, TypeDeleted):
        return "DELETE FROM types WHERE (region, domain, kind, name, version) = (?, ?, ?, ?, ?)", key
    row = (*key, type.status, type.description, type.created_ms, type.deprecated_ms, _text(type.defaults))
    return "INSERT OR REPLACE INTO types VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row


def _purge(connection: sqlite3.Connection, run: Run) -> None:
    for row in connection.execute(GET, (run.run_id,)).fetchall():
        places = shelves_of(read_closed(row))
        connection.executemany(_UNSHELVE, [(shelf, at_ms, run.serial) for shelf, at_ms in places])
    for table in _OF_A_RUN:
        connection.execute(f"DELETE FROM {table} WHERE run_key = ?", (run.serial,))


def _text(value: object) -> str:
    return to_json(value).decode()
