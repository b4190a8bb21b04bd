"""Stand-ins: what takes the place of an activity or of a child workflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..activity import Activity
from ..workflow import Workflow


class Call(NamedTuple):
    """What a stand-in was called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(slots=True, eq=False)
class StandIn:
    """Takes the place of ``target`` for the next ``times`` attempts, or for good.

    ``function`` gets the arguments, as the annotations of ``target`` say, and returns the result, or raises. An attempt
    takes ``takes`` seconds of the virtual clock; of a ``silent`` one nothing is ever heard. ``calls`` are the calls so
    far, in their order.
    """

    target: Activity | type[Workflow]
    function: Callable[..., Any]
    takes: float = 0
    silent: bool = False
    times: int | None = None
    calls: list[Call] = field(default_factory=list)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(Call(args, kwargs))
        return self.function(*args, **kwargs)


class StandIns:
    """All stand-ins of a test; the latest one for a target counts."""

    def __init__(self) -> None:
        self._activities: dict[str, list[StandIn]] = {}
        self._children: dict[type[Workflow], list[StandIn]] = {}
        self._classes: dict[str, type[Workflow]] = {}

    def add(
        self,
        target: Any,
        function: Callable[..., Any] | None,
        raises: BaseException | None,
        takes: float,
        silent: bool,
        times: int | None,
    ) -> StandIn:
        """Raises TypeError, ValueError for what cannot be replaced, or not by this."""
        if function is not None and raises is not None:
            raise TypeError("replace() takes a function or `raises`, not both: let the function raise.")
        if takes < 0 or (times is not None and times < 0):
            raise ValueError(f"takes is {takes} and times {times}; neither can be negative.")
        if raises is not None:
            if not isinstance(raises, BaseException) and not (
                isinstance(raises, type) and issubclass(raises, BaseException)
            ):
                raise TypeError(f"raises is {raises!r}; expected an exception, as in raises=ConnectionError('down').")
            function = _raising(raises)
        if silent and function is not None:
            raise TypeError("of a silent stand-in nothing is heard: replace() takes no function or `raises` with it.")
        if silent:
            function = _nothing
        if isinstance(target, Activity):
            stand_in = StandIn(target, function or target.callable, takes, silent, times)
            self._activities.setdefault(target.name, []).append(stand_in)
        elif isinstance(target, type) and issubclass(target, Workflow):
            if function is None:
                raise TypeError(f"replace({target.__name__}) needs a function that gives the result of the child.")
            stand_in = StandIn(target, function, takes, silent, times)
            self._children.setdefault(target, []).append(stand_in)
        else:
            raise TypeError(f"replace() takes an activity or a Workflow class, not {target!r}.")
        return stand_in

    def activity(self, name: str) -> StandIn | None:
        """The stand-in for the next attempt of an activity."""
        return _next(self._activities.get(name, []))

    def workflow(self, target: type[Workflow], run_id: str) -> type[Workflow]:
        """The class that runs in place of ``target`` in this run: always the same one."""
        if target not in self._children:
            return target
        if run_id not in self._classes:
            stand_in = _next(self._children[target])
            self._classes[run_id] = target if stand_in is None else _workflow(stand_in)
        return self._classes[run_id]


def _next(stand_ins: list[StandIn]) -> StandIn | None:
    for stand_in in reversed(stand_ins):
        if stand_in.times is None:
            return stand_in
        if stand_in.times > 0:
            stand_in.times -= 1
            return stand_in
    return None


def activity_of(stand_in: StandIn) -> Activity:
    """The activity as its stand-in has it."""
    assert isinstance(stand_in.target, Activity)
    changed = stand_in.target.options()
    if isinstance(stand_in.target.callable, type) and stand_in.function is stand_in.target.callable:
        return changed  # a class that only takes longer

    def called(*args: Any, **kwargs: Any) -> Any:
        return stand_in(*args, **kwargs)

    called.__wrapped__ = changed.callable  # type: ignore[attr-defined]  # arguments are as its annotations say
    changed.callable = called
    return changed


def _workflow(stand_in: StandIn) -> type[Workflow]:
    """A workflow that waits as long as the stand-in takes, and then does once what it does."""
    ended: list[Callable[[], Any]] = []

    def run(self: Workflow, *args: Any, **kwargs: Any) -> Any:
        if stand_in.silent:
            self.submit(self.wait_signal("nothing, this is a stand-in")).wait()
        if stand_in.takes:
            self.submit(self.start_timer("takes", stand_in.takes)).wait()
        if not ended:  # a replay does not call it again
            ended.append(_outcome(stand_in, args, kwargs))
        return ended[0]()

    target: Any = stand_in.target
    run.__wrapped__ = target.run  # type: ignore[attr-defined]  # arguments are as its annotations say
    members = {"run": run, "name": target.name, "version": target.version, "task_list": target.task_list}
    return type("StandInWorkflow", (Workflow,), members)


def _outcome(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[[], Any]:
    try:
        value = function(*args, **kwargs)
    except Exception as error:
        return _raising(error)
    return lambda: value


def _raising(error: BaseException) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        raise error

    return function


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What a silent stand-in does."""
