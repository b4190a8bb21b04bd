"""The worker: activity tasks in, outcomes out.

Each thread polls for a task, gives it to a child, waits for the outcome and answers. It holds one of as many permits as
the pool has slots from before the poll until the outcome is there; so a poll is only outstanding while a child is free
to take what it brings, and the next poll need not wait for the answer. At most four threads poll at a time: far from
SWF a poll takes a round trip for each task; that more of them wait costs no CPU.
"""

from __future__ import annotations

import itertools
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

from .. import logging_context
from ..log import Payload
from ..payloads import limits
from ..process.outcome import Canceled, Died, Outcome
from ..process.perform import Completed, Failed
from ..process.pool import Pool, Running
from ..process.titles import set_title
from ..replay.state import INTERRUPTED
from .activity_work import ActivityWork, poll_activity
from .client import Answer, Client, backed_off
from .errors import Refused, SwfError
from .heartbeats import UNKNOWN, Heartbeats
from .identity import swf_identity

logger = logging.getLogger(__name__)

_MOST_POLLS = 4
#: Tries to answer, each with the repetitions of the client, of a worker that is to stop.
_LAST_TRIES = 10


class Connect(Protocol):
    """``Client.another``."""

    def __call__(self, attempts: int | None = None) -> Client: ...


class Clients:
    """Clients that threads take when they call: as many as there are calls at one moment."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._free: deque[Client] = deque()
        self._made: list[Client] = []
        self._over = False

    def call(self, operation: str, request: dict[str, Any]) -> Answer:
        try:
            client = self._free.pop()
        except IndexError:
            client = self._another()
        try:
            return client.call(operation, request)
        finally:
            self._free.append(client)

    def _another(self) -> Client:
        client = self._connect()
        self._made.append(client)
        if self._over:
            client.hang_up()
        return client

    def hang_up(self) -> None:
        self._over = True
        for client in tuple(self._made):
            client.hang_up()


class Worker:
    """``run`` serves a task list until ``stop`` is set, ``run_one`` until it has executed one task.

    ``connect`` makes clients, given how often they may try a call if not as often as usual. ``heartbeat`` is in
    seconds, 0 for none. ``patience`` is how many seconds running activities have to finish after ``stop``, None for as
    long as they need; then they are ended, and run again elsewhere without that counting as an attempt.

    A ``patient`` worker ends only when its last poll has come back by itself: Amazon SWF hands a task to a poll whose
    client has gone, and the task is then stuck until its timeout. Others hang up, and take what they still get.
    """

    def __init__(
        self,
        connect: Connect,
        domain: str,
        task_list: str,
        pool: Pool,
        *,
        heartbeat: float,
        patience: float | None = None,
        patient: bool = True,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._swf = Clients(connect)
        self._polling = Clients(connect)
        self._domain = domain
        self._task_list = task_list
        self._pool = pool
        self._patience = patience
        self._interrupting = False
        self._running: set[Running] = set()
        self._patient = patient
        self._wait = wait
        self._heartbeats = Heartbeats(lambda: connect(1), heartbeat)
        self._identity = swf_identity()
        self._chance = random.Random()
        self._permits = threading.Semaphore(pool.size)
        self._polls = threading.Semaphore(_MOST_POLLS)
        self._failures = 0
        self._busy = 0
        self._rested = threading.Condition()

    def run(self, stop: threading.Event) -> None:
        """Execute tasks until ``stop`` is set, then finish those that run."""
        count = 2 * self._pool.size  # each slot may be taken again while the last outcome is being told
        threads = [threading.Thread(target=self._serve, args=(stop,), daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        self._title("running")
        stop.wait()
        self._title("stopping")
        if self._patient:
            for thread in threads:
                thread.join()
        else:
            self._polling.hang_up()
        with self._rested:
            if not self._rested.wait_for(lambda: not self._busy, self._patience):
                self._interrupting = True
        if self._interrupting:
            for running in tuple(self._running):
                running.cancel()
            with self._rested:
                self._rested.wait_for(lambda: not self._busy)
        self._heartbeats.close()

    def run_one(self, stop: threading.Event) -> None:
        """Execute the next task, if there is one before ``stop`` is set."""
        if not self._patient:
            threading.Thread(target=self._hang_up, args=(stop,), daemon=True).start()
        while not stop.is_set():
            work = self._next(stop)
            if work is not None:
                self.handle(work, stop)
                break
        self._heartbeats.close()

    def _hang_up(self, stop: threading.Event) -> None:
        stop.wait()
        self._polling.hang_up()

    def handle(
        self, work: ActivityWork, stop: threading.Event, on_outcome: Callable[[], object] = lambda: None
    ) -> None:
        """Execute a task and answer."""
        with logging_context.bound(**work.call.logged()):
            logger.debug("begins with the input %s", Payload(work.call.input))
            self._execute(work, stop, on_outcome)

    def _execute(self, work: ActivityWork, stop: threading.Event, on_outcome: Callable[[], object]) -> None:
        running = self._pool.start(work.call)
        self._running.add(running)
        if self._interrupting:  # it has begun too late to be among those that are cancelled
            running.cancel()
        with self._heartbeats.watch(work, running) as watch:
            outcome = running.wait(watch.hurry)
            self._running.discard(running)
            on_outcome()
            logger.debug("ended: %s", Payload(outcome))
            if self._interrupting and isinstance(outcome, Canceled | Died):
                outcome = Failed(INTERRUPTED, "The worker was stopped while it executed the activity.")
            self._respond(work, outcome, stop)

    def _title(self, state: str) -> None:
        set_title("Worker", state, domain=self._domain, task_list=self._task_list)

    # -- one thread

    def _serve(self, stop: threading.Event) -> None:
        while not stop.is_set():
            with ExitStack() as permit:
                permit.enter_context(self._permits)
                with self._working():
                    work = self._next(stop)
                    if work is not None:
                        self._take(work, stop, permit.close)

    def _take(self, work: ActivityWork, stop: threading.Event, on_outcome: Callable[[], object]) -> None:
        try:
            self.handle(work, stop, on_outcome)
        except Exception:
            logger.exception("%s: the task is left to its timeout", work)

    def _next(self, stop: threading.Event) -> ActivityWork | None:
        """Poll once. Whatever SWF or the network does is waited out."""
        with self._polls, logging_context.bound(domain=self._domain, task_list=self._task_list):
            if stop.is_set():
                return None
            try:
                work = poll_activity(self._polling, self._domain, self._task_list, self._identity)
            except Exception as error:
                if stop.is_set() and isinstance(error, SwfError):
                    return None
                self._failures += 1
                logger.warning(
                    "poll of %s failed (%d in a row): %s",
                    self._task_list,
                    self._failures,
                    error,
                    exc_info=not isinstance(error, SwfError),
                )
                self._wait(stop, backed_off(self._failures, self._chance))
                return None
            self._failures = 0
            return work

    @contextmanager
    def _working(self) -> Iterator[None]:
        """From before the poll: what it brings may already be on its way."""
        with self._rested:
            self._busy += 1
        try:
            yield
        finally:
            with self._rested:
                self._busy -= 1
                self._rested.notify()

    def _respond(self, work: ActivityWork, outcome: Outcome, stop: threading.Event) -> None:
        """Tell SWF the outcome, for as long as it may still want it."""
        operation, fields = response_to(outcome)
        for failures in itertools.count(1):
            try:
                self._swf.call(operation, {"taskToken": work.task_token, **fields})
                return
            except Refused as error:
                if error.code == UNKNOWN:
                    logger.warning("%s: SWF no longer wants the outcome: %s", work, error)
                    return
                if not error.transient:
                    logger.error("%s: SWF refuses the outcome: %s", work, error)
                    if operation == _FAILED:
                        return
                    operation, fields = response_to(_refused(error))
                    continue
                problem: SwfError = error
            except SwfError as error:
                problem = error
            logger.warning("%s: the outcome cannot be told (%d tries): %s", work, failures, problem)
            if stop.is_set() and failures >= _LAST_TRIES:
                return
            self._wait(stop, backed_off(failures, self._chance))


_FAILED = "RespondActivityTaskFailed"


def response_to(outcome: Outcome) -> tuple[str, dict[str, str]]:
    """The operation that tells SWF of an outcome, and its fields besides the token."""
    match outcome:
        case Completed(result):
            return "RespondActivityTaskCompleted", {"result": result}
        case Canceled(details):
            return "RespondActivityTaskCanceled", {} if details is None else {"details": details}
        case Died():
            return response_to(outcome.failure())
        case Failed(reason, details):
            return _FAILED, {"reason": reason, "details": details}


def _refused(error: Refused) -> Failed:
    message = f"SWF refuses the outcome of the activity: {error.message}"
    return Failed(limits.shorten_reason(message), limits.shorten(message, limits.LIMITS["details"]))
