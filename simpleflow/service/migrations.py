"""How a database of an older version becomes one of this; `schema.sql` makes new ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from .events import started_task
from .sqlarchive import read_event

_STARTED = frozenset({"DecisionTaskStarted", "ActivityTaskStarted"})


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a database from `version` to the newest, within the transaction of the caller."""
    for step in _STEPS[version - 1 :]:
        step(connection)


def _put_nonces_beside_events(connection: sqlite3.Connection) -> None:
    """To version 2: a table of their own made every start of a task dearer."""
    connection.execute("ALTER TABLE events ADD COLUMN nonce TEXT")
    for (run_key,) in connection.execute("SELECT DISTINCT run_key FROM tokens").fetchall():
        nonces = dict(connection.execute("SELECT scheduled_id, nonce FROM tokens WHERE run_key = ?", (run_key,)))
        rows = connection.execute("SELECT rowid, body FROM events WHERE run_key = ?", (run_key,)).fetchall()
        events = [(rowid, read_event(body)) for rowid, body in rows]
        connection.executemany(
            "UPDATE events SET nonce = ? WHERE rowid = ?",
            [(nonces.get(started_task(event)), rowid) for rowid, event in events if event["eventType"] in _STARTED],
        )
    connection.execute("DROP TABLE tokens")


#: The first one starts from version 1.
_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_put_nonces_beside_events,)
