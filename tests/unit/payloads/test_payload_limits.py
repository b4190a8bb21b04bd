import pytest

from simpleflow.payloads import limits


def test_shorten_says_that_it_cut() -> None:
    assert limits.shorten("abcdefgh", 8) == "abcdefgh"
    assert limits.shorten("abcdefghi", 8) == "abcd ..."
    assert limits.shorten("abc", 2) == " ."
    assert limits.shorten_reason("é" * 256) == "é" * 256
    assert limits.shorten_reason("é" * 257) == "é" * 252 + " ..."


@pytest.mark.parametrize("field", limits.LIMITS)
def test_check_counts_characters(field: str) -> None:
    limit = limits.LIMITS[field]
    assert limits.check(field, "é" * limit) == "é" * limit
    with pytest.raises(ValueError) as caught:
        limits.check(field, "x" * (limit + 1))
    message = str(caught.value)
    assert message.startswith(f"Message too long ({limit + 1} chars): {field} ")
    assert str(limit) in message
    assert "SIMPLEFLOW_JUMBO_FIELDS_BUCKET" in message


def test_the_limits_of_swf() -> None:
    assert {limits.LIMITS[field] for field in ("reason", "identity")} == {256}
    assert limits.LIMITS["heartbeat_details"] == 2048
    assert limits.LIMITS["input"] == limits.LIMITS["marker_details"] == 32768
