"""JSON for people and for ids. Payloads have a codec of their own, which refuses what this lets pass."""

from __future__ import annotations

import datetime
import functools
import json
import types
import uuid
from typing import Any


@functools.singledispatch
def serialize_complex_object(value: Any) -> Any:
    """What stands in JSON for a value that is none of its kinds; further types can be registered. Raises TypeError."""
    if isinstance(getattr(type(value), "result", None), property):  # a future
        return value.result
    raise TypeError(f"{type(value).__qualname__} {value!r:.100} has no JSON form; convert it to text, list or dict.")


@serialize_complex_object.register
def _(value: datetime.datetime) -> str:
    text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


@serialize_complex_object.register(datetime.date)
@serialize_complex_object.register(datetime.time)
def _(value: datetime.date | datetime.time) -> str:
    return value.isoformat()


@serialize_complex_object.register
def _(value: bytes) -> str:
    return value.decode(errors="replace")


@serialize_complex_object.register
def _(value: uuid.UUID) -> str:
    return str(value)


@serialize_complex_object.register
def _(value: types.GeneratorType) -> list[Any]:  # type: ignore[type-arg]  # register takes no arguments of types
    return list(value)


@serialize_complex_object.register(set)
@serialize_complex_object.register(frozenset)
def _(value: set[Any] | frozenset[Any]) -> list[Any]:
    """In an order that does not depend on hashes."""
    return sorted(value) if set(map(type, value)) in ({int}, {str}) else sorted(value, key=json_dumps)


def json_dumps(obj: Any, pretty: bool = False, compact: bool = True, **kwargs: Any) -> str:
    """JSON with sorted keys: without spaces, with the usual ones (``compact=False``) or in lines (``pretty``).

    ``kwargs`` go to ``json.dumps``. Raises TypeError for a value that has no JSON form.
    """
    options: dict[str, Any] = {"sort_keys": True, "default": serialize_complex_object}
    if pretty:
        options["indent"] = 4
    elif compact:
        options["separators"] = (",", ":")
    return json.dumps(obj, **{**options, **kwargs})


def json_loads_or_raw(data: str | None) -> Any:
    """The value of a JSON text; a text that is not JSON itself; None for none."""
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        return data
