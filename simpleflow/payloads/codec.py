"""The JSON codec: one text for one value, the same in every process.

Two ways lead to the text. What orjson writes exactly as the table in ``plain`` says goes straight to it; anything that
it refuses, or would write differently (NaN as ``null``), is made plain by a ``Walk`` first, which also knows where a
fault stands. Which way was taken cannot be seen in the text.

``_fits_orjson`` looks at every value beforehand, also because orjson (3.13) has no limit for tuples inside tuples and
damages memory when they nest some thousand deep.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from enum import Enum
from typing import Any

import orjson

from .plain import MAX_DEPTH, TEXTS, EncodeError, Hole, Walk, base_of, field_names, json_text
from .typed import DecodeError, convert

__all__ = ["DecodeError", "EncodeError", "canonical", "convert", "decode", "encode", "plain"]

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_DATACLASS
)


def encode(value: object, hole: Hole | None = None, root: str = "value") -> str:
    """The JSON text of ``value``: sorted keys, no spaces.

    ``hole(object)`` is called once for each object that has no JSON form; it gives a value to write instead or raises
    TypeError. Raises EncodeError; its path begins with ``root`` (``""``: with the bare top-level key).
    """
    return encode_simple(value) or json_text(Walk(root, hole)(value)).decode()


def encode_simple(value: object) -> str | None:
    """The same for a value that needs no walk, as nearly all do; None for others."""
    if _fits_orjson(value):
        try:
            return orjson.dumps(value, _unfold, _OPTIONS).decode()
        except TypeError:
            pass
    return None


def plain(value: object, root: str = "value") -> Any:
    """The plain JSON value that ``decode(encode(value))`` gives."""
    return Walk(root)(value)


def decode(text: str | None, annotation: Any = None, root: str = "value") -> Any:
    """The value of a JSON text, made what ``annotation`` says (see ``convert``).

    None and ``""`` are None. Text that is not JSON, as other senders use, is the value itself.
    Raises DecodeError: a number that Python cannot hold, or the annotation does not fit.
    """
    if not text:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _decode_rest(text, root)
    else:
        if len(text) >= _LONG_INT and _has_long_int(text):
            value = _decode_rest(text, root)
    return value if annotation is None else convert(value, annotation, root)


def canonical(text: str | None) -> str:
    """The one text of the value of ``text``: equal for payloads that mean the same. 1, 1.0 and true stay different."""
    return encode(decode(text))


# -- encoding -------------------------------------------------------------------------------------------------------

#: What needs no look at its parts.
_ATOMS = frozenset((str, int, bool, type(None)))
_LEAVES = _ATOMS | frozenset(TEXTS)


def _fits_orjson(value: object) -> bool:
    """Whether orjson and ``_unfold`` write ``value`` as ``Walk`` would; it may still turn out that they refuse it."""
    stack: list[tuple[int, Any]] = [(0, (value,))]
    pop, push = stack.pop, stack.append
    while stack:
        depth, parts = pop()
        if depth > MAX_DEPTH:
            return False
        for part in parts:
            kind = type(part)
            if kind in _LEAVES:
                continue
            if kind is float:
                if not -math.inf < part < math.inf:
                    return False
            elif kind is dict:
                push((depth + 1, part.values()))
            elif kind is list or kind is tuple:
                push((depth + 1, part))
            else:
                inner = _parts(part)
                if inner is None:
                    return False
                push((depth + 1, inner))
    return True


def _parts(value: Any) -> Collection[Any] | None:
    """What a value that is none of JSON's kinds consists of; None leaves it to ``Walk``."""
    base = base_of(type(value))
    if base in TEXTS or (base is Enum and type(value.value) in _ATOMS):
        return ()
    if base is dict:
        return list(value.values())
    if base is object:
        return [getattr(value, name) for name in field_names(type(value))]
    if base is list or base is tuple or ((base is set or base is frozenset) and _alike(value)):
        return list(value)
    return None


def _alike(members: Collection[Any]) -> bool:
    return set(map(type, members)) in _SORTED_KINDS


_SORTED_KINDS: tuple[set[type], ...] = (set(), {str}, {int})


def _unfold(value: Any) -> object:
    """What orjson is to write for an object that it does not know; TypeError leaves the whole value to ``Walk``."""
    base = base_of(type(value))
    if base in TEXTS:
        try:
            return TEXTS[base](value)
        except ValueError:
            raise TypeError from None
    if base is object:
        return {name: getattr(value, name) for name in field_names(type(value))}
    if base is dict:
        return dict(value.items())
    return sorted(value) if base is set or base is frozenset else list(value)


# -- decoding -------------------------------------------------------------------------------------------------------

#: Digits from which an integer may have more than 64 bits; orjson makes a float of it.
_LONG_INT = 19
_DIGITS_AS_ZERO = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))
_CONSTANT = re.compile(r"\s*(NaN|-?Infinity)\s*")


def _has_long_int(text: str) -> bool:
    """Whether there may be one: a run of so many digits, be it in a string."""
    return b"0" * _LONG_INT in text.encode().translate(_DIGITS_AS_ZERO)


def _decode_rest(text: str, root: str) -> Any:
    """What orjson cannot read or reads inexactly: long integers, lone surrogates; and what is not JSON at all."""
    if _CONSTANT.fullmatch(text):
        return text
    unreadable: list[str] = []

    def number(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            unreadable.append(digits)
        return value

    def integer(digits: str) -> int:
        try:
            return int(digits)
        except ValueError:  # Python refuses very long ones
            unreadable.append(digits)
            return 0

    try:
        value = json.loads(text, parse_constant=number, parse_float=number, parse_int=integer)
    except ValueError:
        return text
    except RecursionError:
        raise DecodeError(root, "nests too deep to be read. Send it flatter.") from None
    if unreadable:
        raise DecodeError(
            root, f"holds the number {unreadable[0]:.30}, which JSON readers cannot hold. Send it as text."
        )
    return value
