"""The events of a history: how one is made, and which of them wake the decider or close the run."""

from __future__ import annotations

import json
from typing import Any

import orjson

Attributes = dict[str, Any]


class Event(dict[str, Any]):
    """One event as SWF sends it: eventId, eventTimestamp (seconds), eventType and one member with the attributes.

    Nobody changes it once it is made, so its JSON is made once, when it is first asked for.
    """

    __slots__ = ("_wire",)

    _wire: bytes

    def wire(self) -> bytes:
        """The event as compact JSON."""
        try:
            return self._wire
        except AttributeError:
            # A copy: orjson answers with a buffer of several kilobytes, however short the text in it.
            self._wire = b"%b" % to_json(self)
            return self._wire


def to_json(value: object) -> bytes:
    """Compact JSON; text that is not valid Unicode (lone surrogates) is written escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


#: The statuses of closed runs, by the event that closes them.
CLOSING = {
    "WorkflowExecutionCompleted": "COMPLETED",
    "WorkflowExecutionFailed": "FAILED",
    "WorkflowExecutionCanceled": "CANCELED",
    "WorkflowExecutionTerminated": "TERMINATED",
    "WorkflowExecutionContinuedAsNew": "CONTINUED_AS_NEW",
    "WorkflowExecutionTimedOut": "TIMED_OUT",
}

#: A decision task is scheduled after each of these, unless one waits already.
TRIGGERS = frozenset(
    {
        "WorkflowExecutionStarted",
        "WorkflowExecutionCancelRequested",
        "WorkflowExecutionSignaled",
        "ContinueAsNewWorkflowExecutionFailed",
        "DecisionTaskTimedOut",
        "ScheduleActivityTaskFailed",
        "ActivityTaskCompleted",
        "ActivityTaskFailed",
        "ActivityTaskTimedOut",
        "ActivityTaskCanceled",
        "RequestCancelActivityTaskFailed",
        "StartTimerFailed",
        "TimerFired",
        "CancelTimerFailed",
        "RecordMarkerFailed",
        "StartChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionStarted",
        "ChildWorkflowExecutionCompleted",
        "ChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionCanceled",
        "ChildWorkflowExecutionTimedOut",
        "ChildWorkflowExecutionTerminated",
        "ExternalWorkflowExecutionSignaled",
        "SignalExternalWorkflowExecutionFailed",
        "ExternalWorkflowExecutionCancelRequested",
        "RequestCancelExternalWorkflowExecutionFailed",
        "LambdaFunctionCompleted",
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "ScheduleLambdaFunctionFailed",
        "StartLambdaFunctionFailed",
    }
)

#: Neither trigger nor close.
QUIET = frozenset(
    {
        "CompleteWorkflowExecutionFailed",
        "FailWorkflowExecutionFailed",
        "CancelWorkflowExecutionFailed",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
        "DecisionTaskCompleted",
        "ActivityTaskScheduled",
        "ActivityTaskStarted",
        "ActivityTaskCancelRequested",
        "TimerStarted",
        "TimerCanceled",
        "MarkerRecorded",
        "StartChildWorkflowExecutionInitiated",
        "SignalExternalWorkflowExecutionInitiated",
        "RequestCancelExternalWorkflowExecutionInitiated",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
    }
)

#: The name of the member that holds the attributes, by event type.
ATTRIBUTES = {
    name: name[0].lower() + name[1:] + "EventAttributes" for name in sorted(TRIGGERS | QUIET | frozenset(CLOSING))
}


def make_event(event_id: int, at_ms: int, event_type: str, attributes: Attributes) -> Event:
    event = Event()
    event["eventId"] = event_id
    event["eventTimestamp"] = at_ms / 1000
    event["eventType"] = event_type
    event[ATTRIBUTES[event_type]] = attributes
    return event


def attributes_of(event: Event) -> Attributes:
    found: Attributes = event[ATTRIBUTES[event["eventType"]]]
    return found


def started_task(event: Event) -> int:
    """The scheduledEventId in an event that says a task has started."""
    found: int = attributes_of(event)["scheduledEventId"]
    return found


def event_ms(event: Event) -> int:
    """The timestamp in milliseconds."""
    seconds: float = event["eventTimestamp"]
    return round(seconds * 1000)


def given(source: Attributes, names: tuple[str, ...]) -> Attributes:
    """The members `names` of `source` that have a value; SWF leaves out what is not set."""
    return {name: value for name in names if (value := source.get(name)) is not None}
