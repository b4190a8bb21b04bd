"""Activities: functions and classes that workers execute.

An ``Activity`` is the definition; ``Workflow.submit(activity, …)`` asks for one execution of it. A definition never
changes after it was made: ``options`` gives a changed copy.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from . import registry, settings

Timeout = int | str | None


class _PriorityNotSet:
    def __repr__(self) -> str:
        return "<Priority Not Set>"


PRIORITY_NOT_SET: Any = _PriorityNotSet()

#: The context of the activity task that this thread executes: a dict of the keys that ``Activity.context`` names.
current_context: ContextVar[dict[str, Any] | None] = ContextVar("simpleflow_activity_context", default=None)


class _ContextOfCall(Mapping[str, Any]):
    """The context of the activity task that this thread executes: what plain functions have as ``context``."""

    def __getitem__(self, key: str) -> Any:
        return (current_context.get() or {})[key]

    def __iter__(self) -> Iterator[str]:
        return iter(current_context.get() or {})

    def __len__(self) -> int:
        return len(current_context.get() or {})

    def __repr__(self) -> str:
        return repr(current_context.get())


CONTEXT_OF_CALL = _ContextOfCall()


class Link(Protocol):
    """The way from the code of an activity to whoever executes it."""

    def heartbeat(self, details: Any) -> None: ...

    def is_cancelled(self) -> bool: ...


#: The link of the activity task that this thread executes.
current_link: ContextVar[Link | None] = ContextVar("simpleflow_activity_link", default=None)


def heartbeat(details: Any = None) -> None:
    """Tell SWF that the activity whose code calls this is alive, and how far it is: the text or JSON of ``details``.

    The details of the last heartbeat are in the timeout event of a task that ends without another word. Heartbeats of
    one task leave once a second at most. Outside a worker nothing happens. Raises JumboTooLargeError for details of
    more than 2,048 characters, EncodeError for what has no JSON form.
    """
    link = current_link.get()
    if link is not None:
        link.heartbeat(details)


def is_cancelled() -> bool:
    """Whether the activity whose code calls this should end: its cancellation is requested, or SWF has given it up.

    Code that goes on is ended with its process ACTIVITY_SIGTERM_WAIT_SEC seconds later. To acknowledge with details,
    raise ``exceptions.TaskCanceled(details)``. Outside a worker the answer is False.
    """
    link = current_link.get()
    return link is not None and link.is_cancelled()


#: A year: no execution lives longer.
_LONGEST_WAIT = 31_536_000.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and when a failed task is tried again.

    ``attempts`` counts all of them, the first included. The wait before attempt n+1 is ``interval`` seconds times
    ``backoff`` to the power n-1, at most ``maximum`` seconds, made longer by up to the fraction ``jitter``.
    A failure whose error type (a class or its name) is in ``except_on`` is not tried again.
    """

    attempts: int = 1
    interval: float = 0
    backoff: float = 2.0
    maximum: float | None = None
    jitter: float = 0.0
    except_on: tuple[type[BaseException] | str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.except_on, str | type):
            object.__setattr__(self, "except_on", (self.except_on,))
        if self.attempts < 1:
            raise ValueError(f"attempts is {self.attempts}; it counts the first one too, so it is at least 1.")
        for name in ("interval", "backoff", "jitter", "maximum"):
            if not (getattr(self, name) or 0) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a number from 0 up.")

    @classmethod
    def of(cls, retry: int | RetryPolicy | None) -> RetryPolicy:
        """``retry=N`` tries N times more after the first failure."""
        return retry if isinstance(retry, RetryPolicy) else cls(attempts=int(retry or 0) + 1)

    def delay(self, attempt: int, chance: float) -> float:
        """Seconds to wait after attempt number ``attempt`` (from 1); ``chance`` in [0, 1) places the jitter."""
        try:
            wait = self.interval * self.backoff ** (attempt - 1) if self.interval else 0.0
        except OverflowError:
            wait = _LONGEST_WAIT
        longest = _LONGEST_WAIT if self.maximum is None else self.maximum
        return min(min(wait, longest) * (1 + self.jitter * chance), _LONGEST_WAIT)

    def excludes(self, error_types: set[str]) -> bool:
        """Whether one of these type names (bare or with module) must not be tried again."""
        for excluded in self.except_on:
            names = (
                {excluded}
                if isinstance(excluded, str)
                else {excluded.__name__, f"{excluded.__module__}.{excluded.__name__}"}
            )
            if names & error_types:
                return True
        return False


class Activity:
    """The definition of an activity: what is called, and how SWF is to schedule it.

    Timeouts are in seconds; ``None`` or ``"NONE"`` means no limit. Called directly, it is the plain function or
    class that it wraps.
    """

    task_list: str | None
    version: str | None

    def __init__(
        self,
        callable: Callable[..., Any],
        name: str | None = None,
        version: str | None = None,
        task_list: str | None = None,
        retry: int | RetryPolicy = 0,
        raises_on_failure: bool = False,
        start_to_close_timeout: Timeout = None,
        schedule_to_close_timeout: Timeout = None,
        schedule_to_start_timeout: Timeout = None,
        heartbeat_timeout: Timeout = None,
        task_priority: Any = PRIORITY_NOT_SET,
        idempotent: bool | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        if not _is_callable(callable):
            raise TypeError(f"an activity wraps a function or a class, not {callable!r}")
        self.callable = callable
        self._name = name
        self.name = name or _dotted_name(callable)
        self.version = version
        self.task_list = task_list
        self.retry = retry
        RetryPolicy.of(retry)  # complains about a bad one
        self.raises_on_failure = raises_on_failure
        self.task_start_to_close_timeout = start_to_close_timeout
        self.task_schedule_to_close_timeout = schedule_to_close_timeout
        self.task_schedule_to_start_timeout = schedule_to_start_timeout
        self.task_heartbeat_timeout = heartbeat_timeout
        self.task_priority = task_priority
        self.idempotent = idempotent
        self.meta = meta if meta is not None else {}
        functools.update_wrapper(self, callable, assigned=("__module__", "__doc__"), updated=())
        self.register()

    def register(self) -> None:
        registry.registry.register(self, None)

    @property
    def context(self) -> dict[str, Any] | None:
        """What the worker knows of the task that it executes: name, version, workflow_id, run_id, activity_id, attempt
        (from 1), input, domain_name and activity_task_list. None outside an execution.
        """
        return current_context.get()

    def options(self, **changes: Any) -> Activity:
        """A copy with other ``task_list``, ``version``, ``retry``, ``raises_on_failure``, ``task_priority`` (or
        ``priority``), ``idempotent``, ``meta`` or timeouts. Raises TypeError for anything else.
        """
        changed = copy.copy(self)
        for option, value in changes.items():
            attribute = _OPTIONS.get(option)
            if attribute is None:
                raise TypeError(
                    f"{option!r} is not an option of an activity; options are {', '.join(sorted(_OPTIONS))}."
                )
            setattr(changed, attribute, value)
        RetryPolicy.of(changed.retry)  # complains about a bad one
        return changed

    def propagate_attribute(self, attr: str, val: Any) -> Activity:
        """Kept for old code: ``options``, a changed copy."""
        return self.options(**{attr: val})

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.callable(*args, **kwargs)

    def __repr__(self) -> str:
        return (
            f"Activity(name={self.name}, version={self.version}, task_list={self.task_list}, retry={self.retry}, "
            f"raises_on_failure={self.raises_on_failure})"
        )


_OPTIONS = {
    "task_list": "task_list",
    "version": "version",
    "retry": "retry",
    "raises_on_failure": "raises_on_failure",
    "start_to_close_timeout": "task_start_to_close_timeout",
    "schedule_to_close_timeout": "task_schedule_to_close_timeout",
    "schedule_to_start_timeout": "task_schedule_to_start_timeout",
    "heartbeat_timeout": "task_heartbeat_timeout",
    "task_priority": "task_priority",
    "priority": "task_priority",
    "idempotent": "idempotent",
    "meta": "meta",
}


def _is_callable(target: Any) -> bool:
    return callable(target)


def _dotted_name(target: Any) -> str:
    name = getattr(target, "name", None) or getattr(target, "__name__", None) or type(target).__name__
    return f"{target.__module__}.{name}"


_DEFAULT: Any = object()


def with_attributes(
    name: str | None = None,
    version: str | None = _DEFAULT,
    task_list: str | None = _DEFAULT,
    task_priority: Any = PRIORITY_NOT_SET,
    retry: int | RetryPolicy = 0,
    raises_on_failure: bool = False,
    start_to_close_timeout: Timeout = _DEFAULT,
    schedule_to_close_timeout: Timeout = _DEFAULT,
    schedule_to_start_timeout: Timeout = _DEFAULT,
    heartbeat_timeout: Timeout = _DEFAULT,
    idempotent: bool | None = None,
    meta: dict[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Activity]:
    """Make an activity of a function, or of a class with an ``execute`` method.

    Version, task list and timeouts default to the settings ACTIVITY_DEFAULT_VERSION and so on.
    """

    def or_setting(value: Any, setting: str) -> Any:
        return getattr(settings, setting) if value is _DEFAULT else value

    def wrap(target: Callable[..., Any]) -> Activity:
        return Activity(
            target,
            name,
            version=or_setting(version, "ACTIVITY_DEFAULT_VERSION"),
            task_list=or_setting(task_list, "ACTIVITY_DEFAULT_TASK_LIST"),
            retry=retry,
            raises_on_failure=raises_on_failure,
            start_to_close_timeout=or_setting(start_to_close_timeout, "ACTIVITY_START_TO_CLOSE_TIMEOUT"),
            schedule_to_close_timeout=or_setting(schedule_to_close_timeout, "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT"),
            schedule_to_start_timeout=or_setting(schedule_to_start_timeout, "ACTIVITY_SCHEDULE_TO_START_TIMEOUT"),
            heartbeat_timeout=or_setting(heartbeat_timeout, "ACTIVITY_HEARTBEAT_TIMEOUT"),
            task_priority=task_priority,
            idempotent=idempotent,
            meta=meta,
        )

    return wrap
