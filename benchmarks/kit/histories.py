"""Histories to replay: an execution is driven over the core of the service, and its decision tasks are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from simpleflow.replay.engine import Engine
from simpleflow.replay.work import DecisionWork, RunKey
from simpleflow.service.core import Service
from simpleflow.service.limits import UNLIMITED

from .workload import WORKFLOWS

_DOMAIN = "benchmark"
_START_MS = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Recording:
    """``tasks`` are the decision tasks as a live run gets them, each with its new events only; ``events`` are all of
    them up to the last task.
    """

    shape: str
    steps: int
    tasks: list[DecisionWork]
    events: list[dict[str, Any]]

    @property
    def whole(self) -> DecisionWork:
        """The last decision task as a decider gets it that has never seen the run."""
        last = self.tasks[-1]
        return DecisionWork(last.key, last.workflow_type, self.events, last.started_event_id, 0, "")


def engine() -> Engine:
    workflows = {workflow.name: workflow for workflow in WORKFLOWS.values()}
    return Engine(lambda workflow_type, _input: workflows[workflow_type])


def record(shape: str, steps: int, results_per_decision: int) -> Recording:
    """An execution of so many steps, with so many results between two decisions."""
    return _Drive(shape, steps).finish(results_per_decision)


class _Drive:
    def __init__(self, shape: str, steps: int) -> None:
        self._shape, self._steps = shape, steps
        self._service = Service(UNLIMITED)
        self._now = _START_MS
        self._engine = engine()
        self._tasks: list[DecisionWork] = []
        self._events: list[dict[str, Any]] = []
        workflow = WORKFLOWS[shape]
        self._call("RegisterDomain", name=_DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        self._register("Workflow", workflow.name)
        self._register("Activity", "benchmark.step")
        self._run_id = self._call(
            "StartWorkflowExecution",
            domain=_DOMAIN,
            workflowId="benchmark",
            workflowType={"name": workflow.name, "version": "1"},
            taskList={"name": "decisions"},
            childPolicy="TERMINATE",
            executionStartToCloseTimeout="NONE",
            taskStartToCloseTimeout="NONE",
            input=json.dumps({"args": [steps], "kwargs": {}}),
        )["runId"]

    def finish(self, results_per_decision: int) -> Recording:
        while not self._decide():
            done = 0
            while done < results_per_decision and self._work():
                done += 1
            if not done:  # the rest of a decision that was cut waits for its wake-up timer
                due = self._service.next_due()
                assert due is not None, "nothing can happen any more"
                self._now = max(self._now, due)
        return Recording(self._shape, self._steps, self._tasks, self._events)

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        self._now += 1
        return self._service.call(operation, request, self._now)

    def _register(self, kind: str, name: str) -> None:
        self._call(f"Register{kind}Type", domain=_DOMAIN, name=name, version="1")

    def _decide(self) -> bool:
        """Answer the decision task, if there is one; whether that ended the execution."""
        task = self._call(
            "PollForDecisionTask", domain=_DOMAIN, taskList={"name": "decisions"}, startAtPreviousStartedEvent=True
        )
        if not task.get("taskToken"):
            return False
        seen = len(self._events)
        new = [event for event in self._pages(task) if event["eventId"] > seen]
        self._events += new
        work = DecisionWork(
            RunKey(_DOMAIN, "benchmark", self._run_id),
            task["workflowType"]["name"],
            new,
            task["startedEventId"],
            task["previousStartedEventId"],
        )
        self._tasks.append(work)
        answer = self._engine.decide(work)
        self._call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=list(answer.decisions))
        return answer.closes

    def _pages(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        events = list(task["events"])
        while token := task.get("nextPageToken"):
            task = self._call(
                "PollForDecisionTask", domain=_DOMAIN, taskList={"name": "decisions"}, nextPageToken=token
            )
            events += task["events"]
        return events

    def _work(self) -> bool:
        """Do one activity, if there is one."""
        task = self._call("PollForActivityTask", domain=_DOMAIN, taskList={"name": "work"}, identity="worker")
        if not task.get("taskToken"):
            return False
        [x] = json.loads(task["input"])["args"]
        self._call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result=json.dumps(x + 1))
        return True
