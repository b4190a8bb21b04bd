"""Tasks: one call each of an activity, a child workflow, a timer and so on. A task can be submitted more than once."""

from __future__ import annotations

import enum
import inspect
from dataclasses import dataclass
from typing import Any

from . import futures
from .activity import Activity
from .base import Submittable


def get_actual_value(value: Any) -> Any:
    """The result of a future; anything else as it is."""
    return value.result if isinstance(value, futures.Future) else value


class Task(Submittable):
    """A call that has not been made yet. ``name`` is for messages, ``payload`` is what it calls."""

    id: str | None = None

    @property
    def name(self) -> str:
        raise TypeError(f"{type(self).__name__} has no name")

    @property
    def payload(self) -> Any:
        return None

    @staticmethod
    def resolve_args(*args: Any) -> list[Any]:
        return [get_actual_value(arg) for arg in args]

    @staticmethod
    def resolve_kwargs(**kwargs: Any) -> dict[str, Any]:
        return {key: get_actual_value(value) for key, value in kwargs.items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class ActivityTask(Task):
    """A call of an activity."""

    def __init__(self, activity: Activity, /, *args: Any, **kwargs: Any) -> None:
        if not isinstance(activity, Activity):
            raise TypeError(f"expected an activity (see activity.with_attributes), not {activity!r}")
        self.activity = activity
        self.args = list(args)
        self.kwargs = kwargs

    @property
    def name(self) -> str:
        return f"activity-{self.activity.name}"

    @property
    def payload(self) -> Activity:
        return self.activity

    @property
    def idempotent(self) -> bool:
        return bool(self.activity.idempotent)


class NonPythonicActivityTask(ActivityTask):
    """A call of an activity that is not written in Python: its input is the bare JSON of args or of kwargs."""

    def __init__(self, activity: Activity, /, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError("a non-Python activity takes positional or keyword arguments, not both.")
        super().__init__(activity, *args, **kwargs)


class WorkflowTask(Task):
    """A child workflow. ``workflow_task_list`` is where its decisions are made, if not where its class says.

    ``executor`` is what old code passes in front; nobody needs it any more.
    """

    def __init__(self, executor: Any, workflow: Any, /, *args: Any, **kwargs: Any) -> None:
        if not hasattr(workflow, "run"):
            raise TypeError(f"expected a Workflow class, not {workflow!r}")
        # `run` may have an argument of that name; then it is the author's.
        own = "workflow_task_list" in inspect.signature(workflow.run).parameters
        self.task_list: str | None = None if own else kwargs.pop("workflow_task_list", None)
        self.executor = executor
        self.workflow = workflow
        self.args = list(args)
        self.kwargs = kwargs

    @property
    def name(self) -> str:
        return f"workflow-{self.workflow.name}"

    @property
    def payload(self) -> Any:
        return self.workflow

    @property
    def idempotent(self) -> bool:
        return bool(getattr(self.workflow, "idempotent", False))


class ChildWorkflowTask(WorkflowTask):
    """The same without an executor."""

    def __init__(self, workflow: Any, /, *args: Any, **kwargs: Any) -> None:
        super().__init__(None, workflow, *args, **kwargs)


class SignalTask(Task):
    """A signal to another execution; to its own if ``workflow_id`` is None."""

    workflow_id: str | None = None
    run_id: str | None = None
    control: Any = None

    def __init__(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        self._name = name
        self.args = list(args)
        self.kwargs = kwargs
        self.extra_input: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return self._name


class MarkerTask(Task):
    """A marker to record. ``details`` is any value that can be encoded; a list or dict may hold futures."""

    def __init__(self, name: str, details: Any = None) -> None:
        self._name = name
        self.details = details

    @property
    def name(self) -> str:
        return self._name


class TimerTask(Task):
    """A timer of ``timeout`` seconds."""

    def __init__(self, timer_id: str, timeout: float | str, control: Any = None) -> None:
        self.timer_id = timer_id
        self.timeout = timeout
        self.control = control

    @property
    def name(self) -> str:
        return self.timer_id


class CancelTimerTask(Task):
    """The end of a timer before its time."""

    def __init__(self, timer_id: str) -> None:
        self.timer_id = timer_id

    @property
    def name(self) -> str:
        return self.timer_id


class ContinueAsNewWorkflowTask(Task):
    """The end of this run and the start of the next one of the same workflow, with these arguments."""

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        self.args = list(args)
        self.kwargs = kwargs

    @property
    def name(self) -> str:
        return "continue-as-new"


@dataclass
class TaskFailureContext:
    """What ``Workflow.on_task_failure`` is told of a failure, and what it decides.

    ``a_task`` is a private copy: its ``args`` and ``kwargs`` may be edited, and are the input of the next attempt.
    ``exception_class`` is TaskException or WorkflowException, what the task raises with ``raises_on_failure``.
    For a failure with details as our workers write them, ``task_error`` is the name of the exception class,
    ``task_message`` its text, ``task_error_type`` the class if this process knows it, ``details`` a dict.
    Decide with one of the ``decide_…`` methods; without a decision the activity's own retry policy applies.
    """

    class Decision(enum.Enum):
        none = 0
        abort = 1
        ignore = 2
        retry_now = 3
        retry_later = 4
        cancel = 5
        handled = 6

    a_task: Any
    event: dict[str, Any]
    future: futures.Future[Any] | None
    exception_class: type[BaseException]
    history: Any = None
    decision: TaskFailureContext.Decision = Decision.none
    retry_wait_timeout: float | None = None
    reason: str | None = None
    details: Any = None
    task_error: str | None = None
    task_message: str | None = None
    task_error_type: type[BaseException] | None = None

    @property
    def retry_count(self) -> int:
        """0 at the first failure."""
        return int(self.event.get("retry", 0))

    @property
    def attempt_number(self) -> int:
        return self.retry_count + 1

    @property
    def payload(self) -> Any:
        return self.a_task.payload

    @property
    def task_name(self) -> str:
        return str(self.payload.name)

    @property
    def exception(self) -> BaseException | None:
        return self.future.exception if self.future is not None else None

    @property
    def current_started_decision_id(self) -> int | None:
        return getattr(self.history, "started_decision_id", None)

    @property
    def last_completed_decision_id(self) -> int | None:
        return getattr(self.history, "completed_decision_id", None)

    @property
    def id(self) -> int | None:
        """The id of the event that scheduled the activity or initiated the child."""
        return self.event.get("scheduled_id") or self.event.get("initiated_event_id")

    def decide_abort(self) -> TaskFailureContext:
        """Fail the task now."""
        return self._decide(self.Decision.abort)

    def decide_ignore(self) -> TaskFailureContext:
        """Go on as if it had succeeded, with None or with what ``future.set_finished`` was given."""
        return self._decide(self.Decision.ignore)

    def decide_cancel(self) -> TaskFailureContext:
        """Treat the task as cancelled."""
        return self._decide(self.Decision.cancel)

    def decide_retry(self, retry_wait_timeout: float | None = 0) -> TaskFailureContext:
        """Try again, after ``retry_wait_timeout`` seconds if that is not 0."""
        self.retry_wait_timeout = retry_wait_timeout
        return self._decide(self.Decision.retry_later if retry_wait_timeout else self.Decision.retry_now)

    def decide_handled(self, a_task: Any, future: futures.Future[Any] | None = None) -> TaskFailureContext:
        """Take ``future``, or that of ``a_task`` submitted now, in place of the task's own."""
        self.a_task = a_task
        self.future = future
        return self._decide(self.Decision.handled)

    def _decide(self, decision: TaskFailureContext.Decision) -> TaskFailureContext:
        self.decision = decision
        return self
