"""Which task follows which: found out by a replay that watches what ``run`` does with its futures."""

from __future__ import annotations

import contextlib
import graphlib
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ..activity import Activity
from ..canvas import ChainFuture, FuncFuture, GroupFuture
from ..futures import Future, Mirror
from ..payloads import nested
from ..payloads.fields import INLINE, Fields
from ..signal import WaitForSignal
from ..task import ActivityTask
from . import calls, task_calls
from . import state as s
from .engine import FindWorkflow, find_class, side_effects
from .events import Batch, of_type, split
from .run import Run, Stopped
from .work import Event, RunKey

#: A signal that came in, as a kind of task beside those of ``state``.
RECEIVED = "received signal"


@dataclass(frozen=True, slots=True)
class Task:
    """A task of an execution. ``after`` are the positions, in the list of all, of those that it follows.

    ``name`` is that of the type, of the marker or of the signal. ``ended`` tells whether the future of the task has.
    """

    kind: str
    id: str
    name: str
    after: tuple[int, ...]
    ended: bool = False


def watched(
    key: RunKey, workflow_type: str, events: Sequence[Event], find_workflow: FindWorkflow, fields: Fields = INLINE
) -> list[Task]:
    """The tasks that today's code has submitted up to its last decision, in the order of the program.

    A task follows those whose futures are among its arguments, those whose results its code had seen when it submitted
    the task, and in a chain the one before it. Raises NondeterminismError, DecisionAbandoned.
    """
    completed = of_type(events, "DecisionTaskCompleted")
    ends = [event["decisionTaskCompletedEventAttributes"]["startedEventId"] for event in completed]
    if not ends:
        return []
    workflow_class = find_class(find_workflow, workflow_type, events[0], fields)
    run = _Watching(key, workflow_class, effects=side_effects(events), fields=fields)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for batch in split(events, ends[-1]):
                run.advance(batch, replaying=True)
        run.take_in(Batch(events[ends[-1] :], ends[-1], events[-1]["eventTimestamp"]))
        return reduced(run.tasks())
    except Stopped as stopped:
        raise stopped.error from None
    finally:
        run.close()


def reduced(tasks: list[Task]) -> list[Task]:
    """Without what follows from the rest: of a, b after a, and c after a and b, only c after b."""
    try:
        order = tuple(graphlib.TopologicalSorter({n: task.after for n, task in enumerate(tasks)}).static_order())
    except graphlib.CycleError:  # a program that waits for itself
        return tasks
    before = [0] * len(tasks)  # of each task all that it follows, at any distance, as bits
    found = list(tasks)
    for place in order:
        implied = 0
        for other in tasks[place].after:
            implied |= before[other]
        found[place] = replace(tasks[place], after=tuple(o for o in tasks[place].after if not implied >> o & 1))
        before[place] = implied
        for other in tasks[place].after:
            before[place] |= 1 << other
    return found


class _Watched(Future[Any]):
    """The future of a task, which tells its run when the author's code sees how the task ended."""

    def _inside(self) -> Sequence[Future[Any]]:
        self._tell()
        return super()._inside()

    def _get_value(self) -> Any:
        self._tell()
        return super()._get_value()

    def _tell(self) -> None:
        if isinstance(self._port, _Watching) and self.done:
            self._port.saw(self)


@dataclass(slots=True)
class _Node:
    """``links`` are the futures that the task follows, which may belong to no task yet."""

    call: Any
    member: Any
    kind: str
    links: list[Future[Any]]


class _Watching(Run):
    """A run that keeps in mind what its code had seen at each submit."""

    def _begin(self) -> None:
        super()._begin()
        self._nodes: dict[Future[Any], _Node] = {}
        self._seen: dict[Any, dict[Future[Any], None]] = {}  # by fiber: the latest futures that its code saw
        self._inherited: dict[str, dict[Future[Any], None]] = {}  # by scope
        self._chains: list[list[Future[Any]]] = []

    def saw(self, future: Future[Any]) -> None:
        """What the seen task itself follows is implied."""
        if self.fibers.running is not None:
            seen = self._seen.setdefault(self.fibers.running, {})
            for earlier in self._nodes[future].links:
                seen.pop(earlier, None)
            seen[future] = None

    def scope(self) -> str:
        scope = super().scope()
        self._inherited[scope] = dict(self._seen.get(self.fibers.running, {}))
        return scope

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        with super().within(scope):
            self._seen.setdefault(self.fibers.running, {}).update(self._inherited.get(scope, {}))
            yield

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Any:
        """An activity is a member like all others, so that it is seen."""
        if not isinstance(submittable, Activity):
            return super().submit(submittable, *args, **kwargs)
        priority = {"__priority": kwargs.pop("__priority")} if "__priority" in kwargs else {}
        return super().submit(ActivityTask(submittable, *args, **kwargs), **priority)

    def _prepared(self, member: Any) -> Any:
        startable = super()._prepared(member)
        kind = RECEIVED if isinstance(member, WaitForSignal) else _KINDS.get(type(startable))
        links: list[Future[Any]]
        if kind is not None:
            future: Future[Any] = startable.future
            future.__class__ = _Watched  # it tells what is seen; a Future in all other respects
            links = [*_fed(member), *self._seen.get(self.fibers.running, {})]
            self._nodes[future] = _Node(startable, member, kind, links)
        elif isinstance(startable, ChainFuture):
            links = [link.future for link in startable._members]
            self._chains.append(links)
            for earlier, later in itertools.pairwise(links):
                for function in _functions(later):
                    self._inherited[function._scope][earlier] = None
        return startable

    # -- what came of it

    def tasks(self) -> list[Task]:
        places = {future: place for place, future in enumerate(self._nodes)}
        follows: list[dict[int, None]] = [{} for _ in places]
        for future, node in self._nodes.items():
            for link in node.links:
                follows[places[future]].update((places[other], None) for other in self._behind(link))
        for chain in self._chains:
            for earlier, later in itertools.pairwise(chain):
                for future in self._behind(later):
                    follows[places[future]].update((places[other], None) for other in self._behind(earlier))
        ended = {record.owner for record in self.state.records.values() if record.outcome is not None}
        return [
            Task(node.kind, *_called(node), tuple(follows[place]), future.done or node.call in ended)
            for place, (future, node) in enumerate(self._nodes.items())
        ]

    def _behind(self, future: Future[Any] | None) -> Iterable[Future[Any]]:
        """The futures of tasks that stand behind any future."""
        if future is None:
            return []
        if future in self._nodes:
            return [future]
        if isinstance(future, GroupFuture | ChainFuture):
            return [found for member in future._members for found in self._behind(member.future)]
        return self._behind(future._original) if isinstance(future, Mirror) else []


_KINDS = {
    task_calls.ActivityCall: s.ACTIVITY,
    task_calls.ForeignActivityCall: s.ACTIVITY,
    task_calls.ChildCall: s.CHILD,
    calls.TimerCall: s.TIMER,
    calls.CancelTimerCall: s.CANCEL_TIMER,
    calls.MarkerCall: s.MARKER,
    calls.SignalCall: s.SIGNAL,
}


def _called(node: _Node) -> tuple[str, str]:
    """The id and the name of a task. An id that is made of the arguments is not known before they are."""
    call = node.call
    if node.kind == RECEIVED:
        return node.member.signal_name, node.member.signal_name
    if isinstance(call, task_calls.TaskCall):
        return getattr(call, "key", (None, f"{call.definition.prefix}…"))[1], call.definition.type_name
    if isinstance(call, calls.SignalCall):
        return f"{call.name} to {call.target}", call.name
    return call.key[1], call.key[1]


def _functions(future: Future[Any]) -> Iterator[FuncFuture]:
    """The functions in a member of a chain, which are called when the one before it has ended."""
    if isinstance(future, FuncFuture):
        yield future
    elif isinstance(future, GroupFuture | ChainFuture):
        for member in future._members:
            yield from _functions(member.future)


def _fed(member: Any) -> list[Future[Any]]:
    """The futures among the arguments of a task."""
    found: list[Future[Any]] = []

    def collect(thing: Any) -> Any:
        if isinstance(thing, Future):
            found.append(thing)
            return None
        raise TypeError

    given = [getattr(member, name, None) for name in ("args", "kwargs", "details", "control")]
    nested.draft(given, collect)
    return found
