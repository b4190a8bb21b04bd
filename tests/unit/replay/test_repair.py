"""What a repair takes from an old history."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.payloads import codec
from simpleflow.payloads.fields import INLINE
from simpleflow.replay.engine import Engine
from simpleflow.replay.events import ATTRIBUTES
from simpleflow.replay.repair import Repair, Repairing, repairing_of
from simpleflow.replay.work import Decisions, DecisionWork, Event, RunKey
from simpleflow.utils import hex_hash


@activity.with_attributes(name="f", version="1", task_list="own")
def f(x: Any) -> Any: ...


class Child(Workflow):
    name, version, task_list = "child", "1", "own"

    def run(self) -> Any: ...


class Two(Workflow):
    name, version, task_list = "two", "1", "own"

    def run(self) -> Any:
        futures.wait(self.submit(f, 1), self.submit(f, {"a": [2]}), self.submit(Child), self.submit(f, 4))
        self.submit(self.continue_as_new())


def event(number: int, kind: str, **attributes: Any) -> Event:
    return {"eventId": number, "eventTimestamp": 0.0, "eventType": kind, ATTRIBUTES[kind]: attributes}


def scheduled(number: int, activity_id: str, x: Any, version: str = "1") -> Event:
    kind = {"name": "f", "version": version}
    text = codec.encode({"kwargs": {}, "args": [x]})
    return event(number, "ActivityTaskScheduled", activityId=activity_id, activityType=kind, input=text)


OLD = [
    event(1, "WorkflowExecutionStarted", input="{}"),
    scheduled(2, "activity-f-1", 1),
    scheduled(3, "activity-f-2", {"a": [2]}),
    scheduled(4, "activity-f-3", 4),
    event(5, "ActivityTaskCompleted", scheduledEventId=2, startedEventId=2, result="10"),
    event(6, "ActivityTaskFailed", scheduledEventId=3, startedEventId=3),
    scheduled(7, "activity-f-2", {"a": [2]}),
    event(8, "ActivityTaskCompleted", scheduledEventId=7, startedEventId=7, result="20"),
    event(9, "ActivityTaskFailed", scheduledEventId=4, startedEventId=4),
    event(10, "WorkflowExecutionFailed", reason="no"),
]


def decided(old: list[Event], **repairing: Any) -> Decisions:
    told = Repairing("old", "old run", "FAKE-1", **repairing)
    text = codec.encode({"args": [], "kwargs": {}, "__extra": {"class": "c", **told.extra()}})
    kind = {"name": "two", "version": "1"}
    events = [
        event(1, "WorkflowExecutionStarted", input=text, workflowType=kind, taskList={"name": "own"}),
        event(2, "DecisionTaskScheduled"),
        event(3, "DecisionTaskStarted", scheduledEventId=2),
    ]
    asked: list[RunKey] = []

    def history(key: RunKey) -> list[Event]:
        asked.append(key)
        return old

    engine = Engine(lambda name, text: Two, task_list="mine", old_histories=history)
    decisions = engine.decide(DecisionWork(RunKey("d", "new", "new run"), "two", events, 3))
    engine.close()
    assert asked == [RunKey("d", "old", "old run")]
    return decisions


def lists(decisions: Decisions) -> list[str]:
    """The task lists of the three activities."""
    member = "scheduleActivityTaskDecisionAttributes"
    return [d[member]["taskList"]["name"] for d in decisions.decisions if d["decisionType"] == "ScheduleActivityTask"]


def test_what_was_completed_goes_to_the_repairer() -> None:
    assert lists(decided(OLD)) == ["FAKE-1", "FAKE-1", "mine"]


def test_what_is_forced_runs() -> None:
    assert lists(decided(OLD, force="f-[12]$")) == ["mine", "mine", "mine"]
    assert lists(decided(OLD, force="f-1")) == ["mine", "FAKE-1", "mine"]


@pytest.mark.parametrize(
    "first",
    [
        scheduled(2, "activity-f-1", 1.0),
        scheduled(2, "activity-f-1", 1, version="2"),
        scheduled(2, "activity-f-9", 1),
    ],
)
def test_another_input_version_or_id_runs(first: Event) -> None:
    assert lists(decided([OLD[0], first, *OLD[2:]])) == ["mine", "FAKE-1", "mine"]


def test_a_child_is_told_the_old_run_of_its_own() -> None:
    old_prefix = f"workflow-child-old--{hex_hash('old run')}--"
    kind = {"name": "c", "version": "1"}
    old = [
        *OLD[:1],
        event(2, "StartChildWorkflowExecutionInitiated", workflowId=f"{old_prefix}1", workflowType=kind),
        event(
            3,
            "ChildWorkflowExecutionStarted",
            initiatedEventId=2,
            workflowExecution={"workflowId": f"{old_prefix}1", "runId": "child run"},
        ),
    ]
    repair = Repair(Repairing("old", "old run", "FAKE-1", "x"), old)
    mine = Repairing(f"{old_prefix}1", "child run", "FAKE-1", "x")
    assert repair.of_child("workflow-child-new--7--1", "workflow-child-new--7--", "workflow-child", "c") == mine
    assert repair.of_child("workflow-child-new--7--2", "workflow-child-new--7--", "workflow-child", "c") is None
    assert repair.of_child("workflow-child-new--7--1", "workflow-child-new--7--", "workflow-child", "other") is None


def test_what_an_execution_repairs_is_read_from_its_start() -> None:
    told = Repairing("old", "old run", "FAKE-1")
    text = codec.encode({"args": ["repair"], "kwargs": {}, "__extra": told.extra()})
    assert repairing_of(event(1, "WorkflowExecutionStarted", input=text), INLINE) == told
    for other in (
        '{"args":["repair"],"kwargs":{"__extra":1}}',
        '["repair","__extra"]',
        "",
        '{"__extra":{"class":"c"}}',
    ):
        assert repairing_of(event(1, "WorkflowExecutionStarted", input=other), INLINE) is None
