"""The command line in this process: what it writes, and the code that it exits with."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from simpleflow.cli import calling, main


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    def json(self) -> Any:
        return json.loads(self.stdout)


def run(*arguments: str, encoding: str = "utf-8") -> Ran:
    """``simpleflow ARGUMENTS``. No traceback of ours ever reaches a user."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        code = main.run(list(arguments))
    out, err = (stream.buffer.getvalue().decode(encoding) for stream in streams)  # type: ignore[attr-defined]
    assert "Traceback (most recent" not in err, err
    return Ran(int(code), out, err)


def use(monkeypatch: pytest.MonkeyPatch, client: Any, clock: Any = None) -> None:
    """Commands on SWF talk to this client; ``clock.now_ms()`` is their time."""
    monkeypatch.setattr(calling, "connect", lambda endpoint_url: client)
    if clock is not None:
        monkeypatch.setattr(calling, "clock", clock)
    for name in ("SWF_DOMAIN", "SIMPLEFLOW_FORMAT", "NO_COLOR", "SIMPLEFLOW_SETTINGS_MODULE"):
        monkeypatch.delenv(name, raising=False)
