import datetime
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest

from simpleflow import futures
from simpleflow.utils import json_dumps, json_loads_or_raw, serialize_complex_object

UTC = datetime.timezone.utc


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": [1, None], "a": "é"}, '{"a":"\\u00e9","b":[1,null]}'),
        ({"start": datetime.datetime(1970, 1, 1, tzinfo=UTC)}, '{"start":"1970-01-01T00:00:00Z"}'),
        (datetime.datetime(1970, 1, 1, 0, 0, 0, 123456), '"1970-01-01T00:00:00.123"'),
        (datetime.date(2020, 1, 2), '"2020-01-02"'),
        (b"a\xff", '"a\\ufffd"'),
        ({3, 1, 2}, "[1,2,3]"),
        (frozenset([1, "a", None]), '["a",1,null]'),
        ({frozenset([2]), frozenset([1])}, "[[1],[2]]"),
        ((n for n in range(2)), "[0,1]"),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    ],
)
def test_json_dumps(value: Any, text: str) -> None:
    assert json_dumps(value) == text


def test_json_dumps_layouts() -> None:
    value = {"b": 1, "a": [2]}
    assert json_dumps(value, compact=False) == '{"a": [2], "b": 1}'
    assert json_dumps(value, pretty=True) == '{\n    "a": [\n        2\n    ],\n    "b": 1\n}'
    assert json_dumps(value, sort_keys=False) == '{"b":1,"a":[2]}'


def test_a_future_is_its_result() -> None:
    class Done(futures.Future[int]):
        result = property(lambda self: 3)  # type: ignore[assignment]

    assert json_dumps([Done()]) == "[3]"


def test_what_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="object <object object at"):
        json_dumps(object())
    assert serialize_complex_object(b"a") == "a"


def test_sets_do_not_depend_on_the_hash_seed() -> None:
    code = "from simpleflow.utils import json_dumps; print(json_dumps({'a', 'b', 'c', 'd', 1, None, (1, 'x')}))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert texts == {'["a","b","c","d",1,[1,"x"],null]\n'}


@pytest.mark.parametrize(
    ("text", "value"), [(None, None), ("", None), ("[1]", [1]), ("null", None), ("raw", "raw"), ("[1", "[1")]
)
def test_json_loads_or_raw(text: str | None, value: Any) -> None:
    assert json_loads_or_raw(text) == value
