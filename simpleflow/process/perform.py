"""The execution of one activity task, from its input to an outcome as data."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from .. import logging_context, settings
from ..activity import CONTEXT_OF_CALL, Activity, current_context
from ..exceptions import ExecutionError, NotFound, PayloadError
from ..futures import Future
from ..payloads import codec, limits, signatures
from ..payloads.attempts import attempt_of, attempt_told
from ..payloads.fields import INLINE, Fields
from ..payloads.objects import fields
from ..tracebacks import failure_data
from .find import find_activity, load
from .forks import forks_end_here


@dataclass(frozen=True, slots=True)
class ActivityCallData:
    """An activity task as polled. ``input`` is the JSON of args, kwargs and meta."""

    name: str
    version: str
    activity_id: str
    input: str | None = None
    workflow_id: str = ""
    run_id: str = ""
    domain_name: str = ""
    task_list: str | None = None
    event_id: int = 0

    @classmethod
    def of_poll(cls, domain: str, task_list: str | None, task: dict[str, Any]) -> ActivityCallData:
        """From the answer to PollForActivityTask. Raises KeyError or TypeError if it is no such answer."""
        execution, kind = task["workflowExecution"], task["activityType"]
        return cls(
            name=kind["name"],
            version=kind["version"],
            activity_id=task["activityId"],
            input=task.get("input"),
            workflow_id=execution["workflowId"],
            run_id=execution["runId"],
            domain_name=domain,
            task_list=task_list,
            event_id=task.get("startedEventId", 0),
        )

    def logged(self) -> dict[str, object]:
        """What log lines say of the task."""
        attempt = attempt_told(self.input)
        return {
            **({} if attempt is None else {"attempt": attempt}),
            "domain": self.domain_name,
            "workflow_id": self.workflow_id,
            "run_id": self.run_id,
            "activity_id": self.activity_id,
            "event_id": self.event_id,
            "task_type": self.name,
            "task_list": self.task_list or "",
        }

    def context(self, door: Fields | None = None) -> dict[str, Any]:
        """What the activity may know of its task."""
        value = (door or fields()).decode(self.input)
        return {
            "name": self.name,
            "version": self.version,
            "workflow_id": self.workflow_id,
            "run_id": self.run_id,
            "activity_id": self.activity_id,
            "attempt": attempt_of(value, len(self.input or "")),
            "input": value,
            "domain_name": self.domain_name,
            "activity_task_list": self.task_list,
        }


@dataclass(frozen=True, slots=True)
class Completed:
    """``result`` is JSON."""

    result: str


@dataclass(frozen=True, slots=True)
class Failed:
    """``reason`` and ``details`` fit the fields of Amazon SWF.

    ``details`` is the JSON of error (the class), error_type (with its module), message and traceback.
    """

    reason: str
    details: str


@dataclass(frozen=True, slots=True)
class Middlewares:
    """Functions around each activity: ``before(context)`` and ``after(context, result=…)``."""

    before: tuple[Callable[..., Any], ...] = ()
    after: tuple[Callable[..., Any], ...] = ()

    @classmethod
    def load(cls, before: Sequence[str] = (), after: Sequence[str] = ()) -> Middlewares:
        """From dotted paths. Raises NotFound."""
        return cls(tuple(map(_middleware, before)), tuple(map(_middleware, after)))


def _middleware(path: str) -> Callable[..., Any]:
    found = load(path)
    if not callable(found):
        raise NotFound(f"{path} is of type {type(found).__name__}; expected a function to call around activities.")
    return found  # type: ignore[no-any-return]


logger = logging.getLogger(__name__)

_NO_MIDDLEWARES = Middlewares()


def perform(
    call: ActivityCallData,
    middlewares: Middlewares = _NO_MIDDLEWARES,
    modules: Sequence[str] = (),
    activity: Activity | None = None,
    door: Fields | None = None,
) -> Completed | Failed:
    """Execute an activity. Whatever goes wrong in it is an outcome; only KeyboardInterrupt is raised.

    A process that it forks ends where the activity does: one task has one outcome.

    ``modules`` limits what may be imported, as in ``find_activity``. ``activity`` is executed instead of the one found.
    ``door`` is for callers that have it: making it asks half a dozen settings.
    """
    try:
        activity = activity or find_activity(call.name, modules)
        context = call.context(door)
        args, kwargs = _arguments(context["input"])
        with _executing(context), forks_end_here():
            for before in middlewares.before:
                before(context)
            result = _called(activity, context, args, kwargs)
            for after in middlewares.after:
                after(context, result=result)
            return Completed(_text(result, door))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return failure_of(error)


@contextmanager
def _executing(context: dict[str, Any]) -> Iterator[None]:
    attempt = {} if context["attempt"] is None else {"attempt": context["attempt"]}
    token = current_context.set(context)
    try:
        with logging_context.bound(**{**logging_context.values(), **attempt}):
            yield
    finally:
        current_context.reset(token)


def failure_of(error: BaseException) -> Failed:
    """The outcome of an activity that raised ``error``."""
    if isinstance(error, ExecutionError) and error.args and isinstance(codec.decode(str(error.args[0])), dict):
        return _failure_of_child(str(error.args[0]))
    told = failure_data(error)
    reason = told["message"] if isinstance(error, NotFound) else f"{told['error']}: {told['message']}"
    return _failed(reason, codec.encode(told), told)


def _failure_of_child(text: str) -> Failed:
    """The child process has told what happened in it, in the same form."""
    told = codec.decode(text)
    reason = f"{told.get('error') or 'ExecutionError'}: {told.get('message') or ''}"
    return _failed(reason, text, told)


def _arguments(value: Any) -> tuple[list[Any], dict[str, Any]]:
    """Args and kwargs of an input; bare JSON, as other senders use, is the arguments themselves."""
    if isinstance(value, dict):
        if value.keys() & {"args", "kwargs"}:
            return value.get("args") or [], value.get("kwargs") or {}
        return [], value
    if value is None:
        return [], {}
    return (value if isinstance(value, list) else [value]), {}


def _called(activity: Activity, context: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    target = activity.callable
    args, kwargs = signatures.arguments(target, args, kwargs)
    if getattr(target, "add_context_in_kwargs", False):
        kwargs = {**kwargs, "context": context}
    if not isinstance(target, type):
        if isinstance(target, FunctionType) and not hasattr(target, "context"):
            target.context = CONTEXT_OF_CALL  # type: ignore[attr-defined] # for `Activity(function)`, which asks itself
        return target(*args, **kwargs)
    instance = target(*args, **kwargs)
    instance.context = context
    result = instance.execute()
    if hasattr(instance, "post_execute"):
        instance.post_execute()
    return result


def _text(result: Any, door: Fields | None) -> str:
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("the activity returned a coroutine; an activity is a plain function, only `run` may be async.")
    return (door or fields()).store("result", codec.encode(result, _no_future, "result"))


def _no_future(value: object) -> object:
    if isinstance(value, Future):
        raise TypeError(
            "is a Future, which belongs to a workflow. Let `run` submit, and the activity return its value."
        )
    raise TypeError


# -- texts that fit

#: Characters of each part of a failure that does not fit, one after the other. JSON may take six for one.
_LONGEST = (15_000, 7_000, 3_000, 1_000)


def _failed(reason: str, text: str, told: dict[str, Any]) -> Failed:
    """``text`` is the JSON of ``told``. A codec that fails leaves nothing behind that it should have hidden."""
    try:
        door = fields()
        return Failed(door.brief("reason", reason), _stored(door, text, told))
    except (ValueError, PayloadError) as error:
        logger.warning("a failure cannot be told as it should be: %s", error)
        if not settings.SIMPLEFLOW_PAYLOAD_CODEC:
            return Failed(limits.shorten_reason(reason), _fitting(INLINE, told))
        problem = f"what happened cannot be told: {error}"
        hidden = {"error": told["error"], "error_type": told["error_type"], "message": problem, "traceback": ""}
        return Failed(limits.shorten_reason(f"{told['error']}: {problem}"), _fitting(INLINE, hidden))


def _stored(door: Fields, text: str, told: dict[str, Any]) -> str:
    """The JSON of a failure, whole; shortened where it cannot be stored: the failure itself must not be lost."""
    shorter = {**told, "traceback": _shortened(str(told.get("traceback") or ""), _LONGEST[0])}  # it repeats the message
    try:
        try:
            return door.store("details", text)
        except limits.JumboTooLargeError:
            return door.store("details", codec.encode(shorter))
    except limits.JumboTooLargeError:
        pass
    except PayloadError as error:
        logger.warning("the details of a failure are shortened: %s", error)
    return _fitting(door, told)


def _fitting(door: Fields, told: dict[str, Any]) -> str:
    """The JSON of a failure; the end of the message and the middle of the traceback give way where it is too long."""
    text = door.inline("details", codec.encode(told))
    for longest in _LONGEST:
        if len(text) <= limits.LIMITS["details"]:
            break
        told = {key: _shortened(str(told.get(key)), longest) for key in ("error", "error_type", "message", "traceback")}
        text = door.inline("details", codec.encode(told))
    return text


def _shortened(text: str, longest: int) -> str:
    begin, end = longest // 4, longest - longest // 4
    return text if len(text) <= longest else f"{text[:begin]}\n  ...\n{text[-end:]}"
