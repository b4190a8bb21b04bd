"""Signals as something to wait for.

A handler of Python runs only when the main thread gets to it, and must not touch what that thread may hold. So the
handlers here do nothing; the numbers of the signals arrive through a socket, as soon as the kernel delivers them.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

#: What asks a process to stop. SIGHUP, of a terminal that is closed, not where nohup has it ignored.
STOPPING = (
    signal.SIGTERM,
    signal.SIGINT,
    *(() if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)),
)


def nothing(number: int, frame: FrameType | None) -> None:
    """A handler that does nothing. Unlike SIG_IGN it is not inherited by programs that the process starts."""


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


class Arrivals:
    """The signals that this process gets from now on, until ``close``. Only for the main thread.

    ``fileno`` is for selectors; ``take`` gives the numbers that have arrived, waiting for the first one. SIGHUP arrives
    once: the kernel and the shell may both tell of the one terminal, and a second signal would mean to hurry.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._former_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._hung_up = False
        self._former: dict[int, Any] = {number: signal.signal(number, nothing) for number in numbers}

    def fileno(self) -> int:
        return self._reader.fileno()

    def take(self) -> set[int]:
        found = set(self._reader.recv(4096))
        if self._hung_up:
            found.discard(signal.SIGHUP)
        self._hung_up = self._hung_up or signal.SIGHUP in found
        return found

    def close(self) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_fd)
        self.forget()

    def forget(self) -> None:
        """Close the socket alone, in a fork."""
        self._reader.close()
        self._writer.close()

    def __enter__(self) -> Arrivals:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def stop_on_signals(on_second: Callable[[], object] = lambda: None) -> threading.Event:
    """An event that is set at the first signal that asks to stop, whatever the main thread is doing then.

    ``on_second`` is called at the next ones, in another thread.
    """
    arrivals, stop = Arrivals(STOPPING), threading.Event()

    def watch() -> None:
        while True:
            if arrivals.take() & set(STOPPING):
                if stop.is_set():
                    on_second()
                stop.set()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return stop
