"""Events of a history: their names, and how a history is cut into the batches that decisions saw.

Decision k saw the events up to and including ``DecisionTaskStarted(k)``. What was written while it was being made came
to the next one. Decision tasks that were never completed (timed out, or not started at all) cut nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

from .work import Event

EVENT_TYPES = (
    "ActivityTaskCancelRequested",
    "ActivityTaskCanceled",
    "ActivityTaskCompleted",
    "ActivityTaskFailed",
    "ActivityTaskScheduled",
    "ActivityTaskStarted",
    "ActivityTaskTimedOut",
    "CancelTimerFailed",
    "CancelWorkflowExecutionFailed",
    "ChildWorkflowExecutionCanceled",
    "ChildWorkflowExecutionCompleted",
    "ChildWorkflowExecutionFailed",
    "ChildWorkflowExecutionStarted",
    "ChildWorkflowExecutionTerminated",
    "ChildWorkflowExecutionTimedOut",
    "CompleteWorkflowExecutionFailed",
    "ContinueAsNewWorkflowExecutionFailed",
    "DecisionTaskCompleted",
    "DecisionTaskScheduled",
    "DecisionTaskStarted",
    "DecisionTaskTimedOut",
    "ExternalWorkflowExecutionCancelRequested",
    "ExternalWorkflowExecutionSignaled",
    "FailWorkflowExecutionFailed",
    "LambdaFunctionCompleted",
    "LambdaFunctionFailed",
    "LambdaFunctionScheduled",
    "LambdaFunctionStarted",
    "LambdaFunctionTimedOut",
    "MarkerRecorded",
    "RecordMarkerFailed",
    "RequestCancelActivityTaskFailed",
    "RequestCancelExternalWorkflowExecutionFailed",
    "RequestCancelExternalWorkflowExecutionInitiated",
    "ScheduleActivityTaskFailed",
    "ScheduleLambdaFunctionFailed",
    "SignalExternalWorkflowExecutionFailed",
    "SignalExternalWorkflowExecutionInitiated",
    "StartChildWorkflowExecutionFailed",
    "StartChildWorkflowExecutionInitiated",
    "StartLambdaFunctionFailed",
    "StartTimerFailed",
    "TimerCanceled",
    "TimerFired",
    "TimerStarted",
    "WorkflowExecutionCancelRequested",
    "WorkflowExecutionCanceled",
    "WorkflowExecutionCompleted",
    "WorkflowExecutionContinuedAsNew",
    "WorkflowExecutionFailed",
    "WorkflowExecutionSignaled",
    "WorkflowExecutionStarted",
    "WorkflowExecutionTerminated",
    "WorkflowExecutionTimedOut",
)

#: The member that holds the attributes of an event type.
ATTRIBUTES = {name: f"{name[0].lower()}{name[1:]}EventAttributes" for name in EVENT_TYPES}

CLOSING = {
    "WorkflowExecutionCanceled": "CancelWorkflowExecution",
    "WorkflowExecutionCompleted": "CompleteWorkflowExecution",
    "WorkflowExecutionContinuedAsNew": "ContinueAsNewWorkflowExecution",
    "WorkflowExecutionFailed": "FailWorkflowExecution",
    "WorkflowExecutionTerminated": None,
    "WorkflowExecutionTimedOut": None,
}


class Batch(NamedTuple):
    """The new events of one decision; ``started`` is its DecisionTaskStarted, ``time`` that event's timestamp."""

    events: Sequence[Event]
    started: int
    time: float | datetime


_TYPE = itemgetter("eventType")


def of_type(events: Sequence[Event], event_type: str) -> Iterable[Event]:
    """The events of one type. It looks at every event of a history, at the speed of C."""
    return compress(events, map(event_type.__eq__, map(_TYPE, events)))


def split(events: Sequence[Event], started_event_id: int) -> list[Batch]:
    """The batches of a history from its first given event, the last one ending with ``started_event_id``."""
    first = events[0]["eventId"]
    completed = of_type(events, "DecisionTaskCompleted")
    ends = [event["decisionTaskCompletedEventAttributes"]["startedEventId"] for event in completed]
    if ends and ends[0] < first:  # of a decision task that started before the given events
        del ends[0]
    if not ends or ends[-1] != started_event_id:
        ends.append(started_event_id)
    batches = []
    begin = 0
    for end in ends:
        stop = end - first + 1
        batches.append(Batch(events[begin:stop], end, events[stop - 1]["eventTimestamp"]))
        begin = stop
    return batches


def as_datetime(timestamp: float | datetime) -> datetime:
    """A wire timestamp (seconds) or one that boto3 has parsed, in UTC."""
    if isinstance(timestamp, datetime):
        return timestamp.astimezone(timezone.utc)
    return datetime.fromtimestamp(timestamp, timezone.utc)
