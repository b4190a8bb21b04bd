"""``Workflow``: what an author subclasses."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from . import registry, task
from .canvas import Group
from .executor import Executor, History
from .futures import Future
from .marker import Marker
from .signal import NextSignal, WaitForSignal

T = TypeVar("T")


class Workflow:
    """A program that is replayed against the history of its execution.

    Subclasses define ``name``, ``version``, ``task_list`` and ``run``. ``run`` must do the same for the same history:
    it takes the time, chance and everything else that is not a task's result from ``now``, ``random``, ``uuid4`` and
    ``side_effect``.

    Optional attributes: ``execution_timeout`` and ``decision_tasks_timeout`` (seconds), ``tag_list``, ``child_policy``,
    ``task_priority`` (default priority of its tasks; may be a property), ``max_open_activity_count``,
    ``propagate_signals_to_parent``; and for a workflow started as a child ``retry``, ``raises_on_failure``,
    ``idempotent``, and the functions of its arguments ``get_workflow_id``, ``get_task_list``, ``get_tag_list``.
    """

    INHERIT_TAG_LIST = "INHERIT_TAG_LIST"

    name: Any = None
    version: Any = None
    task_list: Any = None
    task_priority: Any = None
    retry: Any = 0
    raises_on_failure: bool = True
    child_policy: Any = None
    propagate_signals_to_parent: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registry.workflows[registry.full_name(cls)] = cls

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def executor(self) -> Executor:
        return self._executor

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The program. Its return value is the result of the workflow."""
        raise NotImplementedError(f"{type(self).__name__} has no method run.")

    # -- tasks

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Ask for an activity, a child workflow (its class), a task, a group or a chain; its future.

        Arguments may be or hold futures. ``__priority`` is the priority of this task (an int, or None for none).
        Raises TypeError for anything else, InvalidTask for what SWF would refuse, EncodeError (a TypeError) for
        arguments that have no JSON form.
        """
        return self._executor.submit(submittable, *args, **kwargs)

    def map(self, activity: Any, iterable: Iterable[Any]) -> list[Future[Any]]:
        """Submit ``activity(x)`` for each x; the futures in the same order."""
        return self.starmap(activity, ((x,) for x in iterable))

    def starmap(self, activity: Any, iterable: Iterable[Iterable[Any]]) -> list[Future[Any]]:
        """Submit ``activity(*args)`` for each args; the futures in the same order."""
        group: Any = self.submit(Group(*((activity, *args) for args in iterable)))
        return list(group.futures)

    def fail(self, reason: str, details: Any = None) -> None:
        """End the execution as failed. Does not return."""
        self._executor.fail(reason, details)

    def signal(
        self,
        name: str,
        /,
        *args: Any,
        workflow_id: str | None = None,
        run_id: str | None = None,
        propagate: bool = True,
        **kwargs: Any,
    ) -> task.SignalTask:
        """A signal to submit, to this execution or to ``workflow_id``.

        A receiver passes it on to its parent and children if ``propagate`` is true.
        """
        signal = task.SignalTask(name, *args, **kwargs)
        signal.workflow_id, signal.run_id = workflow_id, run_id
        signal.extra_input = {"__propagate": propagate}
        return signal

    def wait_signal(self, name: str) -> WaitForSignal:
        """To submit; finished as soon as a signal of this name has been received, with the latest one's input."""
        return WaitForSignal(name)

    def next_signal(self, name: str) -> WaitForSignal:
        """To submit; the n-th submit takes the n-th signal of this name."""
        return NextSignal(name)

    def record_marker(self, name: str, details: Any = None) -> task.MarkerTask:
        """To submit; writes a marker into the history."""
        return task.MarkerTask(name, details)

    def list_markers(self, all: bool = False) -> list[Marker]:
        """The last marker of each name, or all of them, as recorded up to the event that this decision answers."""
        return self._executor.list_markers(all)

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        """What is known of a ``"signal"``, ``"marker"`` or ``"timer"`` of this name; ValueError for another type."""
        return self._executor.get_event_details(event_type, event_name)

    def start_timer(self, timer_id: str, timeout: float | str, control: Any = None) -> task.TimerTask:
        """To submit; finished after ``timeout`` seconds."""
        return task.TimerTask(timer_id, timeout, control)

    def cancel_timer(self, timer_id: str) -> task.CancelTimerTask:
        """To submit; ends a timer before its time."""
        return task.CancelTimerTask(timer_id)

    def continue_as_new(self, /, *args: Any, **kwargs: Any) -> task.ContinueAsNewWorkflowTask:
        """To submit, which does not return: ends this run and starts the next one with these arguments."""
        return task.ContinueAsNewWorkflowTask(*args, **kwargs)

    # -- what else is not a pure function of the arguments

    def now(self) -> datetime:
        """The time of the decision that is being made, in UTC; the same at every replay."""
        return self._executor.now()

    @property
    def random(self) -> random.Random:
        """Random numbers that are the same at every replay."""
        return self._executor.random

    def uuid4(self) -> uuid.UUID:
        """A UUID that is the same at every replay."""
        return self._executor.uuid4()

    def side_effect(self, fn: Callable[[], T], name: str | None = None) -> T:
        """Call ``fn`` once, record what it returns, and return that at every replay.

        What it raises is recorded as well, and raised as TaskFailed. It cannot submit or wait.
        """
        return self._executor.side_effect(fn, name or str(getattr(fn, "__name__", "side effect")))  # type: ignore[no-any-return]

    @property
    def replaying(self) -> bool:
        """Whether the code repeats what it did for an earlier decision."""
        return self._executor.replaying

    def get_run_context(self) -> dict[str, Any]:
        """name, version, domain_name, workflow_id, run_id, tag_list, continued_execution_run_id, parent_workflow_id
        and parent_run_id.
        """
        return self._executor.get_run_context()

    def get_execution_context(self) -> dict[str, Any]:
        """Kept for old code: ``get_run_context``."""
        return self.get_run_context()

    # -- hooks, for subclasses

    def before_replay(self, history: History) -> None:
        """Called once for each decision, before its new events are seen. Cannot submit."""

    def after_replay(self, history: History) -> None:
        """Called once for each decision, after ``run`` went as far as it can. Cannot submit."""

    def after_closed(self, history: History) -> None:
        """Called when the history shows that the execution is closed; at least once."""

    def on_completed(self, history: History) -> None:
        """Called, at least once, when the execution has completed."""

    def on_failure(self, history: History, reason: str, details: Any = None) -> None:
        """Called, at least once, when the execution has failed."""

    def on_canceled(self, history: History) -> None:
        """Called, at least once, when the execution has been cancelled."""

    def on_task_failure(self, failure_context: task.TaskFailureContext) -> task.TaskFailureContext | None:
        """Called once for each failed attempt of a task, in the order of the history; part of the replay, like ``run``.

        Decides what happens next with one of the ``decide_…`` methods of ``failure_context``.
        """

    def should_cancel(self, history: History) -> bool:
        """Whether to follow a request to cancel the execution; asked at each decision while there is one."""
        return True
