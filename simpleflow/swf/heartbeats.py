"""Heartbeats of all the activity tasks of a worker, in one thread that nothing ends.

The answer to a heartbeat is the only way to learn that a task is to end: its cancellation is requested, or SWF has
given it up.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from .. import logging_context
from .activity_work import ActivityWork, Caller
from .client import backed_off
from .errors import Refused, SwfError

logger = logging.getLogger(__name__)

#: Heartbeats of one task that its code asks for leave this many seconds apart at least.
SHORTEST_INTERVAL = 1.0
UNKNOWN = "UnknownResourceFault"


class Task(Protocol):
    """A task that is being executed: ``pool.Running``."""

    details: str | None

    def cancel(self) -> None: ...


@dataclass(eq=False)
class Watch:
    """A task for which heartbeats are sent. ``lost``: SWF has given the task up."""

    work: ActivityWork
    task: Task
    due: float
    wake: Callable[[Watch], object]
    last: float = -math.inf
    failures: int = 0
    lost: bool = False

    def hurry(self) -> None:
        """The code of the activity wants a heartbeat."""
        self.wake(self)


class Heartbeats:
    """Sends a heartbeat ``every`` so many seconds for each task that is watched; 0: only when its code asks for one.

    ``connect`` is called in the thread that sends; what it gives should not repeat calls, this does.
    """

    def __init__(
        self, connect: Callable[[], Caller], every: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect = connect
        self._every = every or math.inf
        self._clock = clock
        self._chance = random.Random()
        self._watches: set[Watch] = set()
        self._alarm = math.inf  # until when the thread waits
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
        self._thread.start()

    @contextmanager
    def watch(self, work: ActivityWork, task: Task) -> Iterator[Watch]:
        """Send heartbeats for a task meanwhile, and cancel it when SWF wants that."""
        watch = Watch(work, task, self._clock() + self._every, self._hurry)
        with self._changed:
            self._watches.add(watch)
            self._see_to(watch)
        try:
            yield watch
        finally:
            with self._changed:
                self._watches.discard(watch)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _hurry(self, watch: Watch) -> None:
        with self._changed:
            if not watch.lost:
                watch.due = min(watch.due, max(self._clock(), watch.last + SHORTEST_INTERVAL))
                self._see_to(watch)

    def _see_to(self, watch: Watch) -> None:
        """Wake the thread if it would be late; to wake it for each task would cost as much as a call."""
        if watch.due < self._alarm:
            self._changed.notify()

    def _run(self) -> None:
        swf: Caller | None = None
        while (watch := self._next()) is not None:
            with logging_context.bound(**watch.work.call.logged()):
                try:
                    swf = swf or self._connect()
                    self._beat(swf, watch)
                except SwfError as error:
                    self._failed(watch, error)
                except Exception as error:
                    logger.exception("the heartbeat of %s failed", watch.work)
                    self._failed(watch, error)

    def _next(self) -> Watch | None:
        """The task that is due first, when it is; None when this is closed."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                watch = min(self._watches, key=lambda w: w.due, default=None)
                if watch is not None and watch.due <= now:
                    watch.last, watch.due = now, now + self._every
                    return watch
                self._alarm = math.inf if watch is None else watch.due
                self._changed.wait(None if self._alarm == math.inf else self._alarm - now)
        return None

    def _beat(self, swf: Caller, watch: Watch) -> None:
        request = {"taskToken": watch.work.task_token}
        if watch.task.details is not None:
            request["details"] = watch.task.details
        answer = swf.call("RecordActivityTaskHeartbeat", request)
        watch.failures = 0
        if answer.get("cancelRequested"):
            logger.info("%s: its cancellation is requested", watch.work)
            watch.task.cancel()

    def _failed(self, watch: Watch, error: Exception) -> None:
        if isinstance(error, Refused) and error.code == UNKNOWN:
            # over, or timed out, or its execution is closed; if it has just been answered, this changes nothing
            logger.info("%s: SWF has given the task up: %s", watch.work, error)
            watch.lost, watch.due = True, math.inf
            watch.task.cancel()
            return
        watch.failures += 1
        logger.warning("%s: heartbeat failed (%d in a row): %s", watch.work, watch.failures, error)
        with self._changed:
            watch.due = self._clock() + min(self._every, backed_off(watch.failures, self._chance))
