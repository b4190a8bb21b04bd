"""How many characters the fields of Amazon SWF hold, and what becomes of longer texts."""

from __future__ import annotations

#: Characters per field, by the names of ``simpleflow.format``.
LIMITS: dict[str, int] = {
    "input": 32_768,
    "result": 32_768,
    "control": 32_768,
    "details": 32_768,
    "execution_context": 32_768,
    "marker_details": 32_768,
    "heartbeat_details": 2_048,
    "reason": 256,
    "identity": 256,
}

_CUT = " ..."


class JumboTooLargeError(ValueError):
    """A text does not fit its field."""


def shorten(text: str, limit: int) -> str:
    """``text`` in at most ``limit`` characters; one that was cut ends with `` ...``."""
    return text if len(text) <= limit else text[: max(limit - len(_CUT), 0)] + _CUT[:limit]


def shorten_reason(text: str) -> str:
    return shorten(text, LIMITS["reason"])


def check(field: str, text: str) -> str:
    """``text``, if Amazon SWF takes it as ``field``, a key of LIMITS. Raises JumboTooLargeError."""
    return check_length(field, text, LIMITS[field])


def check_length(field: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise JumboTooLargeError(
            f"Message too long ({len(text)} chars): {field} of Amazon SWF holds {limit}. Set "
            "SIMPLEFLOW_JUMBO_FIELDS_BUCKET to store longer ones outside, or pass a reference to the data."
        )
    return text
