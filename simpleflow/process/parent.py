"""Children that do not outlive their parent, whatever happens to it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """From now on the kernel kills this process when the thread that forked it ends. Does nothing but on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it was faster
            os.kill(os.getpid(), signal.SIGKILL)


def die_at_end_of(pipe: int) -> None:
    """From now on this process is killed when the other end of ``pipe`` is closed, on any system."""

    def watch() -> None:
        os.read(pipe, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()
