"""Executions that are terminated, cancelled, signalled and started again by the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import stage as stages
from support.command_line import Ran, run
from support.stage import DOMAIN, FLOW, INPUT, TAGS, Stage

from simpleflow.cli.exits import Exit
from simpleflow.swf.errors import Refused


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.use(monkeypatch, Stage())


def last_event(stage: Stage, workflow_id: str) -> dict[str, Any]:
    execution = {"workflowId": workflow_id, "runId": stage.runs[workflow_id][-1]}
    answer = stage.on("GetWorkflowExecutionHistory", execution=execution, reverseOrder=True, maximumPageSize=1)
    event: dict[str, Any] = answer["events"][0]
    return event


def described(stage: Stage, workflow_id: str, run_id: str) -> dict[str, Any]:
    return stage.on("DescribeWorkflowExecution", execution={"workflowId": workflow_id, "runId": run_id})


def silent(ran: Ran) -> None:
    assert (ran.code, ran.stdout, ran.stderr) == (Exit.DONE, "", "")


def test_terminate(stage: Stage) -> None:
    silent(run("workflow.terminate", DOMAIN, "open"))
    event = last_event(stage, "open")
    assert event["eventType"] == "WorkflowExecutionTerminated"
    assert event["workflowExecutionTerminatedEventAttributes"]["reason"] == "workflow.terminate"


def test_cancel(stage: Stage) -> None:
    silent(run("workflow.cancel", "--domain", DOMAIN, "open"))
    assert described(stage, "open", stage.runs["open"][-1])["executionInfo"]["cancelRequested"] is True


@pytest.mark.parametrize(("given", "arrives"), [(["--input", '{"by": "Adä"}'], '{"by": "Adä"}'), ([], None)])
def test_signal(stage: Stage, given: list[str], arrives: str | None) -> None:
    silent(run("workflow.signal", DOMAIN, "open", "gö", *given))
    attributes = last_event(stage, "open")["workflowExecutionSignaledEventAttributes"]
    assert (attributes["signalName"], attributes.get("input")) == ("gö", arrives)


def test_what_comes_with_a_signal_is_json(stage: Stage) -> None:
    before = last_event(stage, "open")
    ran = run("workflow.signal", DOMAIN, "open", "go", "--input", "text")
    assert ran.code == Exit.USAGE and "--input is not JSON" in ran.stderr and "quotes" in ran.stderr
    assert last_event(stage, "open") == before


def test_what_is_too_long_for_a_signal_says_what_to_set(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", raising=False)
    ran = run("workflow.signal", DOMAIN, "open", "go", "--input", json.dumps("x" * 40_000))
    assert ran.code == Exit.USAGE and "SIMPLEFLOW_JUMBO_FIELDS_BUCKET" in ran.stderr


@pytest.mark.parametrize("command", ["terminate", "cancel", "signal"])
def test_what_is_closed_says_so(stage: Stage, command: str) -> None:
    words = [DOMAIN, "completed", *(["go"] if command == "signal" else [])]
    ran = run(f"workflow.{command}", *words)
    assert ran.code == Exit.NOT_FOUND
    assert "'completed' is closed (COMPLETED)" in ran.stderr and "workflow.restart" in ran.stderr


@pytest.mark.parametrize("state", ["open", "failed", "terminated"])
def test_restart_starts_the_same_again(stage: Stage, state: str) -> None:
    ran = run("workflow.restart", DOMAIN, state)
    assert ran.code == Exit.DONE, ran.stderr
    workflow_id, run_id = ran.stdout.split()
    former = stage.runs[state][-1]
    assert workflow_id == state and run_id != former
    before, after = described(stage, state, former), described(stage, state, run_id)
    assert after["executionConfiguration"] == before["executionConfiguration"]
    assert after["executionInfo"]["tagList"] == TAGS
    assert after["executionInfo"]["workflowType"] == before["executionInfo"]["workflowType"]
    history = stage.on("GetWorkflowExecutionHistory", execution={"workflowId": state, "runId": run_id})["events"]
    assert json.loads(history[0]["workflowExecutionStartedEventAttributes"]["input"]) == INPUT
    assert before["executionInfo"]["executionStatus"] == "CLOSED"
    if state == "open":
        reason = last_event(stage, state)["workflowExecutionTerminatedEventAttributes"]["reason"]
        assert reason == "workflow.restart"


def test_restart_starts_on_the_task_list_of_the_start(stage: Stage) -> None:
    """And not on that of the process that had the run."""
    stage.start("w")
    task = stage.on("PollForDecisionTask", taskList={"name": "w"})
    own = {"taskList": {"name": "one process"}, "taskListScheduleToStartTimeout": "10"}
    stage.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[], **own)
    shown = described(stage, "w", stage.runs["w"][-1])["executionConfiguration"]
    assert shown["taskList"] == {"name": "one process"}
    _, run_id = run("workflow.restart", DOMAIN, "w").stdout.split()
    assert described(stage, "w", run_id)["executionConfiguration"] == {**shown, "taskList": {"name": "w"}}


def test_restart_of_what_has_just_ended(stage: Stage) -> None:
    gone = Refused("TerminateWorkflowExecution", "UnknownResourceFault", "Unknown execution: w", 400)
    call, closed = stage.client.call, []

    def end_first(operation: str, request: dict[str, Any], *more: Any) -> dict[str, Any]:
        answer = call(operation, request, *more)
        if operation == "TerminateWorkflowExecution" and not closed:
            closed.append(request)
            raise gone
        return answer

    stage.client.call = end_first  # type: ignore[method-assign]
    assert run("workflow.restart", DOMAIN, "open").code == Exit.DONE
    assert closed


def test_a_restart_that_ends_in_the_middle_says_what_is_done(stage: Stage) -> None:
    denied = Refused("StartWorkflowExecution", "TypeDeprecatedFault", "examples.basic", 400)
    stage.client.fail_next["StartWorkflowExecution"] = [denied]
    ran = run("workflow.restart", DOMAIN, "open")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert ran.stderr == f"Error: the execution 'open' is closed, and was not started again: {denied}\n"


@pytest.mark.parametrize(
    ("operation", "request_", "told"),
    [
        ("DeprecateDomain", {"name": DOMAIN}, "the domain is deprecated, so SWF would not start the execution again"),
        (
            "DeprecateWorkflowType",
            {"domain": DOMAIN, "workflowType": FLOW},
            "the workflow type is deprecated, so SWF would not start the execution again",
        ),
    ],
)
def test_what_cannot_be_started_again_is_not_ended(
    stage: Stage, operation: str, request_: dict[str, Any], told: str
) -> None:
    stage.call(operation, **request_)
    ran = run("workflow.restart", DOMAIN, "open")
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (Exit.FAILED, "", 1)
    assert ran.stderr.startswith(f"Error: {told}")
    assert described(stage, "open", stage.runs["open"][-1])["executionInfo"]["executionStatus"] == "OPEN"


def test_who_may_not_ask_restarts_nevertheless(stage: Stage) -> None:
    for operation in ("DescribeDomain", "DescribeWorkflowType"):
        stage.client.fail_next[operation] = [Refused(operation, "AccessDeniedException", "no", 400)]
    assert run("workflow.restart", DOMAIN, "open").code == Exit.DONE


def test_a_termination_that_is_refused_starts_nothing(stage: Stage) -> None:
    denied = Refused("TerminateWorkflowExecution", "AccessDeniedException", "no", 400)
    stage.client.fail_next["TerminateWorkflowExecution"] = [denied]
    ran = run("workflow.restart", DOMAIN, "open")
    assert (ran.code, ran.stderr) == (Exit.FAILED, f"Error: {denied}\n")


@pytest.mark.parametrize(
    ("text", "why"), [("NaN", "is not JSON"), ("[" * 100_000, "nests too deep"), ("{", "is not JSON")]
)
def test_what_no_reader_of_json_takes_is_refused(stage: Stage, text: str, why: str) -> None:
    ran = run("workflow.signal", DOMAIN, "open", "go", "--input", text)
    assert ran.code == Exit.USAGE and f"--input {why}" in ran.stderr and ran.stderr.count("\n") == 1
