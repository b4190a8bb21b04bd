"""Processes together with those that they have started."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil


def kill_tree(pid: int) -> None:
    """End a process and all its descendants with SIGKILL. None of them need exist; ValueError for 0, oneself."""
    if pid <= 0:
        raise ValueError(f"{pid} is no process to kill")
    doomed = _descendants(pid)
    # the root first, so that it starts no more
    _kill(pid, signal.SIGKILL)
    while doomed:
        for process in doomed:
            _kill(process.pid, signal.SIGKILL)
        doomed = [child for process in doomed for child in _descendants(process.pid)]


def terminate_descendants(pid: int) -> None:
    """Ask the processes that ``pid`` has started to end, not itself."""
    for process in _descendants(pid):
        _kill(process.pid, signal.SIGTERM)


def kill_group(pid: int) -> None:
    """End what is left of the process group that ``pid`` leads. Raises ValueError for 0, which is one's own."""
    if pid <= 0:
        raise ValueError(f"{pid} is no process group to kill")
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
