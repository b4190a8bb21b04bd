"""Settings, read when they are used: ``settings.LOG_LEVEL``.

A value comes from the first of: ``put_setting`` or ``configure``, the environment variable of the same name, the module
named by SIMPLEFLOW_SETTINGS_MODULE, the default. An environment variable that is set to the empty text counts as unset.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

MODULE_VARIABLE = "SIMPLEFLOW_SETTINGS_MODULE"


class SettingError(ValueError):
    """A setting does not exist or has a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class Setting:
    """``parse`` reads the text of an environment variable; None if the setting cannot come from there.

    A ``default`` that can be called is called at each use; its docstring says what comes of it.
    """

    default: Any
    parse: Callable[[str], Any] | None
    expected: str
    meaning: str


_BOOLS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)

LOG_FORMATS = ("text", "json")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _parse_bool(text: str) -> bool:
    try:
        return _BOOLS[text.strip().lower()]
    except KeyError:
        raise ValueError from None


def _parse_level(text: str) -> str:
    if text.upper() not in _LEVELS:
        raise ValueError
    return text.upper()


def _parse_log_format(text: str) -> str:
    if text not in LOG_FORMATS:
        raise ValueError
    return text


def _text(default: Any, meaning: str) -> Setting:
    return Setting(default, str, "a text", meaning)


def _flag(default: bool, meaning: str) -> Setting:
    return Setting(default, _parse_bool, "true or false", meaning)


def _whole(default: Any, meaning: str) -> Setting:
    return Setting(default, int, "a whole number", meaning)


def _number(default: float, meaning: str) -> Setting:
    return Setting(default, float, "a number", meaning)


def _activity_timeout() -> Any:
    """That of ACTIVITY_DEFAULT_TIMEOUT."""
    return get("ACTIVITY_DEFAULT_TIMEOUT")


def _logging() -> dict[str, Any]:
    """To stderr, from LOG_LEVEL on, in the form of SIMPLEFLOW_LOG_FORMAT."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"simpleflow_formatter": {"()": "simpleflow.log.SimpleflowFormatter"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "simpleflow_formatter",
            },
        },
        "loggers": {"simpleflow": {"handlers": ["console"], "level": get("LOG_LEVEL"), "propagate": False}},
    }


#: Every setting. Times are in seconds; those of SWF are texts, as SWF has them.
SETTINGS: dict[str, Setting] = {
    "WORKFLOW_DEFAULT_TASK_LIST": _text(
        "default", "The task list of a workflow that names none, in local runs and in tests."
    ),
    "WORKFLOW_DEFAULT_VERSION": _text("default", "Without effect: a workflow names its version itself."),
    "WORKFLOW_DEFAULT_EXECUTION_TIME": _text(
        "3600", "Seconds that an execution may take, if neither workflow nor command says."
    ),
    "WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT": _text(
        "300", "Seconds that a decision may take, if neither workflow nor command says."
    ),
    "ACTIVITY_DEFAULT_TASK_LIST": _text("default", "The task list of an activity that names none."),
    "ACTIVITY_DEFAULT_VERSION": _text("default", "The version of an activity that names none."),
    "ACTIVITY_DEFAULT_TIMEOUT": _text("300", "Seconds; the default of the four timeouts of activities."),
    "ACTIVITY_START_TO_CLOSE_TIMEOUT": _text(
        _activity_timeout, "Seconds that an activity may take, if it does not say."
    ),
    "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT": _text(
        _activity_timeout, "Seconds from schedule to end of an activity, if it does not say."
    ),
    "ACTIVITY_SCHEDULE_TO_START_TIMEOUT": _text(
        _activity_timeout, "Seconds that an activity may wait for a worker, if it does not say."
    ),
    "ACTIVITY_HEARTBEAT_TIMEOUT": _text(
        _activity_timeout, "Seconds without a heartbeat after which an activity is lost, if it does not say."
    ),
    "ACTIVITY_SIGTERM_WAIT_SEC": _number(
        3.0, "Seconds between SIGTERM and SIGKILL for an activity or program that has to end."
    ),
    "LOGGING": Setting(
        _logging,
        None,
        "a dict for logging.config.dictConfig",
        "How Python's logging is configured; comes from code or from the module.",
    ),
    "LOG_LEVEL": Setting("INFO", _parse_level, f"one of {', '.join(_LEVELS)}", "The least level that is logged."),
    "METROLOGY_BUCKET": _text("metrology_bucket", "The bucket of S3 for what simpleflow.metrology measures."),
    "METROLOGY_PATH_PREFIX": _text(None, "What the keys in METROLOGY_BUCKET begin with."),
    "SIMPLEFLOW_BINARIES_DIRECTORY": _text(
        "/tmp/simpleflow-binaries", "Where programs that activities need are downloaded to."
    ),
    "SIMPLEFLOW_CACHE_DIR": _text(None, "Where objects from S3 are cached; by default in /tmp, for this user only."),
    "SIMPLEFLOW_DISABLE_SETPROCTITLE": _flag(
        False, "Whether processes keep their names instead of telling what they do."
    ),
    "SIMPLEFLOW_ENABLE_DISK_CACHE": _flag(True, "Whether objects from S3 are cached on disk."),
    "SIMPLEFLOW_ENV": _text("production", "production, or test for limits that a test reaches quickly."),
    "SIMPLEFLOW_FORMAT": _text(None, "How listings are written; by default tabular."),
    "SIMPLEFLOW_IDENTITY": _text(
        None, "A JSON object that adds to what deciders and workers tell of themselves; null takes a key away."
    ),
    "SIMPLEFLOW_JUMBO_FIELDS_BUCKET": _text(
        None, "Where payloads go that are too long for SWF: bucket/prefix, or file:///directory."
    ),
    "SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE": _whole(5 * 1024**2, "The most bytes of one payload outside the history."),
    "SIMPLEFLOW_JUMBO_FIELDS_READ": _text(None, "Further places from which payloads may be read, separated by commas."),
    "SIMPLEFLOW_LOG_FORMAT": Setting(
        "text", _parse_log_format, "text or json", "Whether log lines are for people or JSON."
    ),
    "SIMPLEFLOW_PAYLOAD_CODEC": _text(None, "The dotted path of what encrypts or compresses payloads."),
    "SIMPLEFLOW_S3_HOST": _text("s3.amazonaws.com", "The host or URL of S3."),
    "SIMPLEFLOW_S3_SSE": _flag(False, "Whether S3 is asked to encrypt what is stored."),
    "SIMPLEFLOW_SYSLOG_TARGET": _text(None, "host:port of a syslog server that gets the log as well."),
    "STEP_BUCKET": _text("step_bucket", "The bucket of S3 for the marks of steps that are done."),
    "SWF_CONNECTION_RETRIES": _whole(5, "Attempts for a call to SWF."),
    "SWF_DOMAIN": _text(None, "The domain where a command names none."),
    "SWF_MAX_OPEN_ACTIVITY_COUNT": _whole(1000, "Activities of one execution that may be open at a time."),
}

_put: dict[str, Any] = {}


def get(name: str) -> Any:
    """The value of a setting. Raises SettingError."""
    return lookup(name)[0]


def lookup(name: str) -> tuple[Any, str]:
    """The value of a setting and where it comes from: ``code``, ``environment``, ``module`` or ``default``."""
    setting = _known(name)
    if name in _put:
        return _put[name], "code"
    text = os.environ.get(name)
    if text and setting.parse is not None:
        return _parsed(name, setting, text), "environment"
    module = _module()
    if module is not None and hasattr(module, name):
        return getattr(module, name), "module"
    return (setting.default() if callable(setting.default) else setting.default), "default"


def put_setting(name: str, value: Any) -> None:
    """Set ``value`` for this process, above every other source. Raises SettingError."""
    _known(name)
    _put[name] = value


def configure(values: Mapping[str, Any]) -> None:
    """``put_setting`` for each of ``values``, or for none if one of them is no setting."""
    for name in values:
        _known(name)
    _put.update(values)


def print_settings() -> None:
    """Write ``NAME=value`` and the source for every setting to stdout."""
    for name in sorted(SETTINGS):
        value, source = lookup(name)
        print(f"{name}={value!r} ({source})")


def __getattr__(name: str) -> Any:
    if name in SETTINGS:
        return get(name)
    raise AttributeError(f"module {__name__!r} has no attribute or setting {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *SETTINGS})


def _known(name: str) -> Setting:
    try:
        return SETTINGS[name]
    except KeyError:
        raise SettingError(f"{name!r} is no setting; `simpleflow info settings` lists them.") from None


def _parsed(name: str, setting: Setting, text: str) -> Any:
    assert setting.parse is not None
    try:
        return setting.parse(text)
    except ValueError:
        problem = f"the environment variable {name} is {text!r}, but should be {setting.expected}."
        raise SettingError(problem) from None


def _module() -> ModuleType | None:
    name = os.environ.get(MODULE_VARIABLE)
    if not name:
        return None
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        told = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        raise SettingError(f"{MODULE_VARIABLE} names the module {name!r}, which cannot be imported: {told}") from error
