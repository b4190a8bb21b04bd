"""The critical path of an execution: the tasks that one after the other made it take as long as it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...history import Entry, History
from ...replay import state as s
from ...replay.graph import Task
from ...replay.order import ordered
from .base import ended, scheduled


@dataclass(frozen=True, slots=True)
class Span:
    """A task in its latest attempt. What has not started, or not ended, has no time for it; a timer starts at once."""

    kind: str
    id: str
    state: str
    scheduled: datetime
    started: datetime | None
    ended: datetime | None
    critical: bool


def spans(history: History) -> list[Span]:
    """The activities, child workflows and timers of an execution in the order in which they were scheduled.

    A task was scheduled because another one had ended just before; the path leads back so from the task that ended
    last, or from the one that has run longest where some still run. It is of the order of the history: of tasks that
    ended together it takes the last.
    """
    tasks = ordered(history.events)
    entries = [_entry(task, history) for task in tasks]
    path = _path(tasks, entries)
    return [
        _span(task, entry, place in path)
        for place, (task, entry) in enumerate(zip(tasks, entries, strict=True))
        if entry is not None
    ]


def _entry(task: Task, history: History) -> Entry | None:
    kinds = {s.ACTIVITY: history.activities, s.CHILD: history.child_workflows, s.TIMER: history.timers}
    return kinds.get(task.kind, {}).get(task.id)


def _path(tasks: list[Task], entries: list[Entry | None]) -> set[int]:
    """Positions, from the end back to a task that nothing is known to have caused."""
    known = {place: entry for place, entry in enumerate(entries) if entry is not None}
    still = [place for place, entry in known.items() if ended(entry) is None]
    if still:
        at = min(still, key=lambda place: scheduled(known[place]) or datetime.max)
    elif known:
        at = max(known, key=lambda place: _end(known[place]))
    else:
        return set()
    path = {at}
    while causes := [place for place in tasks[at].after if place in known and place not in path]:
        at = max(causes, key=lambda place: _end(known[place]))
        path.add(at)
    return path


def _end(entry: Entry) -> float:
    end = ended(entry)
    return 0.0 if end is None else end.timestamp()


def _span(task: Task, entry: Entry, critical: bool) -> Span:
    asked, end = scheduled(entry), ended(entry)
    started = asked if task.kind == s.TIMER else entry.get("started_timestamp")
    began = asked or end
    assert began is not None, entry
    return Span(task.kind, task.id, entry["state"], began, started, end, critical)
