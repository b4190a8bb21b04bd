"""Plain JSON values to what annotations say: the way back of the table in ``plain``.

JSON kinds are left as they are: ``int`` for an annotated parameter is not checked, as Python itself does not. None
stays None. An annotation that is not of the table (a class of the author, a TypeVar) changes nothing.

A union takes the member that would have been written as this value, the most telling first: dataclasses and enums,
then UUID, date, datetime, time and Decimal, then JSON kinds and containers, then paths, then bytes. If two of one rank
would, that is an error. The order in which the union was written does not count (``typing`` itself does not keep it).
"""

from __future__ import annotations

import base64
import collections.abc
import dataclasses
import datetime
import decimal
import functools
import pathlib
import types
import typing
import uuid
from collections.abc import Callable
from enum import Enum, Flag
from typing import Any

import orjson

from .path import Attribute, Path, render
from .plain import BASE64_PREFIX, TEXTS, EncodeError, Walk, base_of, json_text, key_text, type_name

Converter = Callable[[Any, Path], Any]


class DecodeError(ValueError):
    """A payload is not what was expected. ``path`` is where."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.problem)


def convert(value: Any, annotation: Any, root: str = "value") -> Any:
    """A plain value as ``annotation`` has it. Raises DecodeError, its path begins with ``root``."""
    try:
        return _converter(annotation, False)(value, None)
    except _Misfit as misfit:
        raise DecodeError(render(root, misfit.path), misfit.problem) from misfit.__cause__
    except RecursionError:
        raise DecodeError(root, "nests too deep for the stack that is left.") from None


class _Misfit(Exception):
    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        self.problem = problem


def _misfit(path: Path, expected: str, value: object) -> _Misfit:
    """Payloads are confidential: the problem tells the kind of the value, not the value."""
    size = f" of length {len(value)}" if isinstance(value, (str, list, dict)) else ""
    return _Misfit(path, f"should be {expected}, but is {type(value).__name__}{size}.")


def _as_it_is(value: Any, path: Path) -> Any:
    return value


def _name(annotation: Any) -> str:
    return (
        type_name(annotation) if isinstance(annotation, type) and not typing.get_args(annotation) else str(annotation)
    )


# -- which converter ------------------------------------------------------------------------------------------------


def _converter(annotation: Any, strict: bool) -> Converter:
    """``strict`` as the members of a union want it: refuse whatever the annotation would not have been written as."""
    try:
        return _cached(annotation, strict)
    except TypeError:  # Annotated[T, []] cannot be hashed
        return _build(annotation, strict)


def _build(annotation: Any, strict: bool) -> Converter:
    converter = _find(_unwrapped(annotation), strict)
    if strict or converter is _as_it_is:
        return converter
    return lambda value, path: None if value is None else converter(value, path)


_cached = functools.lru_cache(maxsize=1024)(_build)


def _find(annotation: Any, strict: bool) -> Converter:
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _union(arguments, strict)
    if annotation is Any or annotation is object:
        return _as_it_is
    if not isinstance(origin, type):
        return _unknown(annotation, strict)
    if origin in _JSON_KINDS:
        return _kind(origin, _JSON_KINDS[origin]) if strict else _as_it_is
    if origin in _ARRAYS:
        return _array(origin, arguments, strict)
    if origin in _MAPPINGS:
        return _mapping(arguments or (Any, Any), strict)
    if hasattr(origin, "__required_keys__"):
        return _typed_dict(origin, strict)
    if issubclass(origin, tuple):
        return _named_tuple(origin, strict) if hasattr(origin, "_fields") else _tuple(annotation, arguments, strict)
    if issubclass(origin, Enum):
        return _enum(origin)
    if dataclasses.is_dataclass(origin):
        return _dataclass(origin, strict)
    parse = next((_PARSERS[base] for base in origin.__mro__ if base in _PARSERS), None)
    return _text(origin, parse, strict) if parse else _unknown(annotation, strict)


def _unknown(annotation: Any, strict: bool) -> Converter:
    def refuse(value: Any, path: Path) -> Any:
        raise _misfit(path, _name(annotation), value)

    return refuse if strict else _as_it_is


def _unwrapped(annotation: Any) -> Any:
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return type(None) if annotation is None else annotation


# -- JSON kinds and texts -------------------------------------------------------------------------------------------

_JSON_KINDS: dict[Any, tuple[type, ...]] = {
    type(None): (type(None),),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
}


def _kind(annotation: type, kinds: tuple[type, ...]) -> Converter:
    def check(value: Any, path: Path) -> Any:
        if type(value) not in kinds:
            raise _misfit(path, annotation.__name__, value)
        return value

    return check


def _utc(text: str) -> str:
    """Python 3.10 does not read the Z."""
    return f"{text[:-1]}+00:00" if text.endswith("Z") else text


def _bytes(kind: Callable[[bytes], Any], text: str) -> Any:
    if text.startswith(BASE64_PREFIX):
        return kind(base64.b64decode(text[len(BASE64_PREFIX) :], validate=True))
    return kind(text.encode())


def _finite_decimal(kind: Callable[[str], decimal.Decimal], text: str) -> decimal.Decimal:
    number = kind(text)
    if not number.is_finite():
        raise ValueError
    return number


#: How the text of a type is read. Raises ValueError or ArithmeticError.
_PARSERS: dict[type, Callable[[Any, str], Any]] = {
    datetime.datetime: lambda kind, text: kind.fromisoformat(_utc(text)),
    datetime.date: lambda kind, text: kind.fromisoformat(text),
    datetime.time: lambda kind, text: kind.fromisoformat(_utc(text)),
    uuid.UUID: lambda kind, text: kind(text),
    decimal.Decimal: _finite_decimal,
    pathlib.PurePath: lambda kind, text: kind(text),
    bytes: _bytes,
    bytearray: _bytes,
}


def _text(kind: type, parse: Callable[[Any, str], Any], strict: bool) -> Converter:
    numbers = not strict and issubclass(kind, decimal.Decimal)

    def read(value: Any, path: Path) -> Any:
        if numbers and type(value) in (int, float):
            value = str(value)
        if type(value) is not str:
            raise _misfit(path, f"the text of a {type_name(kind)}", value)
        try:
            result = parse(kind, value)
        except (ValueError, ArithmeticError):
            raise _misfit(path, f"the text of a {type_name(kind)}", value) from None
        if strict and Walk("")(result) != value:
            raise _misfit(path, f"the text of a {type_name(kind)}", value)
        return result

    return read


def _enum(kind: type[Enum]) -> Converter:
    members: dict[bytes, Enum] = {}
    for member in kind.__members__.values():
        try:
            members[json_text(Walk("")(member.value))] = member
        except EncodeError:  # it could not have been sent
            pass
    expected = f"a value of {type_name(kind)} ({', '.join(sorted(text.decode() for text in members))})"

    def find(value: Any, path: Path) -> Any:
        member = members.get(json_text(value))
        if member is None and issubclass(kind, Flag) and type(value) is int:
            try:
                return kind(value)
            except ValueError:
                pass
        if member is None:
            raise _misfit(path, expected, value)
        return member

    return find


# -- arrays ---------------------------------------------------------------------------------------------------------

#: The type that is built for an annotation.
_ARRAYS: dict[Any, Callable[[Any], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def _array(origin: Any, arguments: tuple[Any, ...], strict: bool) -> Converter:
    build = _ARRAYS[origin]
    element = _converter(arguments[0] if arguments else Any, strict)
    if build is list and element is _as_it_is and not strict:
        return _as_it_is

    def read(value: Any, path: Path) -> Any:
        parts = _list(value, path)
        if element is not _as_it_is:
            parts = [element(part, (path, index)) for index, part in enumerate(parts)]
        try:
            return build(parts)
        except TypeError:
            raise _Misfit(path, "should be a set, but an element is a list or dict.") from None

    return read


def _list(value: Any, path: Path, length: int | None = None) -> list[Any]:
    if type(value) is not list:
        raise _misfit(path, "a list", value)
    if length is not None and len(value) != length:
        raise _misfit(path, f"a list of {length} elements", value)
    return value


def _tuple(annotation: Any, arguments: tuple[Any, ...], strict: bool) -> Converter:
    if isinstance(annotation, type) and not arguments:
        arguments = (Any, ...)
    if arguments and arguments[-1] is Ellipsis:
        element = _converter(arguments[0], strict)
        return lambda value, path: tuple(
            [element(part, (path, index)) for index, part in enumerate(_list(value, path))]
        )
    if arguments == ((),):  # tuple[()] of Python 3.10
        arguments = ()
    return _fixed(arguments, tuple, strict)


def _fixed(annotations: tuple[Any, ...], build: Callable[[Any], Any], strict: bool) -> Converter:
    elements = [_converter(annotation, strict) for annotation in annotations]

    def read(value: Any, path: Path) -> Any:
        parts = _list(value, path, len(elements))
        return build(
            [element(part, (path, index)) for index, (element, part) in enumerate(zip(elements, parts, strict=True))]
        )

    return read


def _named_tuple(kind: Any, strict: bool) -> Converter:
    def read(value: Any, path: Path) -> Any:
        hints = _hints(kind, path)
        return _fixed(tuple(hints.get(field, Any) for field in kind._fields), kind._make, strict)(value, path)

    return read


# -- objects --------------------------------------------------------------------------------------------------------


def _mapping(arguments: tuple[Any, ...], strict: bool) -> Converter:
    read_key, read_part = _key(arguments[0]), _converter(arguments[1], strict)
    if read_key is _as_it_is and read_part is _as_it_is and not strict:
        return _as_it_is

    def read(value: Any, path: Path) -> Any:
        if type(value) is not dict:
            raise _misfit(path, "a dict", value)
        result = {read_key(key, (path, key)): read_part(part, (path, key)) for key, part in value.items()}
        if len(result) != len(value):
            raise _Misfit(path, f"has two keys that are the same {_name(arguments[0])}.")
        return result

    return read


def _key(annotation: Any) -> Converter:
    """Reads what ``key_text`` wrote."""
    annotation = _unwrapped(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _first_of([(member, _key(member)) for member in _ranked(typing.get_args(annotation))])
    if not isinstance(annotation, type):
        return _as_it_is
    if issubclass(annotation, Enum):
        keys = {key_text(member): member for member in annotation.__members__.values()}
        return _key_reader(annotation, keys.__getitem__)
    if annotation in (bool, int, float, type(None)):
        return _key_reader(annotation, lambda text: _json_key(annotation, text))
    return _converter(annotation, True) if base_of(annotation) in TEXTS else _as_it_is


def _key_reader(annotation: type, parse: Callable[[str], Any]) -> Converter:
    def read(text: str, path: Path) -> Any:
        try:
            return parse(text)
        except (ValueError, KeyError):
            raise _Misfit(path, f"should be a key that is the text of a {type_name(annotation)}.") from None

    return read


def _json_key(kind: type, text: str) -> Any:
    value = int(text) if kind is int else orjson.loads(text)
    if type(value) is not kind or key_text(value) != text:
        raise ValueError
    return value


def _dataclass(kind: Any, strict: bool) -> Converter:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    required = {
        name
        for name, field in fields.items()
        if field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    later = [name for name, field in fields.items() if not field.init]

    def read(value: Any, path: Path) -> Any:
        if type(value) is not dict:
            raise _misfit(path, f"a dict of the fields of {type_name(kind)}", value)
        if unknown := value.keys() - fields.keys():
            raise _Misfit(path, f"has {_listed(unknown)}, which {type_name(kind)} does not know.")
        if missing := required - value.keys():
            raise _Misfit(path, f"has no {_listed(missing)}, which {type_name(kind)} requires.")
        parts = dict(value)
        for name, converter in _members(kind, strict, path):
            if name in parts:
                parts[name] = converter(parts[name], (path, name))
        own = {name: parts.pop(name) for name in later if name in parts}
        try:
            instance = kind(**parts)
        except Exception as error:
            raise _Misfit(path, f"is refused by {type_name(kind)}: {error}") from error
        for name, part in own.items():
            object.__setattr__(instance, name, part)
        return instance

    return read


def _typed_dict(kind: Any, strict: bool) -> Converter:
    """Keys that the type does not know are left, as Python itself does; a union looks closer."""

    def read(value: Any, path: Path) -> Any:
        if type(value) is not dict:
            raise _misfit(path, f"a dict of the keys of {type_name(kind)}", value)
        hints = _hints(kind, path)
        if strict and not kind.__required_keys__ <= value.keys() <= hints.keys():
            raise _misfit(path, f"a dict of the keys of {type_name(kind)}", value)
        return {key: _converter(hints.get(key, Any), strict)(part, (path, key)) for key, part in value.items()}

    return read


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _members(kind: type, strict: bool, path: Path) -> list[tuple[str, Converter]]:
    """How the fields of a dataclass are read, those that are left as they are not included."""
    try:
        return _cached_members(kind, strict)
    except NameError:
        _hints(kind, path)  # tells
        raise


@functools.lru_cache(maxsize=1024)
def _cached_members(kind: type, strict: bool) -> list[tuple[str, Converter]]:
    converters = [(Attribute(name), _converter(hint, strict)) for name, hint in _cached_hints(kind).items()]
    return [(name, converter) for name, converter in converters if converter is not _as_it_is]


_cached_hints = functools.lru_cache(maxsize=1024)(typing.get_type_hints)


def _hints(kind: type, path: Path) -> dict[str, Any]:
    """Read when first used, so that a class may name itself."""
    try:
        return _cached_hints(kind)
    except NameError as error:
        raise _Misfit(
            path, f"cannot be read: {type_name(kind)} has an annotation that does not exist: {error}"
        ) from error


# -- unions ---------------------------------------------------------------------------------------------------------


_RANKS: dict[Any, int] = {
    **dict.fromkeys((uuid.UUID, datetime.date, datetime.time, decimal.Decimal), 1),
    pathlib.PurePath: 3,
    bytes: 4,
    bytearray: 4,
}


def _rank(annotation: Any) -> int:
    kind = typing.get_origin(annotation) or annotation
    if annotation is Any or not isinstance(kind, type):
        return 5
    if issubclass(kind, Enum) or dataclasses.is_dataclass(kind):
        return 0
    return next((_RANKS[base] for base in kind.__mro__ if base in _RANKS), 2)


def _ranked(members: tuple[Any, ...]) -> list[Any]:
    return sorted(map(_unwrapped, members), key=lambda member: (_rank(member), _name(member)))


def _union(members: tuple[Any, ...], strict: bool) -> Converter:
    ranked = _ranked(members)
    exact = _first_of([(member, _converter(member, True)) for member in ranked])
    if strict:
        return exact
    loose = [(member, _converter(member, False)) for member in ranked if member not in _JSON_KINDS]
    if not loose or any(converter is _as_it_is for _, converter in loose):
        return lambda value, path: _either(exact, _as_it_is, value, path)
    # Of one rich member, its own complaint says more than the union's.
    rest = loose[0][1] if len(loose) == 1 else _first_of(loose)
    return lambda value, path: _either(exact, rest, value, path)


def _either(first: Converter, second: Converter, value: Any, path: Path) -> Any:
    try:
        return first(value, path)
    except _Misfit:
        return second(value, path)


def _first_of(candidates: list[tuple[Any, Converter]]) -> Converter:
    """The first that does not refuse; two of one rank that read the value differently are one too many."""
    names = " or ".join(_name(member) for member, _ in candidates)

    def read(value: Any, path: Path) -> Any:
        found: list[tuple[Any, Any]] = []
        for member, converter in candidates:
            if found and _rank(member) != _rank(found[0][0]):
                break
            try:
                found.append((member, converter(value, path)))
            except _Misfit:
                continue
        if not found:
            raise _misfit(path, names, value)
        first, result = found[0]
        for member, other in found[1:]:
            if type(other) is not type(result) or other != result:
                raise _Misfit(path, f"can be read as {_name(first)} and as {_name(member)}. Annotate one of them.")
        return result

    return read
