import pytest

from simpleflow import constants


def test_the_limits_of_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLEFLOW_ENV", raising=False)
    monkeypatch.setenv("SWF_MAX_OPEN_ACTIVITY_COUNT", "900")
    assert constants.SIMPLEFLOW_ENV == "production"
    assert (constants.MAX_DECISIONS, constants.MAX_REQUEST_SIZE) == (100, 1_000_000)
    assert constants.MAX_OPEN_ACTIVITY_COUNT == 900


def test_the_limits_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ENV", "test")
    monkeypatch.setenv("SWF_MAX_OPEN_ACTIVITY_COUNT", "900")
    assert (constants.MAX_DECISIONS, constants.MAX_REQUEST_SIZE) == (10, 82_000)
    assert constants.MAX_OPEN_ACTIVITY_COUNT == 15


def test_the_rest() -> None:
    assert (constants.HOUR, constants.DAY) == (3600, 86400)
    assert constants.JUMBO_FIELDS_MAX_SIZE == 5 * 1024 * 1024
    with pytest.raises(AttributeError, match="MAX_NOTHING"):
        constants.MAX_NOTHING  # type: ignore[attr-defined]  # noqa: B018
