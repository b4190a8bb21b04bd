import json
import logging
import logging.config
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from simpleflow import log, logging_context, settings


def _record(message: str = "100% done", level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("simpleflow.x", level, "", 0, message, None, None)
    record.__dict__.update(created=1.5, **extra)
    return record


@pytest.fixture
def logger(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """The logger of simpleflow, put back afterwards."""
    monkeypatch.setattr(settings, "_put", {})
    logger = logging.getLogger("simpleflow")
    before = logger.handlers[:], logger.level, logger.propagate
    yield logger
    for handler in logger.handlers:
        if handler not in before[0]:
            handler.close()
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_a_line() -> None:
    line = log.SimpleflowFormatter(log.ColorModes.NEVER).format(_record())
    assert line == f"1970-01-01T00:00:01.500+00:00 INFO [process=MainProcess, pid={os.getpid()}]: 100% done"


def test_a_line_with_an_exception() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        record = _record(exc_info=sys.exc_info())
    lines = log.SimpleflowFormatter(log.ColorModes.NEVER).format(record).splitlines()
    assert lines[0].endswith("100% done")
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "ValueError: bad"


def test_what_a_terminal_would_obey_is_escaped_but_for_colours() -> None:
    text = "a\x1b]0;title\x07 \x1b[2J\x1b[31mred\x1b[0m \u202eback\r\n\tnext \x9b"
    line = log.SimpleflowFormatter(log.ColorModes.NEVER).format(_record(text))
    assert line.endswith("a\\x1b]0;title\\x07 \\x1b[2J\x1b[31mred\x1b[0m \\u202eback\\r\n\tnext \\x9b")


def test_a_line_in_colour() -> None:
    line = log.SimpleflowFormatter(log.ColorModes.ALWAYS).format(_record(level=logging.CRITICAL))
    assert f" {log.RED}CRITICAL{log.END} " in line


def test_colorize(monkeypatch: pytest.MonkeyPatch) -> None:
    assert log.colorize("INFO", "m", log.ColorModes.ALWAYS) == f"{log.GREEN}m{log.END}"
    assert log.colorize("NOTSET", "m", log.ColorModes.ALWAYS) == "m"
    assert log.colorize("INFO", "m", log.ColorModes.NEVER) == "m"
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert log.colorize("INFO", "m") == f"{log.GREEN}m{log.END}"
    monkeypatch.setenv("NO_COLOR", "1")
    assert log.colorize("INFO", "m") == "m"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert log.colorize("INFO", "m") == "m"


def test_a_line_for_syslog() -> None:
    logging_context.set("workflow_id", "w")
    try:
        prefix, _, data = log.SyslogFormatter().format(_record()).partition(": ")
    finally:
        logging_context.reset()
    assert prefix == f"simpleflow[{os.getpid()}]"
    assert json.loads(data) == {
        "time": "1970-01-01T00:00:01.500+00:00",
        "level": "INFO",
        "logger": "simpleflow.x",
        "message": "100% done",
        "workflow_id": "w",
    }


def test_a_line_says_what_it_is_about() -> None:
    about = {"run_id": "r", "event_id": 7, "domain": "d", "workflow_id": "w", "activity_id": "a-1", "task_list": "l"}
    with logging_context.bound(**about):
        line = log.SimpleflowFormatter(log.ColorModes.NEVER).format(_record())
    assert f"pid={os.getpid()}, domain=d, workflow_id=w, run_id=r, activity_id=a-1, event_id=7]: 100% done" in line


def test_a_line_of_json() -> None:
    try:
        raise ValueError("bäd\n")
    except ValueError:
        record = _record("ö\n", exc_info=sys.exc_info())
    with logging_context.bound(workflow_id="w"):
        line = log.JsonFormatter().format(record)
    assert line.isascii() and "\n" not in line
    told = json.loads(line)
    assert told.pop("exception").endswith("ValueError: bäd\n")
    assert told == {
        "time": "1970-01-01T00:00:01.500+00:00",
        "level": "INFO",
        "logger": "simpleflow.x",
        "message": "ö\n",
        "process": "MainProcess",
        "pid": os.getpid(),
        "workflow_id": "w",
    }


@pytest.mark.parametrize("color", [log.ColorModes.NEVER, log.ColorModes.ALWAYS])
def test_setup_for_json(
    logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    color: log.ColorModes,
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_LOG_FORMAT", "json")
    log.setup_logging(color)
    logger.warning("loud")
    assert json.loads(capsys.readouterr().err)["message"] == "loud"
    monkeypatch.setenv("SIMPLEFLOW_LOG_FORMAT", "text")
    log.setup_logging(color)
    logger.warning("loud")
    assert capsys.readouterr().err.endswith("]: loud\n")


def test_an_unknown_format(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_LOG_FORMAT", "xml")
    with pytest.raises(settings.SettingError, match="is 'xml', but should be text or json"):
        log.setup_logging()


def test_handlers_of_authors_are_silent_while_replaying(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log.setup_logging(log.ColorModes.NEVER)
    theirs = logging.getLogger("test_log.authors")
    monkeypatch.setattr(theirs, "handlers", [logging.StreamHandler(sys.stderr)])
    monkeypatch.setattr(theirs, "propagate", False)
    log.silence_replays()
    log.silence_replays()
    last_resort = logging.lastResort
    assert last_resort is not None
    token = logging_context.replaying.set(True)
    try:
        theirs.warning("again")
        last_resort.handle(_record("again"))
    finally:
        logging_context.replaying.reset(token)
    theirs.warning("first")
    last_resort.handle(_record("last"))
    first, last = capsys.readouterr().err.splitlines()
    assert first == "first" and last.endswith("]: last")
    assert len(theirs.handlers[0].filters) == 1


def test_payloads_are_cut() -> None:
    assert str(log.Payload("x" * 200)) == "x" * 200
    assert str(log.Payload("x" * 201)) == "x" * 200 + "..."
    assert str(log.Payload({"a": 1})) == "{'a': 1}"


def test_setup_logs_to_stderr_once(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    log.setup_logging(log.ColorModes.NEVER)
    log.setup_logging(log.ColorModes.NEVER)
    logging.getLogger("simpleflow.some.part").info("too quiet")
    logging.getLogger("simpleflow.some.part").warning("loud")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.partition("]: ")[2] for line in captured.err.splitlines()] == ["loud"]


def test_setup_is_silent_while_replaying(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup_logging(log.ColorModes.NEVER)
    token = logging_context.replaying.set(True)
    try:
        logger.warning("again")
    finally:
        logging_context.replaying.reset(token)
    logger.warning("first")
    assert [line.partition("]: ")[2] for line in capsys.readouterr().err.splitlines()] == ["first"]


def test_setup_sends_to_syslog(
    logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        monkeypatch.setenv("SIMPLEFLOW_SYSLOG_TARGET", f"127.0.0.1:{server.getsockname()[1]}")
        log.setup_logging(log.ColorModes.NEVER)
        logger.warning("far away")
        assert b'"message":"far away"' in server.recv(4096)
    assert "far away" in capsys.readouterr().err


def test_a_second_setup_does_not_send_twice(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.put_setting("LOGGING", {"version": 1, "disable_existing_loggers": False})
    monkeypatch.setenv("SIMPLEFLOW_SYSLOG_TARGET", "127.0.0.1:9")
    before = len(logger.handlers)
    log.setup_logging()
    log.setup_logging()
    assert len(logger.handlers) == before + 1
    monkeypatch.delenv("SIMPLEFLOW_SYSLOG_TARGET")
    log.setup_logging()
    assert len(logger.handlers) == before


@pytest.mark.parametrize("target", ["localhost", "localhost:x", ":514"])
def test_a_bad_syslog_target(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv("SIMPLEFLOW_SYSLOG_TARGET", target)
    with pytest.raises(settings.SettingError, match="should be host:port"):
        log.setup_logging()


def test_a_bad_logging_setting(logger: logging.Logger) -> None:
    settings.put_setting("LOGGING", {"version": 1, "handlers": {"x": {"class": "no.such.Handler"}}})
    with pytest.raises(settings.SettingError, match="the setting LOGGING cannot be used: Unable to configure handler"):
        log.setup_logging()


def test_importing_does_not_configure_logging() -> None:
    code = (
        "import logging, simpleflow, simpleflow.log\n"
        "print([l for l in (None, 'simpleflow', 'simpleflow.runtime') if logging.getLogger(l).handlers])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
