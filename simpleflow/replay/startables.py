"""What a task of the language becomes when a run prepares it: something with a future, to be started in its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import task
from ..base import SubmittableContainer
from ..futures import Future
from ..signal import NextSignal, WaitForSignal
from . import calls, task_calls
from .arguments import encoded, filled


class Latch:
    """A wait for a signal, in its place in the program."""

    def __init__(self, run: Any, wait: WaitForSignal) -> None:
        self.future: Future[Any] = Future(run)
        self._register = run.signals.next if isinstance(wait, NextSignal) else run.signals.wait
        self._name = wait.signal_name

    def start(self, *extra: Any) -> None:
        self._register(self._name, self.future)


class Continuation(calls.Call):
    """``continue_as_new`` in its place in the program."""

    def __init__(self, run: Any, continuation: task.ContinueAsNewWorkflowTask) -> None:
        super().__init__(run)
        self._envelope, self.holes = encoded({"args": continuation.args, "kwargs": continuation.kwargs})

    def launch(self) -> None:
        self.run.continue_as_new(filled(self._envelope, self.holes))

    def start(self, *extra: Future[Any]) -> None:
        super().start()
        if self.run.fibers.current() is not None and not self.future.done:
            self.future.result  # noqa: B018 - the arguments are not there yet; does not return


_MAKERS: dict[type[Any], Callable[[Any, Any], Any]] = {
    task.NonPythonicActivityTask: task_calls.ForeignActivityCall,
    task.ActivityTask: task_calls.ActivityCall,
    task.WorkflowTask: task_calls.ChildCall,
    task.ChildWorkflowTask: task_calls.ChildCall,
    task.SignalTask: calls.SignalCall,
    task.MarkerTask: lambda run, t: calls.MarkerCall(run, t.name, t.details),
    task.TimerTask: lambda run, t: calls.TimerCall(run, t.timer_id, t.timeout, t.control),
    task.CancelTimerTask: lambda run, t: calls.CancelTimerCall(run, t.timer_id),
    task.ContinueAsNewWorkflowTask: Continuation,
    WaitForSignal: Latch,
    SubmittableContainer: lambda run, container: container.prepare(run),
}


def made_of(run: Any, member: Any) -> Any:
    """Raises TypeError for what cannot be submitted."""
    make = _MAKERS.get(type(member)) or _maker_of(type(member))
    if make is None:
        raise TypeError(
            f"cannot submit {member!r}: expected an activity, a Workflow class, a task, a group or a chain."
        )
    return make(run, member)


def _maker_of(kind: type[Any]) -> Callable[[Any, Any], Any] | None:
    """For a subclass of the author's."""
    return next((_MAKERS[base] for base in kind.__mro__ if base in _MAKERS), None)
