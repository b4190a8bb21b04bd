"""How a run ends: fixed once, and sent until SWF accepts it."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from ..exceptions import TaskException
from ..payloads import codec
from ..payloads.fields import INLINE, Fields
from ..tracebacks import author_traceback
from .decisions import Wire, decision

COMPLETED = "CompleteWorkflowExecution"
FAILED = "FailWorkflowExecution"
CANCELED = "CancelWorkflowExecution"
CONTINUED = "ContinueAsNewWorkflowExecution"


@dataclass(frozen=True, slots=True)
class Ending:
    """The closing decision in wire form."""

    kind: str
    wire: Wire


def completed(result: str) -> Ending:
    return Ending(COMPLETED, decision(COMPLETED, result=result))


def failed(reason: str, details: str | None = None, fields: Fields = INLINE) -> Ending:
    """A reason that is too long stands whole in the details; details that are too long for ``fields`` are cut.

    JSON in which a worker told the message is left as it is, so that whoever reads it still can.
    """
    short = fields.brief("reason", reason)
    if fields.fetch(short) != reason and not _tells_message(details):
        details = f"{reason}\n{details or ''}"
    if details is not None:
        details = fields.fitting("details", details)
    return Ending(FAILED, decision(FAILED, reason=short, details=details))


def _tells_message(details: str | None) -> bool:
    try:
        told = codec.decode(details)
    except codec.DecodeError:
        return False
    return isinstance(told, dict) and "message" in told


def canceled() -> Ending:
    return Ending(CANCELED, decision(CANCELED))


def continued(**attributes: Any) -> Ending:
    return Ending(CONTINUED, decision(CONTINUED, **attributes))


def ending_of(error: BaseException, fields: Fields = INLINE) -> Ending:
    """The end of a run that raised ``error``."""
    if isinstance(error, TaskException):
        cause = error.exception
        reason = getattr(cause, "reason", None) or repr(cause)
        details = getattr(cause, "details", None)
        return failed(f'Workflow execution error in {error.task.name}: "{reason}"', details, fields)
    return failed(f"Cannot replay the workflow: {type(error).__name__}({error})", author_traceback(error), fields)


def driven(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of ``async def run``. Futures wait by themselves: only foreign awaitables are ever yielded."""
    try:
        coroutine.send(None)
        while True:
            coroutine.throw(TypeError(_FOREIGN))
    except StopIteration as end:
        return end.value
    except RuntimeError as error:
        if str(error) != "no running event loop":
            raise
        raise TypeError(_FOREIGN) from error  # many of asyncio's own do not get as far as being awaited


_FOREIGN = (
    "`async def run` can await the futures that submit returns and futures.wait(…); anything else, "
    "like asyncio's own awaitables, knows nothing of the history. Make an activity of it."
)


#: Where an object stands in memory.
_ADDRESS = re.compile("0x[0-9a-f]{6,}")


def lasting(reason: str | None) -> str | None:
    """A reason without what is another one in each process, for comparisons: a message may tell of an object."""
    return reason and _ADDRESS.sub("0x", reason)
