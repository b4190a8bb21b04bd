"""How many characters the fields of Amazon SWF hold, and what becomes of longer texts."""

from __future__ import annotations

from .. import constants

#: Characters per field, by the names of ``simpleflow.format``.
LIMITS: dict[str, int] = {
    "input": constants.MAX_INPUT_LENGTH,
    "result": constants.MAX_RESULT_LENGTH,
    "control": constants.MAX_CONTROL_LENGTH,
    "details": constants.MAX_DETAILS_LENGTH,
    "execution_context": constants.MAX_EXECUTION_CONTEXT_LENGTH,
    "marker_details": constants.MAX_DETAILS_LENGTH,
    "heartbeat_details": constants.MAX_HEARTBEAT_DETAILS_LENGTH,
    "reason": constants.MAX_REASON_LENGTH,
    "identity": constants.MAX_IDENTITY_LENGTH,
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
