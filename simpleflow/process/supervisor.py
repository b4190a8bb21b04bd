"""Keeps processes running: deciders, workers.

The supervisor has one thread and waits for two things only: signals, among them SIGCHLD, and the moment when a child
that died young is to be replaced. SIGTERM, SIGINT or SIGHUP asks the children to end and waits for them; a second one
kills them with all that they have started. A supervisor that is killed takes its children along (``parent``).
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from .parent import die_at_end_of, die_with
from .signals import STOPPING, Arrivals, signal_name
from .titles import set_title
from .trees import kill_tree

logger = logging.getLogger(__name__)

#: A child that lives for fewer seconds has died young.
YOUNG_SECONDS = 10.0
FIRST_WAIT = 0.25
LONGEST_WAIT = 30.0
KILLED = 1
FAILED = 1


class Process(Protocol):
    """A child of this process, which its supervisor reaps."""

    @property
    def pid(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Forked:
    pid: int


class Forks:
    """Starts children as forks of this process. For a process with one thread that has no connections open.

    The kernel ends the children with the thread that starts them: let it be the main one.
    """

    def __init__(self) -> None:
        self._life_reader, self._life_writer = os.pipe()

    def start(self, target: Callable[[], int | None]) -> Forked:
        """Call ``target`` in a child, which ends with what it returns as its status."""
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with _blocked():
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                for number in (*STOPPING, signal.SIGCHLD):
                    signal.signal(number, signal.SIG_DFL)
        if pid == 0:
            die_with(parent)
            os.close(self._life_writer)
            die_at_end_of(self._life_reader)
            _finish(target)
        return Forked(pid)


class Supervisor:
    """``run`` keeps ``count`` children, which ``spawn`` starts given their number from 0."""

    def __init__(
        self,
        spawn: Callable[[int], Process],
        count: int,
        name: str = "children",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spawn = spawn
        self._count = count
        self._name = name
        self._clock = clock
        self._running: dict[int, tuple[int, float]] = {}  # pid -> number and moment of its start
        self._due: dict[int, float] = {}  # number -> when to start it
        self._early_deaths = dict.fromkeys(range(count), 0)

    def run(self) -> int:
        """Until it is asked to stop. Returns 0, or KILLED if a second signal did not let the children finish."""
        with Arrivals((*STOPPING, signal.SIGCHLD)) as arrivals, selectors.DefaultSelector() as selector:
            selector.register(arrivals, selectors.EVENT_READ)
            self._title("running")
            self._due = dict.fromkeys(range(self._count), self._clock())
            while not self._waited(selector, arrivals):
                self._reap()
                self._start_those_due()
            return self._stop(arrivals)

    # -- keeping them alive

    def _waited(self, selector: selectors.BaseSelector, arrivals: Arrivals) -> bool:
        """Wait for something to do. Returns whether that is to stop."""
        timeout = max(0.0, min(self._due.values()) - self._clock()) if self._due else None
        return bool(selector.select(timeout)) and bool(arrivals.take() & set(STOPPING))

    def _start_those_due(self) -> None:
        now = self._clock()
        for number in [number for number, due in self._due.items() if due <= now]:
            del self._due[number]
            try:
                self._running[self._spawn(number).pid] = number, now
            except OSError as error:  # no memory, too many processes
                wait = self._put_off(number, now)
                logger.error("%s cannot be started: %s; tried again %s", self._name, error, _when(wait))

    def _reap(self) -> None:
        for pid, status in _ended(self._running):
            number, since = self._running.pop(pid)
            now = self._clock()
            if now - since >= YOUNG_SECONDS:
                self._early_deaths[number] = 0
            wait = self._put_off(number, now)
            logger.error("%s %d died: %s; replaced %s", self._name, pid, _told(status), _when(wait))

    def _put_off(self, number: int, now: float) -> float:
        """Have a child started again, in as many seconds as are returned."""
        wait = _patience(self._early_deaths[number])
        self._early_deaths[number] += 1
        self._due[number] = now + wait
        return wait

    # -- ending them

    def _stop(self, arrivals: Arrivals) -> int:
        self._title("stopping")
        logger.info("stopping %d %s; a second signal kills them", len(self._running), self._name)
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        # a signal may have come together with the first one
        self._forget_ended()
        while self._running:
            if arrivals.take() & set(STOPPING):
                return self._kill()
            self._forget_ended()
        return 0

    def _kill(self) -> int:
        logger.warning("killing %d %s", len(self._running), self._name)
        for pid in self._running:
            kill_tree(pid)
        for pid in self._running:
            os.waitpid(pid, 0)
        return KILLED

    def _forget_ended(self) -> None:
        for pid, _ in _ended(self._running):
            del self._running[pid]

    def _title(self, state: str) -> None:
        set_title("Supervisor", state, payload=self._name, nb_children=self._count)


@contextmanager
def _blocked() -> Iterator[None]:
    """No signal arrives meanwhile: a fork shares the socket by which its parent is told of them."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, (*STOPPING, signal.SIGCHLD))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _finish(target: Callable[[], int | None]) -> NoReturn:
    status = FAILED
    try:
        status = target() or 0
    except BaseException:
        logger.critical("this process ends because of an error", exc_info=True)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


def _ended(pids: dict[int, tuple[int, float]]) -> list[tuple[int, int]]:
    """Pid and status, as of os.waitstatus_to_exitcode, of those that have ended. They are reaped."""
    found = _all_ended() if os.getpid() == 1 else (os.waitpid(pid, os.WNOHANG) for pid in list(pids))
    return [(pid, os.waitstatus_to_exitcode(status)) for pid, status in found if pid in pids]


def _all_ended() -> Iterator[tuple[int, int]]:
    """The first process of a container inherits the orphans of all others, and has to reap them too."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, status


def _patience(early_deaths: int) -> float:
    """Seconds before a child is replaced: none for the first that dies."""
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (early_deaths - 1)) if early_deaths else 0.0


def _when(seconds: float) -> str:
    return f"in {seconds:g} s" if seconds else "at once"


def _told(status: int) -> str:
    return f"exit code {status}" if status >= 0 else signal_name(-status)
