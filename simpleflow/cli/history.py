"""``workflow.history``: the events of an execution, or what they add up to."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import click

from ..history import Entry, History
from ..payloads import codec
from ..replay.work import Event
from .calling import Call, swf_command
from .output import Listing, Row
from .targets import EXECUTION, Shape
from .tasks import history_of, when
from .times import instant


@swf_command("workflow.history", Shape(EXECUTION.needs, EXECUTION.takes, domain_first=False))
@click.option(
    "-o",
    "--of",
    "--output-format",
    "form",
    type=click.Choice(("events", "raw", "cooked")),
    default="raw",
    show_default=True,
    help="Events as SWF has them (raw), events with their payloads decoded, or the state of each task (cooked).",
)
@click.option("--reverse-order", type=bool, default=False, show_default=True, help="Whether the newest event is first.")
def history(call: Call, form: str, reverse_order: bool) -> Listing:
    """Print the history of an execution. It takes the domain from SWF_DOMAIN if it can.

    A payload that stands outside the history shows as its reference. What --format jsonl (or json) prints of the raw
    events is a copy of the history that workflow.replay reads.

    Example: simpleflow --format jsonl workflow.history --domain TestDomain basic-example-1438722273
    """
    if form == "cooked":
        return _cooked(history_of(call))
    columns, row, whole = _FORMS[form]
    return Listing(columns, map(row, _events(call, reverse_order)), map(whole, _events(call, reverse_order)))


def _events(call: Call, newest_first: bool) -> Iterator[Event]:
    """The events of the run that is meant, page by page."""
    key = call.run()
    request = {
        "domain": key.domain,
        "execution": {"workflowId": key.workflow_id, "runId": key.run_id},
        "reverseOrder": newest_first,
        **call.page,
    }
    yield from call.client.pages("GetWorkflowExecutionHistory", "events", request)


def _attributes(event: Event) -> dict[str, Any]:
    kind = event["eventType"]
    return dict(event.get(f"{kind[0].lower()}{kind[1:]}EventAttributes", {}))


# -- raw


def _raw_row(event: Event) -> Row:
    return {
        "eventId": event["eventId"],
        "eventTimestamp": instant(event["eventTimestamp"]),
        "eventType": event["eventType"],
        "attributes": _attributes(event),
    }


def _raw(event: Event) -> Row:
    return {**event, "eventTimestamp": instant(event["eventTimestamp"])}


# -- events

_PAYLOADS = frozenset({"input", "result", "control", "details"})


def _event_row(event: Event) -> Row:
    return {
        "id": event["eventId"],
        "timestamp": instant(event["eventTimestamp"]),
        "type": event["eventType"],
        "attributes": {
            _snake(name): _decoded(value) if name in _PAYLOADS else _renamed(value)
            for name, value in _attributes(event).items()
        },
    }


def _event(event: Event) -> Row:
    row = dict(_event_row(event))
    return {**row, **row.pop("attributes")}


def _decoded(text: str) -> Any:
    try:
        return codec.decode(text)
    except codec.DecodeError:
        return text


def _renamed(value: Any) -> Any:
    return {_snake(name): _renamed(inner) for name, inner in value.items()} if isinstance(value, dict) else value


@functools.cache
def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


_Form = tuple[tuple[str, ...], Callable[[Event], Row], Callable[[Event], Row]]
#: Columns, a row of them, and the whole event.
_FORMS: dict[str, _Form] = {
    "raw": (("eventId", "eventTimestamp", "eventType", "attributes"), _raw_row, _raw),
    "events": (("id", "timestamp", "type", "attributes"), _event_row, _event),
}


# -- cooked


def _cooked(history: History) -> Listing:
    parts: dict[str, Any] = {
        "workflow": history.workflow,
        "activities": history.activities,
        "child_workflows": history.child_workflows,
        "markers": history.markers,
        "timers": history.timers,
        "signals": history.signals,
        "signal_lists": history.signal_lists,
        "external_workflows_signaling": history.external_workflows_signaling,
        "signaled_workflows": history.signaled_workflows,
    }
    rows = [
        {"part": part, "name": name, "state": entry["state"], "timestamp": when(entry), "entry": entry}
        for part, name, entry in _entries(parts)
    ]
    return Listing(("part", "name", "state", "timestamp", "entry"), rows, document=parts)


def _entries(parts: dict[str, Any]) -> Iterator[tuple[str, str, Entry]]:
    """Every entry once, with where it stands."""
    yield "workflow", parts["workflow"]["name"], parts["workflow"]
    for part in ("activities", "child_workflows", "markers", "timers", "signal_lists", "external_workflows_signaling"):
        for name, found in parts[part].items():
            for entry in found if isinstance(found, list) else [found]:
                yield part, str(name), entry
