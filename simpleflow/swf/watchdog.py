"""Ends workflow code that holds the decider's thread: every other execution waits for it."""

from __future__ import annotations

import contextvars
import ctypes
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..exceptions import DecisionDeadlock

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
LAST_RESORT_SECONDS = 5.0
EXIT_CODE = 70


@dataclass(eq=False, slots=True)
class _Watch:
    thread: int
    name: str
    on_interrupt: Callable[[], object]
    since: float
    context: contextvars.Context
    interrupted: bool = False


class Watchdog:
    """``with watching(name, on_interrupt):`` bounds the time of a decision.

    After ``patience`` seconds the stack is logged, ``on_interrupt`` called and DecisionDeadlock raised in the watched
    thread. If that has no effect within ``last_resort`` seconds (the code catches it, or waits in C),
    ``end_process(70)`` is called. A decision does not wake the watchdog: it looks when one that is under way now would
    have taken too long.
    """

    def __init__(
        self,
        patience: float = PATIENCE_SECONDS,
        last_resort: float = LAST_RESORT_SECONDS,
        end_process: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience
        self._last_resort = last_resort
        self._end_process = end_process
        self._clock = clock
        self._lock = threading.Lock()
        self._watched: _Watch | None = None
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def watching(self, name: str, on_interrupt: Callable[[], object] = lambda: None) -> Iterator[None]:
        self._watched = _Watch(threading.get_ident(), name, on_interrupt, self._clock(), contextvars.copy_context())
        try:
            yield
        finally:
            # the lock keeps an exception from being thrown into what comes next
            with self._lock:
                self._watched = None

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._look())

    def _look(self) -> float:
        """Do what is due. Returns in how many seconds to look again."""
        with self._lock:
            watch = self._watched
            if watch is None:
                return self._patience
            left = watch.since + self._patience - self._clock()
            if left > 0:
                return left
            if watch.interrupted:
                watch.context.run(logger.critical, "the workflow still holds the thread: this process ends")
                self._end_process(EXIT_CODE)
            else:
                self._interrupt(watch)
            return self._last_resort

    def _interrupt(self, watch: _Watch) -> None:
        watch.interrupted = True
        frame = sys._current_frames().get(watch.thread)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        told = "%s: `run` has held the thread for %g s, it is interrupted:\n%s"
        watch.context.run(logger.error, told, watch.name, self._patience, stack)
        watch.on_interrupt()
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(watch.thread), ctypes.py_object(DecisionDeadlock))
