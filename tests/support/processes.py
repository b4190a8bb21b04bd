"""Processes in tests: waiting for them without sleeping blindly."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Look every few milliseconds until ``condition()`` is true; fail after ``seconds``."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        pause.wait(0.005)


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_end(*pids: int, seconds: float = 20) -> None:
    for pid in pids:
        wait_until(lambda pid=pid: not is_alive(pid), f"the end of process {pid}", seconds)


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    root = psutil.Process(pid)
    return [pid, *(child.pid for child in root.children(recursive=True))]


def processes_in(directory: Path) -> list[psutil.Process]:
    """Those whose working directory it is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def environment(*paths: Path) -> dict[str, str]:
    """For a process that runs simpleflow: nothing of AWS or of ours is set, and ``paths`` can be imported from."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "SWF_", "SIMPLEFLOW_"))}
    path = os.pathsep.join(map(str, (ROOT, *paths)))
    return {**kept, "PYTHONPATH": path, "AWS_EC2_METADATA_DISABLED": "true"}


class Script:
    """Python code that runs in a process of its own and writes lines."""

    def __init__(self, code: str, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> list[str]:
        """The words of the next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def tell(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(20)

    def errors(self) -> str:
        """What it has written to stderr, once it and its children have ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
