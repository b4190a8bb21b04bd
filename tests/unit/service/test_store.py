"""The service read back from its database is the service that was."""

from __future__ import annotations

import json
import random
import sqlite3
from typing import Any

import pytest
from store_kit import ACTIVITY, COMPLETE, START_MS, WORKFLOW, Rig, schedule, timer

from simpleflow.service import sqlarchive
from simpleflow.service.check import check
from simpleflow.service.journal import ClosedRun, Run, RunClosed, RunOpened
from simpleflow.service.limits import DAY_MS
from simpleflow.service.store import Store
from simpleflow.service.visibility import ALL, MemoryArchive, Query


def test_everything_open_is_read_back(rig: Rig) -> None:
    rig.register()
    rig.start("w1", input="{}", tagList=["a"], taskPriority="3")
    rig.decide(schedule("one"), schedule("two"), timer("t", "50"))
    started = rig.poll_activity()
    rig.now_ms += 7
    rig.call("RecordActivityTaskHeartbeat", taskToken=started["taskToken"], details="half")
    rig.call("SignalWorkflowExecution", domain="domain", workflowId="w1", signalName="s")
    decision = rig.poll_decision()
    rig.start("w2")
    before, history = rig.snapshot(), rig.history("w1", decision["workflowExecution"]["runId"])
    rig.restart()
    assert rig.snapshot() == before
    assert rig.history("w1", decision["workflowExecution"]["runId"]) == history
    # The tokens that were given out are still good, and so is what was beaten.
    rig.call("RespondDecisionTaskCompleted", taskToken=decision["taskToken"], decisions=[schedule("three")])
    rig.now_ms += 30_000
    rig.durable.expire(rig.now_ms)
    timed_out = [e for e in rig.history("w1", decision["workflowExecution"]["runId"]) if "TimedOut" in e["eventType"]]
    assert timed_out[0]["activityTaskTimedOutEventAttributes"]["details"] == "half"


def test_what_fell_due_meanwhile_happens_after_the_restart(rig: Rig) -> None:
    rig.register()
    run_id = rig.start("w")
    rig.decide(timer("late", "20"), timer("early", "10"))
    rig.now_ms += 60_000
    rig.restart()
    assert rig.durable.next_due() == START_MS + 10_000
    types = [
        (event["eventType"], event.get("timerFiredEventAttributes", {}).get("timerId"))
        for event in rig.history("w", run_id)[-3:]
    ]
    assert types == [("TimerFired", "early"), ("DecisionTaskScheduled", None), ("TimerFired", "late")]


def test_the_registry_is_read_back(rig: Rig) -> None:
    rig.register()
    rig.call("TagResource", resourceArn=rig_arn(rig), tags=[{"key": "k", "value": "é"}])
    rig.call("DeprecateActivityType", domain="domain", activityType=ACTIVITY)
    rig.call("DeleteActivityType", domain="domain", activityType=ACTIVITY)
    rig.call("RegisterActivityType", domain="domain", **ACTIVITY, description="again")
    rig.call("DeprecateWorkflowType", domain="domain", workflowType=WORKFLOW)
    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("DescribeDomain", {"name": "domain"}),
        ("ListTagsForResource", {"resourceArn": rig_arn(rig)}),
        ("DescribeActivityType", {"domain": "domain", "activityType": ACTIVITY}),
        ("DescribeWorkflowType", {"domain": "domain", "workflowType": WORKFLOW}),
    )
    before = [rig.call(operation, **request) for operation, request in asked]
    assert before[2]["typeInfo"]["description"] == "again"
    assert before[3]["typeInfo"]["status"] == "DEPRECATED"
    rig.restart()
    assert [rig.call(operation, **request) for operation, request in asked] == before


def rig_arn(rig: Rig) -> str:
    return str(rig.call("DescribeDomain", name="domain")["domainInfo"]["arn"])


def test_a_type_deleted_and_registered_in_one_group(rig: Rig) -> None:
    rig.register()
    rig.held("DeprecateActivityType", domain="domain", activityType=ACTIVITY)
    rig.held("DeleteActivityType", domain="domain", activityType=ACTIVITY)
    rig.held("RegisterActivityType", domain="domain", **ACTIVITY, description="again")
    rig.durable.flush(rig.now_ms)
    rig.restart()
    found = rig.call("DescribeActivityType", domain="domain", activityType=ACTIVITY)
    assert found["typeInfo"]["description"] == "again"


def test_what_was_not_flushed_is_lost_as_a_whole(rig: Rig) -> None:
    rig.register()
    before = rig.snapshot()
    rig.held("StartWorkflowExecution", domain="domain", workflowId="w", workflowType=WORKFLOW)
    # An unknown run makes the archive look into the file, where the call above is then written but not committed.
    with pytest.raises(Exception, match="Unknown execution"):
        rig.held("DescribeWorkflowExecution", domain="domain", execution={"workflowId": "w", "runId": "x"})
    rig.restart()
    assert rig.snapshot() == before


def test_a_closed_run_leaves_the_memory_and_is_found(rig: Rig) -> None:
    rig.register()
    run_id = rig.run_through("w", tagList=["a", "b"])
    rig.start("w")
    asked = {"domain": "domain", "execution": {"workflowId": "w", "runId": run_id}}
    for _ in range(2):
        described = rig.call("DescribeWorkflowExecution", **asked)
        assert described["executionInfo"]["closeStatus"] == "COMPLETED"
        assert described["executionInfo"]["tagList"] == ["a", "b"]
        assert [event["eventId"] for event in rig.history("w", run_id)] == [1, 2, 3, 4, 5]
        listed = rig.call(
            "ListClosedWorkflowExecutions", domain="domain", closeTimeFilter={"oldestDate": 0}, tagFilter={"tag": "b"}
        )
        assert [info["execution"]["runId"] for info in listed["executionInfos"]] == [run_id]
        rig.restart()


def test_a_run_closed_in_the_same_group_is_found(rig: Rig) -> None:
    rig.register()
    rig.start("w")
    token = rig.poll_decision()["taskToken"]
    rig.held("RespondDecisionTaskCompleted", taskToken=token, decisions=[COMPLETE])
    counted = rig.held("CountClosedWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
    assert counted["count"] == 1


def test_purged_runs_leave_nothing_but_their_keys_used(rig: Rig) -> None:
    rig.register()
    for index in range(45):
        rig.run_through(f"w{index}", tagList=["a"])
    rig.now_ms += DAY_MS - 1
    count = {"domain": "domain", "startTimeFilter": {"oldestDate": 0}}
    assert rig.call("CountClosedWorkflowExecutions", **count)["count"] == 45
    rig.now_ms += 1
    # They go a few at a time, but they are out of sight at once.
    assert rig.call("CountClosedWorkflowExecutions", **count)["count"] == 0
    assert rig.call("ListClosedWorkflowExecutions", **count)["executionInfos"] == []
    for _ in range(3):
        rig.durable.expire(rig.now_ms)
    rig.durable.flush(rig.now_ms)
    assert tables(rig) == {"domains": 1, "types": 2}
    rig.restart()
    rig.start("again")
    assert rows(rig, "SELECT run_key FROM runs") == [(46,)]


def test_a_long_history_is_purged_by_itself(rig: Rig) -> None:
    rig.register()
    for index in range(3):
        rig.start(f"w{index}")
        for _ in range(1000 if index < 2 else 1):
            rig.held("SignalWorkflowExecution", domain="domain", workflowId=f"w{index}", signalName="s")
        rig.call("TerminateWorkflowExecution", domain="domain", workflowId=f"w{index}")
    rig.now_ms += DAY_MS
    left = []
    for _ in range(3):
        rig.durable.expire(rig.now_ms)
        rig.durable.flush(rig.now_ms)
        left.append(tables(rig).get("runs", 0))
    assert left == [2, 1, 0]


def test_without_retention_nothing_stays(rig: Rig) -> None:
    rig.register(retention="NONE")
    rig.run_through("w")
    assert tables(rig) == {"domains": 1, "types": 2}
    assert rig.list_closed() == []
    assert tables(rig) == {"domains": 1, "types": 2}


def rows(rig: Rig, statement: str) -> list[Any]:
    connection = sqlite3.connect(rig.path)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def tables(rig: Rig) -> dict[str, int]:
    names = ("domains", "types", "runs", "events", "heartbeats", "closed_runs", "closed_index")
    counts = {name: rows(rig, f"SELECT count(*) FROM {name}")[0][0] for name in names}
    return {name: count for name, count in counts.items() if count}


def test_events_are_stored_as_they_go_on_the_wire(rig: Rig) -> None:
    rig.register()
    run_id = rig.start("w", input="é\n")
    (body,) = rows(rig, "SELECT body FROM events WHERE event_id = 1")[0]
    assert json.loads(body) == rig.history("w", run_id)[0]
    assert ": " not in body and ", " not in body


def test_an_event_is_never_written_twice(rig: Rig) -> None:
    rig.register()
    rig.start("w")
    connection = sqlite3.connect(rig.path)
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO events VALUES (1, 2, '{}', NULL)")
    connection.close()


def test_heartbeats_go_with_the_run(rig: Rig) -> None:
    rig.register()
    rig.start("w")
    rig.decide(schedule("a"))
    token = rig.poll_activity()["taskToken"]
    rig.call("RecordActivityTaskHeartbeat", taskToken=token, details="x")
    assert tables(rig)["heartbeats"] == 1
    rig.call("TerminateWorkflowExecution", domain="domain", workflowId="w")
    assert "heartbeats" not in tables(rig)


# -- filing what has closed --------------------------------------------------------------------------


def test_a_close_alone_files_nothing_and_a_question_does(rig: Rig) -> None:
    rig.register()
    rig.run_through("a")
    rig.run_through("b")
    assert "closed_runs" not in tables(rig)
    assert rig.list_closed() == ["b", "a"]
    assert tables(rig)["closed_runs"] == 2


def test_many_are_filed_together_without_a_question(rig: Rig) -> None:
    rig.register()
    for number in range(63):
        rig.run_through(f"w{number}")
    assert "closed_runs" not in tables(rig)
    rig.run_through("last")
    assert tables(rig)["closed_runs"] == 64


@pytest.mark.parametrize("filed", [True, False])
def test_what_has_closed_is_told_after_a_kill_as_before(rig: Rig, filed: bool) -> None:
    rig.register()
    run_id = rig.run_through("w", tagList=["t"])
    execution = {"workflowId": "w", "runId": run_id}
    described = rig.call("DescribeWorkflowExecution", domain="domain", execution=execution) if filed else None
    rig.restart()
    rig.restart()
    again = rig.call("DescribeWorkflowExecution", domain="domain", execution=execution)
    assert described in (None, again)
    assert again["executionInfo"]["closeStatus"] == "COMPLETED"
    assert rig.list_closed() == ["w"]
    rig.close()
    assert check(rig.path).clean


def test_what_was_not_filed_before_a_kill_is_purged_in_time(rig: Rig) -> None:
    rig.register()
    rig.run_through("w")
    rig.restart()
    rig.now_ms += DAY_MS
    rig.durable.expire(rig.now_ms)
    rig.durable.flush(rig.now_ms)
    assert tables(rig) == {"domains": 1, "types": 2}


# -- the archive against the one in memory -------------------------------------------------------


def some_closed_runs() -> list[ClosedRun]:
    """300 closed runs with repeated instants, types, ids, tags and statuses; some are gone already."""
    draw = random.Random(5)
    runs = []
    for serial in range(1, 301):
        started_ms = START_MS + draw.randrange(40)
        closed_ms = started_ms + draw.randrange(40)
        run = Run(serial, "us-east-1", "domain", f"w{draw.randrange(5)}", f"run{serial}")
        status = draw.choice(["COMPLETED", "FAILED"])
        info = {
            "execution": run.ref(),
            "workflowType": {"name": draw.choice("ab"), "version": draw.choice("12")},
            "tagList": draw.sample(["x", "y", "z"], draw.randrange(3)),
            "closeStatus": status,
        }
        runs.append(ClosedRun(run, started_ms, closed_ms, closed_ms + DAY_MS, {"executionInfo": info}))
    return runs


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("by", ["start", "close"])
@pytest.mark.parametrize(
    "filter", [ALL, ("execution", "w1"), ("type", "a"), ("version", "a", "2"), ("tag", "x"), ("status", "FAILED")]
)
def test_the_archive_finds_what_memory_finds(rig: Rig, by: str, filter: tuple[str, ...], ascending: bool) -> None:
    store = Store(rig.database, "OFF")
    memory = MemoryArchive()
    for closed in some_closed_runs():
        store.commit([RunOpened(closed.run), RunClosed(closed)])
        store.archive.add(closed, [])
        memory.add(closed, [])
    for now_ms in (START_MS, START_MS + DAY_MS + 40):
        for oldest, latest in ((0, 1 << 62), (START_MS + 10, START_MS + 30), (START_MS + 5, START_MS + 5)):
            query = Query("us-east-1", "domain", by, oldest, latest, filter, ascending)
            expected = list(memory.find(query, now_ms))
            assert list(store.archive.find(query, now_ms)) == expected
            assert store.archive.count(query, now_ms) == memory.count(query, now_ms) == len(expected)
            for position, _ in expected[:: max(1, len(expected) // 4)]:
                beyond = list(memory.find(query, now_ms, position))
                assert list(store.archive.find(query, now_ms, position)) == beyond
    store.close()


def test_runs_that_are_past_their_retention_are_not_read(rig: Rig) -> None:
    store = Store(rig.database, "OFF")
    for closed in some_closed_runs():
        store.commit([RunOpened(closed.run), RunClosed(closed)])
    read = []

    def fetch(*arguments: Any) -> Any:
        rows = store._fetch(*arguments)
        read.extend(rows)
        return rows

    archive = sqlarchive.SqlArchive(fetch)
    read.clear()
    query = Query("us-east-1", "domain", "start", 0, 1 << 62)
    assert len(list(archive.find(query, START_MS))) == len(read) == 300
    read.clear()
    assert list(archive.find(query, START_MS + 2 * DAY_MS)) == read == []
    store.close()


BOTH_BOUNDS = "SEARCH closed_index USING PRIMARY KEY (shelf=? AND (at_ms,run_key)>(?,?) AND (at_ms,run_key)<(?,?))"


@pytest.mark.parametrize(
    "statement, plan",
    [
        (sqlarchive.FIND_ASCENDING, BOTH_BOUNDS),
        (sqlarchive.FIND_DESCENDING, BOTH_BOUNDS),
        (sqlarchive.COUNT, "SEARCH closed_index USING PRIMARY KEY (shelf=? AND at_ms>? AND at_ms<?)"),
        (sqlarchive.COUNT_GONE, "SEARCH closed_index USING PRIMARY KEY (shelf=? AND at_ms=? AND run_key=?)"),
        (sqlarchive.GET, "SEARCH runs USING INDEX sqlite_autoindex_runs_1 (run_id=?)"),
        (
            sqlarchive.EVENTS,
            "SEARCH events USING INDEX sqlite_autoindex_events_1 (run_key=? AND event_id>? AND event_id<?)",
        ),
        (sqlarchive.DUE, "SEARCH closed_runs USING COVERING INDEX closed_runs_by_purge (purge_ms<?)"),
        (sqlarchive.FIRST_PURGE, "SEARCH closed_runs USING COVERING INDEX closed_runs_by_purge (purge_ms>?)"),
    ],
)
def test_look_ups_walk_an_index(rig: Rig, statement: str, plan: str) -> None:
    connection = sqlite3.connect(rig.path)
    arguments = [1] * statement.count("?")
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", arguments)]
    connection.close()
    assert any(step.startswith(plan) for step in steps), steps
    assert not any("SCAN" in step or "TEMP B-TREE" in step for step in steps), steps
