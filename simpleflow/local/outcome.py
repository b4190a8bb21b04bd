"""How a local run ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..exceptions import NotCompleted, PayloadError
from ..payloads import codec
from ..payloads.objects import fields
from ..replay.events import ATTRIBUTES
from ..replay.work import Event
from ..service.events import CLOSING

COMPLETED = "COMPLETED"
#: Beside the close statuses of Amazon SWF.
BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class ActivityFailure:
    """One attempt of an activity that failed. ``details`` is JSON with the traceback."""

    activity_id: str
    reason: str
    details: str


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A local run that is over: the last run of its execution, if it continued as new.

    ``status`` is a close status of Amazon SWF, or BLOCKED. ``result`` is JSON. ``history`` are the wire events.
    ``activity_failure`` is the last one, whether or not it mattered.
    """

    workflow_id: str
    run_id: str
    status: str
    history: Sequence[Event]
    result: str | None = None
    reason: str | None = None
    details: str | None = None
    activity_failure: ActivityFailure | None = None

    @property
    def value(self) -> Any:
        """What ``run`` returned, as it comes out of JSON. Raises NotCompleted if it did not return."""
        if self.status != COMPLETED:
            raise NotCompleted(self)
        return fields().decode(self.result)

    def json(self) -> str:
        """The JSON of what ``run`` returned, wherever it stands."""
        return codec.canonical(fields().fetch(self.result))

    def explain(self) -> str:
        """Why it did not complete, with the author's traceback if there is one."""
        reason, details = fetched(self.reason) or self.status, traceback_of(self.details)
        # details that begin with the whole of a reason that was cut say it all
        parts = [details] if details.startswith(reason.removesuffix(" ...")) else [reason, details]
        failure = self.activity_failure
        if failure is not None and failure.details != self.details:
            parts += [f"The last activity that failed is {failure.activity_id}: {failure.reason}"]
            parts += [traceback_of(failure.details)]
        return "\n".join(part.rstrip() for part in parts if part)


def fetched(text: str | None) -> str | None:
    """The text of a field, or why it cannot be had."""
    try:
        return fields().fetch(text)
    except PayloadError as error:
        return f"{text}: {error}"


def traceback_of(details: str | None) -> str:
    """The traceback in the details of a failure, or the details themselves."""
    details = fetched(details)
    told = codec.decode(details)
    if isinstance(told, dict) and "traceback" in told:
        return str(told["traceback"])
    return details or ""


def close_of(history: Sequence[Event]) -> dict[str, Any]:
    """Status, result, reason and details as the closing event tells them."""
    kind = history[-1]["eventType"]
    attributes = history[-1][ATTRIBUTES[kind]]
    reason = _REASONS.get(kind)
    told = {key: attributes.get(key) for key in ("result", "reason", "details")}
    if kind == "WorkflowExecutionTimedOut":
        longest = history[0]["workflowExecutionStartedEventAttributes"].get("executionStartToCloseTimeout")
        reason = f"the execution took longer than its timeout of {longest} s"
    return {"status": CLOSING[kind], **told} | ({"reason": reason} if reason else {})


#: What SWF gives no reason for.
_REASONS = {
    "WorkflowExecutionTerminated": "the execution was terminated",
    "WorkflowExecutionCanceled": "the execution was cancelled",
}
