"""How log lines look. Nothing is set up before ``setup_logging`` is called, which the command line does."""

from __future__ import annotations

import datetime
import logging
import logging.config
import logging.handlers
import os
import sys
from enum import Enum

from . import logging_context, settings
from .utils import json_dumps

RED = "\x1b[31m"
GREEN = "\x1b[32m"
YELLOW = "\x1b[33m"
BLUE = "\x1b[34m"
ORANGE = "\x1b[38;5;208m"
END = "\x1b[0m"

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


class SimpleflowFormatter(logging.Formatter):
    """``<date> <LEVEL> [process=<name>, pid=<n>]: <message>``, the date in UTC."""

    def __init__(self, color: ColorModes = ColorModes.AUTO) -> None:
        super().__init__()
        self.color = color

    def formatMessage(self, record: logging.LogRecord) -> str:
        level = colorize(record.levelname, record.levelname, self.color)
        return f"{_iso(record)} {level} [process={record.processName}, pid={record.process}]: {record.message}"


class SyslogFormatter(logging.Formatter):
    """``simpleflow[<pid>]: <JSON>`` with time, level, logger, message, the logging context and the exception if any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            **logging_context.values(),
            "time": _iso(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return f"simpleflow[{record.process}]: {json_dumps(line)}"


def setup_logging(color: ColorModes = ColorModes.AUTO) -> None:
    """Configure logging as the setting LOGGING says, by default to stderr at LOG_LEVEL, and SIMPLEFLOW_SYSLOG_TARGET.

    What a workflow logs while its ``run`` is replayed is not written. Raises SettingError.
    """
    config = settings.LOGGING
    try:
        logging.config.dictConfig(config)
    except (ValueError, TypeError, AttributeError) as error:
        raise settings.SettingError(f"the setting LOGGING cannot be used: {error}: {error.__cause__}") from error
    if target := settings.SIMPLEFLOW_SYSLOG_TARGET:
        logging.getLogger("simpleflow").addHandler(_syslog(target))
    for name in [*config.get("loggers", ()), "simpleflow", None]:
        for handler in logging.getLogger(name).handlers:
            _prepare(handler, color)


def _prepare(handler: logging.Handler, color: ColorModes) -> None:
    if not any(isinstance(filter, logging_context.ReplayFilter) for filter in handler.filters):
        handler.addFilter(logging_context.ReplayFilter())
    if isinstance(handler.formatter, SimpleflowFormatter):
        handler.formatter.color = color


def _syslog(target: str) -> logging.Handler:
    host, _, port = target.rpartition(":")
    if not host or not port.isdecimal():
        raise settings.SettingError(f"SIMPLEFLOW_SYSLOG_TARGET is {target!r}, but should be host:port.")
    try:
        handler = logging.handlers.SysLogHandler((host, int(port)))
    except OSError as error:
        raise settings.SettingError(f"SIMPLEFLOW_SYSLOG_TARGET is {target!r}, which cannot be used: {error}") from error
    handler.setFormatter(SyslogFormatter())
    return handler
