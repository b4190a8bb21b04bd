"""Texts as the fields of Amazon SWF take them: encoded, and not longer than they may be."""

from __future__ import annotations

from typing import Any

from .payloads import codec, limits
from .payloads.limits import JumboTooLargeError
from .payloads.objects import fields

__all__ = [
    "JumboTooLargeError",
    "control",
    "decode",
    "details",
    "encode",
    "execution_context",
    "heartbeat_details",
    "identity",
    "input",
    "reason",
    "result",
]


def encode(message: str | None, max_length: int, allow_jumbo_fields: bool = True) -> str | None:
    """What a field of ``max_length`` characters holds for ``message``: itself, or a reference.

    Raises JumboTooLargeError, PayloadUnavailable.
    """
    if message is None:
        return None
    if allow_jumbo_fields:
        return fields().store("the field", message, max_length)
    if len(message) > max_length:
        raise JumboTooLargeError(f"Message too long ({len(message)} chars): the field holds {max_length}.")
    return message


def decode(content: str | None, parse_json: bool = True, use_proxy: bool = True) -> Any:
    """The value of a field: of its JSON, or the text itself where it is none; None for an empty one.

    Raises PayloadError.
    """
    text = fields().fetch(content)
    return codec.decode(text) if parse_json else text or None


def input(message: Any) -> str:
    return _json("input", message)


def result(message: Any) -> str:
    return _json("result", message)


def control(message: Any) -> str:
    return _json("control", message)


def details(message: str | None) -> str | None:
    return _text("details", message)


def execution_context(message: str | None) -> str | None:
    return _text("execution_context", message)


def reason(message: str | None) -> str | None:
    return _text("reason", message)


def heartbeat_details(message: str | None) -> str | None:
    return _text("heartbeat_details", message)


def identity(message: str | None) -> str | None:
    """Never too long: it is cut."""
    return message if message is None else limits.shorten(message, limits.LIMITS["identity"])


def _json(field: str, message: Any) -> str:
    return fields().store(field, codec.encode(message, root=field))


def _text(field: str, message: str | None) -> str | None:
    return message if message is None else fields().store(field, message)
