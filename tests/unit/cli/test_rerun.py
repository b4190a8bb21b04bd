"""``activity.rerun``: an activity of a history, once more, here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import command_line
from support.command_line import Ran, run
from support.stage import decision
from support.swf_in_process import InProcessClient

from simpleflow import activity
from simpleflow.cli import main
from simpleflow.cli.exits import Exit
from simpleflow.registry import registry

DOMAIN, WORKFLOW = "Rerun", "flöw"
NAME = "rerun.work"


@activity.with_attributes(name=NAME, version="1")
def work(x: Any, *, bad: bool = False) -> Any:
    if bad:
        raise ValueError(f"no {x}")
    print("printed by the activity", end="")
    context = work.context
    return {"x": x, "who": context["activity_id"], "run": context["run_id"], "list": context["activity_task_list"]}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> InProcessClient:
    """An execution whose activity failed, and was tried again with another input; and a run before it."""
    client = InProcessClient()
    command_line.use(monkeypatch, client)
    client.call("RegisterDomain", {"name": DOMAIN, "workflowExecutionRetentionPeriodInDays": "30"})
    client.call("RegisterWorkflowType", {"domain": DOMAIN, "name": "flow", "version": "1"})
    client.call("RegisterActivityType", {"domain": DOMAIN, "name": NAME, "version": "1"})
    client.older = start(client)  # type: ignore[attr-defined]
    decide(client, schedule("older"))
    client.call("TerminateWorkflowExecution", {"domain": DOMAIN, "workflowId": WORKFLOW})
    client.newer = start(client)  # type: ignore[attr-defined]
    decide(client, schedule("first", bad=True))
    task = client.call("PollForActivityTask", {"domain": DOMAIN, "taskList": {"name": "wörk"}})
    client.call("RespondActivityTaskFailed", {"taskToken": task["taskToken"], "reason": "broken"})
    decide(client, schedule("second"))
    return client


def start(client: InProcessClient) -> str:
    request = {
        "domain": DOMAIN,
        "workflowId": WORKFLOW,
        "workflowType": {"name": "flow", "version": "1"},
        "taskList": {"name": "decisions"},
        "executionStartToCloseTimeout": "1000",
        "taskStartToCloseTimeout": "NONE",
        "childPolicy": "TERMINATE",
    }
    run_id: str = client.call("StartWorkflowExecution", request)["runId"]
    return run_id


def schedule(x: str, **kwargs: Any) -> dict[str, Any]:
    timeouts = ("scheduleToStart", "scheduleToClose", "startToClose", "heartbeat")
    return decision(
        "ScheduleActivityTask",
        activityId="activity-rerun.work-1",
        activityType={"name": NAME, "version": "1"},
        taskList={"name": "wörk"},
        input=json.dumps({"args": [x], "kwargs": kwargs}),
        **{f"{name}Timeout": "NONE" for name in timeouts},
    )


def decide(client: InProcessClient, *decisions: dict[str, Any]) -> None:
    task = client.call("PollForDecisionTask", {"domain": DOMAIN, "taskList": {"name": "decisions"}})
    client.call("RespondDecisionTaskCompleted", {"taskToken": task["taskToken"], "decisions": list(decisions)})


def rerun(*words: str, domain: str = DOMAIN) -> Ran:
    return run("activity.rerun", "--domain", domain, "--workflow-id", WORKFLOW, *words)


def result(ran: Ran) -> dict[str, Any]:
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    found: dict[str, Any] = json.loads(ran.lines[-1])
    return found


def scheduled(client: InProcessClient) -> list[int]:
    execution = {"workflowId": WORKFLOW, "runId": client.newer}  # type: ignore[attr-defined]
    events = client.call("GetWorkflowExecutionHistory", {"domain": DOMAIN, "execution": execution})["events"]
    return [event["eventId"] for event in events if event["eventType"] == "ActivityTaskScheduled"]


def test_the_latest_attempt_by_its_id(client: InProcessClient) -> None:
    before = len(client.calls)
    ran = rerun("--activity-id", "activity-rerun.work-1")
    assert result(ran) == {"x": "second", "who": "activity-rerun.work-1", "run": client.newer, "list": "wörk"}  # type: ignore[attr-defined]
    assert ran.lines[0] == "printed by the activity"
    assert {name[:3] for name, _ in client.calls[before:]} <= {"Get", "Lis", "Des"}


def test_any_attempt_of_a_task_that_was_tried_again(client: InProcessClient) -> None:
    first, second = scheduled(client)
    assert result(rerun("--scheduled-id", str(second)))["x"] == "second"
    assert result(rerun("--scheduled-id", str(first), "--input", '["x"]'))["x"] == "x"


def test_a_failure_is_told_with_the_authors_frames(client: InProcessClient, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--domain", DOMAIN, "--workflow-id", WORKFLOW, "--scheduled-id", str(scheduled(client)[0])]
    assert main.run(["activity.rerun", *words]) == Exit.FAILED
    told = capfd.readouterr().err
    assert told.rstrip().endswith("ValueError: no first")
    assert 'raise ValueError(f"no {x}")' in told and "simpleflow/process" not in told


def test_another_input(client: InProcessClient) -> None:
    ids = ("--activity-id", "activity-rerun.work-1")
    assert result(rerun(*ids, "--input", '["ö"]'))["x"] == "ö"
    assert result(rerun(*ids, "-i", '{"kwargs": {"x": 7}}'))["x"] == 7
    assert rerun(*ids, "--input", "{").code == Exit.USAGE


def test_an_older_run_and_another_domain(client: InProcessClient, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ("--activity-id", "activity-rerun.work-1")
    assert result(rerun(*ids, "--run-id", client.older))["x"] == "older"  # type: ignore[attr-defined]
    monkeypatch.setenv("SWF_DOMAIN", DOMAIN)
    assert result(run("activity.rerun", "--workflow-id", WORKFLOW, *ids))["x"] == "second"
    assert rerun(*ids, domain="Nowhere").code == Exit.NOT_FOUND


def test_what_is_not_there(client: InProcessClient) -> None:
    for words, told in (
        (("--activity-id", "nothing"), "has no activity 'nothing'"),
        (("--scheduled-id", "1"), "has no activity scheduled by event 1"),
        (("--activity-id", "x", "--run-id", "no-such-run"), "there is no execution"),
    ):
        ran = rerun(*words)
        assert (ran.code, ran.stdout) == (Exit.NOT_FOUND, "")
        assert told in ran.stderr and ran.stderr.count("\n") == 1 and "`simpleflow " in ran.stderr


def test_code_that_is_not_at_hand(client: InProcessClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry[None], NAME)
    ran = rerun("--activity-id", "activity-rerun.work-1")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert ran.stderr.startswith(f"Error: unable to import {NAME!r}")


def test_wrong_usage(client: InProcessClient) -> None:
    for words, told in (
        ((), "give one of --scheduled-id and --activity-id"),
        (("--activity-id", "a", "--scheduled-id", "5"), "give one of --scheduled-id and --activity-id"),
    ):
        ran = rerun(*words)
        assert (ran.code, told in ran.stderr) == (Exit.USAGE, True)
    ran = run("activity.rerun", "--workflow-id", WORKFLOW, "--activity-id", "a")
    assert (ran.code, "the domain is missing" in ran.stderr) == (Exit.USAGE, True)
