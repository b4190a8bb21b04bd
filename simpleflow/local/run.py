"""Running a workflow in this process, for tests and for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import settings
from ..payloads import codec, signatures
from ..payloads.objects import fields
from ..process.perform import Middlewares
from ..process.starting import check_arguments, tags_of
from ..service.clock import VirtualClock
from ..workflow import Workflow
from .driver import Driver, Start
from .durable import Durability, execute_durably
from .outcome import LocalRun


def run(workflow_class: type[Workflow], /, *args: Any, check_replay: bool = False, **kwargs: Any) -> Any:
    """Run a workflow here; what it returned, as annotated. Raises NotCompleted, and what ``execute`` raises."""
    value = execute(workflow_class, args, kwargs, check_replay=check_replay).value
    reader = signatures.reader(workflow_class.run, "the result")
    return value if reader is None else reader(value)


def execute(
    workflow_class: type[Workflow],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    check_replay: bool = False,
    middlewares: Middlewares | None = None,
    clock: VirtualClock | None = None,
    durability: Durability | None = None,
    workflow_id: str = "local",
    task_list: str | None = None,
    execution_timeout: str | None = None,
    decision_tasks_timeout: str | None = None,
    tags: Sequence[str] = (),
    signals: Sequence[tuple[str, Any]] = (),
) -> LocalRun:
    """Run a workflow here until nothing can happen any more.

    ``check_replay`` takes each decision twice, the second time from scratch. ``signals`` are names and inputs that it
    receives at its start. Timeouts are in seconds; those not given are the class's, or none. With ``durability`` the
    execution outlives the process, and the time is the time of day.

    Raises WrongArguments, EncodeError (an argument has no JSON form), JumboTooLargeError, InvalidTask (Amazon SWF would
    refuse a name or the tags), NondeterminismError, DecisionAbandoned; with ``durability`` OtherExecution, StoreError.
    """
    kwargs = dict(kwargs or {})
    check_arguments(workflow_class, args, kwargs)
    start = Start(
        workflow_class=workflow_class,
        input=fields().store("input", codec.encode({"args": list(args), "kwargs": kwargs}, root="")),
        workflow_id=workflow_id,
        task_list=task_list or workflow_class.task_list or settings.WORKFLOW_DEFAULT_TASK_LIST,
        execution_timeout=execution_timeout or _seconds(workflow_class, "execution_timeout"),
        decision_tasks_timeout=decision_tasks_timeout or _seconds(workflow_class, "decision_tasks_timeout"),
        tags=tags or tags_of(workflow_class, args, kwargs),
    )
    if durability is not None:
        return execute_durably(durability, start, middlewares=middlewares, check_replay=check_replay, clock=clock)
    driver = Driver(middlewares=middlewares, check_replay=check_replay, clock=clock)
    driver.start(start)
    for name, value in signals:
        driver.signal(workflow_id, name, fields().store("input", codec.encode(value, root="")))
    return driver.run()


def _seconds(workflow_class: type[Workflow], attribute: str) -> str | None:
    value = getattr(workflow_class, attribute, None)
    return None if value is None else str(value)
