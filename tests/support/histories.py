"""Histories written by hand, for what the service core never says."""

from __future__ import annotations

import json
from typing import Any

from simpleflow.replay.engine import Engine
from simpleflow.replay.limits import Limits
from simpleflow.replay.work import Decisions, DecisionWork, RunKey

KEY = RunKey("test", "root", "run")


class Written:
    """``add`` numbers an event; ``decide`` starts a decision task and asks a fresh engine; ``decided`` completes it."""

    def __init__(self, workflow: type[Any], *args: Any, **members: Any) -> None:
        self.workflow = workflow
        self.events: list[dict[str, Any]] = []
        self.started = self.previous = 0
        self.add(
            "WorkflowExecutionStarted",
            input=json.dumps({"args": args, "kwargs": {}}),
            workflowType={"name": workflow.name, "version": "1"},
            taskList={"name": "decisions"},
            executionStartToCloseTimeout="100",
            taskStartToCloseTimeout="10",
            childPolicy="TERMINATE",
            parentInitiatedEventId=0,
            **members,
        )

    def add(self, event_type: str, **attributes: Any) -> int:
        member = f"{event_type[0].lower()}{event_type[1:]}EventAttributes"
        number = len(self.events) + 1
        event = {"eventId": number, "eventTimestamp": 1_000.0 + number, "eventType": event_type, member: attributes}
        self.events.append(event)
        return number

    def begin(self) -> int:
        scheduled = self.add("DecisionTaskScheduled", taskList={"name": "decisions"})
        self.previous, self.started = self.started, self.add("DecisionTaskStarted", scheduledEventId=scheduled)
        return self.started

    def end(self, **attributes: Any) -> int:
        """The decision task is completed; the id for ``decisionTaskCompletedEventId``."""
        return self.add("DecisionTaskCompleted", startedEventId=self.started, scheduledEventId=0, **attributes)

    def work(self, first: int = 1) -> DecisionWork:
        return DecisionWork(KEY, self.workflow.name, self.events[first - 1 :], self.started, self.previous)

    def decide(self, engine: Engine | None = None, limits: Limits | None = None) -> Decisions:
        self.begin()
        return (engine or self.engine(limits)).decide(self.work())

    def engine(self, limits: Limits | None = None) -> Engine:
        return Engine(lambda *_: self.workflow, limits)

    def scheduled(self, activity: Any, number: int, input: Any, **attributes: Any) -> int:
        return self.add(
            "ActivityTaskScheduled",
            activityId=f"activity-{activity.name}-{number}",
            activityType={"name": activity.name, "version": str(activity.version)},
            input=input if isinstance(input, str) else json.dumps({"args": input, "kwargs": {}}),
            decisionTaskCompletedEventId=0,
            **attributes,
        )

    def refused(self, activity: Any, number: int, cause: str) -> int:
        return self.add(
            "ScheduleActivityTaskFailed",
            activityId=f"activity-{activity.name}-{number}",
            activityType={"name": activity.name, "version": str(activity.version)},
            cause=cause,
            decisionTaskCompletedEventId=0,
        )

    def completed(self, scheduled: int, result: Any = None) -> int:
        return self.add(
            "ActivityTaskCompleted", scheduledEventId=scheduled, startedEventId=0, result=json.dumps(result)
        )

    def failed(self, scheduled: int, reason: str = "broken") -> int:
        return self.add("ActivityTaskFailed", scheduledEventId=scheduled, startedEventId=0, reason=reason)


def kinds(decisions: Decisions) -> list[str]:
    return [wire["decisionType"] for wire in decisions.decisions]


def given(wire: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a decision."""
    (found,) = (value for key, value in wire.items() if key != "decisionType")
    return dict(found)
