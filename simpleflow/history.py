"""``History``: what an execution's history says of its tasks, for hooks and the command line.

Everything is a plain dict whose ``state`` is the last that the history tells: ``history.activities["id"]["state"]``.
A task that was tried again keeps its entry, which then describes the latest attempt; only ``retry`` counts on.

Each state that an entry has been in leaves ``<state>_id`` (of the event) and ``<state>_timestamp`` (UTC). Two older
conventions are kept: a timer and a child's initiation have ``<state>_event_id`` and ``<state>_event_timestamp``, what
happens only once (signal, marker, cancel request) has ``event_id`` and ``timestamp``. ``input``, ``control``,
``result`` and markers' ``details`` are decoded, with a reference in the place of what stands outside the history;
``reason`` and ``details`` of an ending are the recorded text.

A decision that Amazon SWF refused shows as the state of an entry only where it hides nothing: a timer that goes on
running while a second one of its id was refused is still ``started``.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from .log import Payload
from .payloads import codec, nested

__all__ = ["History"]

logger = logging.getLogger(__name__)

Event = dict[str, Any]
Attributes = dict[str, Any]
Entry = dict[str, Any]


class History:
    """The read view of a history; it is parsed when something of it is first asked for.

    ``swf_history`` is a list of wire events, or an object with such a list as ``events``. Events that are unknown or
    malformed are passed over, the latter with a warning.
    """

    def __init__(self, swf_history: Any) -> None:
        self._swf_history = swf_history
        self._parsed: _View | None = None

    def parse(self) -> None:
        """Parse all events again, those included that have been added to the list since."""
        self._parsed = _View(self.events)

    @property
    def _view(self) -> _View:
        if self._parsed is None:
            self._parsed = _View(self.events)
        return self._parsed

    @property
    def swf_history(self) -> Any:
        return self._swf_history

    @property
    def events(self) -> list[Event]:
        """The wire events."""
        events = getattr(self._swf_history, "events", self._swf_history)
        return events if isinstance(events, list) else list(events)

    @property
    def workflow(self) -> Entry:
        """The execution itself; empty where event 1 is missing. Its states: started, completed, failed, timed_out,
        canceled, terminated, continued_as_new.
        """
        execution = self._view.execution
        return execution[0] if execution else {}

    @property
    def activities(self) -> dict[str, Entry]:
        """By activity id. States: scheduled, schedule_failed, started, cancel_requested, completed, failed, timed_out,
        canceled. ``retry`` is 0 at the first failure or timeout.
        """
        return self._view.activities

    @property
    def child_workflows(self) -> dict[str, Entry]:
        """By workflow id. States: start_initiated, start_failed, started, completed, failed, timed_out, canceled,
        terminated. ``retry`` as for activities.
        """
        return self._view.child_workflows

    @property
    def external_workflows_signaling(self) -> dict[int, Entry]:
        """Signals sent, by the id of the event that initiated them. States: signal_execution_initiated,
        signal_execution_failed, execution_signaled.
        """
        return self._view.external_workflows_signaling

    @property
    def signaled_workflows(self) -> defaultdict[str, list[Entry]]:
        """Signals sent and delivered, by the name of the signal."""
        return self._view.signaled_workflows

    @property
    def signals(self) -> dict[str, Entry]:
        """The latest signal received of each name."""
        return self._view.signals

    @property
    def signal_lists(self) -> defaultdict[str, list[Entry]]:
        """All signals received, by name."""
        return self._view.signal_lists

    def get_signal_events(self, name: str) -> list[Entry]:
        """All signals received of one name, oldest first."""
        return self._view.signal_lists.get(name, [])

    @property
    def markers(self) -> dict[str, list[Entry]]:
        """By name. States: recorded, record_failed."""
        return self._view.markers

    @property
    def timers(self) -> dict[str, Entry]:
        """By timer id. States: started, start_failed, fired, canceled, cancel_failed."""
        return self._view.timers

    @property
    def tasks(self) -> list[Entry]:
        """Activities, child workflows and received signals by first appearance."""
        return self._view.tasks

    @property
    def cancel_requested(self) -> Entry | None:
        """The latest request to cancel the execution."""
        return self._view.cancel_requested

    @property
    def cancel_requested_id(self) -> int | None:
        return self.cancel_requested["event_id"] if self.cancel_requested else None

    @property
    def cancel_failed(self) -> Entry | None:
        """The latest refusal of a decision to cancel the execution."""
        return self._view.cancel_failed

    @property
    def cancel_failed_decision_task_completed_event_id(self) -> int | None:
        return self.cancel_failed["decision_task_completed_event_id"] if self.cancel_failed else None

    @property
    def started_decision_id(self) -> int | None:
        """The last DecisionTaskStarted event."""
        return self._last("DecisionTaskStarted") if self._parsed is None else self._parsed.started_decision_id

    @property
    def completed_decision_id(self) -> int | None:
        """The last DecisionTaskCompleted event."""
        return self._last("DecisionTaskCompleted") if self._parsed is None else self._parsed.completed_decision_id

    def _last(self, event_type: str) -> int | None:
        """Hooks may ask for these at each failure: it stands at the end, and the rest need not be parsed for it."""
        for event in reversed(self.events):
            if isinstance(event, dict) and event.get("eventType") == event_type and "eventId" in event:
                return int(event["eventId"])
        return None

    @property
    def last_event_id(self) -> int | None:
        return self._view.last_event_id

    @staticmethod
    def get_event_id(event: Entry) -> int | None:
        """The id of the event that an entry began with."""
        return next((event[key] for key in _FIRST_IDS if event.get(key)), None)


_FIRST_IDS = (
    "scheduled_id",
    "initiated_event_id",
    "event_id",
    "started_event_id",
    "schedule_failed_id",
    "start_failed_id",
    "start_failed_event_id",
    "cancel_failed_event_id",
    "started_id",
)


class _View:
    """What the events say; changed by the functions of ``_APPLY`` alone."""

    def __init__(self, events: list[Event]) -> None:
        self.activities: dict[str, Entry] = {}
        self.child_workflows: dict[str, Entry] = {}
        self.external_workflows_signaling: dict[int, Entry] = {}
        self.signaled_workflows: defaultdict[str, list[Entry]] = defaultdict(list)
        self.signals: dict[str, Entry] = {}
        self.signal_lists: defaultdict[str, list[Entry]] = defaultdict(list)
        self.markers: dict[str, list[Entry]] = {}
        self.timers: dict[str, Entry] = {}
        self.tasks: list[Entry] = []
        self.cancel_requested: Entry | None = None
        self.cancel_failed: Entry | None = None
        self.started_decision_id: int | None = None
        self.completed_decision_id: int | None = None
        self.last_event_id: int | None = None
        # entry and attributes of what was started; tasks by the id of the event that scheduled or initiated them
        self.execution: tuple[Entry, Attributes] | None = None
        self.begun: dict[int, tuple[Entry, Attributes]] = {}
        for event in events:
            try:
                self._apply(event)
            except Exception as error:  # one bad event must not hide the others
                about = event.get("eventId") if isinstance(event, dict) else event
                logger.warning("event %.20r of the history is malformed: %s", about, type(error).__name__)
                logger.debug("the event: %s", Payload(event), exc_info=True)

    def _apply(self, event: Event) -> None:
        self.last_event_id = event["eventId"]
        kind = event["eventType"]
        apply = _APPLY.get(kind)
        if apply is not None:
            apply(self, event, event[f"{kind[0].lower()}{kind[1:]}EventAttributes"])


_Apply = Callable[[_View, Event, Attributes], None]

_APPLY: dict[str, _Apply] = {}


def _applies(*event_types: str) -> Callable[[_Apply], _Apply]:
    def register(function: _Apply) -> _Apply:
        for event_type in event_types:
            _APPLY[event_type] = function
        return function

    return register


# -- parts of entries


def _time(event: Event) -> datetime:
    """Seconds, or what boto3 has parsed, in UTC."""
    timestamp = event["eventTimestamp"]
    if isinstance(timestamp, datetime):
        return timestamp.astimezone(timezone.utc)
    return datetime.fromtimestamp(timestamp, timezone.utc)


def _value(attributes: Attributes, member: str) -> Any:
    """A payload decoded; the text itself where that cannot be done, and the reference of what stands outside."""
    text = attributes.get(member)
    try:
        return nested.shown(text)
    except codec.DecodeError:
        return text


def _tags(attributes: Attributes) -> list[str] | None:
    return list(attributes["tagList"]) if "tagList" in attributes else None


def _enter(entry: Entry, state: str, event: Event, suffix: str = "", **more: Any) -> None:
    """Lead an entry into a state."""
    when = {f"{state}{suffix}_id": event["eventId"], f"{state}{suffix}_timestamp": _time(event)}
    entry.update({"state": state, **more, **when})


def _task(kind: str, attributes: Attributes) -> Entry:
    """What every entry of an activity or child workflow begins with."""
    id_member, type_member = _TASKS[kind]
    return {
        "type": kind,
        "id": attributes[id_member],
        "name": attributes[type_member]["name"],
        "version": attributes[type_member]["version"],
        "control": _value(attributes, "control"),
        "decision_task_completed_event_id": attributes["decisionTaskCompletedEventId"],
    }


_TASKS = {"activity": ("activityId", "activityType"), "child_workflow": ("workflowId", "workflowType")}


def _once(kind: str, event: Event, **more: Any) -> Entry:
    """An entry for what happens only once."""
    return {"type": kind, **more, "event_id": event["eventId"], "timestamp": _time(event)}


def _sender(attributes: Attributes) -> Entry:
    execution = attributes.get("externalWorkflowExecution") or {}
    return {
        "external_initiated_event_id": attributes.get("externalInitiatedEventId"),
        "external_run_id": execution.get("runId"),
        "external_workflow_id": execution.get("workflowId"),
    }


def _target(attributes: Attributes) -> Entry:
    execution = attributes["workflowExecution"]
    return {"run_id": execution["runId"], "workflow_id": execution["workflowId"]}


# -- activities and child workflows

_OPEN = frozenset({"scheduled", "start_initiated", "started", "cancel_requested"})


def _begin(view: _View, entries: dict[str, Entry], fresh: Entry) -> Entry:
    """An entry for a new attempt, in the place of the last attempt's if there was one."""
    entry = entries.setdefault(fresh["id"], {})
    if not entry:
        view.tasks.append(entry)
    elif "retry" in entry:
        fresh["retry"] = entry["retry"]
    entry.clear()
    entry.update(fresh)
    return entry


def _refuse(view: _View, entries: dict[str, Entry], fresh: Entry) -> None:
    if entries.get(fresh["id"], {}).get("state") not in _OPEN:
        _begin(view, entries, fresh)


@_applies("ActivityTaskScheduled")
def _activity_scheduled(view: _View, event: Event, attributes: Attributes) -> None:
    fresh = _task("activity", attributes)
    fresh["input"] = _value(attributes, "input")
    fresh["task_list"] = attributes["taskList"]["name"]
    _enter(fresh, "scheduled", event)
    view.begun[event["eventId"]] = (_begin(view, view.activities, fresh), attributes)


@_applies("ScheduleActivityTaskFailed")
def _activity_refused(view: _View, event: Event, attributes: Attributes) -> None:
    fresh = _task("activity", attributes)
    _enter(fresh, "schedule_failed", event, cause=attributes["cause"])
    _refuse(view, view.activities, fresh)


@_applies("ActivityTaskStarted")
def _activity_started(view: _View, event: Event, attributes: Attributes) -> None:
    begun = view.begun.get(attributes["scheduledEventId"])
    if begun is not None:
        _enter(begun[0], "started", event, identity=attributes.get("identity"))


@_applies("ActivityTaskCancelRequested")
def _activity_cancel_requested(view: _View, event: Event, attributes: Attributes) -> None:
    entry = view.activities.get(attributes["activityId"], {})
    if entry.get("state") in _OPEN:
        decided = attributes["decisionTaskCompletedEventId"]
        _enter(entry, "cancel_requested", event, cancel_decision_task_completed_event_id=decided)


@_applies("StartChildWorkflowExecutionInitiated")
def _child_initiated(view: _View, event: Event, attributes: Attributes) -> None:
    fresh = _task("child_workflow", attributes) | {
        "state": "start_initiated",
        "initiated_event_id": event["eventId"],
        "initiated_event_timestamp": _time(event),
        "raw_input": attributes.get("input"),
        "input": _value(attributes, "input"),
        "child_policy": attributes.get("childPolicy"),
        "tag_list": _tags(attributes),
        "task_list": attributes["taskList"]["name"],
    }
    view.begun[event["eventId"]] = (_begin(view, view.child_workflows, fresh), attributes)


@_applies("StartChildWorkflowExecutionFailed")
def _child_refused(view: _View, event: Event, attributes: Attributes) -> None:
    begun = view.begun.get(attributes["initiatedEventId"])
    if begun is not None:
        _enter(begun[0], "start_failed", event, cause=attributes["cause"])
    else:
        fresh = _task("child_workflow", attributes)
        _enter(fresh, "start_failed", event, cause=attributes["cause"])
        _refuse(view, view.child_workflows, fresh)


@_applies("ChildWorkflowExecutionStarted")
def _child_started(view: _View, event: Event, attributes: Attributes) -> None:
    begun = view.begun.get(attributes["initiatedEventId"])
    if begun is not None:
        _enter(begun[0], "started", event, **_target(attributes))


# -- how they end, and the execution itself

_OUTCOMES: dict[str, Callable[[Attributes], Entry]] = {
    "completed": lambda a: {"result": _value(a, "result")},
    "failed": lambda a: {"reason": a.get("reason"), "details": a.get("details")},
    "canceled": lambda a: {"details": a.get("details")},
    "timed_out": lambda a: {"timeout_type": a["timeoutType"], "details": a.get("details")},
    "terminated": lambda a: {member: a[member] for member in ("reason", "details", "cause") if member in a},
    "continued_as_new": lambda a: {"new_execution_run_id": a["newExecutionRunId"]},
}

_TIMEOUTS = {
    "START_TO_CLOSE": ("startToCloseTimeout", "executionStartToCloseTimeout"),
    "SCHEDULE_TO_CLOSE": ("scheduleToCloseTimeout",),
    "SCHEDULE_TO_START": ("scheduleToStartTimeout",),
    "HEARTBEAT": ("heartbeatTimeout",),
}


def _end(begun: tuple[Entry, Attributes] | None, state: str, event: Event, attributes: Attributes) -> None:
    if begun is None:
        return
    entry, scheduled = begun
    outcome = _OUTCOMES[state](attributes)
    if state == "timed_out":
        members = _TIMEOUTS.get(outcome["timeout_type"], ())
        outcome["timeout_value"] = next((scheduled[member] for member in members if member in scheduled), None)
    if state in ("failed", "timed_out") and entry["type"] != "workflow":
        outcome["retry"] = entry.get("retry", -1) + 1
    _enter(entry, state, event, **outcome)


_TASK_ENDS = {
    "ActivityTaskCompleted": ("completed", "scheduledEventId"),
    "ActivityTaskFailed": ("failed", "scheduledEventId"),
    "ActivityTaskTimedOut": ("timed_out", "scheduledEventId"),
    "ActivityTaskCanceled": ("canceled", "scheduledEventId"),
    "ChildWorkflowExecutionCompleted": ("completed", "initiatedEventId"),
    "ChildWorkflowExecutionFailed": ("failed", "initiatedEventId"),
    "ChildWorkflowExecutionTimedOut": ("timed_out", "initiatedEventId"),
    "ChildWorkflowExecutionCanceled": ("canceled", "initiatedEventId"),
    "ChildWorkflowExecutionTerminated": ("terminated", "initiatedEventId"),
}


@_applies(*_TASK_ENDS)
def _task_ended(view: _View, event: Event, attributes: Attributes) -> None:
    state, member = _TASK_ENDS[event["eventType"]]
    _end(view.begun.get(attributes[member]), state, event, attributes)


_CLOSES = {
    "WorkflowExecutionCompleted": "completed",
    "WorkflowExecutionFailed": "failed",
    "WorkflowExecutionTimedOut": "timed_out",
    "WorkflowExecutionCanceled": "canceled",
    "WorkflowExecutionTerminated": "terminated",
    "WorkflowExecutionContinuedAsNew": "continued_as_new",
}


@_applies(*_CLOSES)
def _closed(view: _View, event: Event, attributes: Attributes) -> None:
    _end(view.execution, _CLOSES[event["eventType"]], event, attributes)


@_applies("WorkflowExecutionStarted")
def _started(view: _View, event: Event, attributes: Attributes) -> None:
    parent = attributes.get("parentWorkflowExecution") or {}
    workflow = {
        "type": "workflow",
        "name": attributes["workflowType"]["name"],
        "version": attributes["workflowType"]["version"],
        "workflow_type": attributes["workflowType"],
        "input": _value(attributes, "input"),
        "task_list": attributes["taskList"]["name"],
        "tag_list": _tags(attributes),
        "child_policy": attributes.get("childPolicy"),
        "execution_start_to_close_timeout": attributes.get("executionStartToCloseTimeout"),
        "task_start_to_close_timeout": attributes.get("taskStartToCloseTimeout"),
        "parent_workflow_id": parent.get("workflowId"),
        "parent_run_id": parent.get("runId"),
        "continued_execution_run_id": attributes.get("continuedExecutionRunId"),
    }
    _enter(workflow, "started", event)
    view.execution = (workflow, attributes)


@_applies("WorkflowExecutionSignaled")
def _signaled(view: _View, event: Event, attributes: Attributes) -> None:
    name = attributes["signalName"]
    value = _value(attributes, "input")
    signal = _once("signal", event, name=name, state="signaled", input=value, **_sender(attributes))
    view.signals[name] = signal
    view.signal_lists[name].append(signal)
    view.tasks.append(signal)


@_applies("WorkflowExecutionCancelRequested")
def _cancel_requested(view: _View, event: Event, attributes: Attributes) -> None:
    view.cancel_requested = _once("cancel_requested", event, cause=attributes.get("cause"), **_sender(attributes))


@_applies("CancelWorkflowExecutionFailed")
def _cancel_refused(view: _View, event: Event, attributes: Attributes) -> None:
    decided = attributes["decisionTaskCompletedEventId"]
    view.cancel_failed = _once(
        "cancel_failed", event, cause=attributes["cause"], decision_task_completed_event_id=decided
    )


@_applies("DecisionTaskStarted")
def _decision_started(view: _View, event: Event, attributes: Attributes) -> None:
    view.started_decision_id = event["eventId"]


@_applies("DecisionTaskCompleted")
def _decision_completed(view: _View, event: Event, attributes: Attributes) -> None:
    view.completed_decision_id = event["eventId"]


# -- timers, markers, signals that were sent


@_applies("TimerStarted")
def _timer_started(view: _View, event: Event, attributes: Attributes) -> None:
    timer = {
        "type": "timer",
        "id": attributes["timerId"],
        "start_to_fire_timeout": int(attributes["startToFireTimeout"]),
        "control": _value(attributes, "control"),
        "decision_task_completed_event_id": attributes["decisionTaskCompletedEventId"],
    }
    _enter(timer, "started", event, "_event")
    view.timers[timer["id"]] = timer


@_applies("StartTimerFailed")
def _timer_refused(view: _View, event: Event, attributes: Attributes) -> None:
    name, decided = attributes["timerId"], attributes["decisionTaskCompletedEventId"]
    if view.timers.get(name, {}).get("state") != "started":
        timer = {"type": "timer", "id": name, "decision_task_completed_event_id": decided}
        _enter(timer, "start_failed", event, "_event", cause=attributes["cause"])
        view.timers[name] = timer


_TIMER_ENDS = {"TimerFired": "fired", "TimerCanceled": "canceled"}


@_applies(*_TIMER_ENDS)
def _timer_ended(view: _View, event: Event, attributes: Attributes) -> None:
    timer = view.timers.get(attributes["timerId"])
    if timer is None:
        return
    _enter(timer, _TIMER_ENDS[event["eventType"]], event, "_event")
    if "decisionTaskCompletedEventId" in attributes:
        timer["cancel_decision_task_completed_event_id"] = attributes["decisionTaskCompletedEventId"]


@_applies("CancelTimerFailed")
def _timer_cancel_refused(view: _View, event: Event, attributes: Attributes) -> None:
    name, decided = attributes["timerId"], attributes["decisionTaskCompletedEventId"]
    timer = {"type": "timer", "id": name, "cancel_decision_task_completed_event_id": decided}
    _enter(timer, "cancel_failed", event, "_event", cause=attributes["cause"])
    view.timers.setdefault(name, timer)


_MARKER_STATES = {"MarkerRecorded": "recorded", "RecordMarkerFailed": "record_failed"}


@_applies(*_MARKER_STATES)
def _marker(view: _View, event: Event, attributes: Attributes) -> None:
    name, state = attributes["markerName"], _MARKER_STATES[event["eventType"]]
    marker = _once("marker", event, name=name, state=state, details=_value(attributes, "details"))
    if "cause" in attributes:
        marker["cause"] = attributes["cause"]
    view.markers.setdefault(name, []).append(marker)


@_applies("SignalExternalWorkflowExecutionInitiated")
def _signal_initiated(view: _View, event: Event, attributes: Attributes) -> None:
    view.external_workflows_signaling[event["eventId"]] = {
        "type": "external_workflow",
        "id": attributes["workflowId"],
        "run_id": attributes.get("runId"),
        "signal_name": attributes["signalName"],
        "state": "signal_execution_initiated",
        "input": _value(attributes, "input"),
        "control": _value(attributes, "control"),
        "initiated_event_id": event["eventId"],
        "initiated_event_timestamp": _time(event),
    }


@_applies("SignalExternalWorkflowExecutionFailed")
def _signal_refused(view: _View, event: Event, attributes: Attributes) -> None:
    sent = view.external_workflows_signaling.get(attributes["initiatedEventId"])
    if sent is not None:
        when = {"signal_failed_event_id": event["eventId"], "signal_failed_timestamp": _time(event)}
        sent.update({"state": "signal_execution_failed", "cause": attributes["cause"], **when})


@_applies("ExternalWorkflowExecutionSignaled")
def _signal_delivered(view: _View, event: Event, attributes: Attributes) -> None:
    sent = view.external_workflows_signaling.get(attributes["initiatedEventId"])
    if sent is not None:
        when = {"signaled_event_id": event["eventId"], "signaled_timestamp": _time(event)}
        sent.update({"state": "execution_signaled", **_target(attributes), **when})
        view.signaled_workflows[sent["signal_name"]].append(sent)
