"""A service whose disk fails: nothing is acknowledged that is not kept, and it goes on by itself."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from store_kit import WORKFLOW, Rig

from simpleflow.service import core
from simpleflow.service.database import Database, StoreFailed, StoreRefused
from simpleflow.service.limits import DAY_MS


@contextmanager
def full_disk() -> Iterator[None]:
    """This process can write to no file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def start(rig: Rig, workflow_id: str) -> None:
    rig.held("StartWorkflowExecution", domain="domain", workflowId=workflow_id, workflowType=WORKFLOW)


def open_ids(rig: Rig) -> set[str]:
    listed = rig.call("ListOpenWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
    return {info["execution"]["workflowId"] for info in listed["executionInfos"]}


def test_a_full_disk_fails_the_whole_group_and_nothing_else(rig: Rig) -> None:
    rig.register()
    rig.start("kept")
    with full_disk():
        start(rig, "lost")
        start(rig, "lost too")
        with pytest.raises(StoreFailed, match=r"cannot be used now .*: see to the disk"):
            rig.durable.flush(rig.now_ms)
    assert isinstance(rig.durable.trouble, StoreFailed)
    rig.now_ms += 1000
    assert open_ids(rig) == {"kept"}
    rig.start("later")
    assert rig.durable.trouble is None
    assert open_ids(rig) == {"kept", "later"}


def test_after_a_failure_it_is_refused_until_a_second_has_passed(rig: Rig) -> None:
    rig.register()
    with full_disk():
        start(rig, "lost")
        with pytest.raises(StoreFailed):
            rig.durable.flush(rig.now_ms)
    failed_ms = rig.now_ms
    assert rig.durable.next_due() == failed_ms + 1000
    rig.now_ms += 999
    with pytest.raises(StoreFailed):
        start(rig, "early")
    rig.now_ms += 1
    rig.start("in time")
    assert open_ids(rig) == {"in time"}


def test_a_clock_set_back_does_not_prolong_a_failure(rig: Rig) -> None:
    rig.register()
    with full_disk():
        start(rig, "lost")
        with pytest.raises(StoreFailed):
            rig.durable.flush(rig.now_ms)
    rig.now_ms -= 3_600_000
    rig.start("at once")
    assert open_ids(rig) == {"at once"}


def test_a_write_that_fails_within_a_call_fails_the_calls_before_it(rig: Rig) -> None:
    rig.register()
    with full_disk():
        rig.durable._store._connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the commit
        for index in range(60):
            start(rig, f"lost {index}")
        with pytest.raises(StoreFailed):
            for index in range(200):
                start(rig, f"lost too {index}")
                rig.held("CountClosedWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
        with pytest.raises(StoreFailed):
            rig.durable.flush(rig.now_ms)
    rig.now_ms += 1000
    assert open_ids(rig) == set()


def test_while_the_disk_is_full_everything_is_refused_and_then_it_goes_on_by_itself(rig: Rig) -> None:
    rig.register()
    rig.start("kept")
    with full_disk():
        start(rig, "lost")
        with pytest.raises(StoreFailed):
            rig.durable.flush(rig.now_ms)
        for _ in range(3):
            rig.now_ms += 1000
            with pytest.raises(StoreFailed):
                rig.held("ListOpenWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
    rig.now_ms += 1000
    rig.durable.expire(rig.now_ms)
    assert rig.durable.trouble is None
    assert open_ids(rig) == {"kept"}


def test_a_disk_that_is_full_at_the_start_is_told_as_that(rig: Rig) -> None:
    rig.close()
    with full_disk(), Database(rig.path) as database:
        with pytest.raises(StoreRefused, match="is in use by another process"):
            Database(rig.path)
        with pytest.raises(StoreFailed, match=r"journal\.db cannot be used now"):
            database.connect()


def test_a_bug_in_a_call_undoes_that_call_alone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.register()
    start(rig, "before")

    def broken(desk: object, request: object) -> None:
        OPERATIONS["StartWorkflowExecution"](desk, request)  # type: ignore[arg-type]
        raise ZeroDivisionError

    OPERATIONS = dict(core.OPERATIONS)
    monkeypatch.setitem(core.OPERATIONS, "StartWorkflowExecution", broken)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        start(rig, "broken")
    monkeypatch.undo()
    start(rig, "after")
    rig.durable.flush(rig.now_ms)
    assert open_ids(rig) == {"before", "after"}


def test_waiting_polls_are_told_when_the_service_is_made_again(rig: Rig) -> None:
    rig.register()
    rig.start("w")
    rig.told.clear()
    rig.restart()
    assert rig.told == [("decision", "us-east-1", "domain", "list")]


def test_a_history_that_makes_no_sense_is_refused_at_the_start(rig: Rig) -> None:
    rig.register()
    rig.start("w")
    connection = sqlite3.connect(rig.path)
    connection.execute("UPDATE events SET body = 'x' WHERE event_id = 1")
    connection.commit()
    connection.close()
    with pytest.raises(StoreRefused, match=r"damaged .*service\.check --db"):
        rig.restart()


@pytest.mark.parametrize("damage", ["UPDATE events SET body = '{'", "UPDATE closed_runs SET description = '{'"])
def test_what_is_found_to_be_damaged_when_it_is_read_is_told_as_that(rig: Rig, damage: str) -> None:
    rig.register()
    run_id = rig.run_through("closed")
    rig.list_closed()
    connection = sqlite3.connect(rig.path)
    with connection:
        connection.execute(damage)
    connection.close()
    execution = {"workflowId": "closed", "runId": run_id}
    operation = "GetWorkflowExecutionHistory" if "events" in damage else "DescribeWorkflowExecution"
    with pytest.raises(StoreRefused, match=r"journal.db is damaged .*service\.check --db"):
        rig.call(operation, domain="domain", execution=execution)


def test_what_is_found_to_be_damaged_when_it_is_purged_is_told_as_that(rig: Rig) -> None:
    rig.register()
    rig.run_through("closed")
    rig.list_closed()
    connection = sqlite3.connect(rig.path)
    with connection:
        connection.execute("UPDATE closed_runs SET description = '{'")
    connection.close()
    rig.now_ms += 2 * DAY_MS
    with pytest.raises(StoreRefused, match=r"journal.db is damaged"):
        rig.call("ListDomains", registrationStatus="REGISTERED")


def test_a_group_is_one_commit(rig: Rig) -> None:
    rig.register()
    for index in range(5):
        start(rig, f"w{index}")
    other = sqlite3.connect(rig.path)
    before = other.execute("PRAGMA data_version").fetchone()
    rig.durable.flush(rig.now_ms)
    after = other.execute("PRAGMA data_version").fetchone()
    assert other.execute("SELECT count(*) FROM runs").fetchone() == (5,)
    rig.durable.flush(rig.now_ms)
    assert before != after == other.execute("PRAGMA data_version").fetchone()
    other.close()
