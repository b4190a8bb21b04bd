"""How an execution stands, from its events; as a line, or as a picture for a terminal."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..replay.events import ATTRIBUTES
from ..replay.work import Event

WAITING, RUNNING, COMPLETED, FAILED = "waiting", "running", "completed", "failed"

_STYLES = {WAITING: "yellow", RUNNING: "cyan", COMPLETED: "green", FAILED: "red"}


@dataclass(slots=True)
class Item:
    """A task and where it stands since when, in seconds since the epoch."""

    name: str
    state: str
    since: float


class Progress:
    """``take`` the events of a run in their order; a new run of the execution begins with a new Progress."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.last_event_id = 0
        self.began: float | None = None
        self.activities: dict[str, Item] = {}
        self.children: dict[str, Item] = {}
        self.timers: dict[int, str] = {}
        self._by_event: dict[int, Item] = {}

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            self.last_event_id = event["eventId"]
            act = _ACTS.get(event["eventType"])
            if act is not None:
                act(self, event)

    def told(self) -> str:
        """In one line: what is open and what is done, ``2 running, 5 waiting, 10 completed; 1 child``."""
        return "; ".join(part for part in (self._activities_told(), *self._others_told()) if part)

    def running(self) -> list[Item]:
        """What runs, longest first."""
        items = [*self.activities.values(), *self.children.values()]
        return sorted((item for item in items if item.state == RUNNING), key=lambda item: item.since)

    def _activities_told(self) -> str:
        counts = Counter(item.state for item in self.activities.values())
        return ", ".join(f"{counts[state]} {state}" for state in _STYLES if counts[state])

    def _others_told(self) -> Iterator[str]:
        open_children = sum(item.state in (WAITING, RUNNING) for item in self.children.values())
        for count, one, more in ((open_children, "child", "children"), (len(self.timers), "timer", "timers")):
            if count:
                yield f"{count} {one if count == 1 else more}"

    # -- events

    def _begin(self, event: Event) -> None:
        self.began = _seconds(event)

    def _scheduled(self, event: Event) -> None:
        activity_id = event[ATTRIBUTES["ActivityTaskScheduled"]]["activityId"]
        item = Item(activity_id.removeprefix("activity-"), WAITING, _seconds(event))
        self.activities[activity_id] = self._by_event[event["eventId"]] = item

    def _initiated(self, event: Event) -> None:
        workflow_id = event[ATTRIBUTES["StartChildWorkflowExecutionInitiated"]]["workflowId"]
        item = Item(workflow_id, WAITING, _seconds(event))
        self.children[workflow_id] = self._by_event[event["eventId"]] = item

    def _timer_started(self, event: Event) -> None:
        self.timers[event["eventId"]] = event[ATTRIBUTES["TimerStarted"]]["timerId"]

    def _timer_ended(self, event: Event) -> None:
        self.timers.pop(event[ATTRIBUTES[event["eventType"]]]["startedEventId"], None)

    def change(self, event: Event, member: str, state: str) -> None:
        """The task that the event ``member`` of the attributes names is in this state now."""
        item = self._by_event.get(event[ATTRIBUTES[event["eventType"]]][member])
        if item is not None:
            item.state, item.since = state, _seconds(event)


def _to(member: str, state: str) -> Callable[[Progress, Event], None]:
    return lambda progress, event: progress.change(event, member, state)


_ACTS: dict[str, Callable[[Progress, Event], None]] = {
    "WorkflowExecutionStarted": Progress._begin,
    "ActivityTaskScheduled": Progress._scheduled,
    "ActivityTaskStarted": _to("scheduledEventId", RUNNING),
    "ActivityTaskCompleted": _to("scheduledEventId", COMPLETED),
    **{f"ActivityTask{end}": _to("scheduledEventId", FAILED) for end in ("Failed", "TimedOut", "Canceled")},
    "StartChildWorkflowExecutionInitiated": Progress._initiated,
    "StartChildWorkflowExecutionFailed": _to("initiatedEventId", FAILED),
    "ChildWorkflowExecutionStarted": _to("initiatedEventId", RUNNING),
    "ChildWorkflowExecutionCompleted": _to("initiatedEventId", COMPLETED),
    **{
        f"ChildWorkflowExecution{end}": _to("initiatedEventId", FAILED)
        for end in ("Failed", "TimedOut", "Canceled", "Terminated")
    },
    "TimerStarted": Progress._timer_started,
    "TimerFired": Progress._timer_ended,
    "TimerCanceled": Progress._timer_ended,
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
    title = Text(f"{progress.title}  {progress.told() or 'deciding'}", style="bold")
    table.add_row(title, duration(now - (progress.began or now)))
    for item in shown:
        table.add_row(Text(f"  {item.name}", style=_STYLES[RUNNING]), duration(now - item.since))
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
