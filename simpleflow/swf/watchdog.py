"""Ends workflow code that holds the decider's thread: every other execution waits for it."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..exceptions import DecisionDeadlock

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
LAST_RESORT_SECONDS = 5.0
EXIT_CODE = 70


class Watchdog:
    """``with watching(name, on_interrupt):`` bounds the time of a decision.

    After ``patience`` seconds the stack is logged, ``on_interrupt`` called and DecisionDeadlock raised in the watched
    thread. If that has no effect within ``last_resort`` seconds (the code catches it, or waits in C),
    ``end_process(70)`` is called.
    """

    def __init__(
        self,
        patience: float = PATIENCE_SECONDS,
        last_resort: float = LAST_RESORT_SECONDS,
        end_process: Callable[[int], object] = os._exit,
    ) -> None:
        self._patience = patience
        self._last_resort = last_resort
        self._end_process = end_process
        self._lock = threading.Lock()
        self._watched: tuple[int, str, Callable[[], object]] | None = None
        self._begun = threading.Event()
        self._over = threading.Event()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @contextmanager
    def watching(self, name: str, on_interrupt: Callable[[], object] = lambda: None) -> Iterator[None]:
        self._over.clear()
        self._watched = (threading.get_ident(), name, on_interrupt)
        self._begun.set()
        try:
            yield
        finally:
            # the lock keeps an exception from being thrown into what comes next
            with self._lock:
                self._watched = None
            self._over.set()

    def _watch(self) -> None:
        while True:
            self._begun.wait()
            self._begun.clear()
            if not self._over.wait(self._patience) and self._interrupt() and not self._over.wait(self._last_resort):
                logger.critical("the workflow still holds the thread: this process ends")
                self._end_process(EXIT_CODE)

    def _interrupt(self) -> bool:
        with self._lock:
            if self._watched is None:
                return False
            thread, name, on_interrupt = self._watched
            frame = sys._current_frames().get(thread)
            stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
            logger.error("%s: `run` has held the thread for %g s, it is interrupted:\n%s", name, self._patience, stack)
            on_interrupt()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(DecisionDeadlock))
            return True
