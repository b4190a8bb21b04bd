"""How an execution stands, from its events; as a line, or as a picture for a terminal."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..replay.events import ATTRIBUTES
from ..replay.work import Event
from ..utils.quiet import one_line

WAITING, RUNNING, COMPLETED, FAILED, CANCELED = "waiting", "running", "completed", "failed", "canceled"

#: The states, in the order in which they are told, and their styles.
STYLES = {WAITING: "yellow", RUNNING: "cyan", COMPLETED: "green", FAILED: "red", CANCELED: "yellow"}


@dataclass(slots=True)
class Item:
    """A task, or the execution, and where it stands since when, in seconds since the epoch.

    ``kind`` is activity, child, timer or workflow; ``number`` gives the order in which they began. ``took`` is how many
    seconds it was in the state before, ``reason`` why it failed.
    """

    kind: str
    id: str
    number: int
    state: str
    since: float
    attempt: int = 1
    took: float | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        return one_line(self.id.removeprefix("activity-"))

    @property
    def open(self) -> bool:
        return self.state in (WAITING, RUNNING)

    def spent(self, now: float) -> float:
        """Seconds in its state, or, where that is an end, in the one before."""
        return now - self.since if self.open else self.took or 0.0

    def again(self, since: float) -> None:
        """Another attempt."""
        self.state, self.since, self.took, self.reason = WAITING, since, None, None
        self.attempt += 1


class Progress:
    """``take`` the events of a run in their order; a new run of the execution begins with a new Progress."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.last_event_id = 0
        self.execution: Item | None = None
        self.activities: dict[str, Item] = {}
        self.children: dict[str, Item] = {}
        self.timers: dict[str, Item] = {}
        self._by_event: dict[int, Item] = {}
        self._changed: list[Item] = []

    def take(self, events: Iterable[Event]) -> list[Item]:
        """What has changed: copies, in the order of the events."""
        self._changed = []
        for event in events:
            self.last_event_id = event["eventId"]
            act = _ACTS.get(event["eventType"])
            if act is not None:
                act(self, event)
        return self._changed

    def told(self) -> str:
        """In one line: what is open and what is done, ``2 running, 5 waiting, 10 completed; 1 child``."""
        return "; ".join(part for part in (self._activities_told(), *self._others_told()) if part)

    def running(self) -> list[Item]:
        """What runs, longest first."""
        return sorted((item for item in self.items() if item.state == RUNNING), key=lambda item: item.since)

    def items(self) -> list[Item]:
        """The tasks, in the order in which they began."""
        items = [*self.activities.values(), *self.children.values(), *self.timers.values()]
        return sorted(items, key=lambda item: item.number)

    def _activities_told(self) -> str:
        counts = Counter(item.state for item in self.activities.values())
        return ", ".join(f"{counts[state]} {state}" for state in STYLES if counts[state])

    def _others_told(self) -> Iterator[str]:
        for items, one, more in ((self.children, "child", "children"), (self.timers, "timer", "timers")):
            count = sum(item.open for item in items.values())
            if count:
                yield f"{count} {one if count == 1 else more}"

    # -- events

    def _begin(self, event: Event) -> None:
        self.execution = self._add("workflow", self.title, event, RUNNING)

    def _scheduled(self, event: Event) -> None:
        activity_id = event[ATTRIBUTES["ActivityTaskScheduled"]]["activityId"]
        item = self.activities.get(activity_id)
        if item is None:
            self.activities[activity_id] = self._add("activity", activity_id, event)
        else:
            item.again(_seconds(event))
            self._know(item, event)

    def _initiated(self, event: Event) -> None:
        workflow_id = event[ATTRIBUTES["StartChildWorkflowExecutionInitiated"]]["workflowId"]
        item = self.children.get(workflow_id)
        if item is None:
            self.children[workflow_id] = self._add("child", workflow_id, event)
        else:
            item.again(_seconds(event))
            self._know(item, event)

    def _timer_started(self, event: Event) -> None:
        timer_id = event[ATTRIBUTES["TimerStarted"]]["timerId"]
        self.timers[timer_id] = self._add("timer", timer_id, event)  # an id may come again when it is free

    def _add(self, kind: str, id: str, event: Event, state: str = WAITING) -> Item:
        item = Item(kind, id, event["eventId"], state, _seconds(event))
        self._know(item, event)
        return item

    def _know(self, item: Item, event: Event) -> None:
        self._by_event[event["eventId"]] = item
        self._changed.append(replace(item))

    def change(self, event: Event, member: str | None, state: str, reason: str | None) -> None:
        """The task that the event ``member`` of the attributes names, or the execution, is in this state now.

        ``reason`` is why, where the event does not say it.
        """
        attributes = event[ATTRIBUTES[event["eventType"]]]
        item = self._by_event.get(attributes[member] if member else 1)
        if item is None:
            return
        now = _seconds(event)
        item.took, item.state, item.since = max(0.0, now - item.since), state, now
        told = attributes.get("reason") or attributes.get("timeoutType") or attributes.get("cause")
        item.reason = ": ".join(part for part in (reason, told) if part) or None
        self._changed.append(replace(item))


def _to(member: str | None, state: str, reason: str | None = None) -> Callable[[Progress, Event], None]:
    return lambda progress, event: progress.change(event, member, state, reason)


_ENDS: dict[str, tuple[str, str | None]] = {
    "Completed": (COMPLETED, None),
    "Failed": (FAILED, None),
    "TimedOut": (FAILED, "timed out"),
    "Canceled": (CANCELED, None),
    "Terminated": (FAILED, "terminated"),
    "ContinuedAsNew": (COMPLETED, "continued as new"),
}
_ACTIVITY_ENDS = ("Completed", "Failed", "TimedOut", "Canceled")
_CHILD_ENDS = (*_ACTIVITY_ENDS, "Terminated")

_ACTS: dict[str, Callable[[Progress, Event], None]] = {
    "WorkflowExecutionStarted": Progress._begin,
    **{f"WorkflowExecution{end}": _to(None, *how) for end, how in _ENDS.items()},
    "ActivityTaskScheduled": Progress._scheduled,
    "ActivityTaskStarted": _to("scheduledEventId", RUNNING),
    **{f"ActivityTask{end}": _to("scheduledEventId", *_ENDS[end]) for end in _ACTIVITY_ENDS},
    "StartChildWorkflowExecutionInitiated": Progress._initiated,
    "StartChildWorkflowExecutionFailed": _to("initiatedEventId", FAILED, "not started"),
    "ChildWorkflowExecutionStarted": _to("initiatedEventId", RUNNING),
    **{f"ChildWorkflowExecution{end}": _to("initiatedEventId", *_ENDS[end]) for end in _CHILD_ENDS},
    "TimerStarted": Progress._timer_started,
    "TimerFired": _to("startedEventId", COMPLETED),
    "TimerCanceled": _to("startedEventId", CANCELED),
}


def _seconds(event: Event) -> float:
    return float(event["eventTimestamp"])


# -- the picture


def picture(progress: Progress, now: float, width: int, height: int, *, color: bool) -> list[str]:
    """Lines of at most ``width`` cells, at most ``height`` of them: a headline, and what runs with its time.

    ``now`` is in seconds since the epoch.
    """
    running = progress.running()
    shown = running[: max(0, height - 2)] if len(running) > height - 1 else running
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    title = Text(f"{one_line(progress.title)}  {progress.told() or 'deciding'}", style="bold")
    table.add_row(title, duration(progress.execution.spent(now) if progress.execution else 0))
    for item in shown:
        table.add_row(Text(f"  {item.name}", style=STYLES[RUNNING]), duration(item.spent(now)))
    if len(shown) < len(running):
        table.add_row(Text(f"  and {len(running) - len(shown)} more that run"), "")
    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, no_color=not color, legacy_windows=False, highlight=False
    )
    with console.capture() as captured:
        console.print(table)
    return captured.get().splitlines()


def duration(seconds: float) -> str:
    """``12 s``, ``1:02`` (minutes), ``1:02:03``."""
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 60 else str(timedelta(seconds=whole)).removeprefix("0:").removeprefix("0")
