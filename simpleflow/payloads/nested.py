"""References inside JSON: of a value that is only passed on, the reference stands where the value would.

Such a text stands behind ``simpleflow+json:``. In it, and nowhere else, each string that begins with ``simpleflow+`` is
read as a whole field is: as a reference, or behind ``simpleflow+text:`` as somebody's text that begins so. All other
JSON is JSON, whatever its strings look like.

While a text is put together it is a draft: a reference in it is a string that no author can have written.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from ..futures import Recorded
from . import codec, jumbo
from .jumbo import PREFIX, Written
from .plain import Hole

MARK = f"{PREFIX}json:"

_DRAFT = f"reference {uuid.uuid4()} "
_OPENING = re.compile(r'(?<!\\)"(?=simpleflow\+)')
_STRING = re.compile(r'(?<!\\)("simpleflow\+[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?')


def draft(value: object, hole: Hole | None = None, root: str = "value") -> str:
    """The JSON of a value that may have ``Recorded`` parts. Raises EncodeError."""

    def reference(thing: object) -> object:
        if isinstance(thing, Recorded):
            return _DRAFT + thing.text
        if hole is None:
            raise TypeError
        return hole(thing)

    return codec.encode(value, reference, root)


def finished(text: str) -> str:
    """A draft as it stands in a field; a text without references is itself."""
    if _DRAFT not in text:
        return text
    if text.startswith(f'"{_DRAFT}'):
        return Written(json.loads(text)[len(_DRAFT) :])
    return Written(MARK + _OPENING.sub(f'"{jumbo.TEXT}', text).replace(f'"{_DRAFT}', '"'))


def expanded(text: str, content: Callable[[str], str]) -> str:
    """JSON without references; ``text`` is what stands behind MARK, ``content`` gives the JSON of a reference."""

    def replaced(match: re.Match[str]) -> str:
        found, colon = json.loads(match[1]), match[2] or ""
        plain = jumbo.unescaped(found)
        if plain is not None:
            return codec.encode(plain) + colon
        return match[0] if colon or jumbo.reference(found) is None else content(found)

    return _STRING.sub(replaced, text)


def opened(text: str) -> Any:
    """The value of what stands behind MARK, its references as ``Recorded``."""
    return _opened(codec.decode(text))


def shown(text: str | None) -> Any:
    """The value of a field for who reads a history: nothing is fetched, and references stand for themselves.

    Raises DecodeError.
    """
    return codec.decode(text[len(MARK) :] if text is not None and text.startswith(MARK) else text)


def _opened(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(PREFIX):
        plain = jumbo.unescaped(value)
        return plain if plain is not None else Recorded(value) if jumbo.reference(value) else value
    if isinstance(value, list):
        return [_opened(part) for part in value]
    if isinstance(value, dict):
        return {_key(key): _opened(part) for key, part in value.items()}
    return value


def _key(key: str) -> str:
    plain = jumbo.unescaped(key)
    return key if plain is None else plain
