"""Histories as they are read: events with their payloads decoded, and what all of them add up to."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from ..history import Entry
from ..payloads import codec, nested
from ..replay.work import Event
from ..swf.stats.base import when
from .calling import Call
from .events import attributes, events
from .output import Listing, Row
from .tasks import history_of
from .times import instant

_PAYLOADS = frozenset({"input", "result", "control", "details"})


def _row(event: Event) -> Row:
    return {
        "id": event["eventId"],
        "timestamp": instant(event["eventTimestamp"]),
        "type": event["eventType"],
        "attributes": {
            _snake(name): _decoded(value) if name in _PAYLOADS else _renamed(value)
            for name, value in attributes(event).items()
        },
    }


def _whole(event: Event) -> Row:
    row = dict(_row(event))
    return {**row, **row.pop("attributes")}


def _decoded(text: str) -> Any:
    try:
        return nested.shown(text)
    except codec.DecodeError:
        return text


def _renamed(value: Any) -> Any:
    return {_snake(name): _renamed(inner) for name, inner in value.items()} if isinstance(value, dict) else value


@functools.cache
def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _events(call: Call, newest_first: bool) -> Listing:
    columns = ("id", "timestamp", "type", "attributes")
    return Listing(columns, map(_row, events(call, newest_first)), map(_whole, events(call, newest_first)))


# -- cooked


def _cooked(call: Call, newest_first: bool) -> Listing:
    history = history_of(call)
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


#: What ``workflow.history --output-format`` makes of a history, the newest event first or not.
FORMS: dict[str, Callable[[Call, bool], Listing]] = {"events": _events, "cooked": _cooked}
