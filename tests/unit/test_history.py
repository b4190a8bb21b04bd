"""The read view of histories: those that Amazon SWF wrote, in short, and what else may stand in one."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest

from simpleflow import history as module
from simpleflow.history import History
from simpleflow.payloads import codec

T0 = 1_700_000_000.5


def at(event_id: int) -> datetime:
    return datetime.fromtimestamp(T0, timezone.utc) + timedelta(seconds=event_id)


def event(event_id: int, kind: str, **attributes: Any) -> dict[str, Any]:
    return {
        "eventId": event_id,
        "eventTimestamp": T0 + event_id,
        "eventType": kind,
        f"{kind[0].lower()}{kind[1:]}EventAttributes": attributes,
    }


WORKFLOW = {"name": "example", "version": "1"}
CHILD_RUN = {"workflowExecution": {"workflowId": "child", "runId": "run-2"}, "workflowType": WORKFLOW}

SHORT: dict[str, tuple[str, dict[str, Any]]] = {
    "WES": (
        "WorkflowExecutionStarted",
        {
            "workflowType": WORKFLOW,
            "taskList": {"name": "decide"},
            "childPolicy": "TERMINATE",
            "parentInitiatedEventId": 0,
            "executionStartToCloseTimeout": "3600",
            "taskStartToCloseTimeout": "300",
            "input": '{"args":[1]}',
            "tagList": ["a", "b"],
        },
    ),
    "DTS": ("DecisionTaskScheduled", {"taskList": {"name": "decide"}}),
    "DTSt": ("DecisionTaskStarted", {}),
    "DTC": ("DecisionTaskCompleted", {}),
    "ATS": (
        "ActivityTaskScheduled",
        {
            "activityType": {"name": "tests.double", "version": "2"},
            "activityId": "double-1",
            "taskList": {"name": "work"},
            "input": '{"args":[1],"kwargs":{}}',
            "control": '{"a":1}',
            "startToCloseTimeout": "300",
            "scheduleToStartTimeout": "100",
            "scheduleToCloseTimeout": "400",
            "heartbeatTimeout": "60",
        },
    ),
    "ATSt": ("ActivityTaskStarted", {"identity": "worker 1"}),
    "ATC": ("ActivityTaskCompleted", {"result": "2"}),
    "Signaled": ("WorkflowExecutionSignaled", {"signalName": "go", "externalInitiatedEventId": 0}),
    "Child": (
        "StartChildWorkflowExecutionInitiated",
        {
            "workflowId": "child",
            "workflowType": WORKFLOW,
            "taskList": {"name": "decide"},
            "childPolicy": "ABANDON",
            "input": '{"args":[]}',
            "executionStartToCloseTimeout": "3600",
            "taskStartToCloseTimeout": "300",
        },
    ),
    "ChildStarted": ("ChildWorkflowExecutionStarted", CHILD_RUN),
    "ChildCompleted": ("ChildWorkflowExecutionCompleted", {**CHILD_RUN, "result": "[1]"}),
    "ChildFailed": ("ChildWorkflowExecutionFailed", {**CHILD_RUN, "reason": "bad", "details": "{}"}),
    "Timer": ("TimerStarted", {"startToFireTimeout": "120"}),
    "Marker": ("MarkerRecorded", {"markerName": "mark"}),
    "CancelRequested": ("WorkflowExecutionCancelRequested", {"externalInitiatedEventId": 0}),
    "Completed": ("WorkflowExecutionCompleted", {"result": '{"n":1}'}),
    "Canceled": ("WorkflowExecutionCanceled", {}),
}

LINKS = {"s": "scheduledEventId", "st": "startedEventId", "d": "decisionTaskCompletedEventId", "i": "initiatedEventId"}


def build(text: str, **more: dict[str, Any]) -> list[dict[str, Any]]:
    """``"WES DTS DTSt:s2 ATS:d4"``: events with their links; ``e5={…}`` replaces attributes of event 5."""
    events = []
    for event_id, item in enumerate(text.split(), 1):
        name, *links = item.split(":")
        kind, attributes = SHORT.get(name, (name, {}))
        attributes = dict(attributes)
        for link in links:
            letters = link.rstrip("0123456789")
            attributes[LINKS[letters]] = int(link[len(letters) :])
        attributes.update(more.get(f"e{event_id}", {}))
        events.append(event(event_id, kind, **attributes))
    return events


START = "WES DTS DTSt:s2 DTC:s2:st3 "


# -- histories that Amazon SWF wrote


def test_close_with_a_running_activity() -> None:
    history = History(
        build(START + "ATS:d4 ATSt:s5 CancelRequested DTS DTSt:s8 DTC:s8:st9 Canceled:d10", e11={"details": "bye"})
    )
    assert history.cancel_requested == {
        "type": "cancel_requested",
        "cause": None,
        "external_initiated_event_id": 0,
        "external_run_id": None,
        "external_workflow_id": None,
        "event_id": 7,
        "timestamp": at(7),
    }
    assert history.cancel_requested_id == 7
    assert history.activities["double-1"]["state"] == "started"
    assert history.workflow["state"] == "canceled"
    assert (history.workflow["details"], history.workflow["canceled_id"]) == ("bye", 11)
    assert (history.started_decision_id, history.completed_decision_id, history.last_event_id) == (9, 10, 11)


def test_events_during_a_decision() -> None:
    history = History(
        build(
            START
            + "ATS:d4 ATSt:s5 CancelRequested DTS DTSt:s8 ATC:s5:st6 DTS DTC:s8:st9 DTSt:s11 DTC:s11:st13 Completed:d14"
        )
    )
    assert history.activities == {
        "double-1": {
            "type": "activity",
            "id": "double-1",
            "name": "tests.double",
            "version": "2",
            "state": "completed",
            "scheduled_id": 5,
            "scheduled_timestamp": at(5),
            "input": {"args": [1], "kwargs": {}},
            "task_list": "work",
            "control": {"a": 1},
            "decision_task_completed_event_id": 4,
            "identity": "worker 1",
            "started_id": 6,
            "started_timestamp": at(6),
            "result": 2,
            "completed_id": 10,
            "completed_timestamp": at(10),
        }
    }
    assert history.workflow == {
        "type": "workflow",
        "name": "example",
        "version": "1",
        "workflow_type": {"name": "example", "version": "1"},
        "execution_start_to_close_timeout": "3600",
        "task_start_to_close_timeout": "300",
        "state": "completed",
        "input": {"args": [1]},
        "task_list": "decide",
        "tag_list": ["a", "b"],
        "child_policy": "TERMINATE",
        "parent_workflow_id": None,
        "parent_run_id": None,
        "continued_execution_run_id": None,
        "started_id": 1,
        "started_timestamp": at(1),
        "result": {"n": 1},
        "completed_id": 15,
        "completed_timestamp": at(15),
    }
    assert (history.started_decision_id, history.completed_decision_id) == (13, 14)


def test_two_activities_in_sequence() -> None:
    history = History(
        build(
            START
            + "ATS:d4 ATSt:s5 ATC:s5:st6 DTS DTSt:s8 DTC ATS:d10 ATSt:s11 ATC:s11:st12 DTS DTSt:s14 DTC Completed:d16",
            e11={"activityId": "double-2"},
            e13={"result": "4"},
        )
    )
    assert [(task["id"], task["result"]) for task in history.tasks] == [("double-1", 2), ("double-2", 4)]
    assert [history.get_event_id(task) for task in history.tasks] == [5, 11]
    assert history.tasks[1] is history.activities["double-2"]
    assert history.get_event_id(history.workflow) == 1


def test_child_completed() -> None:
    history = History(
        build(START + "Child:d4 ChildStarted:i5 DTS DTSt:s7 DTC ChildCompleted:i5:st6 DTS DTSt DTC Completed:d13")
    )
    assert history.child_workflows == {
        "child": {
            "type": "child_workflow",
            "id": "child",
            "name": "example",
            "version": "1",
            "state": "completed",
            "initiated_event_id": 5,
            "initiated_event_timestamp": at(5),
            "raw_input": '{"args":[]}',
            "input": {"args": []},
            "control": None,
            "child_policy": "ABANDON",
            "tag_list": None,
            "task_list": "decide",
            "decision_task_completed_event_id": 4,
            "workflow_id": "child",
            "run_id": "run-2",
            "started_id": 6,
            "started_timestamp": at(6),
            "result": [1],
            "completed_id": 10,
            "completed_timestamp": at(10),
        }
    }
    assert history.tasks == [history.child_workflows["child"]]
    assert history.get_event_id(history.tasks[0]) == 5


def test_child_fails_while_the_parent_decides() -> None:
    history = History(
        build(
            START + "Child:d4 ChildStarted:i5 DTS DTSt:s7 ChildFailed:i5:st6 DTS DTC:s7:st8 DTSt:s10 DTC Completed:d13"
        )
    )
    child = history.child_workflows["child"]
    assert (child["state"], child["reason"], child["details"], child["failed_id"]) == ("failed", "bad", "{}", 9)
    assert child["retry"] == 0


def test_timer_and_cancel() -> None:
    history = History(
        build(
            START + "Timer:d4 Timer:d4 TimerFired:st6 DTS DTSt DTC TimerCanceled:st5:d10 Timer:d10 TimerFired:st12",
            e5={"timerId": "timer 2", "control": "[1]"},
            e6={"timerId": "timer 1", "startToFireTimeout": "2"},
            e7={"timerId": "timer 1"},
            e11={"timerId": "timer 2"},
            e12={"timerId": "_simpleflow_wake_up_timer", "startToFireTimeout": "0"},
            e13={"timerId": "_simpleflow_wake_up_timer"},
        )
    )
    assert history.timers["timer 2"] == {
        "type": "timer",
        "id": "timer 2",
        "state": "canceled",
        "start_to_fire_timeout": 120,
        "control": [1],
        "decision_task_completed_event_id": 4,
        "started_event_id": 5,
        "started_event_timestamp": at(5),
        "canceled_event_id": 11,
        "canceled_event_timestamp": at(11),
        "cancel_decision_task_completed_event_id": 10,
    }
    assert history.timers["timer 1"] == {
        "type": "timer",
        "id": "timer 1",
        "state": "fired",
        "start_to_fire_timeout": 2,
        "control": None,
        "decision_task_completed_event_id": 4,
        "started_event_id": 6,
        "started_event_timestamp": at(6),
        "fired_event_id": 7,
        "fired_event_timestamp": at(7),
    }
    assert [history.get_event_id(timer) for timer in history.timers.values()] == [5, 6, 12]
    assert history.tasks == []


def test_parallel_activities_and_signals() -> None:
    history = History(
        build(
            START + "ATS:d4 ATS:d4 ATSt:s6 ATSt:s5 Signaled DTS DTSt:s10 ATC:s5:st8 DTS DTC:s10:st11 DTSt DTC Signaled",
            e6={"activityId": "double-2"},
            e17={
                "signalName": "go",
                "input": '{"args":[2],"kwargs":{}}',
                "externalInitiatedEventId": 12,
                "externalWorkflowExecution": {"workflowId": "sender", "runId": "run-9"},
            },
        )
    )
    first, last = history.signal_lists["go"]
    assert (first["event_id"], first["input"], first["external_workflow_id"]) == (9, None, None)
    assert last == {
        "type": "signal",
        "name": "go",
        "state": "signaled",
        "external_initiated_event_id": 12,
        "external_run_id": "run-9",
        "external_workflow_id": "sender",
        "input": {"args": [2], "kwargs": {}},
        "event_id": 17,
        "timestamp": at(17),
    }
    assert history.signals == {"go": last}
    assert history.get_signal_events("go") == [first, last]
    assert history.get_signal_events("stop") == [] and list(history.signal_lists) == ["go"]
    activities = history.activities
    assert history.tasks == [activities["double-1"], activities["double-2"], first, last]
    assert [activities[name]["state"] for name in ("double-1", "double-2")] == ["completed", "started"]
    assert history.get_event_id(last) == 17


def test_markers() -> None:
    history = History(
        build(
            START + "Marker:d4 Marker:d4 Marker:d4 RecordMarkerFailed:d4",
            e5={"details": '{"a":1}'},
            e7={"markerName": "other", "details": "not JSON"},
            e8={"markerName": "mark", "cause": "OPERATION_NOT_PERMITTED"},
        )
    )
    assert history.markers["mark"][0] == {
        "type": "marker",
        "name": "mark",
        "state": "recorded",
        "details": {"a": 1},
        "event_id": 5,
        "timestamp": at(5),
    }
    assert [(m["event_id"], m["state"], m["details"]) for m in history.markers["mark"][1:]] == [
        (6, "recorded", None),
        (8, "record_failed", None),
    ]
    assert history.markers["mark"][2]["cause"] == "OPERATION_NOT_PERMITTED"
    assert [m["details"] for m in history.markers["other"]] == ["not JSON"]


def test_failed_activity_without_details() -> None:
    history = History(build(START + "ATS:d4 ATSt:s5 ActivityTaskFailed:s5:st6", e7={"reason": '"error"'}))
    activity = history.activities["double-1"]
    assert (activity["state"], activity["reason"], activity["details"]) == ("failed", '"error"', None)
    assert (activity["retry"], activity["failed_id"], activity["failed_timestamp"]) == (0, 7, at(7))


def test_refused_close_and_an_id_used_again() -> None:
    history = History(
        build(
            START
            + "ATS:d4 ATS:d4 ATSt:s5 ATSt:s6 ATC:s5 DTS DTSt:s10 ATC:s6 DTS DTC:s10:st11 ATS:d14 DTSt:s13 ATSt:s15 "
            "ATC:s15 DTS DTC:s13:st16 CompleteWorkflowExecutionFailed:d20 DTSt:s19",
            e6={"activityId": "Sum2a"},
            e12={"result": "1"},
            e15={"activityId": "Sum2a"},
            e18={"result": "5"},
        )
    )
    used_again = history.activities["Sum2a"]
    assert (used_again["scheduled_id"], used_again["started_id"], used_again["result"]) == (15, 17, 5)
    assert "retry" not in used_again
    assert [task["id"] for task in history.tasks] == ["double-1", "Sum2a"]
    assert history.workflow["state"] == "started"
    assert (history.started_decision_id, history.completed_decision_id) == (22, 20)


def test_an_activity_that_waits_for_a_worker() -> None:
    events = build(
        START
        + "ATS:d4 ATSt:s5 ATC:s5 DTS DTSt:s8 DTC:s8 ATS:d10 ATS:d10 ATSt:s11 ATC:s11 DTS DTSt:s15 DTC:s15 ATSt:s12",
        e11={"activityId": "double-2"},
        e12={"activityId": "double-3"},
    )
    assert History(events[:17]).activities["double-3"]["state"] == "scheduled"
    assert History(events).activities["double-3"]["started_id"] == 18


# -- attempts


def test_retry_counts_failures_and_timeouts_of_one_id() -> None:
    text = START + "ATS:d4 ATSt:s5 ActivityTaskFailed:s5 ATS:d4 ATSt:s8 ActivityTaskTimedOut:s8 ATS:d4 ATSt:s11 ATC:s11"
    events = build(text, e7={"reason": "bad"}, e10={"timeoutType": "HEARTBEAT", "details": "half"})
    seen = [History(events[:n]).activities["double-1"] for n in (6, 7, 8, 10, 11, 13)]
    assert [a["state"] for a in seen] == ["started", "failed", "scheduled", "timed_out", "scheduled", "completed"]
    assert [a.get("retry") for a in seen] == [None, 0, 0, 1, 1, 1]
    assert (seen[3]["timeout_type"], seen[3]["timeout_value"], seen[3]["details"]) == ("HEARTBEAT", "60", "half")
    assert (seen[3]["timed_out_id"], seen[3]["timed_out_timestamp"]) == (10, at(10))
    assert "reason" not in seen[5] and "timed_out_id" not in seen[5]
    assert History(events).tasks == [seen[5]]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("START_TO_CLOSE", "300"),
        ("SCHEDULE_TO_START", "100"),
        ("SCHEDULE_TO_CLOSE", "400"),
        ("HEARTBEAT", "60"),
        ("NEW_ONE", None),
    ],
)
def test_the_value_of_a_timeout(kind: str, value: str | None) -> None:
    history = History(build(START + "ATS:d4 ActivityTaskTimedOut:s5:st0", e6={"timeoutType": kind}))
    assert history.activities["double-1"]["timeout_value"] == value


def test_a_child_that_timed_out_and_is_tried_again() -> None:
    events = build(
        START + "Child:d4 ChildStarted:i5 ChildWorkflowExecutionTimedOut:i5:st6 Child:d4",
        e7={**CHILD_RUN, "timeoutType": "START_TO_CLOSE"},
        e8={"tagList": ["x"]},
    )
    child = History(events[:7]).child_workflows["child"]
    assert (child["state"], child["timeout_value"], child["retry"]) == ("timed_out", "3600", 0)
    again = History(events).child_workflows["child"]
    assert (again["state"], again["initiated_event_id"], again["retry"]) == ("start_initiated", 8, 0)
    assert again["tag_list"] == ["x"] and "run_id" not in again


# -- cancelled and terminated


def test_a_canceled_activity_is_canceled() -> None:
    events = build(
        START + "ATS:d4 ATSt:s5 ActivityTaskCancelRequested:d4 ActivityTaskCanceled:s5:st6",
        e7={"activityId": "double-1"},
        e8={"details": "stopped"},
    )
    asked = History(events[:7]).activities["double-1"]
    assert (asked["state"], asked["cancel_requested_id"]) == ("cancel_requested", 7)
    assert asked["cancel_decision_task_completed_event_id"] == 4
    activity = History(events).activities["double-1"]
    assert (activity["state"], activity["details"], activity["canceled_id"]) == ("canceled", "stopped", 8)
    assert activity["canceled_timestamp"] == at(8)
    assert "retry" not in activity


def test_a_cancel_request_reopens_nothing() -> None:
    history = History(
        build(
            START + "ATS:d4 ATSt:s5 ATC:s5 ActivityTaskCancelRequested:d4 ActivityTaskCancelRequested:d4",
            e8={"activityId": "double-1"},
            e9={"activityId": "unknown"},
        )
    )
    assert {name: a["state"] for name, a in history.activities.items()} == {"double-1": "completed"}


@pytest.mark.parametrize("state", ["canceled", "terminated"])
def test_child_stopped(state: str) -> None:
    kind = f"ChildWorkflowExecution{state.title()}"
    history = History(build(f"{START}Child:d4 ChildStarted:i5 {kind}:i5:st6", e7=CHILD_RUN))
    child = history.child_workflows["child"]
    assert (child["state"], child[f"{state}_id"], child[f"{state}_timestamp"]) == (state, 7, at(7))


@pytest.mark.parametrize(
    ("kind", "attributes", "state", "member", "value"),
    [
        ("Completed", {}, "completed", "result", None),
        ("Failed", {"reason": "bad", "details": "d"}, "failed", "reason", "bad"),
        ("TimedOut", {"timeoutType": "START_TO_CLOSE", "childPolicy": "ABANDON"}, "timed_out", "timeout_value", "3600"),
        (
            "Terminated",
            {"childPolicy": "ABANDON", "cause": "EVENT_LIMIT_EXCEEDED"},
            "terminated",
            "cause",
            "EVENT_LIMIT_EXCEEDED",
        ),
        ("ContinuedAsNew", {"newExecutionRunId": "run-7"}, "continued_as_new", "new_execution_run_id", "run-7"),
    ],
)
def test_how_an_execution_closes(kind: str, attributes: dict[str, Any], state: str, member: str, value: Any) -> None:
    workflow = History(build(f"{START}WorkflowExecution{kind}:d4", e5=attributes)).workflow
    assert (workflow["state"], workflow[f"{state}_id"], workflow[f"{state}_timestamp"]) == (state, 5, at(5))
    assert workflow[member] == value
    assert "retry" not in workflow


def test_with_what_an_execution_was_started() -> None:
    workflow = History(build("WES", e1={"executionStartToCloseTimeout": "60", "taskStartToCloseTimeout": "5"})).workflow
    assert workflow["workflow_type"] == {"name": workflow["name"], "version": workflow["version"]}
    assert (workflow["execution_start_to_close_timeout"], workflow["task_start_to_close_timeout"]) == ("60", "5")


def test_why_an_execution_was_terminated() -> None:
    why = {"reason": "stop", "details": "now", "cause": "OPERATOR_INITIATED"}
    workflow = History(build(START + "WorkflowExecutionTerminated", e5={**why, "childPolicy": "ABANDON"})).workflow
    assert {member: workflow[member] for member in why} == why


def test_a_child_knows_its_parent() -> None:
    parent = {"parentWorkflowExecution": {"workflowId": "p", "runId": "r"}, "continuedExecutionRunId": "before"}
    workflow = History(build("WES", e1=parent)).workflow
    assert (workflow["parent_workflow_id"], workflow["parent_run_id"]) == ("p", "r")
    assert workflow["continued_execution_run_id"] == "before"


def test_cancel_refused() -> None:
    history = History(build(START + "CancelWorkflowExecutionFailed:d4", e5={"cause": "UNHANDLED_DECISION"}))
    assert history.cancel_failed == {
        "type": "cancel_failed",
        "cause": "UNHANDLED_DECISION",
        "event_id": 5,
        "decision_task_completed_event_id": 4,
        "timestamp": at(5),
    }
    assert history.cancel_failed_decision_task_completed_event_id == 4
    assert history.cancel_requested is None and history.cancel_requested_id is None


def test_cancel_requested_by_another_execution() -> None:
    sender = {"workflowId": "boss", "runId": "run-3"}
    history = History(
        build(
            "WES CancelRequested CancelRequested",
            e2={"cause": "CHILD_POLICY_APPLIED"},
            e3={"externalWorkflowExecution": sender, "externalInitiatedEventId": 8},
        )
    )
    request = history.cancel_requested
    assert request is not None
    assert (request["external_workflow_id"], request["external_run_id"]) == ("boss", "run-3")
    assert (request["external_initiated_event_id"], request["cause"], history.cancel_requested_id) == (8, None, 3)
    assert history.cancel_failed_decision_task_completed_event_id is None


# -- refused decisions


def refused(member: str, name: str, **more: Any) -> dict[str, Any]:
    return {member: name, "cause": "SOME_CAUSE", **more}


ACTIVITY_REFUSED = refused("activityId", "double-1", activityType={"name": "tests.double", "version": "2"})


def test_schedule_failed() -> None:
    history = History(build(START + "ScheduleActivityTaskFailed:d4", e5=ACTIVITY_REFUSED))
    assert history.activities == {
        "double-1": {
            "type": "activity",
            "id": "double-1",
            "name": "tests.double",
            "version": "2",
            "state": "schedule_failed",
            "control": None,
            "decision_task_completed_event_id": 4,
            "cause": "SOME_CAUSE",
            "schedule_failed_id": 5,
            "schedule_failed_timestamp": at(5),
        }
    }
    assert history.tasks == [history.activities["double-1"]]
    assert history.get_event_id(history.tasks[0]) == 5


def test_schedule_failed_then_scheduled() -> None:
    history = History(build(START + "ScheduleActivityTaskFailed:d4 ATS:d4", e5=ACTIVITY_REFUSED))
    assert history.activities["double-1"]["state"] == "scheduled"
    assert "cause" not in history.activities["double-1"] and "retry" not in history.activities["double-1"]
    assert len(history.tasks) == 1


def test_a_refusal_hides_no_running_activity() -> None:
    running = History(build(START + "ATS:d4 ScheduleActivityTaskFailed:d4", e6=ACTIVITY_REFUSED))
    assert running.activities["double-1"]["state"] == "scheduled"
    text = START + "ATS:d4 ActivityTaskCancelRequested:d4 ScheduleActivityTaskFailed:d4"
    stopping = History(build(text, e6={"activityId": "double-1"}, e7=ACTIVITY_REFUSED))
    assert stopping.activities["double-1"]["state"] == "cancel_requested"
    ended = History(build(START + "ATS:d4 ActivityTaskFailed:s5 ScheduleActivityTaskFailed:d4", e7=ACTIVITY_REFUSED))
    assert ended.activities["double-1"]["state"] == "schedule_failed"
    assert ended.activities["double-1"]["retry"] == 0


def test_child_that_did_not_start() -> None:
    child = refused("workflowId", "child", workflowType=WORKFLOW, control="[1]")
    history = History(build(START + "StartChildWorkflowExecutionFailed:i0:d4", e5=child))
    assert history.child_workflows["child"] == {
        "type": "child_workflow",
        "id": "child",
        "name": "example",
        "version": "1",
        "state": "start_failed",
        "control": [1],
        "decision_task_completed_event_id": 4,
        "cause": "SOME_CAUSE",
        "start_failed_id": 5,
        "start_failed_timestamp": at(5),
    }
    assert history.get_event_id(history.tasks[0]) == 5


def test_child_refused_after_it_was_initiated() -> None:
    child = refused("workflowId", "child", workflowType=WORKFLOW)
    history = History(build(START + "Child:d4 StartChildWorkflowExecutionFailed:i5:d4", e6=child))
    entry = history.child_workflows["child"]
    assert (entry["state"], entry["cause"], entry["initiated_event_id"]) == ("start_failed", "SOME_CAUSE", 5)
    running = build(START + "Child:d4 ChildStarted:i5 StartChildWorkflowExecutionFailed:i0:d4", e7=child)
    assert History(running).child_workflows["child"]["state"] == "started"
    assert History([*running[:5], running[6]]).child_workflows["child"]["state"] == "start_initiated"
    assert len(History(running).tasks) == 1


def test_timers_that_were_refused() -> None:
    no_start = History(build(START + "StartTimerFailed:d4", e5=refused("timerId", "t")))
    assert no_start.timers["t"] == {
        "type": "timer",
        "id": "t",
        "state": "start_failed",
        "decision_task_completed_event_id": 4,
        "cause": "SOME_CAUSE",
        "start_failed_event_id": 5,
        "start_failed_event_timestamp": at(5),
    }
    no_cancel = History(build(START + "CancelTimerFailed:d4", e5=refused("timerId", "t")))
    assert no_cancel.timers["t"] == {
        "type": "timer",
        "id": "t",
        "state": "cancel_failed",
        "cancel_decision_task_completed_event_id": 4,
        "cause": "SOME_CAUSE",
        "cancel_failed_event_id": 5,
        "cancel_failed_event_timestamp": at(5),
    }
    assert [History.get_event_id(h.timers["t"]) for h in (no_start, no_cancel)] == [5, 5]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Timer StartTimerFailed", "started"),
        ("Timer CancelTimerFailed", "started"),
        ("Timer TimerFired CancelTimerFailed", "fired"),
        ("Timer TimerCanceled StartTimerFailed", "start_failed"),
        ("StartTimerFailed Timer", "started"),
        ("TimerFired", None),
    ],
)
def test_a_refusal_hides_no_timer(text: str, state: str | None) -> None:
    items = text.split()
    more = {f"e{n}": refused("timerId", "t") for n, _ in enumerate(items, 1)}
    history = History(build(" ".join(f"{item}:d0" for item in items), **more))
    assert history.timers.get("t", {}).get("state") == state


# -- signals that were sent


def test_signals_sent() -> None:
    target = {"workflowId": "other", "signalName": "go", "input": "[1]", "control": '"c"'}
    kind = "SignalExternalWorkflowExecutionInitiated"
    history = History(
        build(
            f"{START}{kind}:d4 {kind}:d4 {kind}:d4 ExternalWorkflowExecutionSignaled:i5 "
            "SignalExternalWorkflowExecutionFailed:i6:d4",
            e5=target,
            e6={**target, "runId": "run-5"},
            e7=target,
            e8={"workflowExecution": {"workflowId": "other", "runId": "run-4"}},
            e9={"workflowId": "other", "cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"},
        )
    )
    sent = history.external_workflows_signaling
    assert sent[5] == {
        "type": "external_workflow",
        "id": "other",
        "run_id": "run-4",
        "signal_name": "go",
        "state": "execution_signaled",
        "input": [1],
        "control": "c",
        "initiated_event_id": 5,
        "initiated_event_timestamp": at(5),
        "workflow_id": "other",
        "signaled_event_id": 8,
        "signaled_timestamp": at(8),
    }
    assert (sent[6]["state"], sent[6]["run_id"]) == ("signal_execution_failed", "run-5")
    assert (sent[6]["cause"], sent[6]["signal_failed_event_id"]) == ("UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION", 9)
    assert sent[6]["signal_failed_timestamp"] == at(9)
    assert (sent[7]["state"], sent[7]["run_id"]) == ("signal_execution_initiated", None)
    assert history.signaled_workflows == {"go": [sent[5]]}
    assert history.signals == {} and history.tasks == []


# -- any history


EVENT_TYPES = set(
    botocore.session.get_session().get_service_model("swf").shape_for("HistoryEvent").members["eventType"].enum
)

IGNORED = {
    "CompleteWorkflowExecutionFailed",
    "ContinueAsNewWorkflowExecutionFailed",
    "DecisionTaskScheduled",
    "DecisionTaskTimedOut",
    "ExternalWorkflowExecutionCancelRequested",
    "FailWorkflowExecutionFailed",
    "LambdaFunctionCompleted",
    "LambdaFunctionFailed",
    "LambdaFunctionScheduled",
    "LambdaFunctionStarted",
    "LambdaFunctionTimedOut",
    "RequestCancelActivityTaskFailed",
    "RequestCancelExternalWorkflowExecutionFailed",
    "RequestCancelExternalWorkflowExecutionInitiated",
    "ScheduleLambdaFunctionFailed",
    "StartLambdaFunctionFailed",
}


def required(shape: Any) -> Any:
    """A value of a shape with what botocore's model requires, and nothing else."""
    if shape.type_name == "structure":
        return {member: required(shape.members[member]) for member in shape.required_members}
    return {"string": "1", "long": 1, "integer": 1, "list": []}[shape.type_name]


def smallest(event_id: int, kind: str) -> dict[str, Any]:
    model = botocore.session.get_session().get_service_model("swf")
    return event(event_id, kind, **required(model.shape_for(f"{kind}EventAttributes")))


def test_every_event_type_is_applied_or_known_to_say_nothing() -> None:
    assert len(EVENT_TYPES) == 54
    assert set(module._APPLY) | IGNORED == EVENT_TYPES
    assert set(module._APPLY) & IGNORED == set()


@pytest.mark.parametrize("kind", sorted(EVENT_TYPES))
def test_any_event_with_no_more_than_it_must_have(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    begin = build(START + "ATS:d4 Child:d4 Timer:d4", e7={"timerId": "1"})
    history = History([*begin, smallest(8, kind)])
    assert history.last_event_id == 8
    assert history.activities["double-1"]["state"] == "scheduled"
    assert caplog.records == []


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "event",
        {},
        {"eventId": 6},
        {"eventId": 6, "eventType": "ActivityTaskCompleted"},
        {"eventId": 6, "eventType": "ActivityTaskCompleted", "activityTaskCompletedEventAttributes": None},
        {"eventId": 6, "eventType": ["ActivityTaskCompleted"]},
        event(6, "ActivityTaskCompleted", result="1"),
        event(6, "ActivityTaskCompleted", scheduledEventId=[5]),
        event(6, "ActivityTaskScheduled", activityId="x", activityType=None, taskList=None),
        event(6, "TimerStarted", timerId="t", startToFireTimeout="soon", decisionTaskCompletedEventId=4),
        event(6, "MarkerRecorded", markerName=["m"]),
        {**event(6, "ActivityTaskCompleted", scheduledEventId=5), "eventTimestamp": "yesterday"},
        {**event(6, "ActivityTaskCompleted", scheduledEventId=5), "eventTimestamp": 1e300},
    ],
)
def test_a_malformed_event_hides_no_other(bad: Any, caplog: pytest.LogCaptureFixture) -> None:
    events = build(START + "ATS:d4 DTS ATSt:s5")
    events[5] = bad
    history = History(events)
    assert history.activities["double-1"]["state"] == "started"
    assert history.tasks == [history.activities["double-1"]]
    assert history.timers == {} and history.markers == {} and history.last_event_id == 7
    assert [(record.levelno, record.name) for record in caplog.records] == [(logging.WARNING, "simpleflow.history")]


@pytest.mark.parametrize(
    "stray",
    [
        event(6, "SomethingNew", x=1),
        {"eventId": 6, "eventType": None},
        event(6, "ActivityTaskCompleted", scheduledEventId=77, startedEventId=78),
        event(6, "ActivityTaskStarted", scheduledEventId=77),
        event(6, "ActivityTaskCompleted", scheduledEventId=1, startedEventId=0),
        event(6, "ChildWorkflowExecutionStarted", initiatedEventId=77, **CHILD_RUN),
        event(6, "ChildWorkflowExecutionFailed", initiatedEventId=77, startedEventId=78, **CHILD_RUN),
        event(6, "TimerCanceled", timerId="t", startedEventId=77, decisionTaskCompletedEventId=4),
        event(6, "ExternalWorkflowExecutionSignaled", initiatedEventId=77, workflowExecution={}),
        event(6, "SignalExternalWorkflowExecutionFailed", initiatedEventId=77, cause="C"),
    ],
)
def test_an_event_that_belongs_to_nothing_changes_nothing(
    stray: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    events = build(START + "ATS:d4 DTS ATSt:s5")
    events[5] = stray
    history = History(events)
    assert [a["state"] for a in history.activities.values()] == ["started"]
    assert history.workflow["state"] == "started"
    assert not any([history.child_workflows, history.timers, history.external_workflows_signaling])
    assert caplog.records == []


def test_a_history_that_begins_in_the_middle() -> None:
    history = History(build(START + "ATS:d4 ATSt:s5 ATC:s5 DTS ATS:d4 Completed:d4", e9={"activityId": "double-2"})[5:])
    assert list(history.activities) == ["double-2"]
    assert history.workflow == {}
    assert history.last_event_id == 10


def test_an_empty_history() -> None:
    history = History([])
    assert history.events == [] and history.tasks == [] and history.workflow == {}
    assert (history.started_decision_id, history.completed_decision_id, history.last_event_id) == (None, None, None)
    assert History.get_event_id({}) is None


def test_a_payload_that_cannot_be_read_stays_text() -> None:
    huge = f"[{'9' * 5000}]"
    with pytest.raises(codec.DecodeError):
        codec.decode(huge)
    history = History(build(START + "ATS:d4", e5={"input": huge, "control": "plain text"}))
    activity = history.activities["double-1"]
    assert (activity["input"], activity["control"]) == (huge, "plain text")


def test_times_are_in_utc() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    events = build(START + "ATS:d4 ATSt:s5")
    events[4]["eventTimestamp"] = moment
    events[5]["eventTimestamp"] = 0
    activity = History(events).activities["double-1"]
    assert activity["scheduled_timestamp"] == moment and activity["scheduled_timestamp"].tzinfo is timezone.utc
    assert activity["started_timestamp"] == datetime(1970, 1, 1, tzinfo=timezone.utc)


def test_events_are_those_given() -> None:
    events = build(START)
    assert History(events).events is events and History(events).swf_history is events
    page = SimpleNamespace(events=events)
    assert History(page).events is events and History(page).swf_history is page
    assert History(page).last_event_id == 4
    assert History(tuple(events)).events == events


def test_parsing_waits_until_something_is_asked_for() -> None:
    events = build(START + "ATS:d4 Signaled")
    history = History(events)
    events.append(event(7, "ActivityTaskStarted", scheduledEventId=5))
    activity = history.activities["double-1"]
    assert activity["state"] == "started"
    events.append(event(8, "ActivityTaskCompleted", scheduledEventId=5, startedEventId=7))
    assert history.activities["double-1"] is activity and activity["state"] == "started"
    history.parse()
    assert history.activities["double-1"]["state"] == "completed"
    assert len(history.tasks) == 2 and len(history.signal_lists["go"]) == 1


def test_the_last_decision_is_found_without_parsing() -> None:
    class Event(dict[str, Any]):
        read = 0

        def get(self, key: str, default: Any = None) -> Any:
            Event.read += 1
            return super().get(key, default)

        def __getitem__(self, key: str) -> Any:
            Event.read += 1
            return super().__getitem__(key)

    events: list[Any] = [Event(e) for e in build(START + "Signaled " * 400 + "DTS DTSt:s405 DTC:s405:st406")]
    history = History([*events, None, {"eventType": "DecisionTaskStarted"}])
    started, completed = history.started_decision_id, history.completed_decision_id
    assert Event.read < 200
    history.parse()
    assert (history.started_decision_id, history.completed_decision_id) == (started, completed)
    assert started is not None and completed is not None


def test_the_events_are_not_changed() -> None:
    events = build(START + "ATS:d4 Child:d4", e6={"tagList": ["x"]})
    history = History(events)
    history.child_workflows["child"]["tag_list"].append("y")
    history.workflow["tag_list"].append("c")
    history.activities["double-1"]["input"]["args"].append(2)
    assert events == build(START + "ATS:d4 Child:d4", e6={"tagList": ["x"]})


def test_what_stands_outside_shows_as_its_reference() -> None:
    reference = "simpleflow+s3://bucket/prefix/5d7191af-3962-4c67-997a-cdd39a31ba61 5242880"
    kind, members = SHORT["ATS"]
    members = {**members, "decisionTaskCompletedEventId": 1}
    inside = {**members, "input": f'simpleflow+json:{{"args":["{reference}",1],"kwargs":{{}}}}'}
    for given, seen in (({**members, "input": reference}, reference), (inside, {"args": [reference, 1], "kwargs": {}})):
        history = History([event(1, kind, **given)])
        assert history.activities["double-1"]["input"] == seen
    outside = History([event(1, "MarkerRecorded", markerName="m", details=reference, decisionTaskCompletedEventId=1)])
    assert outside.markers["m"][0]["details"] == reference
