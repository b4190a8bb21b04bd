"""The 13 decisions in wire form."""

from __future__ import annotations

import json
from typing import Any

import orjson

Wire = dict[str, Any]

_SPACES = 64  # more than any decision has colons and commas outside of its texts


def decision(name: str, /, **attributes: Any) -> Wire:
    """A decision of this type; attributes that are None are left out."""
    given = {key: value for key, value in attributes.items() if value is not None}
    return {"decisionType": name, f"{name[0].lower()}{name[1:]}DecisionAttributes": given}


def task_list(name: str | None) -> dict[str, str] | None:
    return None if name is None else {"name": name}


def seconds(timeout: Any) -> str:
    """A timeout as SWF wants it: None is no limit."""
    return "NONE" if timeout is None else str(timeout)


def priority(value: Any) -> str | None:
    return None if value is None else str(value)


def size(wire: Wire) -> int:
    """Bytes that the decision takes at most in a request, as botocore writes it: escaped, with spaces."""
    text = orjson.dumps(wire)
    return len(text) + _SPACES if text.isascii() else len(json.dumps(wire)) + 2
