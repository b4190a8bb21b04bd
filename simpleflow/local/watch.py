"""What the driver has to know of the service, gathered from its changes: no call asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from ..service.core import StoredRun
from ..service.events import Event, attributes_of
from ..service.journal import Appended, Change, Run, RunClosed, RunOpened

_TIMERS = {"TimerStarted": 1, "TimerFired": -1, "TimerCanceled": -1}


class Watch:
    """A journal that keeps in memory the histories of the open runs, and what wants to be done.

    Given a ``task_list``, it follows the runs on that list alone; other runs may stand in the same database.
    ``decisions`` and ``activities`` name a task list once for each task that got ready on it; a task may be gone when
    its turn comes. ``closed`` are the runs that have closed and whose history nobody has looked at yet.
    """

    def __init__(self, task_list: str | None = None) -> None:
        self._task_list = task_list
        self.histories: dict[str, list[Event]] = {}
        self.decisions: deque[str] = deque()
        self.activities: deque[str] = deque()
        self.closed: deque[Run] = deque()
        self.open: dict[str, Run] = {}
        self.open_timers = 0
        self._timers: dict[str, int] = {}

    def ready(self, kind: str, region: str, domain: str, name: str) -> None:
        """A task list got a task (see ``service.core.TaskListener``)."""
        if self._task_list in (None, name):
            (self.decisions if kind == "decision" else self.activities).append(name)

    def following(self, stored: Iterable[StoredRun]) -> Iterator[StoredRun]:
        """Pass on the open runs of a database, and follow those of the task list."""
        for kept in stored:
            if attributes_of(kept.events[0])["taskList"]["name"] == self._task_list:
                self._open(kept.run)
                for event in kept.events:
                    self._append(kept.run.run_id, event)
            yield kept

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if type(change) is Appended:
                run_id = change.run.run_id
                if run_id in self.open:
                    self._append(run_id, change.event)
            elif type(change) is RunOpened:
                self._open(change.run)  # nobody decides for the others, so it is one of these
            elif type(change) is RunClosed:
                run_id = change.closed.run.run_id
                if run_id in self.open:
                    self.closed.append(self.open.pop(run_id))
                    self.open_timers -= self._timers.pop(run_id)

    def _open(self, run: Run) -> None:
        self.open[run.run_id] = run
        self.histories[run.run_id] = []
        self._timers[run.run_id] = 0

    def _append(self, run_id: str, event: Event) -> None:
        self.histories[run_id].append(event)
        difference = _TIMERS.get(event["eventType"])
        if difference is not None:
            self._timers[run_id] += difference
            self.open_timers += difference
