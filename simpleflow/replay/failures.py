"""From a failure to what is done about it: retry, retry later, raise or settle."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import exceptions
from ..activity import RetryPolicy
from ..futures import Future
from ..payloads import codec
from ..task import TaskFailureContext
from .events import as_datetime
from .state import Record

FAILED = frozenset(
    {
        "ActivityTaskFailed",
        "ActivityTaskTimedOut",
        "ActivityTaskCanceled",
        "ScheduleActivityTaskFailed",
        "ChildWorkflowExecutionFailed",
        "ChildWorkflowExecutionTimedOut",
        "ChildWorkflowExecutionCanceled",
        "ChildWorkflowExecutionTerminated",
        "StartChildWorkflowExecutionFailed",
    }
)
REFUSED = frozenset({"ScheduleActivityTaskFailed", "StartChildWorkflowExecutionFailed"})

REGISTER = "register"
WAIT_FOR_CLOSE = "wait for a close"
BACK_OFF = "back off"

#: What is done about a decision that SWF refused; for any other cause the task fails with it.
REMEDIES = {
    "ACTIVITY_TYPE_DOES_NOT_EXIST": REGISTER,
    "WORKFLOW_TYPE_DOES_NOT_EXIST": REGISTER,
    "OPEN_ACTIVITIES_LIMIT_EXCEEDED": WAIT_FOR_CLOSE,
    "OPEN_TIMERS_LIMIT_EXCEEDED": WAIT_FOR_CLOSE,
    "OPEN_CHILDREN_LIMIT_EXCEEDED": WAIT_FOR_CLOSE,
    "OPEN_WORKFLOWS_LIMIT_EXCEEDED": BACK_OFF,
    "ACTIVITY_CREATION_RATE_EXCEEDED": BACK_OFF,
    "CHILD_CREATION_RATE_EXCEEDED": BACK_OFF,
    "TIMER_CREATION_RATE_EXCEEDED": WAIT_FOR_CLOSE,
    "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED": BACK_OFF,
    "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED": BACK_OFF,
}

_STATES = {
    "ActivityTaskFailed": "failed",
    "ActivityTaskTimedOut": "timed_out",
    "ActivityTaskCanceled": "canceled",
    "ScheduleActivityTaskFailed": "schedule_failed",
    "ChildWorkflowExecutionFailed": "failed",
    "ChildWorkflowExecutionTimedOut": "timed_out",
    "ChildWorkflowExecutionCanceled": "canceled",
    "ChildWorkflowExecutionTerminated": "terminated",
    "StartChildWorkflowExecutionFailed": "start_failed",
}

_TIMEOUTS = {
    "START_TO_CLOSE": ("startToCloseTimeout", "executionStartToCloseTimeout"),
    "SCHEDULE_TO_CLOSE": ("scheduleToCloseTimeout",),
    "SCHEDULE_TO_START": ("scheduleToStartTimeout",),
    "HEARTBEAT": ("heartbeatTimeout",),
}


#: Gives the text of a field, also of one that stands outside the history.
Fetch = Callable[[str | None], str | None]


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after ``delay`` seconds; with another input text if that is not None."""

    delay: float = 0.0
    input: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The task has failed. ``raises`` replaces the task's own ``raises_on_failure`` where it is not None."""

    raises: bool | None = None


@dataclass(frozen=True, slots=True)
class Ignore:
    """As if it had succeeded with ``value``."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """As if it had been cancelled."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Another future takes its place."""

    future: Future[Any]


Verdict = Retry | Fail | Ignore | Cancel | Follow


def exception_of(record: Record, fetch: Fetch) -> BaseException:
    """The exception for a record that did not succeed. ``fetch`` gives the text of a field."""
    state = _STATES.get(record.outcome or "")
    attributes = record.attributes
    name = str(record.key[1])
    if state == "timed_out":
        kind = attributes["timeoutType"]
        members = _TIMEOUTS.get(kind, ())
        return exceptions.TimeoutError(kind, next((record.recorded[m] for m in members if m in record.recorded), None))
    if state == "canceled":
        return exceptions.TaskCanceled(fetch(attributes.get("details")))
    if state == "terminated":
        return exceptions.TaskTerminated()
    if "cause" in attributes:
        return exceptions.TaskFailed(name, attributes["cause"])
    return exceptions.TaskFailed(name, fetch(attributes.get("reason")), fetch(attributes.get("details")))


def error_types(exception: BaseException) -> set[str]:
    """The names that a retry policy may list: the class of what happened, and the author's own."""
    names = {type(exception).__name__}
    if isinstance(exception, exceptions.TimeoutError):
        names.add(exception.timeout_type)
    if isinstance(exception, exceptions.TaskFailed):
        told = _told(exception)
        names |= {str(told[key]) for key in ("error", "error_type") if told.get(key)}
    return names


def default_verdict(retry: int | RetryPolicy | None, failures: int, exception: BaseException, seed: str) -> Verdict:
    """What the task's own retry policy says after its ``failures``-th failure."""
    policy = RetryPolicy.of(retry)
    if failures >= policy.attempts or policy.excludes(error_types(exception)):
        return Fail()
    return Retry(policy.delay(failures, random.Random(seed).random()))


class FailedFuture(Future[Any]):
    """The future of a failed attempt as ``on_task_failure`` gets it: it may be given another end."""

    def set_finished(self, value: Any) -> None:
        self._exception = None
        super().set_finished(value)

    def _finish(self, state: str) -> None:
        self._state = state
        self.done = self.ready = True


def failure_context(call: Any, record: Record, run: Any) -> TaskFailureContext:
    """What ``on_task_failure`` is told. Its task is a copy of its own, to edit."""
    exception = exception_of(record, run.fetch_told)
    future = FailedFuture()
    future.set_exception(exception)
    event = _event(record, call.failed_attempts - 1, exception, run)
    context = TaskFailureContext(call.private_task(), event, future, call.exception_class, run.history())
    context.reason = str(exception)
    if isinstance(exception, exceptions.TaskFailed):
        told = _told(exception)
        context.reason = exception.reason
        context.details = told or exception.details
        context.task_error = told.get("error")
        context.task_message = told.get("message")
        context.task_error_type = _known_type(told.get("error_type"))
    return context


def _told(exception: exceptions.TaskFailed) -> dict[str, Any]:
    details = codec.decode(exception.details) if isinstance(exception.details, str) else exception.details
    return details if isinstance(details, dict) else {}


def _known_type(name: Any) -> type[BaseException] | None:
    """An exception class of this process by its dotted name; nothing is imported for it."""
    module, _, qualified = str(name).rpartition(".")
    found = getattr(sys.modules.get(module), qualified, None)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def _event(record: Record, retry: int, exception: BaseException, run: Any) -> dict[str, Any]:
    """The failed attempt in the shape of ``simpleflow.history``."""
    recorded, attributes = record.recorded, record.attributes
    kind = "activity" if "activityId" in recorded else "child_workflow"
    state = _STATES[record.outcome or ""]
    event = {
        "type": kind,
        "id": record.key[1],
        "name": record.type_name,
        "version": (recorded.get("activityType") or recorded.get("workflowType") or {}).get("version"),
        "state": state,
        "scheduled_id" if kind == "activity" else "initiated_event_id": record.event_id,
        "scheduled_timestamp" if kind == "activity" else "initiated_event_timestamp": as_datetime(record.time),
        "input": run.decode(record.input),
        "task_list": (recorded.get("taskList") or {}).get("name"),
        "control": run.decode(recorded.get("control")),
        f"{state}_id": record.outcome_id,
        f"{state}_timestamp": as_datetime(record.outcome_time),
        "retry": retry,
    }
    if attributes.get("startedEventId"):
        event["started_id"] = attributes["startedEventId"]
    for member in ("reason", "details", "cause"):
        if member in attributes:
            event[member] = run.fetch_told(attributes[member])
    if "timeoutType" in attributes:
        event["timeout_type"] = attributes["timeoutType"]
        event["timeout_value"] = getattr(exception, "timeout_value", None)
    return event
