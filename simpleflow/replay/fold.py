"""How each type of event changes the state: one small function each, in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..payloads import codec
from . import state as s
from .events import ATTRIBUTES
from .state import ExecutionState, MarkerEvent, Record, Signal
from .work import Event

Attributes = dict[str, Any]
Apply = Callable[[ExecutionState, Event, Attributes], None]

_EVENT_BYTES = 600  # about, in memory

#: The function for an event type, and the member that holds the event's attributes.
APPLY: dict[str, tuple[Apply, str]] = {}

#: Nothing that a program can see follows from these. Lambda functions are not offered by the library.
IGNORED = frozenset(
    {
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
        "DecisionTaskTimedOut",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionCompleted",
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "ScheduleLambdaFunctionFailed",
        "StartLambdaFunctionFailed",
        "WorkflowExecutionCanceled",
        "WorkflowExecutionCompleted",
        "WorkflowExecutionContinuedAsNew",
        "WorkflowExecutionFailed",
        "WorkflowExecutionTerminated",
        "WorkflowExecutionTimedOut",
    }
)


def fold(state: ExecutionState, events: Sequence[Event]) -> None:
    """Apply the events of a batch."""
    state.recorded, state.started, state.ended, state.unsettled = [], [], [], []
    for event in events:
        entry = APPLY.get(event["eventType"])
        if entry is not None:
            apply, member = entry
            apply(state, event, event[member])
    if events:
        state.last_event_id = events[-1]["eventId"]
        state.weight += _EVENT_BYTES * len(events)


def applies(*event_types: str) -> Callable[[Apply], Apply]:
    def register(function: Apply) -> Apply:
        for event_type in event_types:
            APPLY[event_type] = (function, ATTRIBUTES[event_type])
        return function

    return register


# -- decisions that were carried out


def _record(state: ExecutionState, record: Record) -> Record:
    if record.input is not None:
        state.weight += len(record.input)
    state.records[record.event_id] = record
    state.recorded.append(record)
    return record


@applies("ActivityTaskScheduled")
def _activity_scheduled(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    name = attributes["activityId"]
    record = Record((s.ACTIVITY, name), event, attributes, attributes["activityType"]["name"], attributes.get("input"))
    state.open[s.ACTIVITY][record.event_id] = record
    _record(state, record)


@applies("StartChildWorkflowExecutionInitiated")
def _child_initiated(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    name = attributes["workflowId"]
    record = Record((s.CHILD, name), event, attributes, attributes["workflowType"]["name"], attributes.get("input"))
    state.open[s.CHILD][record.event_id] = record
    _record(state, record)


@applies("TimerStarted")
def _timer_started(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    name = attributes["timerId"]
    record = Record((s.TIMER, name), event, attributes)
    state.open[s.TIMER][record.event_id] = record
    state.timers[name] = record
    _record(state, record)


@applies("MarkerRecorded")
def _marker_recorded(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    name, details = attributes["markerName"], attributes.get("details")
    state.markers.append(MarkerEvent(name, details, event["eventId"], event["eventTimestamp"]))
    record = _record(state, Record((s.MARKER, name), event, attributes, input=details))
    _end(state, record, event, attributes)


@applies("SignalExternalWorkflowExecutionInitiated")
def _signal_initiated(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    _record(state, Record(_signal_key(attributes), event, attributes, input=attributes.get("input")))


def _signal_key(attributes: Attributes) -> s.Key:
    control = attributes.get("control") or ""
    if control.startswith(s.PROPAGATED):
        return (s.PROPAGATED, (control, attributes["workflowId"]))
    return (s.SIGNAL, (attributes["workflowId"], attributes.get("runId"), attributes.get("signalName")))


@applies("RequestCancelExternalWorkflowExecutionInitiated")
def _cancel_child_initiated(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    _record(state, Record((s.CANCEL_CHILD, attributes["workflowId"]), event, attributes))


@applies("ActivityTaskCancelRequested")
def _cancel_activity_requested(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    record = _record(state, Record((s.CANCEL_ACTIVITY, attributes["activityId"]), event, attributes))
    _end(state, record, event, attributes)


@applies("TimerCanceled")
def _timer_canceled(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    record = _record(state, Record((s.CANCEL_TIMER, attributes["timerId"]), event, attributes))
    _close(state, attributes["startedEventId"], event, attributes)
    _end(state, record, event, attributes)


# -- decisions that were refused: the event is record and outcome at once

_REFUSED: dict[str, tuple[str, str, str | None]] = {
    "ScheduleActivityTaskFailed": (s.ACTIVITY, "activityId", "activityType"),
    "StartTimerFailed": (s.TIMER, "timerId", None),
    "CancelTimerFailed": (s.CANCEL_TIMER, "timerId", None),
    "RecordMarkerFailed": (s.MARKER, "markerName", None),
    "RequestCancelActivityTaskFailed": (s.CANCEL_ACTIVITY, "activityId", None),
}


@applies(*_REFUSED)
def _refused(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    kind, member, type_member = _REFUSED[event["eventType"]]
    type_name = attributes[type_member]["name"] if type_member else None
    record = _record(state, Record((kind, attributes[member]), event, attributes, type_name))
    _end(state, record, event, attributes)


@applies("StartChildWorkflowExecutionFailed")
def _child_refused(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    if attributes["initiatedEventId"]:
        _close(state, attributes["initiatedEventId"], event, attributes)
        return
    key = (s.CHILD, attributes["workflowId"])
    record = _record(state, Record(key, event, attributes, attributes["workflowType"]["name"]))
    _end(state, record, event, attributes)


@applies("SignalExternalWorkflowExecutionFailed")
def _signal_failed(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    _close_or_refuse(state, event, attributes, _signal_key(attributes))


@applies("RequestCancelExternalWorkflowExecutionFailed")
def _cancel_child_failed(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    _close_or_refuse(state, event, attributes, (s.CANCEL_CHILD, attributes["workflowId"]))


def _close_or_refuse(state: ExecutionState, event: Event, attributes: Attributes, key: s.Key) -> None:
    """What was initiated failed; or nothing was initiated, for want of permission say."""
    if attributes["initiatedEventId"]:
        _close(state, attributes["initiatedEventId"], event, attributes)
    else:
        _end(state, _record(state, Record(key, event, attributes)), event, attributes)


# -- what became of them


def _end(state: ExecutionState, record: Record, event: Event, attributes: Attributes) -> None:
    record.outcome = event["eventType"]
    record.outcome_id = event["eventId"]
    record.outcome_time = event["eventTimestamp"]
    record.attributes = attributes
    state.ended.append(record)
    if record.outcome not in s.SUCCEEDED:
        state.unsettled.append(record)
    elif "result" in attributes:
        state.weight += len(attributes["result"])


#: Where the event of an end names the event that recorded what has ended.
_ENDS = {
    **dict.fromkeys(
        ("ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "ActivityTaskCanceled"),
        "scheduledEventId",
    ),
    **dict.fromkeys(
        (
            "ChildWorkflowExecutionCompleted",
            "ChildWorkflowExecutionFailed",
            "ChildWorkflowExecutionTimedOut",
            "ChildWorkflowExecutionCanceled",
            "ChildWorkflowExecutionTerminated",
            "ExternalWorkflowExecutionSignaled",
            "ExternalWorkflowExecutionCancelRequested",
        ),
        "initiatedEventId",
    ),
    "TimerFired": "startedEventId",
}


@applies(*_ENDS)
def _ended(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    _close(state, attributes[_ENDS[event["eventType"]]], event, attributes)


def _close(state: ExecutionState, event_id: int, event: Event, attributes: Attributes) -> None:
    """The end of what the event ``event_id`` recorded."""
    record = state.records.get(event_id)
    if record is not None and record.outcome is None:
        counted = state.open.get(record.key[0])
        if counted is not None:
            del counted[event_id]
        _end(state, record, event, attributes)


@applies("ActivityTaskStarted")
def _activity_started(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    record = state.records.get(attributes["scheduledEventId"])
    if record is not None:
        state.started.append(record)


@applies("ChildWorkflowExecutionStarted")
def _child_started(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    record = state.records.get(attributes["initiatedEventId"])
    if record is not None:
        record.run_id = attributes["workflowExecution"]["runId"]
        state.started.append(record)


# -- the execution itself


@applies("WorkflowExecutionStarted")
def _execution_started(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    state.execution = attributes


@applies("WorkflowExecutionSignaled")
def _signaled(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    sender = (attributes.get("externalWorkflowExecution") or {}).get("workflowId")
    name = attributes["signalName"]
    if name == s.INTERRUPTED:
        try:
            events = codec.decode(attributes.get("input"))
        except codec.DecodeError:  # anybody may send a signal
            return
        if isinstance(events, list):
            state.interrupted.update(event for event in events if isinstance(event, int))
        return
    signal = Signal(name, event["eventId"], event["eventTimestamp"], attributes.get("input"), sender, attributes)
    state.signals[name].append(signal)
    state.ended.append(signal)


@applies("WorkflowExecutionCancelRequested")
def _cancel_requested(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    state.cancel_requested = True


@applies("DecisionTaskCompleted")
def _decision_completed(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    if "executionContext" in attributes:
        state.context = attributes["executionContext"]


@applies(
    "CompleteWorkflowExecutionFailed",
    "FailWorkflowExecutionFailed",
    "CancelWorkflowExecutionFailed",
    "ContinueAsNewWorkflowExecutionFailed",
)
def _close_refused(state: ExecutionState, event: Event, attributes: Attributes) -> None:
    state.close_refused = attributes["cause"]
