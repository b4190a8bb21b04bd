"""docs/payloads.rst promises what the code does."""

import dataclasses
import enum
import re
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, TypedDict
from uuid import UUID

import pytest

from simpleflow import settings
from simpleflow.payloads import codec, plain
from simpleflow.payloads.limits import LIMITS

PAGE = (Path(__file__).parents[3] / "docs" / "payloads.rst").read_text()


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Order:
    id: int
    color: Color


class Event(TypedDict):
    when: date


NAMES = {thing.__name__: thing for thing in (Color, Order, Event, date, datetime, time, timezone, Decimal, Path, UUID)}


def rows() -> list[tuple[str, str, str]]:
    """Value, text and annotation of each row of the table."""
    table = PAGE.split("Annotations\n---")[0]
    found = re.findall(r"   \* - ``(.+)``\n     - ``(.+)``\n     - ``(.+)``\n", table)
    assert len(found) == table.count("   * - ") - 1  # all but the header
    return found


def evaluated(text: str) -> Any:
    return eval(text, dict(NAMES))


@pytest.mark.parametrize(("value", "text", "annotation"), rows())
def test_each_row_of_the_table(value: str, text: str, annotation: str) -> None:
    given = evaluated(value)
    assert codec.encode(given) == text
    read = codec.decode(text, evaluated(annotation))
    assert read == given and type(read) is type(given)
    assert codec.decode(text) == codec.plain(given)


def test_every_type_has_a_row_or_is_named() -> None:
    shown = {plain.base_of(type(evaluated(value))) for value, _, _ in rows()}
    inner = {bool, int, float, str}  # in the row of lists
    named = {memoryview}
    assert {*plain.SCALARS, dict, set, frozenset, list, tuple, enum.Enum, object} == shown | inner | named
    for kind in named:
        assert f"``{kind.__name__}``" in PAGE


def test_settings_and_limits_are_told() -> None:
    own = {name for name in settings.SETTINGS if re.search("JUMBO|S3|CACHE|CODEC", name)}
    assert {name for name in own if f"``{name}``" not in PAGE} == set()
    for limit in set(LIMITS.values()):
        assert f"{limit:,}" in PAGE
    assert f"more than {plain.MAX_DEPTH}\nlists" in PAGE
