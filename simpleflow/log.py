"""How log lines look. Nothing is set up before ``setup_logging`` is called, which the command line does."""

from __future__ import annotations

import datetime
import json
import logging
import logging.config
import logging.handlers
import os
import sys
from enum import Enum
from typing import Any

from . import logging_context, settings
from .utils import json_dumps
from .utils.quiet import colored_lines

RED = "\x1b[31m"
GREEN = "\x1b[32m"
YELLOW = "\x1b[33m"
BLUE = "\x1b[34m"
ORANGE = "\x1b[38;5;208m"
END = "\x1b[0m"

_LONGEST_PAYLOAD = 200

_COLORS = {"DEBUG": BLUE, "INFO": GREEN, "WARNING": YELLOW, "ERROR": ORANGE, "CRITICAL": RED}


class ColorModes(str, Enum):
    """``auto`` is ``always`` on a terminal, unless NO_COLOR is set."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"

    @property
    def enabled(self) -> bool:
        """Whether what goes to stderr is coloured."""
        if self is ColorModes.AUTO:
            return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        return self is ColorModes.ALWAYS


def colorize(level: str, message: str, mode: ColorModes = ColorModes.AUTO) -> str:
    """``message`` in the colour of the level named ``level``, where there is one."""
    color = _COLORS.get(level)
    return f"{color}{message}{END}" if color and mode.enabled else message


def _iso(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds")


class Payload:
    """A payload in a line at DEBUG, the only level at which there are any: ``logger.debug("%s", Payload(text))``."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __str__(self) -> str:
        text = str(self._value)
        return text if len(text) <= _LONGEST_PAYLOAD else f"{text[:_LONGEST_PAYLOAD]}..."


class SimpleflowFormatter(logging.Formatter):
    """``<date> <LEVEL> [process=<name>, pid=<n>]: <message>``, the date in UTC.

    In the brackets there is also what the logging context says of the task. Of what a terminal obeys in the texts of
    others only colours are left.
    """

    def __init__(self, color: ColorModes = ColorModes.AUTO) -> None:
        super().__init__()
        self.color = color

    def format(self, record: logging.LogRecord) -> str:
        return colored_lines(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = colorize(record.levelname, record.levelname, self.color)
        context = logging_context.values()
        about = "".join(f", {key}={context[key]}" for key in _ABOUT if key in context)
        return f"{_iso(record)} {level} [process={record.processName}, pid={record.process}{about}]: {record.message}"


_ABOUT = ("domain", "workflow_id", "run_id", "activity_id", "attempt", "event_id")


def _line(record: logging.LogRecord, formatter: logging.Formatter) -> dict[str, Any]:
    line = {
        **logging_context.values(),
        "time": _iso(record),
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage(),
    }
    if record.exc_info:
        line["exception"] = formatter.formatException(record.exc_info)
    return line


class JsonFormatter(logging.Formatter):
    """A line of JSON: time, level, logger, message, process, pid, the logging context and the exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        about = {"process": record.processName, "pid": record.process}
        return json.dumps({**_line(record, self), **about}, sort_keys=True, separators=(",", ":"))


class SyslogFormatter(logging.Formatter):
    """``simpleflow[<pid>]: <JSON>`` with time, level, logger, message, the logging context and the exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        return f"simpleflow[{record.process}]: {json_dumps(_line(record, self))}"


def setup_logging(color: ColorModes = ColorModes.AUTO) -> None:
    """Configure logging as the setting LOGGING says, by default to stderr at LOG_LEVEL, and SIMPLEFLOW_SYSLOG_TARGET.

    With SIMPLEFLOW_LOG_FORMAT json, what would be lines of text is JSON. What a workflow logs while its ``run`` is
    replayed is not written. Raises SettingError.
    """
    config = settings.LOGGING
    json_lines = settings.SIMPLEFLOW_LOG_FORMAT == "json"
    try:
        logging.config.dictConfig(config)
    except (ValueError, TypeError, AttributeError) as error:
        raise settings.SettingError(f"the setting LOGGING cannot be used: {error}: {error.__cause__}") from error
    ours = logging.getLogger("simpleflow")
    for former in [handler for handler in ours.handlers if isinstance(handler, _Syslog)]:
        ours.removeHandler(former)
        former.close()
    if target := settings.SIMPLEFLOW_SYSLOG_TARGET:
        ours.addHandler(_syslog(target))
    if logging.lastResort is not None:  # for the loggers of authors who have configured none
        logging.lastResort.setFormatter(SimpleflowFormatter())
    silence_replays()
    for handler in _handlers():
        if isinstance(handler.formatter, SimpleflowFormatter):
            handler.formatter.color = color
            if json_lines:
                handler.setFormatter(JsonFormatter())


def silence_replays() -> None:
    """No handler that there is now writes what ``run`` says while it is replayed."""
    for handler in _handlers():
        if not any(isinstance(filter, logging_context.ReplayFilter) for filter in handler.filters):
            handler.addFilter(logging_context.ReplayFilter())


def _handlers() -> list[logging.Handler]:
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = [handler for logger in known if isinstance(logger, logging.Logger) for handler in logger.handlers]
    return handlers if logging.lastResort is None else [*handlers, logging.lastResort]


class _Syslog(logging.handlers.SysLogHandler):
    """The one of SIMPLEFLOW_SYSLOG_TARGET."""


def _syslog(target: str) -> logging.Handler:
    host, _, port = target.rpartition(":")
    if not host or not port.isdecimal():
        raise settings.SettingError(f"SIMPLEFLOW_SYSLOG_TARGET is {target!r}, but should be host:port.")
    try:
        handler = _Syslog((host, int(port)))
    except OSError as error:
        raise settings.SettingError(f"SIMPLEFLOW_SYSLOG_TARGET is {target!r}, which cannot be used: {error}") from error
    handler.setFormatter(SyslogFormatter())
    return handler
