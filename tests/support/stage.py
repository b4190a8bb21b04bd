"""Executions in every state, on a service in this process, for commands to look at and to steer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support import command_line
from support.swf_in_process import InProcessClient

DOMAIN = "TestDomain"
INPUT = {"args": ["häufig", "日本\n", 1], "kwargs": {"é": True}}
RESULT = {"größe": "日本"}
TAGS = ["nächtlich", "b"]
FLOW = {"name": "examples.basic", "version": "example"}
WORK = {"name": "examples.basic.increment", "version": "example"}
YEAR = "31536000"


class Stage:
    """``runs`` are run ids, the newest last, by workflow id, which is named by what has become of it (``STATES``)."""

    def __init__(self) -> None:
        self.client = InProcessClient()
        self.runs: dict[str, list[str]] = {}
        self.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="30")
        self._type("Workflow", FLOW)
        self._type("Activity", WORK)
        for state, play in _PLAYS.items():
            play(self, state)
        self._now_ms = next(self.client.clock)
        self._waited = 0.0

    def now_ms(self) -> int:
        """The time at which commands look, which is always the same."""
        return self._now_ms

    def monotonic(self) -> float:
        """The same in seconds, and what was waited since."""
        return self._now_ms / 1000 + self._waited

    def wait(self, seconds: float) -> None:
        """So much later, for who waits by the monotonic clock."""
        self._waited += seconds

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.client.call(operation, request)

    def on(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.call(operation, domain=DOMAIN, **request)

    def _type(self, kind: str, type: dict[str, str]) -> None:
        self.on(f"Register{kind}Type", **type)

    def start(self, workflow_id: str, **more: Any) -> str:
        request = {
            "workflowId": workflow_id,
            "workflowType": FLOW,
            "taskList": {"name": workflow_id},
            "input": json.dumps(INPUT),
            "tagList": TAGS,
            "executionStartToCloseTimeout": YEAR,
            "taskStartToCloseTimeout": "NONE",
            "childPolicy": "TERMINATE",
            **more,
        }
        run_id: str = self.on("StartWorkflowExecution", **request)["runId"]
        self.runs.setdefault(workflow_id, []).append(run_id)
        return run_id

    def decide(self, task_list: str, *decisions: dict[str, Any]) -> None:
        task = self.on("PollForDecisionTask", taskList={"name": task_list}, maximumPageSize=1)
        self.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(decisions))

    def work(self, task_list: str, answer: str | None = "Completed", **more: Any) -> None:
        """Take an activity, and answer it unless it is to go on."""
        task = self.on("PollForActivityTask", taskList={"name": task_list}, identity="worker")
        if answer is not None:
            self.call(f"RespondActivityTask{answer}", taskToken=task["taskToken"], **more)


def decision(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes}


def schedule(number: int, task_list: str) -> dict[str, Any]:
    return decision(
        "ScheduleActivityTask",
        activityId=f"activity-examples.basic.increment-{number}",
        activityType=WORK,
        taskList={"name": task_list},
        input=json.dumps(INPUT),
        **{f"{name}Timeout": "NONE" for name in ("scheduleToStart", "scheduleToClose", "startToClose", "heartbeat")},
    )


def complete() -> dict[str, Any]:
    return decision("CompleteWorkflowExecution", result=json.dumps(RESULT))


def continue_as_new(task_list: str) -> dict[str, Any]:
    return decision(
        "ContinueAsNewWorkflowExecution",
        taskList={"name": task_list},
        executionStartToCloseTimeout=YEAR,
        taskStartToCloseTimeout="NONE",
        childPolicy="TERMINATE",
    )


def _play_open(stage: Stage, name: str) -> None:
    """A completed activity, a running one and one that waits; a timer, a child, a marker and a signal."""
    child = {"workflowId": "child", "workflowType": FLOW, "taskList": {"name": "children"}, "childPolicy": "TERMINATE"}
    timeouts = {"executionStartToCloseTimeout": YEAR, "taskStartToCloseTimeout": "NONE"}
    stage.start(name)
    stage.decide(
        name,
        *(schedule(number, name) for number in (1, 2, 3)),
        decision("StartTimer", timerId="a timer", startToFireTimeout=YEAR),
        decision("RecordMarker", markerName="märk", details='"é"'),
        decision("StartChildWorkflowExecution", **child, **timeouts, input=json.dumps(INPUT)),
    )
    stage.work(name, result=json.dumps(RESULT))
    stage.work(name, None)
    stage.on("SignalWorkflowExecution", workflowId=name, signalName="gö", input='"é"')


def _play_completed(stage: Stage, name: str) -> None:
    """Twice: the run before the newest failed."""
    stage.start(name)
    stage.decide(name, decision("FailWorkflowExecution", reason="an older run"))
    stage.start(name)
    stage.decide(name, schedule(1, name))
    stage.work(name, result=json.dumps(RESULT))
    stage.decide(name, complete())


def _play_failed(stage: Stage, name: str) -> None:
    details = json.dumps({"error": "ValueError", "message": "nö", "traceback": "Traceback:\n  line\n"})
    stage.start(name)
    stage.decide(name, schedule(1, name))
    stage.work(name, "Failed", reason="nö\nno", details=details)
    stage.decide(name, decision("FailWorkflowExecution", reason="Workflow execution error: nö", details=details))


def _play_timed_out(stage: Stage, name: str) -> None:
    stage.start(name, executionStartToCloseTimeout="60")
    stage.decide(name, schedule(1, name))
    stage.client.skip(60)


def _play_canceled(stage: Stage, name: str) -> None:
    stage.start(name)
    stage.on("RequestCancelWorkflowExecution", workflowId=name)
    stage.decide(name, decision("CancelWorkflowExecution", details="as you wish"))


def _play_terminated(stage: Stage, name: str) -> None:
    stage.start(name)
    stage.on("TerminateWorkflowExecution", workflowId=name, reason="no longer needed")


def _play_long(stage: Stage, name: str) -> None:
    """More events than two pages hold."""
    stage.start(name)
    for first in range(1, 601, 100):
        stage.decide(name, *(schedule(number, name) for number in range(first, first + 100)))
        for _ in range(100):
            stage.work(name, result="1")
    stage.decide(name, complete())


_PLAYS: dict[str, Callable[[Stage, str], None]] = {
    "open": _play_open,
    "completed": _play_completed,
    "failed": _play_failed,
    "timed_out": _play_timed_out,
    "canceled": _play_canceled,
    "terminated": _play_terminated,
    "long": _play_long,
}
STATES = tuple(_PLAYS)


def use(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Stage:
    """Commands on SWF see this stage, at its time."""
    command_line.use(monkeypatch, stage.client, stage)
    return stage
