from __future__ import annotations

import json
import sqlite3

import pytest
from store_kit import Rig, schedule, timer

from simpleflow.service.check import check, repair
from simpleflow.service.database import StoreRefused


@pytest.fixture
def full(rig: Rig) -> Rig:
    """A database with open runs and closed ones."""
    rig.register()
    rig.run_through("closed", tagList=["a"])
    rig.start("terminated")
    rig.decide(schedule("a"), timer("t", "60"))
    rig.poll_activity()
    rig.call("TerminateWorkflowExecution", domain="domain", workflowId="terminated")
    rig.start("open")
    rig.decide(schedule("b"))
    rig.list_closed()
    return rig


def damage(rig: Rig, *statements: str) -> None:
    connection = sqlite3.connect(rig.path)
    for statement in statements:
        assert connection.execute(statement).rowcount > 0, statement
    connection.commit()
    connection.close()


def test_a_sound_database_beside_its_server(full: Rig) -> None:
    report = check(full.path)
    assert report.clean
    assert (report.runs, report.events) == (3, 5 + 8 + 5)


def test_what_is_not_filed_yet_is_no_finding(full: Rig) -> None:
    full.run_through("fresh")
    damage(full, "DELETE FROM closed_runs WHERE run_key = 1", "DELETE FROM closed_index WHERE run_key = 1")
    assert check(full.path).clean
    full.restart()
    assert sorted(full.list_closed()) == ["closed", "fresh", "terminated"]


def test_a_repair_needs_the_database_for_itself(full: Rig) -> None:
    with pytest.raises(StoreRefused, match="in use by process"):
        repair(full.path)


DERIVED = {
    "a summary is missing": ("DELETE FROM closed_runs WHERE run_key = 1", "does not stand among the closed runs"),
    "a summary is wrong": ("UPDATE closed_runs SET closed_ms = closed_ms + 1 WHERE run_key = 2", "differs from"),
    "a description is wrong": (
        "UPDATE closed_runs SET description = replace(description, 'COMPLETED', 'FAILED') WHERE run_key = 1",
        "differs from its events",
    ),
    "a place is missing": ("DELETE FROM closed_index WHERE shelf LIKE '%\"tag\"%'", "does not stand on every shelf"),
    "a place is too many": ("INSERT INTO closed_index VALUES ('[]', 1, 1)", "1 rows too many"),
    "an open run is listed": ("INSERT INTO closed_runs VALUES (3, 1, 1, 1, '{}')", "is open, yet"),
    "a summary has no run": ("INSERT INTO closed_runs VALUES (99, 1, 1, 1, '{}')", "run 99, which does not exist"),
}


@pytest.mark.parametrize("what", DERIVED)
def test_what_a_repair_puts_right(full: Rig, what: str) -> None:
    statement, words = DERIVED[what]
    damage(full, statement)
    report = check(full.path)
    assert not report.clean and not report.primary
    assert any(words in finding for finding in report.derived), report.derived
    full.close()
    assert repair(full.path).clean
    assert check(full.path).clean


def test_a_repair_makes_what_was_there(full: Rig) -> None:
    def projections() -> list[list[object]]:
        connection = sqlite3.connect(full.path)
        found = [
            connection.execute("SELECT * FROM closed_index ORDER BY 1, 2, 3").fetchall(),
            [(*row[:4], json.loads(row[4])) for row in connection.execute("SELECT * FROM closed_runs ORDER BY 1")],
        ]
        connection.close()
        return found

    before = projections()
    full.close()
    repair(full.path)
    assert projections() == before


PRIMARY = {
    "a gap": ("DELETE FROM events WHERE run_key = 1 AND event_id = 2", "event 2: the id is 3 in its row"),
    "no events": ("DELETE FROM events WHERE run_key = 1", "no events"),
    "no JSON": ("UPDATE events SET body = '{' WHERE run_key = 1 AND event_id = 2", "event 2: "),
    "another id": (
        """UPDATE events SET body = replace(body, '"eventId":2', '"eventId":7') WHERE run_key = 1 AND event_id = 2""",
        "the id is 2 in its row and 7 in its text",
    ),
    "after the close": (
        """INSERT INTO events SELECT 1, 6, replace(body, '"eventId":5', '"eventId":6'), NULL FROM events
        WHERE run_key = 1 AND event_id = 5""",
        "event 6: WorkflowExecutionCompleted follows the closing event",
    ),
    "back in time": (
        """UPDATE events SET body = replace(body, '"eventTimestamp":17', '"eventTimestamp":16')
        WHERE run_key = 1 AND event_id = 4""",
        "event 4: it is earlier than the one before it",
    ),
    "not what was open": (
        """UPDATE events SET body = replace(body, '"scheduledEventId":5', '"scheduledEventId":4')
        WHERE run_key = 2 AND event_id = 7""",
        "event 7: ",
    ),
    "two open": (
        "UPDATE runs SET workflow_id = 'open' WHERE run_key = 4",
        "of the same workflow id is open too",
    ),
    "no retention": ("UPDATE domains SET retention = 'soon'", "domain in us-east-1: retention: 'soon' is no number"),
    "no text": ("UPDATE domains SET retention = x'00'", "retention: b'\\x00' is no number"),
    "no domain": ("DELETE FROM domains", "the domain is not registered"),
    "no run": ("UPDATE runs SET run_key = 77 WHERE run_key = 1", "events: rows of run 1, which does not exist"),
    "no tags": ("UPDATE domains SET tags = 'x'", "domains: domain in us-east-1: tags: "),
}


@pytest.mark.parametrize("what", PRIMARY)
def test_what_cannot_be_repaired_is_told(full: Rig, what: str) -> None:
    full.start("another")
    full.close()
    statement, words = PRIMARY[what]
    damage(full, statement)
    assert any(words in finding for finding in check(full.path).primary), check(full.path).primary
    assert repair(full.path).primary


@pytest.mark.parametrize("what", ["a gap", "no events", "no JSON", "after the close"])
def test_a_repair_leaves_what_it_cannot_make_anew(full: Rig, what: str) -> None:
    full.close()
    damage(full, PRIMARY[what][0], "UPDATE closed_runs SET closed_ms = 1 WHERE run_key = 2")
    assert not any("too many" in finding for finding in check(full.path).derived)
    assert not repair(full.path).derived
    full.open()
    assert sorted(full.list_closed()) == ["closed", "terminated"]
