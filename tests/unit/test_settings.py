import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from simpleflow import settings


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in settings.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(settings.MODULE_VARIABLE, raising=False)
    monkeypatch.setattr(settings, "_put", {})
    yield


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("my_settings")
    monkeypatch.setitem(sys.modules, "my_settings", module)
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", "my_settings")
    return module


def test_the_defaults() -> None:
    assert settings.ACTIVITY_DEFAULT_TASK_LIST == "default"
    assert settings.ACTIVITY_START_TO_CLOSE_TIMEOUT == "300"
    assert settings.ACTIVITY_SIGTERM_WAIT_SEC == 3.0
    assert settings.METROLOGY_PATH_PREFIX is None
    assert settings.SIMPLEFLOW_S3_SSE is False
    assert settings.SWF_CONNECTION_RETRIES == 5
    assert settings.LOGGING["loggers"]["simpleflow"]["level"] == "INFO"


def test_code_is_above_environment_above_module_above_default(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    def look() -> tuple[object, str]:
        return settings.lookup("STEP_BUCKET")

    assert look() == ("step_bucket", "default")
    module.STEP_BUCKET = "from module"  # type: ignore[attr-defined]
    assert look() == ("from module", "module")
    monkeypatch.setenv("STEP_BUCKET", "from environment")
    assert look() == ("from environment", "environment")
    settings.put_setting("STEP_BUCKET", "from code")
    assert look() == ("from code", "code")
    assert settings.STEP_BUCKET == "from code"


def test_the_environment_is_read_at_each_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert settings.LOG_LEVEL == "DEBUG"
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    assert settings.LOG_LEVEL == "ERROR"
    monkeypatch.setenv("LOG_LEVEL", "")
    assert settings.LOG_LEVEL == "INFO"


def test_activity_timeouts_follow_their_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_DEFAULT_TIMEOUT", "60")
    settings.put_setting("ACTIVITY_HEARTBEAT_TIMEOUT", "10")
    assert settings.ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT == "60"
    assert settings.ACTIVITY_HEARTBEAT_TIMEOUT == "10"


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "off"])
def test_false_is_false(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    settings.put_setting("SIMPLEFLOW_S3_HOST", "")
    monkeypatch.setenv("SIMPLEFLOW_S3_SSE", text)
    assert settings.SIMPLEFLOW_S3_SSE is False
    monkeypatch.setenv("SIMPLEFLOW_S3_SSE", "True")
    assert settings.SIMPLEFLOW_S3_SSE is True


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("SIMPLEFLOW_S3_SSE", "maybe", "true or false"),
        ("SWF_CONNECTION_RETRIES", "many", "a whole number"),
        ("ACTIVITY_SIGTERM_WAIT_SEC", "3 s", "a number"),
        ("LOG_LEVEL", "LOUD", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str, expected: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(settings.SettingError) as caught:
        getattr(settings, name)
    assert str(caught.value) == f"the environment variable {name} is {text!r}, but should be {expected}."


def test_logging_does_not_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGGING", "{}")
    assert settings.lookup("LOGGING")[1] == "default"


def test_a_settings_module_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", "no_such_module")
    with pytest.raises(settings.SettingError, match="SIMPLEFLOW_SETTINGS_MODULE names the module 'no_such_module'"):
        settings.get("STEP_BUCKET")


@pytest.mark.parametrize(
    ("code", "problem"), [("1 / 0", "ZeroDivisionError: "), ("raise SystemExit(3)", "SystemExit: 3")]
)
def test_a_settings_module_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, problem: str) -> None:
    (tmp_path / "failing_settings.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", "failing_settings")
    with pytest.raises(settings.SettingError, match=f"cannot be imported: {problem}"):
        settings.get("STEP_BUCKET")


def test_an_unknown_setting() -> None:
    with pytest.raises(AttributeError, match="NO_SUCH_SETTING"):
        settings.NO_SUCH_SETTING  # noqa: B018
    for change in (
        lambda: settings.put_setting("NO_SUCH_SETTING", 1),
        lambda: settings.configure({"STEP_BUCKET": "x", "NO_SUCH_SETTING": 1}),
    ):
        with pytest.raises(settings.SettingError, match="'NO_SUCH_SETTING' is no setting"):
            change()
    assert settings.STEP_BUCKET == "step_bucket"


def test_configure_puts_several() -> None:
    settings.configure({"STEP_BUCKET": "a", "METROLOGY_BUCKET": "b"})
    assert (settings.STEP_BUCKET, settings.METROLOGY_BUCKET) == ("a", "b")


def test_print_settings(capsys: pytest.CaptureFixture[str]) -> None:
    settings.put_setting("STEP_BUCKET", "mine")
    settings.print_settings()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("=")[0] for line in lines] == sorted(settings.SETTINGS)
    assert "STEP_BUCKET='mine' (code)" in lines
    assert "SWF_CONNECTION_RETRIES=5 (default)" in lines


def test_dir_lists_settings() -> None:
    assert "STEP_BUCKET" in dir(settings)
