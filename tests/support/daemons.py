"""The service, deciders and workers as daemons, started with the real command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

from . import processes

COMMAND = (sys.executable, "-m", "simpleflow")
_PREFIX = "export AWS_ENDPOINT_URL_SWF="
_KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "us-east-1"}


class Daemons:
    """Processes that work in ``directory``; what they write stays there in files ``<name>.out``."""

    def __init__(self, directory: Path, command: Sequence[str] = COMMAND, **changes: str) -> None:
        self.environment = {**processes.environment(directory), **_KEYS, **changes}
        self.url = ""
        self._directory = directory
        self._command = command
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self._out(name).open("ab") as out:
            process = subprocess.Popen(
                [*self._command, *arguments],
                cwd=self._directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._running.append(process)
        return process

    def start_service(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Where it is goes into ``url``, and into the environment of those that are started later."""
        service = self.start("service", "service.start", "--port", "0", *arguments)
        processes.wait_until(lambda: _PREFIX in self.told("service") or service.poll(), "the address of the service")
        (line,) = (line for line in self.told("service").splitlines() if line.startswith(_PREFIX))
        self.url = self.environment["AWS_ENDPOINT_URL_SWF"] = line.removeprefix(_PREFIX)
        return service

    def told(self, name: str) -> str:
        """What a daemon has written until now."""
        return self._out(name).read_text()

    def environ(self) -> AbstractContextManager[object]:
        """Meanwhile clients in this process use the service."""
        return mock.patch.dict(os.environ, {k: v for k, v in self.environment.items() if k.startswith("AWS_")})

    def stop(self) -> list[int]:
        """Ask all to end, the last one started first; their exit codes."""
        codes = []
        for process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
            codes.append(process.wait(30))
        return codes

    def __enter__(self) -> Daemons:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._running:
            process.kill()
            process.wait(30)

    def _out(self, name: str) -> Path:
        return self._directory / f"{name}.out"
