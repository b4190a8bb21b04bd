import dataclasses
import datetime
import decimal
import enum
import functools
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from simpleflow.payloads import codec, signatures
from simpleflow.payloads.codec import DecodeError

if TYPE_CHECKING:
    from decimal import Decimal


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Order:
    at: datetime.date
    color: Color = Color.RED


class Row(TypedDict):
    when: datetime.date


DAY, TEXT = datetime.date(2020, 1, 2), "2020-01-02"


def everything(
    order: Order, path: "Path", *rest: datetime.date, key: uuid.UUID | None = None, **others: set[str]
) -> list[Order]:
    return []


def nothing(x: int, y: str = "", *rest: Any, **others: dict[str, int]) -> str:
    return ""


def partly(number: "Decimal", day: datetime.date) -> None: ...


def only(day: datetime.date, /, at: datetime.date | None = None) -> None: ...


def test_arguments_become_what_is_annotated() -> None:
    key = uuid.UUID(int=1)
    args, kwargs = signatures.arguments(
        everything, [{"at": TEXT, "color": "red"}, "a/b", TEXT, TEXT], {"key": str(key), "other": ["a", "b"]}
    )
    assert args == [Order(DAY), Path("a/b"), DAY, DAY]
    assert kwargs == {"key": key, "other": {"a", "b"}}
    assert signatures.arguments(everything, [], {"order": {"at": TEXT}, "key": None}) == (
        [],
        {"order": Order(DAY), "key": None},
    )


def test_what_no_annotation_speaks_of_stays() -> None:
    values = [1.5, [TEXT], {"a": TEXT}]
    for function in (nothing, lambda *args: None, print, int, dict.get):
        assert signatures.arguments(function, values, {"z": TEXT}) == (values, {"z": TEXT})
    # too many, or misnamed: Python itself complains when it is called
    assert signatures.arguments(only, [TEXT, TEXT, TEXT], {"day": TEXT}) == ([DAY, DAY, TEXT], {"day": TEXT})


def test_an_annotation_that_does_not_exist_here_spoils_no_other() -> None:
    assert signatures.arguments(partly, ["1.5", TEXT], {}) == (["1.5", DAY], {})


class Base:
    def __init__(self, day: datetime.date) -> None:
        self.day = day

    def run(self, day: datetime.date) -> Order:
        return Order(day)


class Derived(Base):
    pass


def test_classes_methods_and_wrapped_functions() -> None:
    assert signatures.arguments(Derived, [TEXT], {}) == ([DAY], {})
    assert signatures.arguments(Order, [], {"at": TEXT, "color": "red"}) == ([], {"at": DAY, "color": Color.RED})
    assert signatures.arguments(Derived.run, [TEXT], {}, skip=1) == ([DAY], {})
    assert signatures.arguments(Derived(DAY).run, [TEXT], {}) == ([DAY], {})

    @functools.wraps(only)
    def wrapped(*args: Any) -> None: ...

    assert signatures.arguments(wrapped, [TEXT], {}) == ([DAY], {})


def test_an_error_names_path_expected_type_and_the_type_that_is_there() -> None:
    def told(args: list[Any], kwargs: dict[str, Any]) -> str:
        with pytest.raises(DecodeError) as caught:
            signatures.arguments(everything, args, kwargs)
        return str(caught.value)

    assert told([{"at": 5}], {}) == "order.at should be the text of a datetime.date, but is int."
    assert (
        told([None, "a", TEXT, "soon"], {}) == "rest[1] should be the text of a datetime.date, but is str of length 4."
    )
    assert told([], {"other": 1}) == "other should be a list, but is int."


def test_results() -> None:
    read = signatures.reader(everything, "the result of everything")
    assert read is not None and read([{"at": TEXT}]) == [Order(DAY)]
    with pytest.raises(DecodeError, match=r"^the result of everything\[0\]\.at should be the text of a datetime\.date"):
        read([{"at": True}])
    for function in (nothing, partly, print, lambda: None):
        assert signatures.reader(function, "") is None


def test_what_only_python_tells_apart_is_written_alike() -> None:
    """So claims do not see whether a value was read with an annotation."""
    values: list[tuple[Any, Any]] = [
        ({"at": TEXT, "color": "red"}, Order),
        ([TEXT], set[datetime.date]),
        ({"when": TEXT}, Row),
        ("1.50", decimal.Decimal),
    ]
    for plain, annotation in values:
        assert codec.encode(codec.convert(plain, annotation)) == codec.encode(plain)


def test_a_typed_dict() -> None:
    def takes(row: Row) -> None: ...

    function: Callable[..., Any] = takes
    assert signatures.arguments(function, [{"when": TEXT}], {}) == ([{"when": DAY}], {})
    with pytest.raises(DecodeError, match=r'row\["when"\] should be the text of a datetime.date, but is int'):
        signatures.arguments(function, [{"when": 1}], {})
