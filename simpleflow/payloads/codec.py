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
from collections.abc import Callable, Collection, Iterable
from enum import Enum
from functools import lru_cache
from itertools import chain
from operator import attrgetter
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
    if _is_flat(value) or _fits_orjson(value):
        try:
            return orjson.dumps(value, _unfold, _OPTIONS).decode()
        except TypeError:
            pass
        if _keys_fit_orjson(value):
            try:
                return orjson.dumps(value, _unfold, _OPTIONS | orjson.OPT_NON_STR_KEYS).decode()
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


def embedded(text: str | None) -> str:
    """JSON of the same value, as it is if it is JSON: to stand inside other JSON."""
    try:
        orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return canonical(text)
    return text or ""


# -- encoding -------------------------------------------------------------------------------------------------------

#: What needs no look at its parts.
_ATOMS = frozenset((str, int, bool, type(None)))
_LEAVES = _ATOMS | frozenset(TEXTS)
_PLAIN = _LEAVES | {float}


def _is_flat(value: object) -> bool:
    """Whether it is a dict whose members are atoms, or hold nothing else: as the arguments of nearly all calls do."""
    if type(value) is not dict:
        return False
    for part in value.values():
        kind = type(part)
        if kind is list:
            if not _ATOMS.issuperset(map(type, part)):
                return False
        elif kind is dict:
            if not _ATOMS.issuperset(map(type, part.values())):
                return False
        elif kind not in _ATOMS:
            return False
    return True


#: Parts from which it pays to look at a container at the speed of C, which begins slowly.
_MANY = 32


def _fits_orjson(value: object) -> bool:
    """Whether orjson and ``_unfold`` write ``value`` as ``Walk`` would; it may still turn out that they refuse it."""
    stack: list[tuple[int, Any]] = [(0, (value,))]
    pop, push = stack.pop, stack.append
    while stack:
        depth, parts = pop()
        if len(parts) > _MANY:
            if not _level_fits(list(parts), depth):
                return False
            continue
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
                inner = _parts(kind, (part,))
                if inner is None:
                    return False
                push((depth + 1, list(inner)))
    return True


def _level_fits(level: list[Any], depth: int) -> bool:
    """The same for many parts at once: one level after the other, each thing in it once."""
    for _ in range(depth, MAX_DEPTH + 1):
        kinds = set(map(type, level))
        if float in kinds and not _finite([part for part in level if type(part) is float]):
            return False
        below: list[Any] = []
        for kind in kinds - _PLAIN:
            parts: list[Any] = level if len(kinds) == 1 else [part for part in level if type(part) is kind]
            if len(set(map(id, parts))) < len(parts):  # else what contains itself would grow without end
                parts = list({id(part): part for part in parts}.values())
            if kind is dict:
                below.extend(chain.from_iterable(map(dict.values, parts)))
            elif kind is list or kind is tuple:
                below.extend(chain.from_iterable(parts))
            else:
                inner = _parts(kind, parts)
                if inner is None:
                    return False
                below.extend(inner)
        if not below:
            return True
        level = below
    return False


def _finite(numbers: list[float]) -> bool:
    return math.isfinite(sum(numbers)) or all(map(math.isfinite, numbers))


def _parts(kind: type, values: Collection[Any]) -> Iterable[Any] | None:
    """What values of a kind that is none of JSON's consist of; None leaves them to ``Walk``."""
    base = base_of(kind)
    if base in TEXTS or (base is Enum and _ATOMS.issuperset(type(value.value) for value in values)):
        return ()
    if base is dict:
        return chain.from_iterable([value.values() for value in values])
    if base is object:
        return chain.from_iterable(map(_fields_of(kind), values))
    if base is list or base is tuple or ((base is set or base is frozenset) and all(map(_alike, values))):
        return chain.from_iterable(values)
    return None


def _find_fields_of(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    names = field_names(kind)
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple([getattr(value, name) for name in names])


#: The values of the fields of a dataclass.
_fields_of: Callable[[type], Callable[[Any], tuple[Any, ...]]] = lru_cache(maxsize=1024)(_find_fields_of)


def _keys_fit_orjson(value: object) -> bool:
    """Whether all keys of dicts in ``value`` are texts, or all of one dict integers: then no two become equal."""
    level: list[Any] = [value]
    while level:
        below: list[Any] = []
        for part in level:
            kind = type(part)
            if kind is dict:
                if set(map(type, part)) not in _SORTED_KINDS:
                    return False
                below.extend([inner for inner in part.values() if type(inner) not in _PLAIN])
            elif kind is list or kind is tuple:
                below.extend([inner for inner in part if type(inner) not in _PLAIN])
            else:
                return False
        level = below
    return True


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
        kind = type(value)
        return dict(zip(field_names(kind), _fields_of(kind)(value), strict=True))
    if base is dict:
        return dict(value.items())
    return sorted(value) if base is set or base is frozenset else list(value)


# -- decoding -------------------------------------------------------------------------------------------------------

#: Digits from which an integer may have more than 64 bits; orjson makes a float of it.
_LONG_INT = 19
_DIGITS_AS_ZERO = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else byte for byte in range(256))
_RUN = b"0" * _LONG_INT
_GOES_ON = (b"0", b".")
_CONSTANT = re.compile(r"\s*(NaN|-?Infinity)\s*")


def _has_long_int(text: str) -> bool:
    """Whether there may be one: a run of so many digits that are not behind a point, be it in a string."""
    digits = text.encode().translate(_DIGITS_AS_ZERO)
    place = digits.find(_RUN)
    while place >= 0:
        if digits[place - 1 : place] not in _GOES_ON:
            return True
        place = digits.find(_RUN, place + _LONG_INT)
    return False


def _decode_rest(text: str, root: str) -> Any:
    """What orjson cannot read or reads inexactly: long integers, lone surrogates; and what is not JSON at all."""
    if _CONSTANT.fullmatch(text):
        return text
    if _nests_too_deep(text):
        raise DecodeError(root, "nests too deep to be read. Send it flatter.")
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
    except (ValueError, RecursionError):  # the latter for what opens brackets and is no JSON
        return text
    if unreadable:
        raise DecodeError(
            root, f"holds the number {unreadable[0]:.30}, which JSON readers cannot hold. Send it as text."
        )
    return value


#: What orjson reads. Python's own reader goes as deep as its stack allows, which is another depth in each version.
_DEEPEST = 1024
_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]')


def _nests_too_deep(text: str) -> bool:
    """Whether lists and dicts that are all closed stand deeper in each other."""
    if text.count("[") + text.count("{") <= _DEEPEST:
        return False
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        depth += (match[0] in "[{") - (match[0] in "]}")
        deepest = max(deepest, depth)
    return deepest > _DEEPEST and depth == 0
