"""A database that an older service has left is one of this service, whatever was under way."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_kit import COMPLETE, START_MS, Rig

from simpleflow.service import migrations
from simpleflow.service.backup import backup
from simpleflow.service.check import check, repair
from simpleflow.service.database import Database, StoreFailed, StoreRefused

VERSION_1 = (Path(__file__).parent / "version1.sql").read_text()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    return path


def token(kind: str) -> str:
    found = re.search(rf"^-- {kind}: (.*)$", VERSION_1, re.MULTILINE)
    assert found is not None
    return found[1]


def schema(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            str(row)
            for (table,) in connection.execute("SELECT name FROM sqlite_master").fetchall()
            for row in [
                table,
                *connection.execute(f"PRAGMA table_info({table})"),
                *connection.execute("PRAGMA user_version"),
            ]
        }


def test_what_was_under_way_in_version_1_goes_on(old: Path) -> None:
    rig = Rig(old)
    rig.now_ms = START_MS + 1000
    rig.call("RespondDecisionTaskCompleted", taskToken=token("decision"), decisions=[])
    rig.call("RespondActivityTaskCompleted", taskToken=token("activity"), result="late")
    assert rig.poll_decision()["workflowExecution"]["workflowId"] == "waits"
    rig.decide(COMPLETE)
    assert rig.list_closed() == ["open", "closed"]
    rig.close()
    assert check(old).clean


def test_a_heartbeat_of_version_1_counts(old: Path) -> None:
    rig = Rig(old)
    rig.now_ms = START_MS + 30_006
    assert rig.durable.expire(rig.now_ms) == 0
    rig.now_ms += 1
    assert rig.durable.expire(rig.now_ms) == 1
    rig.close()


def test_the_tables_are_those_of_a_new_database(old: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.db"
    for path in (old, new):
        Rig(path).close()
    assert schema(old) == schema(new)


def test_nothing_is_changed_where_it_fails(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    before = schema(old)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_STEPS", (*migrations._STEPS, fail))
        with Database(old) as database, pytest.raises(StoreFailed, match="disk is full"):
            database.connect()
    assert schema(old) == before
    Rig(old).close()
    assert schema(old) != before


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"eventType":"ActivityTaskStarted"}'])
def test_damage_in_a_database_of_version_1_is_told_as_that(old: Path, body: str) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE events SET body = ? WHERE (run_key, event_id) = (2, 3)", (body,))
    before = schema(old)
    with Database(old) as database, pytest.raises(StoreRefused, match=r"journal\.db is damaged"):
        database.connect()
    with pytest.raises(StoreRefused, match=r"journal\.db is damaged"):
        repair(old)
    assert schema(old) == before
    assert any("event 3" in finding for finding in check(old).primary)


def test_a_database_of_version_1_is_checked_and_copied_as_it_is(old: Path, tmp_path: Path) -> None:
    before = schema(old)
    assert check(old).clean
    backup(old, tmp_path / "copy.db")
    assert schema(old) == schema(tmp_path / "copy.db") == before
