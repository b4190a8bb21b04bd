"""Which attempt of an activity an input belongs to: member ``attempt`` of its meta, where it is not the first.

SWF does not tell a worker. First attempts say nothing, so their inputs are what they always were.
"""

from __future__ import annotations

from typing import Any

from ..exceptions import PayloadError
from . import codec
from .fields import INLINE
from .limits import LIMITS

_NAME = "attempt"
#: Where an input leaves less room than this in its field, an attempt may have found none for its number.
_ROOM = 40


def numbered(envelope: dict[str, Any], attempt: int) -> dict[str, Any]:
    """The input of an attempt, from 1, made of that of another one; the same if the author's meta has no members."""
    meta = envelope.get("meta") or {}
    return {**envelope, "meta": {**meta, _NAME: attempt}} if isinstance(meta, dict) else envelope


def attempt_of(value: Any, length: int = 0) -> int | None:
    """The attempt of a decoded input, whose text had ``length`` characters; None if it cannot tell."""
    meta = (value.get("meta") if isinstance(value, dict) else None) or {}
    if not isinstance(meta, dict):
        return None
    number = meta.get(_NAME)
    if type(number) is int and number > 0:
        return number
    return 1 if length <= LIMITS["input"] - _ROOM else None


def attempt_told(text: str | None) -> int | None:
    """The attempt of an input as SWF has it; None too where it would have to be fetched or decrypted."""
    try:
        inner = INLINE.outer(text) or ""
        # Nearly all inputs need not be read for it.
        told = f'"{_NAME}"' in inner or '"meta"' in inner
        return attempt_of(codec.decode(inner) if told else None, len(text or ""))
    except (PayloadError, codec.DecodeError):
        return None
