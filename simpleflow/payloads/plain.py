"""Values to plain JSON values: None, bool, int, float, str, list, and dict with keys of str.

==============================  =====================================================================
value                           plain value
==============================  =====================================================================
None, bool, int, float, str     itself; integers of any size are exact; NaN and infinities are refused
list, tuple, generator, range,  list (a generator is consumed)
map, filter, zip, dict views
set, frozenset                  list: texts and integers in their own order, else in the order of their JSON
dict                            dict; keys that are not texts are written as such (``1`` as ``"1"``, ``True``
                                as ``"true"``, ``None`` as ``"null"``); keys that become equal are refused
dataclass                       dict of its fields
Enum                            the plain value of its value
datetime, time                  ISO 8601, seconds, milliseconds or microseconds as needed, ``Z`` for UTC
date                            ISO 8601
UUID, Decimal, path             its text; a Decimal must be finite
bytes, bytearray, memoryview    its text if it is UTF-8, else ``data:;base64,…``
==============================  =====================================================================

Subclasses go with their base class. Anything else, nesting deeper than ``MAX_DEPTH`` and texts with lone surrogates
are refused.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import functools
import math
import pathlib
import types
import uuid
from collections.abc import Callable
from enum import Enum
from typing import Any

import orjson

from .path import Attribute, Member, Path, render

#: Lists and dicts inside each other. It is what orjson writes.
MAX_DEPTH = 254
#: Begins the text of bytes that are not UTF-8.
BASE64_PREFIX = "data:;base64,"
SMALLEST_INT, LARGEST_INT = -(2**63), 2**64 - 1

Hole = Callable[[object], object]

_ADVICE = (
    "Allowed are None, bool, int, float, str, bytes, list, tuple, set, dict, dataclass, Enum, date, time, datetime, "
    "UUID, Decimal and paths: pass one of these, or an identifier from which the task finds the object again."
)


class EncodeError(TypeError):
    """A value has no JSON form. ``path`` is where it stands."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.problem)


def type_name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# -- texts: what becomes one JSON string; each raises ValueError where there is none -------------------------------


def check_text(text: str) -> str:
    """``str`` may hold halves of surrogate pairs, UTF-8 may not."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"has a lone surrogate at index {error.start}, which no JSON text can hold.") from None
    return text


def _iso(moment: datetime.datetime | datetime.time) -> str:
    micros = moment.microsecond
    text = moment.isoformat(timespec="microseconds" if micros % 1000 else "milliseconds" if micros else "seconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _decimal(number: decimal.Decimal) -> str:
    if not number.is_finite():
        raise ValueError(f"is Decimal {number}, which is not a number of JSON. Use None or leave it out.")
    return str(number)


def _bytes(data: bytes | bytearray | memoryview) -> str:
    raw = bytes(data)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = BASE64_PREFIX
    return BASE64_PREFIX + base64.b64encode(raw).decode() if text.startswith(BASE64_PREFIX) else text


#: Types that are one text, and how it is written.
TEXTS: dict[type, Callable[[Any], str]] = {
    datetime.datetime: _iso,
    datetime.time: _iso,
    datetime.date: datetime.date.isoformat,
    uuid.UUID: str,
    decimal.Decimal: _decimal,
    pathlib.PurePath: lambda path: check_text(str(path)),
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
}


def _int(number: int) -> int:
    if not SMALLEST_INT <= number <= LARGEST_INT:
        try:
            str(number)
        except ValueError:
            raise ValueError(f"is an integer of {number.bit_length()} bits, too long for Python to write.") from None
    return number


def _float(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(f"is the float {number}, which is not a number of JSON. Use None or leave it out.")
    return number


#: How a value without parts becomes plain.
SCALARS: dict[type, Callable[[Any], object]] = {
    type(None): lambda value: value,
    bool: lambda value: value,
    str: lambda value: check_text(str.__str__(value)),
    int: lambda value: _int(int.__int__(value)),
    float: lambda value: _float(float.__float__(value)),
    **TEXTS,
}

_ARRAYS: tuple[type, ...] = (
    list,
    tuple,
    range,
    map,
    filter,
    zip,
    types.GeneratorType,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)


def _find_base(kind: type) -> type | None:
    if issubclass(kind, Enum):
        return Enum
    if dataclasses.is_dataclass(kind):
        return object
    known = (base for base in kind.__mro__ if base in SCALARS or base in _ARRAYS or base in (dict, set, frozenset))
    return next(known, None)


#: The type of the tables above that a type goes with: itself, one of its bases, Enum, object (that is: a dataclass) or
#: None.
base_of: Callable[[type], Any] = functools.lru_cache(maxsize=1024)(_find_base)


def _find_field_names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


#: The names of the fields of a dataclass.
field_names: Callable[[type], tuple[str, ...]] = functools.lru_cache(maxsize=1024)(_find_field_names)


def key_text(key: object) -> str:
    """The text of a dict's key. Raises ValueError (not finite, …) or TypeError (no key at all)."""
    while isinstance(key, Enum):
        key = key.value
    base = base_of(type(key))
    if base not in SCALARS:
        raise TypeError
    plain = SCALARS[base](key)
    return plain if isinstance(plain, str) else json_text(plain).decode()


def json_text(plain: object) -> bytes:
    """The one JSON text of a plain value."""
    try:
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        return orjson.dumps(_with_fragments(plain), option=orjson.OPT_SORT_KEYS)


def _with_fragments(plain: Any) -> Any:
    if type(plain) is dict:
        return {key: _with_fragments(part) for key, part in plain.items()}
    if type(plain) is list:
        return [_with_fragments(part) for part in plain]
    if type(plain) is int and not SMALLEST_INT <= plain <= LARGEST_INT:
        return orjson.Fragment(str(plain))
    return plain


_ATOMS = frozenset((bool, type(None), str))


# -- the walk -------------------------------------------------------------------------------------------------------


class Walk:
    """Makes a value plain, part by part, and knows where it is. ``hole`` may replace what is not in the table."""

    __slots__ = ("hole", "root")

    def __init__(self, root: str, hole: Hole | None = None) -> None:
        self.root = root
        self.hole = hole

    def __call__(self, value: object) -> Any:
        try:
            return self._plain(value, None, 0)
        except RecursionError:
            raise EncodeError(render(self.root, None), "nests too deep for the stack that is left.") from None

    def _plain(self, value: Any, path: Path, depth: int) -> Any:
        kind = type(value)
        if kind in _ATOMS and (kind is not str or value.isascii()):
            return value
        base = base_of(kind)
        if base in SCALARS:
            return self._scalar(SCALARS[base], value, path)
        if base is Enum:
            return self._plain(value.value, path, depth)
        if base is None:
            return self._plain(self._filled(value, path), path, depth)
        if depth == MAX_DEPTH:
            problem = f"nests deeper than {MAX_DEPTH} lists and dicts, or contains itself. Flatten it."
            raise EncodeError(render(self.root, path), problem)
        if base is dict:
            return self._dict(value, path, depth + 1)
        if base is object:
            return self._dataclass(value, path, depth + 1)
        unordered = base is set or base is frozenset
        parts = []
        for index, part in enumerate(value):  # no comprehension: it would be one more frame for each level
            parts.append(self._plain(part, (path, Member("…") if unordered else index), depth + 1))
        return ordered(parts) if unordered else parts

    def _dataclass(self, value: Any, path: Path, depth: int) -> dict[str, Any]:
        plain = {}
        for name in field_names(type(value)):
            plain[name] = self._plain(getattr(value, name), (path, Attribute(name)), depth)
        return plain

    def _scalar(self, form: Callable[[Any], object], value: object, path: Path) -> object:
        try:
            return form(value)
        except ValueError as error:
            raise EncodeError(render(self.root, path), str(error)) from None

    def _dict(self, value: dict[Any, Any], path: Path, depth: int) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, part in value.items():
            text = key if type(key) is str and key.isascii() else self._key(key, path)
            if text in plain:
                raise EncodeError(render(self.root, path), f"has two keys that both become {text!r}. Rename one.")
            plain[text] = self._plain(part, (path, text), depth)
        return plain

    def _key(self, key: object, path: Path) -> str:
        try:
            return key_text(key)
        except ValueError as error:
            raise EncodeError(render(self.root, path), f"has a key that {error}") from None
        except TypeError:
            problem = f"has a key of type {type_name(type(key))}, which has no text. Use str keys, or a list of pairs."
            raise EncodeError(render(self.root, path), problem) from None

    def _filled(self, value: object, path: Path) -> object:
        problem = f"is of type {type_name(type(value))}, which has no JSON form. {_ADVICE}"
        if self.hole is None:
            raise EncodeError(render(self.root, path), problem)
        try:
            return self.hole(value)
        except EncodeError:
            raise
        except TypeError as error:
            raise EncodeError(render(self.root, path), f"{error}" or problem) from None


def ordered(parts: list[Any]) -> list[Any]:
    """The plain parts of a set in an order that does not depend on hashes."""
    return sorted(parts) if set(map(type, parts)) in ({str}, {int}) else sorted(parts, key=json_text)
