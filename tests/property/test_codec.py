"""The codec keeps every documented value, in one text, in every process."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import os
import pathlib
import subprocess
import sys
import typing
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.payloads import codec


class Color(enum.Enum):
    RED = "red"
    ONE = 1
    WHEN = datetime.date(2020, 1, 2)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(typing.NamedTuple):
    x: float
    day: datetime.date


@dataclasses.dataclass(frozen=True)
class Leaf:
    name: str
    at: datetime.datetime
    data: bytes = b""
    color: Color | None = None


@dataclasses.dataclass
class Tree:
    leaf: Leaf
    below: list[Tree] = dataclasses.field(default_factory=list)
    amounts: dict[uuid.UUID, decimal.Decimal] = dataclasses.field(default_factory=dict)
    total: int = dataclasses.field(init=False, default=0)


TEXT = st.text()
ZONES = (
    st.none()
    | st.just(datetime.timezone.utc)
    | st.integers(-1439, 1439).map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))
)
DATETIMES = st.datetimes(timezones=ZONES)
TIMES = st.times(timezones=ZONES)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(pathlib.PurePosixPath)
BYTES = st.binary() | TEXT.map(str.encode) | st.binary().map(lambda data: b"data:;base64," + data)
LEAVES = st.builds(Leaf, TEXT, DATETIMES, BYTES, st.none() | st.sampled_from(Color))


def _tree(leaf: Leaf, below: list[Tree], amounts: dict[uuid.UUID, decimal.Decimal], total: int) -> Tree:
    tree = Tree(leaf, below, amounts)
    tree.total = total
    return tree


TREES = st.recursive(
    st.builds(_tree, LEAVES, st.just([]), st.dictionaries(st.uuids(), DECIMALS, max_size=2), st.integers()),
    lambda trees: st.builds(_tree, LEAVES, st.lists(trees, max_size=3), st.just({}), st.integers()),
    max_leaves=4,
)

#: Annotation and values, for those that may stand in a set or be a key.
HASHABLE: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (bool, st.booleans()),
    (int, st.integers() | st.integers(-(2**80), 2**80)),
    (float, FLOATS),
    (str, TEXT),
    (datetime.datetime, DATETIMES),
    (datetime.date, st.dates()),
    (datetime.time, TIMES),
    (uuid.UUID, st.uuids()),
    (decimal.Decimal, DECIMALS),
    (pathlib.PurePosixPath, PATHS),
    (Color, st.sampled_from(Color)),
    (Level, st.sampled_from(Level)),
    (bytes, BYTES),
]
OTHERS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (type(None), st.none()),
    (bytearray, BYTES.map(bytearray)),
    (Right, st.sampled_from([*Right, Right.READ | Right.WRITE])),
    (Point, st.builds(Point, FLOATS, st.dates())),
    (Leaf, LEAVES),
    (Tree, TREES),
    (datetime.date | int | None, st.dates() | st.integers() | st.none()),
    (uuid.UUID | list[datetime.date] | float, st.uuids() | st.lists(st.dates()) | FLOATS),
]


@st.composite
def typed_values(draw: st.DrawFn, depth: int = 3) -> tuple[Any, st.SearchStrategy[Any]]:
    """An annotation of the documented types, nested, and a strategy for its values."""
    shapes = ["leaf"] if depth == 0 else ["leaf", "list", "tuple", "row", "dict", "set", "frozenset", "optional"]
    shape = draw(st.sampled_from(shapes))
    if shape == "leaf":
        return draw(st.sampled_from(HASHABLE + OTHERS))
    if shape in ("set", "frozenset"):
        annotation, values = draw(st.sampled_from(HASHABLE))
        kind: Any = set if shape == "set" else frozenset
        return kind[annotation], st.lists(values, max_size=4).map(kind)
    annotation, values = draw(typed_values(depth - 1))
    if shape == "list":
        return list[annotation], st.lists(values, max_size=3)
    if shape == "tuple":
        return tuple[annotation, ...], st.lists(values, max_size=3).map(tuple)
    if shape == "optional":
        return typing.Optional[annotation], st.none() | values  # noqa: UP045  # made at run time
    other, more = draw(typed_values(depth - 1))
    if shape == "row":
        return tuple[annotation, other], st.tuples(values, more)
    key, keys = draw(st.sampled_from(HASHABLE))
    return dict[key, annotation], st.dictionaries(keys, values, max_size=3)


ANYTHING = st.recursive(
    st.one_of(*[values for _, values in HASHABLE + OTHERS]),
    lambda values: st.one_of(
        st.lists(values, max_size=4),
        st.lists(values, max_size=4).map(tuple),
        st.dictionaries(TEXT, values, max_size=4),
        *[st.dictionaries(keys, values, max_size=4) for _, keys in HASHABLE],
        st.sets(st.one_of(*[values for _, values in HASHABLE]), max_size=4),
    ),
    max_leaves=12,
)


def _spelt(plain: Any) -> str:
    """Tells 1, 1.0 and True apart, which ``==`` does not."""
    return json.dumps(plain, sort_keys=True)


@given(ANYTHING)
def test_decoding_gives_the_plain_value(value: Any) -> None:
    try:
        text = codec.encode(value)
    except codec.EncodeError as error:  # a Decimal key for each of 0 and -0, say
        assert "two keys" in str(error)
        return
    assert _spelt(codec.decode(text)) == _spelt(codec.plain(value))


@given(ANYTHING)
def test_a_value_and_its_plain_value_have_one_text(value: Any) -> None:
    try:
        text = codec.encode(value)
    except codec.EncodeError:
        return
    assert codec.encode(codec.plain(value)) == text == codec.canonical(text)
    assert text == codec.encode([value])[1:-1]
    # Another way through the codec: an integer that orjson refuses.
    assert codec.encode([value, 2**64]) == f"[{text},{2**64}]"


@given(ANYTHING)
def test_other_writers_text_has_the_same_canonical_text(value: Any) -> None:
    try:
        plain = codec.plain(value)
    except codec.EncodeError:
        return
    for foreign in (json.dumps(plain), json.dumps(plain, indent=2, ensure_ascii=False)):
        assert codec.canonical(foreign) == codec.encode(plain)


@given(st.data())
def test_annotations_bring_the_value_back(data: st.DataObject) -> None:
    annotation, values = data.draw(typed_values())
    value = data.draw(values)
    try:
        text = codec.encode(value)
    except codec.EncodeError as error:
        assert "two keys" in str(error)
        return
    decoded = codec.decode(text, annotation)
    assert decoded == value
    assert type(decoded) is type(value)


class Stranger:
    """Has no JSON form."""


BAD: list[Any] = [Stranger(), float("nan"), float("-inf"), decimal.Decimal("NaN"), "\ud800", {(1,): 2}, {"\ud800": 1}]


@st.composite
def value_with_a_fault(draw: st.DrawFn) -> tuple[Any, Any]:
    """A value and the part of it that cannot be encoded."""
    bad = draw(st.sampled_from(BAD))
    value = bad
    for _ in range(draw(st.integers(0, 5))):
        around = draw(st.lists(st.integers(), max_size=2))
        if draw(st.booleans()):
            value = draw(st.sampled_from([list, tuple]))([*around, value, None])
        else:
            value = {**dict.fromkeys(map(str, around), 1.5), draw(TEXT.filter(lambda key: "\n" not in key)): value}
    return value, bad


@given(value_with_a_fault(), st.booleans())
def test_an_error_names_the_path(case: tuple[Any, Any], long: bool) -> None:
    value, bad = case
    with pytest.raises(codec.EncodeError) as caught:
        codec.encode([value, 2**64] if long else [value], root="it")
    assert eval(caught.value.path, {"it": [value]}) is bad
    assert str(caught.value).startswith(caught.value.path)


@given(TEXT)
def test_any_text_can_be_decoded_and_compared(text: str) -> None:
    value = codec.decode(text)
    assert codec.decode(codec.canonical(text)) == value


DIGEST = """
import datetime, enum, hashlib, uuid
from simpleflow.payloads import codec

class Color(enum.Enum):
    RED = "red"
    ONE = 1

names = {f"name {n}" for n in range(50)}
days = frozenset(datetime.date(2020, 1, n) for n in range(1, 30))
mixed = {1, 2.5, "a", "b", None, True, b"x", Color.RED, Color.ONE, ("t", 1), uuid.UUID(int=7), *names}
value = {"names": names, "days": [days], "mixed": mixed, "nested": {frozenset({"x", "y", "z"}), frozenset({"z"})}}
texts = [codec.encode(part) for part in (value, names, [days])]
print(hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_the_text_does_not_depend_on_the_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
