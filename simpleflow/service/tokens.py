"""Task tokens and page tokens. Callers keep them and give them back; nobody else looks inside.

A task token names its run, the event that scheduled the task and a nonce of this attempt. A page token says which
operation it belongs to, when it was issued and where to go on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Any, NamedTuple

from . import faults
from .limits import DAY_MS

DECISION, ACTIVITY = "d1", "a1"


class TaskToken(NamedTuple):
    run_id: str
    scheduled_id: int
    nonce: str


def task_token(kind: str, run_id: str, scheduled_id: int, nonce: str) -> str:
    return f"{kind}.{run_id}.{scheduled_id}.{nonce}"


def read_task_token(kind: str, text: str) -> TaskToken:
    """The parts of a token of that kind; ValidationException when it is none."""
    parts = text.split(".")
    if len(parts) != 4 or parts[0] != kind or not _is_id(parts[2]):
        raise faults.invalid_token()
    return TaskToken(parts[1], int(parts[2]), parts[3])


def same_nonce(one: str, other: str) -> bool:
    """Compare in a time that does not tell how much of the nonce was right."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def page_token(operation: str, now_ms: int, *position: str | int) -> str:
    text = json.dumps([operation, now_ms, *position], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode()


def read_page_token(operation: str, text: str, now_ms: int, shape: tuple[type, ...]) -> list[Any]:
    """The position in a token of that operation, its items of the types of `shape`.

    ValidationException when it is none of this operation, or older than a day.
    """
    try:
        raw = base64.b64decode(text.encode("ascii"), b"-_", validate=True)
        found = json.loads(raw.decode("utf-8", "surrogatepass"))
    except (ValueError, binascii.Error, RecursionError):
        raise faults.invalid_token() from None
    if not isinstance(found, list) or [type(item) for item in found] != [str, int, *shape] or found[0] != operation:
        raise faults.invalid_token()
    if now_ms - found[1] > DAY_MS:
        raise faults.expired_token()
    return found[2:]


def _is_id(text: str) -> bool:
    return len(text) <= 9 and text.isascii() and text.isdecimal()
