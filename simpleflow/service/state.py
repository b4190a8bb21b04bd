"""The state of one run, and how each event changes it.

`State.apply` is the only way in which a run changes. A command decides which events happen; folding them, now or when
the journal is read back, gives the same state. Two facts are not events and come beside them: the nonces of issued
tokens and the heartbeats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from .events import CLOSING, Attributes, Event, attributes_of, event_ms
from .limits import YEAR_MS


@lru_cache(maxsize=4096)
def duration_ms(text: str | None) -> int | None:
    """A duration in milliseconds, at most a year; None for `NONE` and for what is not set."""
    return None if not text or text == "NONE" else min(int(text) * 1000, YEAR_MS)


@dataclass(slots=True)
class Activity:
    """An open activity task, scheduled or (`started_id` not 0) started."""

    activity_id: str
    scheduled_id: int
    scheduled_ms: int
    task_list: str
    priority: int
    schedule_to_start: int | None
    schedule_to_close: int | None
    start_to_close: int | None
    heartbeat: int | None
    started_id: int = 0
    started_ms: int = 0
    #: The last heartbeat, or the start.
    beat_ms: int = 0
    #: Of the last heartbeat that had any.
    details: str | None = None
    cancel_requested_id: int = 0
    nonce: str = ""

    def deadline(self) -> tuple[int, str] | None:
        """The first timeout to come, with its type. Of two at the same instant the earlier one below wins."""
        scheduled = self.scheduled_ms
        timeouts: tuple[tuple[str, int, int | None], ...]
        if self.started_id:
            timeouts = (
                ("START_TO_CLOSE", self.started_ms, self.start_to_close),
                ("SCHEDULE_TO_CLOSE", scheduled, self.schedule_to_close),
                ("HEARTBEAT", self.beat_ms, self.heartbeat),
            )
        else:
            timeouts = (
                ("SCHEDULE_TO_START", scheduled, self.schedule_to_start),
                ("SCHEDULE_TO_CLOSE", scheduled, self.schedule_to_close),
            )
        first: tuple[int, str] | None = None
        for name, since, timeout in timeouts:
            if timeout is not None and (first is None or since + timeout < first[0]):
                first = (since + timeout, name)
        return first


@dataclass(slots=True)
class Timer:
    timer_id: str
    started_id: int
    due_ms: int


@dataclass(slots=True)
class ScheduledDecision:
    scheduled_id: int
    scheduled_ms: int
    task_list: str
    #: Milliseconds; set only on a temporary task list.
    schedule_to_start: int | None


@dataclass(slots=True)
class StartedDecision:
    scheduled_id: int
    started_id: int
    started_ms: int
    #: The list that it was taken from.
    task_list: str
    nonce: str = ""


@dataclass(slots=True)
class State:
    #: The instant of the last event; the next one is never earlier.
    last_ms: int = 0
    started_ms: int = 0
    closed_ms: int = 0
    close_status: str | None = None
    #: The attributes of WorkflowExecutionStarted.
    origin: Attributes = field(default_factory=dict)
    priority: int = 0
    task_list: str = ""
    #: The list to go back to when the temporary one is not served; None when the list is no temporary one.
    permanent_list: str | None = None
    #: The schedule-to-start timeout of the temporary list, as given.
    override_timeout: str | None = None
    scheduled: ScheduledDecision | None = None
    started: StartedDecision | None = None
    #: DecisionTaskStarted of the last decision task that was completed.
    previous_started_id: int = 0
    activities: dict[str, Activity] = field(default_factory=dict)
    #: The same activities by the id of their ActivityTaskScheduled.
    scheduled_activities: dict[int, Activity] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    #: Open children: ChildWorkflowExecutionStarted (0 before) by StartChildWorkflowExecutionInitiated.
    children: dict[int, int] = field(default_factory=dict)
    execution_context: str | None = None
    cancel_requested: bool = False
    latest_activity_ms: int | None = None

    @property
    def is_open(self) -> bool:
        return self.close_status is None

    def apply(self, event_id: int, at_ms: int, event_type: str, attributes: Attributes) -> None:
        self.last_ms = at_ms
        fold = FOLDS.get(event_type)
        if fold is not None:
            fold(self, event_id, at_ms, attributes)


def _started(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    state.started_ms = at_ms
    state.origin = attributes
    state.priority = int(attributes.get("taskPriority", 0))
    state.task_list = attributes["taskList"]["name"]


def _closes(status: str) -> Fold:
    def fold(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
        state.close_status = status
        state.closed_ms = at_ms
        state.scheduled = None
        state.started = None

    return fold


def _cancel_requested(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    state.cancel_requested = True


def _decision_scheduled(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    timeout = duration_ms(attributes["scheduleToStartTimeout"])
    state.scheduled = ScheduledDecision(event_id, at_ms, attributes["taskList"]["name"], timeout)


def _decision_started(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    scheduled = state.scheduled
    assert scheduled is not None
    state.started = StartedDecision(scheduled.scheduled_id, event_id, at_ms, scheduled.task_list)
    state.scheduled = None


def _decision_completed(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    state.started = None
    state.previous_started_id = attributes["startedEventId"]
    if "executionContext" in attributes:
        state.execution_context = attributes["executionContext"]
    if "taskList" not in attributes:
        return
    state.override_timeout = attributes.get("taskListScheduleToStartTimeout")
    if state.override_timeout is None:
        state.permanent_list = None
    elif state.permanent_list is None:
        state.permanent_list = state.task_list
    state.task_list = attributes["taskList"]["name"]


def _decision_timed_out(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    lost = state.started if attributes["startedEventId"] else state.scheduled
    assert lost is not None
    if lost is state.started:
        state.started = None
    else:
        state.scheduled = None
    if state.permanent_list is not None and lost.task_list == state.task_list:
        state.task_list = state.permanent_list
        state.permanent_list = state.override_timeout = None


def _activity_scheduled(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    activity = Activity(
        attributes["activityId"],
        event_id,
        at_ms,
        attributes["taskList"]["name"],
        int(attributes.get("taskPriority", 0)),
        duration_ms(attributes["scheduleToStartTimeout"]),
        duration_ms(attributes["scheduleToCloseTimeout"]),
        duration_ms(attributes["startToCloseTimeout"]),
        duration_ms(attributes["heartbeatTimeout"]),
    )
    state.activities[activity.activity_id] = state.scheduled_activities[event_id] = activity
    state.latest_activity_ms = at_ms


def _activity_started(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    activity = state.scheduled_activities[attributes["scheduledEventId"]]
    activity.started_id = event_id
    activity.started_ms = activity.beat_ms = at_ms
    state.latest_activity_ms = at_ms


def _activity_cancel_requested(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    state.activities[attributes["activityId"]].cancel_requested_id = event_id
    state.latest_activity_ms = at_ms


def _activity_closed(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    activity = state.scheduled_activities.pop(attributes["scheduledEventId"])
    del state.activities[activity.activity_id]
    state.latest_activity_ms = at_ms


def _timer_started(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    timeout = duration_ms(attributes["startToFireTimeout"]) or 0
    state.timers[attributes["timerId"]] = Timer(attributes["timerId"], event_id, at_ms + timeout)


def _timer_closed(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    del state.timers[attributes["timerId"]]


def _child_initiated(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    state.children[event_id] = 0


def _child_started(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    state.children[attributes["initiatedEventId"]] = event_id


def _child_closed(state: State, event_id: int, at_ms: int, attributes: Attributes) -> None:
    # A start that was refused at once was never initiated and names event 0.
    state.children.pop(attributes["initiatedEventId"], None)


Fold = Callable[[State, int, int, Attributes], None]

#: What each event changes; the events that are not here change nothing but the time.
FOLDS: dict[str, Fold] = {
    "WorkflowExecutionStarted": _started,
    **{event_type: _closes(status) for event_type, status in CLOSING.items()},
    "WorkflowExecutionCancelRequested": _cancel_requested,
    "DecisionTaskScheduled": _decision_scheduled,
    "DecisionTaskStarted": _decision_started,
    "DecisionTaskCompleted": _decision_completed,
    "DecisionTaskTimedOut": _decision_timed_out,
    "ActivityTaskScheduled": _activity_scheduled,
    "ActivityTaskStarted": _activity_started,
    "ActivityTaskCancelRequested": _activity_cancel_requested,
    "ActivityTaskCompleted": _activity_closed,
    "ActivityTaskFailed": _activity_closed,
    "ActivityTaskTimedOut": _activity_closed,
    "ActivityTaskCanceled": _activity_closed,
    "TimerStarted": _timer_started,
    "TimerFired": _timer_closed,
    "TimerCanceled": _timer_closed,
    "StartChildWorkflowExecutionInitiated": _child_initiated,
    "StartChildWorkflowExecutionFailed": _child_closed,
    "ChildWorkflowExecutionStarted": _child_started,
    "ChildWorkflowExecutionCompleted": _child_closed,
    "ChildWorkflowExecutionFailed": _child_closed,
    "ChildWorkflowExecutionCanceled": _child_closed,
    "ChildWorkflowExecutionTimedOut": _child_closed,
    "ChildWorkflowExecutionTerminated": _child_closed,
}


def folded(history: Iterable[Event]) -> State:
    """The state behind a whole history."""
    state = State()
    for event in history:
        state.apply(event["eventId"], event_ms(event), event["eventType"], attributes_of(event))
    return state
