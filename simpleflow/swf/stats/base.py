"""How long an execution and its tasks took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ...history import Entry, History
from ...replay.events import as_datetime

#: States in which a task may still do something.
_OPEN = frozenset({"scheduled", "start_initiated", "started", "cancel_requested"})

#: States whose time goes by another name.
_STATE_NAMES = {
    "start_initiated": "initiated",
    "signal_execution_initiated": "initiated",
    "signal_execution_failed": "signal_failed",
    "execution_signaled": "signaled",
}

_Moment = datetime | None
_Told = tuple[str, str, _Moment, _Moment, _Moment, float | None]
_ToldWithShare = tuple[str, str, _Moment, _Moment, _Moment, float | None, float | None]


def when(entry: Entry) -> datetime | None:
    """When an entry of a history came into its state."""
    state = _STATE_NAMES.get(entry["state"], entry["state"])
    names = (f"{state}_timestamp", f"{state}_event_timestamp", "timestamp")
    return next((entry[name] for name in names if name in entry), None)


def scheduled(entry: Entry) -> datetime | None:
    """When a task was asked for."""
    names = ("scheduled_timestamp", "initiated_event_timestamp", "started_event_timestamp")
    return next((entry[name] for name in names if name in entry), None)


def ended(entry: Entry) -> datetime | None:
    return None if entry["state"] in _OPEN else when(entry)


def span(begin: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one to the other, to the millisecond; None where one of them is not known."""
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)


@dataclass(frozen=True, slots=True)
class Timing:
    """A task in its latest attempt. ``waited`` and ``ran`` are seconds, up to a given time where they still count."""

    id: str
    state: str
    scheduled: datetime | None
    started: datetime | None
    ended: datetime | None
    waited: float | None
    ran: float | None


class WorkflowStats:
    """Of a ``History``. Of an execution that is open the time runs to its last event, or to ``now``."""

    def __init__(self, history: History, *, now: datetime | None = None) -> None:
        self._history = history
        self._now = now

    @property
    def begun(self) -> datetime:
        begun: datetime = self._history.workflow["started_timestamp"]
        return begun

    @property
    def until(self) -> datetime:
        """When the execution closed, else now."""
        workflow = self._history.workflow
        closed = None if workflow["state"] == "started" else when(workflow)
        return closed or self._now or as_datetime(self._history.events[-1]["eventTimestamp"])

    def total_time(self) -> float:
        """Seconds of the execution."""
        return span(self.begun, self.until) or 0.0

    def timings(self) -> list[Timing]:
        """Activities and child workflows in the order of their beginning."""
        return [self._timing(entry) for entry in self._history.tasks if entry["type"] != "signal"]

    def _timing(self, entry: Entry) -> Timing:
        asked, started, end = scheduled(entry), entry.get("started_timestamp"), ended(entry)
        waited = span(asked, started or end or self.until)
        return Timing(entry["id"], entry["state"], asked, started, end, waited, span(started, end or self.until))

    def percentage(self, timing: Timing) -> float | None:
        """The share of the execution in which a task ran; None where it did not, or where there is nothing to share."""
        total = self.total_time()
        return None if timing.ran is None or not total else round(100 * timing.ran / total, 2)

    def get_timings(self) -> list[_Told]:
        """For each task its id, last state, when it was scheduled, when it started and ended, and seconds running."""
        return [_told(timing) for timing in self.timings()]

    def get_timings_with_percentage(self) -> list[_ToldWithShare]:
        """``get_timings``, each with its percentage of the total time."""
        return [(*_told(timing), self.percentage(timing)) for timing in self.timings()]


def _told(timing: Timing) -> _Told:
    return (timing.id, timing.state, timing.scheduled, timing.started, timing.ended, timing.ran)
