"""The task lists: which tasks wait where, and in what order they are handed out.

Higher priority first, then the earliest scheduled. A decision task of a run whose previous one is still being worked on
waits on its list too, but is not ready: it counts, and nobody gets it. A task leaves by `take`, once, or by `drop`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

_SLACK = 64

Owner = TypeVar("Owner")
#: Serial of the run, id of the event that scheduled the task.
Ref = tuple[int, int]


class ListName(NamedTuple):
    """A task list; `kind` is `decision` or `activity`, and the two do not mix."""

    kind: str
    region: str
    domain: str
    name: str


@dataclass(slots=True)
class _Task(Generic[Owner]):
    order: tuple[int, int, int]
    ref: Ref
    owner: Owner
    queue: _Queue[Owner]
    ready: bool = False


class _Queue(Generic[Owner]):
    """The tasks of one list; those that are ready are in the heap as well."""

    __slots__ = ("heap", "name", "tasks")

    def __init__(self, name: ListName) -> None:
        self.name = name
        self.tasks: dict[Ref, _Task[Owner]] = {}
        self.heap: list[tuple[tuple[int, int, int], Ref]] = []

    def push(self, task: _Task[Owner]) -> None:
        task.ready = True
        heapq.heappush(self.heap, (task.order, task.ref))
        if len(self.heap) > 2 * len(self.tasks) + _SLACK:
            self.heap = [(task.order, task.ref) for task in self.tasks.values() if task.ready]
            heapq.heapify(self.heap)

    def pop(self) -> _Task[Owner] | None:
        while self.heap:
            order, ref = heapq.heappop(self.heap)
            task = self.tasks.get(ref)
            if task is not None and task.order == order:
                return task
        return None


class TaskLists(Generic[Owner]):
    def __init__(self, on_ready: Callable[[ListName], None]) -> None:
        self._on_ready = on_ready
        self._queues: dict[ListName, _Queue[Owner]] = {}
        self._tasks: dict[Ref, _Task[Owner]] = {}
        self._arrivals = 0

    def add(self, name: ListName, ref: Ref, owner: Owner, *, priority: int, scheduled_ms: int, ready: bool) -> None:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue(name)
        self._arrivals += 1
        task = _Task((-priority, scheduled_ms, self._arrivals), ref, owner, queue)
        queue.tasks[ref] = self._tasks[ref] = task
        if ready:
            self._release(task)

    def release(self, ref: Ref) -> None:
        """The task is ready from now on."""
        self._release(self._tasks[ref])

    def take(self, name: ListName) -> tuple[Owner, int] | None:
        """Take the first ready task off the list: its owner and the id of the event that scheduled it."""
        queue = self._queues.get(name)
        task = queue.pop() if queue is not None else None
        if task is None:
            return None
        self.drop(task.ref)
        return task.owner, task.ref[1]

    def drop(self, ref: Ref) -> None:
        """Take a task off its list, if it is on one."""
        task = self._tasks.pop(ref, None)
        if task is None:
            return
        del task.queue.tasks[ref]
        if not task.queue.tasks:
            del self._queues[task.queue.name]

    def count(self, name: ListName) -> int:
        queue = self._queues.get(name)
        return 0 if queue is None else len(queue.tasks)

    def backlog(self) -> dict[ListName, int]:
        """The number of waiting tasks by list, the empty lists left out."""
        return {name: len(queue.tasks) for name, queue in self._queues.items()}

    def waiting(self) -> dict[ListName, list[tuple[Ref, bool]]]:
        """The tasks of each list in the order in which they leave, and whether they are ready."""
        return {
            name: [(task.ref, task.ready) for task in sorted(queue.tasks.values(), key=lambda task: task.order)]
            for name, queue in self._queues.items()
        }

    def _release(self, task: _Task[Owner]) -> None:
        task.queue.push(task)
        self._on_ready(task.queue.name)
