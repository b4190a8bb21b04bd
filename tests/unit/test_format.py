import datetime
from typing import Any

import pytest

from simpleflow import format
from simpleflow.payloads.codec import EncodeError


@pytest.mark.parametrize("field", ["input", "result", "control"])
def test_fields_of_json(field: str) -> None:
    function = getattr(format, field)
    assert function({"b": datetime.date(2020, 1, 2), "a": None}) == '{"a":null,"b":"2020-01-02"}'
    assert function("x" * 32766) == f'"{"x" * 32766}"'
    with pytest.raises(format.JumboTooLargeError, match=rf"Message too long \(32769 chars\): {field} "):
        function("x" * 32767)
    with pytest.raises(EncodeError, match=rf"^{field}\[0\] is of type object"):
        function([object()])


@pytest.mark.parametrize(
    ("field", "limit"),
    [("details", 32768), ("execution_context", 32768), ("reason", 256), ("heartbeat_details", 2048)],
)
def test_fields_of_text(field: str, limit: int) -> None:
    function = getattr(format, field)
    assert function(None) is None
    assert function("") == ""
    assert function("é" * limit) == "é" * limit
    with pytest.raises(ValueError, match=rf"Message too long \({limit + 1} chars\): {field} .*JUMBO_FIELDS_BUCKET"):
        function("é" * (limit + 1))


def test_identity_is_cut() -> None:
    assert format.identity("x" * 256) == "x" * 256
    assert format.identity("x" * 300) == "x" * 252 + " ..."
    assert format.identity(None) is None


def test_encode() -> None:
    assert format.encode("abc", 3) == "abc"
    assert format.encode(None, 3) is None
    with pytest.raises(format.JumboTooLargeError, match=r"Message too long \(4 chars\).*JUMBO_FIELDS_BUCKET"):
        format.encode("abcd", 3)
    with pytest.raises(format.JumboTooLargeError, match=r"Message too long \(4 chars\): the field holds 3\.$"):
        format.encode("abcd", 3, allow_jumbo_fields=False)


@pytest.mark.parametrize(
    ("content", "value"), [(None, None), ("", None), ("[1]", [1]), ("text", "text"), ("null", None)]
)
def test_decode(content: str | None, value: Any) -> None:
    assert format.decode(content) == value
    assert format.decode(content, use_proxy=False) == value


def test_decode_without_json() -> None:
    assert format.decode("[1]", parse_json=False) == "[1]"
    assert format.decode("", parse_json=False) is None
