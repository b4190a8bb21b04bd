from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import pathlib
import typing
import uuid
from typing import Any

import pytest

from simpleflow.payloads import codec

DAY = datetime.date(2020, 1, 2)
NOON = datetime.datetime(2020, 1, 2, 12, tzinfo=datetime.timezone.utc)
T = typing.TypeVar("T")
Day = typing.NewType("Day", datetime.date)


class Color(enum.Enum):
    RED = "red"
    ONE = 1


class Odd(enum.Enum):
    THING = object()
    X = "x"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Stranger:
    pass


@dataclasses.dataclass
class Item:
    name: str
    on: datetime.date
    tags: set[str] = dataclasses.field(default_factory=set)


@dataclasses.dataclass
class Other:
    name: str
    on: datetime.date


@dataclasses.dataclass
class Strict:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError("n is negative")


@dataclasses.dataclass
class Dangling:
    x: Missing  # type: ignore[name-defined]  # noqa: F821


class Row(typing.NamedTuple):
    day: datetime.date
    n: int = 0


@pytest.mark.parametrize(
    ("text", "annotation", "value"),
    [
        # what is not of the table changes nothing
        ('"2020-01-02"', Any, "2020-01-02"),
        ('"2020-01-02"', object, "2020-01-02"),
        ('"2020-01-02"', T, "2020-01-02"),
        ('"2020-01-02"', Stranger, "2020-01-02"),
        ('"2020-01-02"', "datetime.date", "2020-01-02"),
        ('{"a":1}', Stranger | None, {"a": 1}),
        ('"x"', int, "x"),
        ("1", list, 1),
        ('{"1":2}', dict[str, int], {"1": 2}),
        ('"abc"', collections.abc.Iterable[str], "abc"),
        ("null", datetime.date, None),
        ("[null]", list[datetime.date], [None]),
        # texts
        ('"2020-01-02"', datetime.date, DAY),
        ('"2020-01-02T12:00:00+00:00"', datetime.datetime, NOON),
        ('"12:00:00Z"', datetime.time, datetime.time(12, tzinfo=datetime.timezone.utc)),
        ('"{00000000000000000000000000000001}"', uuid.UUID, uuid.UUID(int=1)),
        ('"1.10"', decimal.Decimal, decimal.Decimal("1.10")),
        ("1.1", decimal.Decimal, decimal.Decimal("1.1")),
        ("3", decimal.Decimal, decimal.Decimal(3)),
        ('"a/b"', pathlib.Path, pathlib.Path("a/b")),
        ('"a"', bytes, b"a"),
        ('"data:;base64,/w=="', bytes, b"\xff"),
        ('"red"', Color, Color.RED),
        ("1", Color, Color.ONE),
        ('"x"', Odd, Odd.X),
        ("3", Right, Right.READ | Right.WRITE),
        ('"2020-01-02"', Day, DAY),
        ('"2020-01-02"', typing.Annotated[datetime.date, []], DAY),
        ('["2020-01-02"]', list[typing.Annotated[datetime.date, []]], [DAY]),
        # containers
        ('["2020-01-02"]', collections.abc.Sequence[datetime.date], [DAY]),
        ("[1,2,2]", set, {1, 2}),
        ("[1,2]", tuple, (1, 2)),
        ("[]", tuple[()], ()),
        ('["2020-01-02",1]', tuple[datetime.date, int], (DAY, 1)),
        ('["2020-01-02",1]', Row, Row(DAY, 1)),
        ('{"2020-01-02":"2020-01-02"}', collections.abc.Mapping[datetime.date, datetime.date], {DAY: DAY}),
        ('{"1":"a"}', dict[int, str], {1: "a"}),
        ('{"null":1,"2020-01-02":2}', dict[datetime.date | None, int], {None: 1, DAY: 2}),
        ('{"name":"n","on":"2020-01-02"}', Item, Item("n", DAY)),
        ('[{"name":"n","on":"2020-01-02","tags":["a"]}]', list[Item | None], [Item("n", DAY, {"a"})]),
        # unions
        ('"2020-01-02"', str | datetime.date, DAY),
        ('"hello"', str | datetime.date, "hello"),
        ('"2020-01-02T12:00:00Z"', datetime.date | datetime.datetime, NOON),
        ('"2020-01-02T12:00:00+00:00"', datetime.datetime | int, NOON),
        ("[1]", int | str, [1]),
        ("12", int | decimal.Decimal, 12),
        ('"2020-01-02"', datetime.date | datetime.datetime, DAY),
        ('"12:00:00"', datetime.date | datetime.time | uuid.UUID, datetime.time(12)),
        ('["a"]', list[int] | list[str], ["a"]),
        ('"a"', pathlib.PurePosixPath | str, "a"),
        ('"a"', pathlib.PurePosixPath | bytes, pathlib.PurePosixPath("a")),
        ("[]", list[int] | list[datetime.date], []),
        ('{"name":"n","on":"2020-01-02","tags":[]}', Item | Other, Item("n", DAY)),
        ('"2020-01-02"', typing.Optional[Day], DAY),  # noqa: UP045  # the old way of writing it
    ],
)
def test_an_annotation_is_met(text: str, annotation: Any, value: Any) -> None:
    decoded = codec.decode(text, annotation)
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    ("text", "annotation", "message"),
    [
        ('"secret"', datetime.date, "value should be the text of a datetime.date, but is str of length 6."),
        ("1", uuid.UUID, "value should be the text of a uuid.UUID, but is int."),
        ('"NaN"', decimal.Decimal, "value should be the text of a decimal.Decimal, but is str of length 3."),
        ('"data:;base64,?"', bytes, "value should be the text of a bytes, but is str of length 14."),
        ('"blue"', Color, 'Color ("red", 1), but is str of length 4.'),
        ('[["2020-01-02","x"]]', list[list[datetime.date]], "value[0][1] should be"),
        ('"abc"', list[datetime.date], "value should be a list, but is str of length 3."),
        ("[1]", tuple[int, int], "value should be a list of 2 elements, but is list of length 1."),
        ("[[1]]", set[Any], "value should be a set, but an element is a list or dict."),
        ("[]", dict[int, int], "value should be a dict, but is list of length 0."),
        ('{"01":1}', dict[int, int], 'value["01"] should be a key that is the text of a int.'),
        ('{"a":{"q":1}}', dict[str, dict[Color, int]], 'value["a"]["q"] should be a key that is the text of'),
        ('{"1":1,"1.0":1}', dict[decimal.Decimal, int], "value has two keys that are the same decimal.Decimal."),
        ("[]", Item, "value should be a dict of the fields of"),
        ('{"name":"n","on":"x"}', Item, "value.on should be the text of a datetime.date"),
        ('{"name":"n"}', Item, "value has no 'on', which"),
        ('{"name":"n","on":null,"b":1,"a":2}', Item, "value has 'a', 'b', which"),
        ('{"n":-1}', Strict, "Strict: n is negative"),
        ('{"x":1}', Dangling, "value cannot be read:"),
        ("4", Right, "Right (1, 2), but is int."),
        ('"x"', datetime.date | int, "value should be the text of a datetime.date"),
        ('"x"', datetime.date | uuid.UUID, "value should be datetime.date or uuid.UUID, but is str of length 1."),
        ('{"name":"n","on":"2020-01-02"}', Item | Other, "value can be read as"),
    ],
)
def test_a_payload_that_does_not_fit(text: str, annotation: Any, message: str) -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.decode(text, annotation)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_root_of_the_path_can_be_named() -> None:
    with pytest.raises(codec.DecodeError) as caught:
        codec.convert([{"when": "x"}], list[dict[str, datetime.date]], "args")
    assert caught.value.path == 'args[0]["when"]'


def test_a_union_does_not_depend_on_the_order_it_is_written_in() -> None:
    for annotation in (bytes | str | DayOrNone, DayOrNone | str | bytes):
        assert codec.decode('"2020-01-02"', annotation) == DAY
        assert codec.decode('"x"', annotation) == "x"


DayOrNone = typing.Optional[datetime.date]  # noqa: UP045  # a union inside a union


class DayRow(typing.TypedDict):
    when: datetime.date


class OtherRow(typing.TypedDict, total=False):
    where: pathlib.PurePosixPath


def test_a_union_of_typed_dicts_takes_the_one_that_fits() -> None:
    union = DayRow | OtherRow  # type: ignore[operator,unused-ignore]
    assert codec.convert({"when": "2020-01-02"}, union) == {"when": datetime.date(2020, 1, 2)}
    assert codec.convert({"where": "a/b"}, union) == {"where": pathlib.PurePosixPath("a/b")}
    assert codec.convert({"when": "2020-01-02", "more": 1}, DayRow) == {"when": datetime.date(2020, 1, 2), "more": 1}
