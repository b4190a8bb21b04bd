"""What the driver has to know of the service, gathered from its changes: no call asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..service.events import Event
from ..service.journal import Appended, Change, Run, RunClosed, RunOpened

_TIMERS = {"TimerStarted": 1, "TimerFired": -1, "TimerCanceled": -1}


class Watch:
    """A journal that keeps in memory the histories of the open runs, and what wants to be done.

    ``decisions`` and ``activities`` name a task list once for each task that got ready on it; a task may be gone when
    its turn comes. ``closed`` are the runs that have closed and whose history nobody has looked at yet.
    """

    def __init__(self) -> None:
        self.histories: dict[str, list[Event]] = {}
        self.decisions: deque[str] = deque()
        self.activities: deque[str] = deque()
        self.closed: deque[Run] = deque()
        self.open: dict[str, Run] = {}
        self.open_timers = 0
        self._timers: dict[str, int] = {}

    def ready(self, kind: str, region: str, domain: str, name: str) -> None:
        """A task list got a task (see ``service.core.TaskListener``)."""
        (self.decisions if kind == "decision" else self.activities).append(name)

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if type(change) is Appended:
                run_id, event = change.run.run_id, change.event
                self.histories[run_id].append(event)
                difference = _TIMERS.get(event["eventType"])
                if difference is not None:
                    self._timers[run_id] += difference
                    self.open_timers += difference
            elif type(change) is RunOpened:
                run = change.run
                self.open[run.run_id] = run
                self.histories[run.run_id] = []
                self._timers[run.run_id] = 0
            elif type(change) is RunClosed:
                run = self.open.pop(change.closed.run.run_id)
                self.open_timers -= self._timers.pop(run.run_id)
                self.closed.append(run)
