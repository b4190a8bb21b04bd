"""``workflow.list``, ``workflow.filter`` and ``workflow.info``."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, INPUT, RESULT, STATES, TAGS, Stage

from simpleflow.cli.exits import Exit
from simpleflow.swf.errors import Refused

CLOSED_NEWEST_FIRST = ["long", "terminated", "canceled", "timed_out", "failed", "completed", "completed"]


@pytest.fixture(scope="module")
def shared() -> Stage:
    return Stage()


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    shared.client.calls.clear()
    return stages.use(monkeypatch, shared)


def listed(*arguments: str) -> list[dict[str, Any]]:
    ran = run(*arguments, "--format", "json", "--utc")
    assert (ran.code, ran.stderr) == (0, "")
    rows: list[dict[str, Any]] = ran.json()
    return rows


def ids(*arguments: str) -> list[str]:
    return [row["Workflow ID"] for row in listed("workflow.filter", DOMAIN, *arguments, "--columns", "workflow-id")]


# -- workflow.list


def test_open_and_closed_executions(stage: Stage) -> None:
    assert [tuple(row.values()) for row in listed("workflow.list", DOMAIN)] == [
        ("child", "examples.basic", "OPEN"),
        ("open", "examples.basic", "OPEN"),
    ]
    closed = listed("workflow.list", DOMAIN, "--status", "closed")
    assert [row["Workflow ID"] for row in closed] == CLOSED_NEWEST_FIRST
    assert {row["Status"] for row in closed} == {"CLOSED"}


def test_those_that_started_lately(stage: Stage) -> None:
    """The stage took a minute in the middle: the time-out of an execution."""
    half_a_minute = str(30 / 86_400)
    late = listed("workflow.list", DOMAIN, "-s", "closed", "-d", half_a_minute)
    assert [row["Workflow ID"] for row in late] == ["long", "terminated", "canceled"]
    (request,) = stage.client.requests("ListClosedWorkflowExecutions")
    assert request["startTimeFilter"] == {"oldestDate": int(stage.now_ms() / 1000 - 30)}
    for days in ("30000", "99999999999"):
        assert len(listed("workflow.list", DOMAIN, "-s", "closed", "-d", days)) == len(CLOSED_NEWEST_FIRST)
    assert {
        request["startTimeFilter"]["oldestDate"]
        for request in stage.client.requests("ListClosedWorkflowExecutions")[1:]
    } == {0}


def test_no_more_is_asked_for_than_shown(stage: Stage) -> None:
    assert len(listed("workflow.list", DOMAIN, "-s", "closed", "--limit", "2")) == 2
    listed("workflow.list", DOMAIN, "-s", "closed", "--limit", "5000")
    assert [request["maximumPageSize"] for request in stage.client.requests("ListClosedWorkflowExecutions")] == [
        2,
        1000,
    ]
    # whoever sorts has to see all
    sorted_rows = listed("workflow.list", DOMAIN, "-s", "closed", "--limit", "2", "--sort", "workflow-id")
    assert [row["Workflow ID"] for row in sorted_rows] == ["canceled", "completed"]
    assert "maximumPageSize" not in stage.client.requests("ListClosedWorkflowExecutions")[2]


# -- workflow.filter


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ["child", "open"]),
        (["--status", "closed"], CLOSED_NEWEST_FIRST),
        (["--tag", "nächtlich"], ["open"]),
        (["--tag", "absent"], []),
        (["--tag", "absent", "--workflow-id", "open"], []),
        (["--workflow-id", "open"], ["open"]),
        (["--workflow-type-name", "examples.basic"], ["child", "open"]),
        (["--workflow-type-name", "examples.basic", "--workflow-type-version", "example"], ["child", "open"]),
        (["--workflow-type-name", "examples.basic", "--workflow-type-version", "2"], []),
        (["--workflow-type-version", "example"], ["child", "open"]),
        (["--workflow-type-version", "2"], []),
        (["--close-status", "FAILED"], ["failed", "completed"]),
        (["-c", "timed_out"], ["timed_out"]),
        (["-c", "Canceled", "-s", "closed"], ["canceled"]),
        (["-c", "TERMINATED", "--tag", "b"], ["terminated"]),
        (["-c", "COMPLETED", "--tag", "b", "--workflow-id", "completed"], ["completed"]),
        (["-c", "COMPLETED", "--workflow-id", "failed"], []),
        (["-c", "CONTINUED_AS_NEW"], []),
        (["-s", "closed", "--tag", "b", "--workflow-type-name", "other"], []),
        (["-s", "closed", "-d", str(30 / 86_400)], ["long", "terminated", "canceled"]),
        (["-s", "closed", "--from-date", "1970-01-01T00:17:30Z"], ["long", "terminated", "canceled"]),
        (["-s", "closed", "--from-date", "1970-01-01 00:17:30"], ["long", "terminated", "canceled"]),
        (["-s", "closed", "--from-date", "1970-01-01T02:17+02:00"], ["long", "terminated", "canceled"]),
        (["-s", "closed", "--to-date", "1970-01-01T00:17"], ["timed_out", "failed", "completed", "completed"]),
        (["-s", "closed", "--from-date", "1970-01-01", "--to-date", "1970-01-02"], CLOSED_NEWEST_FIRST),
        (["-s", "closed", "--from-date", "1970-01-02"], []),
    ],
)
def test_filters(options: list[str], found: list[str], stage: Stage) -> None:
    assert ids(*options) == found


@pytest.mark.parametrize(("options", "oldest"), [([], -32_400), (["--utc"], 0)])
def test_a_date_without_a_zone_is_local_or_with_utc_of_utc(
    options: list[str], oldest: int, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert run("workflow.filter", DOMAIN, "--from-date", "1970-01-01", *options).code == 0
        first_start = run("workflow.filter", DOMAIN, "--columns", "start-timestamp", "--limit", "1", *options).stdout
    finally:
        monkeypatch.undo()
        time.tzset()
    (request, _) = stage.client.requests("ListOpenWorkflowExecutions")
    assert request["startTimeFilter"] == {"oldestDate": oldest}
    assert first_start.startswith("1970-01-01T00:16:40." if options else "1970-01-01T09:16:40.")
    assert first_start.endswith("Z\n" if options else "+09:00\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-c", "FAILED", "-s", "open"], "--close-status goes with --status closed"),
        (["-c", "LOST"], "'LOST' is not one of"),
        (["--from-date", "yesterday"], "--from-date is 'yesterday'; expected a date as in 2026-08-04"),
        (["--to-date", "2026-13-01"], "--to-date is '2026-13-01'; expected a date"),
        (["--from-date", "1970-02-02", "--to-date", "1970-02-01"], "--to-date is before --from-date"),
        (["--started-since", "-1"], "-1.0 is not in the range x>=0"),
    ],
)
def test_filters_that_cannot_be(options: list[str], message: str, stage: Stage) -> None:
    ran = run("workflow.filter", DOMAIN, *options)
    assert (ran.code, ran.stdout) == (Exit.USAGE, "")
    assert message in ran.stderr
    assert stage.client.calls == []


def test_all_that_is_known_of_an_execution(stage: Stage) -> None:
    (row,) = listed("workflow.filter", DOMAIN, "-c", "COMPLETED", "--tag", "b", "--workflow-id", "completed")
    assert row.pop("Start Timestamp") < row.pop("Close Timestamp")
    assert row == {
        "Workflow ID": "completed",
        "Workflow Type": "examples.basic",
        "Workflow Version": "example",
        "Run ID": stage.runs["completed"][-1],
        "Status": "CLOSED",
        "Child Policy": "TERMINATE",
        "Close Status": "COMPLETED",
        "Cancel Requested": False,
        "Execution Timeout": 31536000,
        "Input": INPUT,
        "Tags": TAGS,
        "Decision Tasks Timeout": "NONE",
        "Parent Workflow ID": None,
        "Parent Run ID": None,
    }


def test_a_child_names_its_parent(stage: Stage) -> None:
    (row,) = listed("workflow.filter", DOMAIN, "--workflow-id", "child")
    assert (row["Parent Workflow ID"], row["Parent Run ID"]) == ("open", stage.runs["open"][0])


def test_only_what_is_shown_is_asked_for(stage: Stage) -> None:
    ids("-s", "closed")
    assert {name for name, _ in stage.client.calls} == {"ListClosedWorkflowExecutions"}
    listed("workflow.filter", DOMAIN, "-s", "closed", "--sort", "execution-timeout", "--columns", "child-policy")
    assert len(stage.client.requests("DescribeWorkflowExecution")) == len(CLOSED_NEWEST_FIRST)


def test_an_execution_may_go_while_it_is_looked_at(stage: Stage) -> None:
    gone = Refused("DescribeWorkflowExecution", "UnknownResourceFault", "Unknown execution: ...", 400)
    stage.client.fail_next = {"DescribeWorkflowExecution": [gone], "GetWorkflowExecutionHistory": [gone]}
    (row,) = listed("workflow.filter", DOMAIN, "--workflow-id", "open")
    assert (row["Workflow ID"], row["Child Policy"], row["Input"]) == ("open", None, None)


def test_any_other_refusal_is_an_error(stage: Stage) -> None:
    refused = Refused("DescribeWorkflowExecution", "ThrottlingException", "Rate exceeded", 400)
    stage.client.fail_next = {"DescribeWorkflowExecution": [refused]}
    ran = run("workflow.filter", DOMAIN, "--workflow-id", "open")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert "ThrottlingException: Rate exceeded" in ran.stderr


# -- workflow.info

TOLD: dict[str, dict[str, Any]] = {
    "open": {"status": "OPEN", "result": None, "reason": None},
    "completed": {"status": "COMPLETED", "result": RESULT, "reason": None, "execution_time": 0.006},
    "failed": {"status": "FAILED", "result": None, "reason": "Workflow execution error: nö"},
    "timed_out": {"status": "TIMED_OUT", "result": None, "reason": "START_TO_CLOSE", "execution_time": 60.003},
    "canceled": {"status": "CANCELED", "result": None, "reason": None},
    "terminated": {"status": "TERMINATED", "result": None, "reason": "no longer needed"},
    "long": {"status": "COMPLETED", "result": RESULT, "reason": None},
}


@pytest.mark.parametrize("state", STATES)
def test_an_execution_is_told_by_its_own_events(state: str, stage: Stage) -> None:
    (row,) = listed("workflow.info", DOMAIN, state)
    wanted = {
        "domain": DOMAIN,
        "workflow_type.name": "examples.basic",
        "workflow_type.version": "example",
        "task_list": state,
        "workflow_id": state,
        "run_id": stage.runs[state][-1],
        "tag_list": TAGS,
        "execution_time": row["execution_time"],
        "input": INPUT,
        **TOLD[state],
    }
    assert row == wanted
    # however long the history is, its first and its last event are enough
    histories = stage.client.requests("GetWorkflowExecutionHistory")
    assert [request["maximumPageSize"] for request in histories] == [1, 1]


def test_an_open_execution_counts_up_to_now(stage: Stage) -> None:
    (row,) = listed("workflow.info", DOMAIN, "open")
    (found,) = listed("workflow.filter", DOMAIN, "--workflow-id", "open", "--columns", "start-timestamp")
    assert found["Start Timestamp"] == "1970-01-01T00:16:40.003Z"
    assert row["execution_time"] == round(stage.now_ms() / 1000 - 1000.003, 3)


def test_an_older_run_is_told_by_its_run_id(stage: Stage) -> None:
    older = stage.runs["completed"][0]
    (row,) = listed("workflow.info", DOMAIN, "completed", older)
    assert (row["run_id"], row["status"], row["reason"]) == (older, "FAILED", "an older run")
    quoted = older.replace("=", "%3D").replace("+", "%2B").replace("/", "%2F")
    assert listed("workflow.info", DOMAIN, "completed", quoted) == [row]


def test_why_a_child_ended_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    stage.on("TerminateWorkflowExecution", workflowId="open", childPolicy="TERMINATE")
    (row,) = listed("workflow.info", DOMAIN, "child")
    assert (row["status"], row["reason"]) == ("TERMINATED", "CHILD_POLICY_APPLIED")


def test_a_payload_that_stands_elsewhere_is_shown_as_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    reference = "simpleflow+s3://jumbo-bucket/5d7191af-3962-4c67-997a-cdd39a31ba61 5242880"
    stage.start("jumbo", input=reference)
    (row,) = listed("workflow.info", DOMAIN, "jumbo")
    assert row["input"] == reference
