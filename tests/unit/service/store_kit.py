"""A service on a database for the tests of the store: one domain, a decider and a worker by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simpleflow.service.core import Snapshot
from simpleflow.service.database import Database
from simpleflow.service.durable import Durable

START_MS = 1_700_000_000_000
WORKFLOW = {"name": "workflow", "version": "1"}
ACTIVITY = {"name": "activity", "version": "1"}
LIST = {"name": "list"}


class Rig:
    """A durable service at `path` whose clock is `now_ms`; every call is flushed unless `hold` is set."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_ms = START_MS
        self.told: list[tuple[str, str, str, str]] = []
        self.open()

    def open(self) -> None:
        self.database = Database(self.path)
        listener = lambda *name: self.told.append(name)  # noqa: E731
        self.is_open = True
        self.durable = Durable(self.database, on_task_available=listener, synchronous="OFF")

    def restart(self) -> None:
        """As after a kill: nothing is written that was not flushed."""
        self.close()
        self.open()

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.durable.close()
            self.database.close()

    def held(self, operation: str, **request: Any) -> dict[str, Any]:
        """A call that is not flushed."""
        return self.durable.call(operation, request, self.now_ms, "us-east-1")

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        answer = self.held(operation, **request)
        self.durable.flush(self.now_ms)
        return answer

    def snapshot(self) -> Snapshot:
        return self.durable.service.snapshot()

    # -- the usual calls -----------------------------------------------------------------------------

    def register(self, retention: str = "1") -> None:
        self.call("RegisterDomain", name="domain", workflowExecutionRetentionPeriodInDays=retention)
        self.call(
            "RegisterWorkflowType",
            domain="domain",
            **WORKFLOW,
            defaultTaskList=LIST,
            defaultChildPolicy="TERMINATE",
            defaultExecutionStartToCloseTimeout="3600",
            defaultTaskStartToCloseTimeout="60",
        )
        timeouts = ("ScheduleToStart", "ScheduleToClose", "StartToClose")
        defaults = {f"defaultTask{name}Timeout": "300" for name in timeouts}
        self.call(
            "RegisterActivityType",
            domain="domain",
            **ACTIVITY,
            defaultTaskList=LIST,
            defaultTaskHeartbeatTimeout="30",
            **defaults,
        )

    def start(self, workflow_id: str, **settings: Any) -> str:
        answer = self.call(
            "StartWorkflowExecution", domain="domain", workflowId=workflow_id, workflowType=WORKFLOW, **settings
        )
        return str(answer["runId"])

    def poll_decision(self) -> dict[str, Any]:
        return self.call("PollForDecisionTask", domain="domain", taskList=LIST, identity="decider")

    def decide(self, *decisions: dict[str, Any]) -> None:
        token = self.poll_decision()["taskToken"]
        self.call("RespondDecisionTaskCompleted", taskToken=token, decisions=list(decisions))

    def poll_activity(self) -> dict[str, Any]:
        return self.call("PollForActivityTask", domain="domain", taskList=LIST, identity="worker")

    def history(self, workflow_id: str, run_id: str) -> list[dict[str, Any]]:
        execution = {"workflowId": workflow_id, "runId": run_id}
        events: list[dict[str, Any]] = self.call("GetWorkflowExecutionHistory", domain="domain", execution=execution)[
            "events"
        ]
        return events

    def run_through(self, workflow_id: str, **settings: Any) -> str:
        """A run from start to close."""
        run_id = self.start(workflow_id, **settings)
        self.decide(COMPLETE)
        return run_id

    def list_closed(self) -> list[str]:
        """Their workflow ids, the newest first. Whoever asks has them filed."""
        listed = self.call("ListClosedWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
        return [info["execution"]["workflowId"] for info in listed["executionInfos"]]


def schedule(activity_id: str) -> dict[str, Any]:
    attributes = {"activityType": ACTIVITY, "activityId": activity_id}
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}


def timer(timer_id: str, seconds: str) -> dict[str, Any]:
    attributes = {"timerId": timer_id, "startToFireTimeout": seconds}
    return {"decisionType": "StartTimer", "startTimerDecisionAttributes": attributes}


COMPLETE = {"decisionType": "CompleteWorkflowExecution"}
