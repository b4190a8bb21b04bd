from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import pickle
import types
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow.payloads import codec

UTC = datetime.timezone.utc


class Color(enum.Enum):
    RED = "red"
    BOX = (1, 2)


class Name(str):
    pass


class Ratio(float):
    pass


@dataclasses.dataclass
class Box:
    b: int
    _a: Any = None


Pair = collections.namedtuple("Pair", "x y")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (1e-7, "1e-7"),
        (2**64 - 1, "18446744073709551615"),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        ("é\u2028\x7f\0", '"é\u2028\x7f\\u0000"'),
        ({"b": [1, {"d": None, "c": ()}], "a": ""}, '{"a":"","b":[1,{"c":[],"d":null}]}'),
        ({1: 3, None: 2}.items(), "[[1,3],[null,2]]"),
        ({2: "int", None: "none", False: "bool", 1.5: "float", "s": "str"},
         '{"1.5":"float","2":"int","false":"bool","null":"none","s":"str"}'),
        ({uuid.UUID(int=1): 1}, '{"00000000-0000-0000-0000-000000000001":1}'),
        ({datetime.date(2020, 1, 2): 1, Color.RED: 2}, '{"2020-01-02":1,"red":2}'),
        (datetime.datetime(1970, 1, 1, tzinfo=UTC), '"1970-01-01T00:00:00Z"'),
        (datetime.datetime(1970, 1, 1, 0, 0, 0, 5000, UTC), '"1970-01-01T00:00:00.005Z"'),
        (datetime.datetime(1970, 1, 1, 0, 0, 0, 5001), '"1970-01-01T00:00:00.005001"'),
        (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
         '"1970-01-01T00:00:00+02:00"'),
        (datetime.date(2020, 1, 2), '"2020-01-02"'),
        (datetime.time(1, 2, 3), '"01:02:03"'),
        (uuid.UUID(int=2), '"00000000-0000-0000-0000-000000000002"'),
        (decimal.Decimal("1.10"), '"1.10"'),
        (pathlib.PurePosixPath("/a/b"), '"/a/b"'),
        (b"text", '"text"'),
        (bytearray(b"\xff"), '"data:;base64,/w=="'),
        (memoryview(b"data:;base64,x"), '"data:;base64,ZGF0YTo7YmFzZTY0LHg="'),
        ({"b", "a", "a!"}, '["a","a!","b"]'),
        (set("fedcbag"), '["a","b","c","d","e","f","g"]'),
        ({10, 9, -1, 2**40}, "[-1,9,10,1099511627776]"),
        ({10.0, 9.5, 1e16}, "[10.0,1e+16,9.5]"),
        ([{10.0, 9.5, 1e16}, 2**64], "[[10.0,1e+16,9.5],18446744073709551616]"),
        ({10, 9, 2**64}, "[9,10,18446744073709551616]"),
        ({1, "a", None}, '["a",1,null]'),
        (set(), "[]"),
        ((n for n in range(3)), "[0,1,2]"),
        (range(2), "[0,1]"),
        (map(str, [1]), '["1"]'),
        (Pair(1, 2), "[1,2]"),
        (collections.OrderedDict(b=1, a=2), '{"a":2,"b":1}'),
        (collections.defaultdict(list, a=[Box(1)]), '{"a":[{"_a":null,"b":1}]}'),
        (Name("n"), '"n"'),
        ({Name("n"): Ratio(0.5)}, '{"n":0.5}'),
        (Color.RED, '"red"'),
        (Color.BOX, "[1,2]"),
        (Box(1, Box(2)), '{"_a":{"_a":null,"b":2},"b":1}'),
    ],
)  # fmt: skip
def test_the_text_of_a_value(value: Any, text: str) -> None:
    assert codec.encode(value) == text


def test_plain_tells_what_arrives() -> None:
    value = {"when": datetime.date(2020, 1, 2), "all": ({3, 1}, b"b", 2**70), 1: Box(1)}
    assert codec.plain(value) == {"when": "2020-01-02", "all": [[1, 3], "b", 2**70], "1": {"b": 1, "_a": None}}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"args": [0, {"rows": [1, 2, 3, object()]}]}, 'args[1]["rows"][3] is of type object, which has no JSON form.'),
        ({"args": [Box(1, lambda: 0)]}, "args[0]._a is of type function,"),
        ({"kwargs": {"é\n": [float("nan")]}}, 'kwargs["é\\n"][0] is the float nan,'),
        ({"x": [None, float("inf")]}, "x[1] is the float inf,"),
        ({"x": Box(1, decimal.Decimal("Infinity"))}, "x._a is Decimal Infinity,"),
        ({"x": Box(1, {1, float("-inf")})}, "x._a{…} is the float -inf,"),
        ({"x": {1: "a", "1": "b"}}, "x has two keys that both become '1'."),
        ({"x": {(1,): "a"}}, "x has a key of type tuple,"),
        ({"x": {float("nan"): 1}}, "x has a key that is the float nan,"),
        ({"x": ["a", "b\udc00"]}, "x[1] has a lone surrogate at index 1,"),
        ({"x": {"\udc00": 1}}, "x has a key that has a lone surrogate at index 0,"),
        ({"x": 10**5000}, "x is an integer of 16610 bits,"),
        ({"x": types.SimpleNamespace()}, "x is of type types.SimpleNamespace,"),
        ({"x": Box}, "x is of type type,"),
        ({"a b": object()}, 'value["a b"] is of type object,'),
        (object(), "value is of type object,"),
    ],
)
def test_an_error_tells_where_and_what(value: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        codec.encode(value, root="")
    assert str(caught.value).startswith(message)
    with pytest.raises(codec.EncodeError) as nested:
        codec.encode([value, 2**64], root="top")
    assert nested.value.path.startswith("top[0]")
    assert nested.value.problem == caught.value.problem  # type: ignore[attr-defined]


def test_an_error_names_what_is_allowed() -> None:
    with pytest.raises(codec.EncodeError, match=r"Allowed are None, bool, int, .* dataclass, Enum, .* paths: pass one"):
        codec.encode(object())


def test_the_path_of_a_deep_fault_stays_short() -> None:
    value: Any = object()
    for _ in range(200):
        value = {"key": value}
    with pytest.raises(codec.EncodeError) as caught:
        codec.encode(value)
    assert len(caught.value.path) < 350
    assert caught.value.path.startswith('value["key"]["key"]')
    assert caught.value.path.endswith('["key"]["key"]')


def test_errors_travel_between_processes() -> None:
    for error in (codec.EncodeError("x[1]", "is bad."), codec.DecodeError("x[1]", "is bad.")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.path, str(copy)) == (type(error), "x[1]", "x[1] is bad.")


# -- nesting ----------------------------------------------------------------------------------------------------------

WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "tuple": lambda value: (value,),
    "key": lambda value: {1: value},
    "dataclass": lambda value: Box(1, value),
    "subclass": lambda value: Pair(value, ()),
}


def _nested(wrap: Callable[[Any], Any], levels: int, value: Any = 0) -> Any:
    for _ in range(levels):
        value = wrap(value)
    return value


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("inner", [0, 2**64])
def test_the_deepest_value(kind: str, inner: int) -> None:
    value = _nested(WRAPPERS[kind], 254 - (kind == "subclass"), inner)
    assert codec.decode(codec.encode(value)) == codec.plain(value)


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize("levels", [255, 400])
@pytest.mark.parametrize("inner", [0, 2**64])
def test_a_deeper_value_is_refused(kind: str, levels: int, inner: int) -> None:
    with pytest.raises(codec.EncodeError, match="nests deeper than 254"):
        codec.encode(_nested(WRAPPERS[kind], levels, inner))


def test_mixed_nesting_counts_every_level() -> None:
    value: Any = 0
    for kind in ["tuple", "dataclass", "list", "subclass"] * 64:
        value = WRAPPERS[kind](value)
    with pytest.raises(codec.EncodeError, match="nests deeper than 254"):
        codec.encode(value)


def test_very_deep_tuples_do_no_harm() -> None:
    with pytest.raises(codec.EncodeError, match="nests deeper than 254"):
        codec.encode(_nested(WRAPPERS["tuple"], 50_000))


@pytest.mark.parametrize("times", [2, 100])
def test_a_value_that_contains_itself(times: int) -> None:
    value: list[Any] = []
    value += [value] * times
    with pytest.raises(codec.EncodeError, match="contains itself"):
        codec.encode(value)


@pytest.mark.parametrize(("value", "fits"), [(1.5, True), (float("nan"), False), (float("inf"), False)])
@pytest.mark.parametrize("more", [1, 1000])
def test_numbers_among_many(value: float, fits: bool, more: int) -> None:
    rows = [{"a": None, "b": [1.5, "x", True, value]} for _ in range(more)]
    if fits:
        assert codec.decode(codec.encode(rows)) == rows
        return
    with pytest.raises(codec.EncodeError, match=r"value\[0\]\[\"b\"\]\[3\] is the float"):
        codec.encode(rows)


def test_many_numbers_whose_sum_is_none() -> None:
    largest = [1.7e308] * 100
    assert codec.decode(codec.encode(largest)) == largest


def test_integer_keys_of_many_dicts() -> None:
    rows = [{10: "a", 9: {8: Box(1, None)}, -1: None} for _ in range(100)]
    assert codec.encode(rows) == json.dumps(codec.plain(rows), sort_keys=True, separators=(",", ":"))
    for collision in ({1: 0, "1": 0}, {True: 0, "true": 0}):
        with pytest.raises(codec.EncodeError, match="two keys that both become"):
            codec.encode([*rows, collision])


def test_floats_with_many_digits_stay_exact() -> None:
    text = "[0.0021060533511106927,12345678901234567890123,0.00000000000000000000000000001,1]"
    assert codec.decode(text) == [0.0021060533511106927, 12345678901234567890123, 1e-29, 1]
    assert codec.decode("[0.0021060533511106927,18446744073709551617]")[1] == 18446744073709551617


# -- holes ------------------------------------------------------------------------------------------------------------


class Thing:
    def __init__(self, name: str) -> None:
        self.name = name


def test_a_hole_replaces_what_has_no_form() -> None:
    seen = []

    def hole(value: object) -> object:
        if not isinstance(value, Thing):
            raise TypeError
        seen.append(value.name)
        return {"thing": value.name, "on": datetime.date(2020, 1, 2)}

    value = {"z": [Thing("a"), (n for n in "xy")], "args": {Thing("b")}, 1: None}
    assert codec.encode(value, hole) == (
        '{"1":null,"args":[{"on":"2020-01-02","thing":"b"}],"z":[{"on":"2020-01-02","thing":"a"},["x","y"]]}'
    )
    assert seen == ["a", "b"]
    with pytest.raises(codec.EncodeError, match=r"value\[0\] is of type object, which has no JSON form"):
        codec.encode([object()], hole)


def test_a_hole_may_say_why_not() -> None:
    def hole(value: object) -> object:
        raise TypeError("is a group of futures: pass its members.")

    with pytest.raises(codec.EncodeError, match=r"^args\[0\] is a group of futures: pass its members\.$"):
        codec.encode({"args": [Thing("a")]}, hole, root="")


def test_a_hole_that_fills_nothing_does_not_go_on_for_ever() -> None:
    with pytest.raises(codec.EncodeError, match="nests too deep"):
        codec.encode(Thing("a"), lambda value: value)


# -- decoding ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (None, None),
        ("", None),
        ("null", None),
        (" [1, 1.0, true] ", [1, 1.0, True]),
        ("[18446744073709551616, -9223372036854775809, 1.5]", [2**64, -(2**63) - 1, 1.5]),
        ('{"a": "12345678901234567890", "b": 12345678901234567890}',
         {"a": "12345678901234567890", "b": 12345678901234567890}),
        ('"\\ud800"', "\ud800"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("hello", "hello"),
        ("[1, 2", "[1, 2"),
        ("[Infinity War] is a film", "[Infinity War] is a film"),
        ("NaN", "NaN"),
        (" -Infinity", " -Infinity"),
        ("01", "01"),
        ("simpleflow+s3://bucket/key 12", "simpleflow+s3://bucket/key 12"),
    ],
)  # fmt: skip
def test_decode(text: str | None, value: Any) -> None:
    decoded = codec.decode(text)
    assert decoded == value
    assert repr(decoded) == repr(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": NaN}', "holds the number NaN"),
        ("[1, -Infinity]", "holds the number -Infinity"),
        ("1e400", "holds the number 1e400"),
        ("1" * 5000, "holds the number 111111111111111111111111111111,"),
        ("[" * 5000 + "]" * 5000, "nests too deep"),
        ('{"a":' * 1025 + '"]"' + "}" * 1025, "nests too deep"),
    ],
)
def test_json_that_python_cannot_hold(text: str, problem: str) -> None:
    with pytest.raises(codec.DecodeError, match=f"^input {problem}"):
        codec.decode(text, root="input")


def test_canonical_tells_values_apart_and_nothing_else() -> None:
    assert len({codec.canonical(text) for text in ("1", "1.0", "true", '"1"', "[1]", None)}) == 6
    assert codec.canonical(' {"b": 1.50, "a": "\\u00e9"} ') == '{"a":"é","b":1.5}'
    assert codec.canonical("raw") == codec.canonical('"raw"') == '"raw"'
    assert codec.canonical(None) == codec.canonical("") == codec.canonical("null") == "null"
