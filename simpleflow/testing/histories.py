"""Saved histories: written, read, and replayed against the code of today.

The form is that of ``aws swf get-workflow-execution-history``: an object with ``events``. ``execution`` beside it, with
``workflowId`` and ``runId``, is ours: Amazon's form does not say whose history it is, but ``self.random``,
``self.uuid4`` and ``self.get_run_context`` depend on that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any

from ..payloads.objects import fields
from ..process.starting import check_class
from ..replay.audit import audit
from ..replay.events import ATTRIBUTES, EVENT_TYPES
from ..replay.work import Event, RunKey
from ..workflow import Workflow

# An object to a line, as `workflow.history --format jsonl` prints events.
_ON_LINES = re.compile(r"\s*\{[^\n]*\}[ \r]*\n\s*\{")

#: A path, JSON text, what JSON text decodes to, or a list of events; the text may have an event on each line.
Saved = str | PathLike[str] | Mapping[str, Any] | Sequence[Event]


@dataclass(frozen=True, slots=True)
class SavedHistory:
    """``events`` from event 1 on, in their order. The ids are empty where the form did not tell them."""

    events: list[Event]
    workflow_id: str = ""
    run_id: str = ""


def replay(
    history: Saved, workflow_class: type[Workflow], *, workflow_id: str | None = None, run_id: str | None = None
) -> None:
    """Run the code of today through a history, to its end or as far as it goes.

    ``history`` is a path, JSON text, or what that decodes to; ``workflow_id`` and ``run_id`` are those of the execution
    where the history does not tell. Raises NondeterminismError for the first difference, ValueError for what is no
    whole history, TypeError for what is no Workflow class.
    """
    check_class(workflow_class)
    saved = read_history(history)
    key = RunKey("", workflow_id or saved.workflow_id, run_id or saved.run_id)
    kind = saved.events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
    audit(key, kind, saved.events, lambda *_: workflow_class, fields=fields())


def read_history(history: Saved) -> SavedHistory:
    """A history in any of its forms. Raises ValueError; OSError for a path that cannot be read."""
    given = _decoded(history)
    execution: Mapping[str, Any] = {}
    if isinstance(given, Mapping):
        execution, given = given.get("execution") or {}, given.get("events")
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ValueError(
            "this is no history: expected the JSON of `aws swf get-workflow-execution-history`, an object with "
            "a list of events."
        )
    events = sorted((_event(event) for event in given), key=lambda event: int(event["eventId"]))
    for number, event in enumerate(events, 1):
        if event["eventId"] != number:
            raise ValueError(
                f"event {number} is missing from the history: get it again without --max-items and --starting-token."
            )
    return SavedHistory(events, str(execution.get("workflowId") or ""), str(execution.get("runId") or ""))


def write_history(path: str | PathLike[str], key: RunKey, events: Sequence[Event]) -> None:
    """The JSON that ``read_history`` reads."""
    saved = {"execution": {"workflowId": key.workflow_id, "runId": key.run_id}, "events": list(events)}
    Path(path).write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")


def _decoded(history: Saved) -> Any:
    if not isinstance(history, str | PathLike):
        return history
    text = str(history)
    if isinstance(history, PathLike) or not text.lstrip().startswith(("{", "[")):
        text = Path(history).read_text(encoding="utf-8")
    try:
        if _ON_LINES.match(text):
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is no history: not JSON ({error}).") from None


def _event(event: Any) -> Event:
    if not isinstance(event, Mapping) or event.get("eventType") not in EVENT_TYPES or "eventId" not in event:
        raise ValueError(f"this is no event of a history: {event!r:.200}")
    if not isinstance(event.get(ATTRIBUTES[event["eventType"]]), Mapping):
        raise ValueError(f"event {event['eventId']} is without its {ATTRIBUTES[event['eventType']]}.")
    return {**event, "eventTimestamp": _timestamp(event.get("eventTimestamp", 0))}


def _timestamp(value: Any) -> float | datetime:
    """Seconds, or what boto3 made of them, or the text that the aws command writes."""
    if not isinstance(value, str):
        return value if isinstance(value, datetime) else float(value)
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{value!r} is no time stamp of an event; expected seconds or ISO 8601.") from None
