"""What a history says: the one thing here that changes, and only ``fold`` changes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from .work import Event

ACTIVITY = "activity"
CHILD = "child workflow"
TIMER = "timer"
CANCEL_TIMER = "cancellation of the timer"
MARKER = "marker"
SIGNAL = "signal"
PROPAGATED = "propagated signal"
CANCEL_ACTIVITY = "cancellation of the activity"
CANCEL_CHILD = "cancellation of the child workflow"

#: The reserved beginning of ids and names that are the library's own.
RESERVED = ("_simpleflow_", "__simpleflow_")
WAKE_UP_TIMER = "_simpleflow_wake_up_timer"
#: Until then a decider waits for code that fits the history.
ROLL_BACK_TIMER = "_simpleflow_roll_back_timer"
#: The outcomes after which there is nothing to decide.
SUCCEEDED = frozenset({"ActivityTaskCompleted", "ChildWorkflowExecutionCompleted"})
#: Timers that no program asks for.
OWN_TIMERS = frozenset({WAKE_UP_TIMER, ROLL_BACK_TIMER})
SIDE_EFFECT = "simpleflow.side_effect"
#: A signal of the library's own, whose input lists the events of activities that a stop of ours has interrupted; and
#: the reason of the failure that a worker gives for what it has interrupted.
INTERRUPTED = "_simpleflow_interrupted"

Key = tuple[str, Any]


class Record:
    """A decision as recorded by its event, and what has come of it so far.

    ``key`` is (kind, id); ``outcome`` is the type of the event that ended it (for a decision that was refused that
    event itself) and ``attributes`` are that event's. ``owner`` is the part of the program that claims it.
    """

    outcome_id = 0
    outcome_time: float | datetime = 0.0
    attributes: Mapping[str, Any] = MappingProxyType({})
    run_id: str | None = None
    started = False

    def __init__(
        self, key: Key, event: Event, recorded: dict[str, Any], type_name: str | None = None, input: str | None = None
    ) -> None:
        self.key = key
        self.event_id: int = event["eventId"]
        self.time: float | datetime = event["eventTimestamp"]
        self.recorded = recorded
        self.type_name = type_name
        self.input = input
        self.outcome: str | None = None
        self.owner: Any = None

    def describe(self) -> str:
        kind, name = self.key
        called = f" of {self.type_name}" if self.type_name and self.type_name != name else ""
        return f"{kind} {name!r}{called}" + (f" with input {self.input:.200}" if self.input else "")


class Signal(NamedTuple):
    """A signal that was received."""

    name: str
    event_id: int
    time: float | datetime
    input: str | None
    sender: str | None  # workflow id
    attributes: dict[str, Any]


class MarkerEvent(NamedTuple):
    """A marker that was recorded."""

    name: str
    details: str | None
    event_id: int
    time: float | datetime


class ExecutionState:
    """An execution as its history tells it up to the last batch that was folded.

    ``recorded``, ``started`` and ``ended`` are what that batch has changed, in the order of its events; ``unsettled``
    are those that have ended in another way than with success.
    """

    def __init__(self) -> None:
        self.recorded: list[Record] = []
        self.started: list[Record] = []
        self.ended: list[Record | Signal] = []
        self.unsettled: list[Record] = []
        self.execution: dict[str, Any] = {}  # the attributes of WorkflowExecutionStarted
        self.records: dict[int, Record] = {}  # by the id of their event
        self.open: dict[str, dict[int, Record]] = {ACTIVITY: {}, CHILD: {}, TIMER: {}}
        self.signals: defaultdict[str, list[Signal]] = defaultdict(list)
        self.markers: list[MarkerEvent] = []
        self.timers: dict[str, Record] = {}
        self.interrupted: set[int] = set()  # scheduled events of activities whose timeouts are no failures
        self.cancel_requested = False
        self.close_refused: str | None = None
        self.context: str | None = None
        self.last_event_id = 0
        self.weight = 0  # about how many bytes the run takes

    @property
    def woken(self) -> bool:
        """Whether a wake-up timer is running."""
        return any(record.key[1] == WAKE_UP_TIMER for record in self.open[TIMER].values())
