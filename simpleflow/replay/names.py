"""Ids of tasks, and what SWF allows in names."""

from __future__ import annotations

import hashlib
import json
import re

from ..exceptions import InvalidTask
from .state import RESERVED

_FORBIDDEN = re.compile(r"[:/|\x00-\x1f\x7f-\x9f]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_LONGEST = 256
_WHOLE = re.compile("-?[0-9]{1,10}")


def shortened(name: str) -> str:
    """An id that fits: one that is too long ends with the digest of the whole."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[:223]}-{digest(name)}"


def digest(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def json_digest(text: str) -> str:
    """Of JSON whose texts are written in ASCII, as in the ids that 0.35 has computed."""
    return digest(text if text.isascii() else _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text))


def checked(what: str, name: object, *, longest: int = _LONGEST, free: bool = False, reserved: bool = False) -> str:
    """The name, if SWF takes it; else InvalidTask. ``free`` allows any character, ``reserved`` the library's names."""
    if not isinstance(name, str) or not name:
        raise InvalidTask(f"{what} is {name!r}; it must be a text of 1 to {longest} characters.")
    if len(name) > longest:
        raise InvalidTask(f"{what} {name[:60]!r}… has {len(name)} characters; SWF takes {longest} at most.")
    if not free and (name == "arn" or _FORBIDDEN.search(name)):
        raise InvalidTask(
            f"{what} {name!r} has a character that SWF refuses (: / | and control characters), or is 'arn'."
        )
    if not reserved and name.startswith(RESERVED):
        raise InvalidTask(f"{what} {name!r} begins like the library's own names; choose one without {RESERVED[0]!r}.")
    return name


def checked_tags(tags: object) -> list[str]:
    """A tag list that SWF takes; else InvalidTask."""
    if (
        not isinstance(tags, list | tuple)
        or len(tags) > 5
        or not all(isinstance(t, str) and len(t) <= 256 for t in tags)
    ):
        raise InvalidTask(f"the tag list is {tags!r:.200}; SWF takes up to 5 texts of up to 256 characters.")
    return list(tags)


def checked_priority(what: str, priority: object) -> object:
    """The priority, if SWF takes it: None or a whole number of 32 bits; else InvalidTask."""
    if priority is not None:
        text = str(priority)
        if not _WHOLE.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
            raise InvalidTask(f"the priority of {what} is {priority!r:.60}; it is a whole number of 32 bits, or None.")
    return priority


def checked_timeout(what: str, timeout: object) -> None:
    """InvalidTask unless it is a whole number of seconds, its text, "NONE" or None."""
    text = str(timeout)
    if timeout is not None and text != "NONE" and not (text.isascii() and text.isdigit() and len(text) <= 8):
        raise InvalidTask(f"{what} is {timeout!r}; it is a whole number of seconds, or None for no limit.")
