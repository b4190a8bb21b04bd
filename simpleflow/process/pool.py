"""Executes activities in child processes that live for many tasks.

A thread asks for the execution of a task with ``start`` and waits for it with ``Running.wait``; it talks to the child
over the socket of one slot, so that nothing stands between the two. One more thread listens to the nursery, which tells
how children end. The sockets of a child say whether it has read a task: if not, another child gets it.

A task that is cancelled is told so and has the time of the grace to end. After that its process is killed, with all
that it has started. If other tasks run in the same process, it gets no new ones and is killed when they have ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from .. import settings
from .channel import Channel, Message
from .child import from_message
from .nursery import Plan, launch
from .outcome import Canceled, Died, Outcome
from .perform import ActivityCallData, Completed
from .trees import kill_group, kill_tree, terminate_descendants

logger = logging.getLogger(__name__)

_KILLED = -9
#: Seconds after which a child that has closed its socket is to have ended.
_LAST_BREATH = 5.0


@dataclass(eq=False)
class _Child:
    key: int
    control: Channel
    slots: tuple[Channel, ...]
    free: list[Channel]
    pid: int = 0
    status: int = _KILLED
    given: int = 0
    busy: int = 0
    retiring: bool = False
    stuck: bool = False
    forked: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def kill(self) -> None:
        if self.forked.wait(_LAST_BREATH) and not self.ended.is_set():
            kill_tree(self.pid)


class PoolClosed(RuntimeError):
    """A task is to be executed after the pool was closed; it has not begun."""


def default_grace() -> float:
    """Seconds in which a cancelled task has to end. Raises SettingError."""
    return float(settings.ACTIVITY_SIGTERM_WAIT_SEC)


class Pool:
    """``count`` processes with ``concurrency`` slots each; a process is replaced after ``max_tasks_per_child`` tasks.

    ``on_broken`` is called when the pool ends by itself: what runs then has died, what is started dies at once, and
    ``broken`` is true.
    ``grace`` is in seconds, by default ACTIVITY_SIGTERM_WAIT_SEC.
    """

    def __init__(
        self,
        count: int,
        concurrency: int = 1,
        max_tasks_per_child: int | None = None,
        plan: Plan | None = None,
        on_broken: Callable[[], object] = lambda: None,
        grace: float | None = None,
    ) -> None:
        self.size = count * concurrency
        self.grace = default_grace() if grace is None else grace
        self.alone = concurrency == 1
        self._count = count
        self._concurrency = concurrency
        self._max_tasks = max_tasks_per_child
        self._on_broken = on_broken
        self._children: dict[int, _Child] = {}  # those that take tasks
        self._known: dict[int, _Child] = {}  # those that have not ended
        self._last_key = 0
        self._closed = False
        self.broken = False
        self._changed = threading.Condition()
        self._process, self._nursery = launch(plan or Plan())
        self._listener = threading.Thread(target=self._listen, name="nursery", daemon=True)
        self._listener.start()
        with self._changed:
            self._fill()

    def start(self, call: ActivityCallData) -> Running:
        """Hand a task to a child, when one is free. Raises PoolClosed."""
        running = Running(self, call)
        running.place()
        return running

    def epitaph(self) -> Died:
        """What becomes of a task that finds the pool broken."""
        return Died(self._process.pid, _KILLED)

    def pids(self) -> list[int]:
        """Of the children that take tasks and have begun to live."""
        with self._changed:
            return [child.pid for child in self._children.values() if child.pid]

    def close(self) -> None:
        """End all processes, and the tasks in them."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._nursery.hang_up()
        self._process.wait()
        self._listener.join()
        self._nursery.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- slots

    def take(self) -> tuple[_Child, Channel, int] | None:
        """A free slot and a number for its task, waiting for one. None if the pool is broken. Raises PoolClosed."""
        with self._changed:
            while not self._closed:
                self._fill()
                child = min((c for c in self._children.values() if c.free), key=lambda c: c.busy, default=None)
                if child is not None:
                    return self._taken(child)
                self._changed.wait()
            if not self.broken:
                raise PoolClosed("the pool is closed")
        return None

    def _taken(self, child: _Child) -> tuple[_Child, Channel, int]:
        child.busy += 1
        child.given += 1
        if child.given == self._max_tasks:
            self._retire(child)
        self._last_key += 1
        return child, child.free.pop(), self._last_key

    def release(self, child: _Child, slot: Channel, usable: bool = True) -> None:
        """The task of a slot is over; the slot is not ``usable`` if the code of the task may still run."""
        with self._changed:
            child.busy -= 1
            child.free.append(slot)
            if not usable:
                child.stuck = True
                self._retire(child)
            last = child.retiring and not child.busy
            self._fill()
            self._changed.notify()
        if last:
            self._dismiss(child)

    def _dismiss(self, child: _Child) -> None:
        if child.stuck:
            child.kill()
        for slot in child.free:
            slot.close()

    def _retire(self, child: _Child) -> None:
        child.retiring = True
        self._children.pop(child.key, None)

    def _fill(self) -> None:
        while len(self._children) < self._count and not self._closed:
            self._last_key += 1
            pairs = [Channel.pair() for _ in range(self._concurrency + 1)]
            (control, *slots), ends = [mine for mine, _ in pairs], [other for _, other in pairs]
            child = _Child(self._last_key, control, tuple(slots), slots)
            self._children[child.key] = self._known[child.key] = child
            try:
                self._nursery.send({"fork": child.key}, ends)
            except OSError:  # the listener learns it too, and tells everybody
                pass
            for end in ends:
                end.close()

    # -- the nursery

    def _listen(self) -> None:
        try:
            while (message := self._nursery.receive()) is not None:
                self._hear(message)
        except ConnectionResetError:
            pass
        with self._changed:
            self.broken, self._closed = not self._closed, True
            children = list(self._known.values())
            self._changed.notify_all()
        for child in children:
            if child.forked.is_set():  # until then nobody knows its process
                kill_group(child.pid)
            self._mourn(child, _KILLED)
        if self.broken:
            logger.critical("the process that starts the processes of activities has died")
            self._on_broken()

    def _hear(self, message: Message) -> None:
        if "forked" in message:
            child = self._known[message["forked"]]
            child.pid = message["pid"]
            child.forked.set()
        else:
            self._mourn(self._known[message["ended"]], message["status"])

    def _mourn(self, child: _Child, status: int) -> None:
        child.status = status
        with self._changed:
            del self._known[child.key]
            self._retire(child)
            if child.given:  # one that dies before its first task is replaced when there is another task
                self._fill()
            child.ended.set()
            idle = not child.busy
            self._changed.notify_all()
        child.control.close()
        if idle:
            self._dismiss(child)
        else:
            # a process that it has left behind may hold the other ends
            for slot in child.slots:
                slot.hang_up()


class Running:
    """A task in a child. The thread that has started it calls ``wait``; any thread may ``cancel``."""

    def __init__(self, pool: Pool, call: ActivityCallData) -> None:
        #: The text of the last heartbeat that had one.
        self.details: str | None = None
        self._pool = pool
        self._call = asdict(call)
        self._lock = threading.Lock()
        self._taken: tuple[_Child, Channel, int] | None = None
        self._cancelled = False
        self._given_up = False
        self._over = False
        self._timer: threading.Timer | None = None

    def place(self) -> None:
        """Send the task to a child; one that has ended meanwhile is left out."""
        while True:
            taken = self._pool.take()
            with self._lock:
                self._taken = taken
            if taken is None:
                return
            child, slot, number = taken
            try:
                slot.send({"task": number, "call": self._call})
                return
            except OSError:
                self._pool.release(child, slot)
                child.ended.wait(_LAST_BREATH)

    def wait(self, on_heartbeat: Callable[[], object] = lambda: None) -> Outcome:
        """The outcome, when the task is over. ``on_heartbeat`` is called when its code says that it is alive."""
        while self._taken is not None:
            child, slot, _ = self._taken
            try:
                message = slot.receive()
            except ConnectionResetError:  # not read, so not begun
                self._pool.release(child, slot)
                if self._cancelled:
                    return Canceled()
                self.place()
                continue
            if message is not None and "heartbeat" in message:
                self.details = message["heartbeat"] or self.details
                on_heartbeat()
                continue
            return self._ended(child, slot, message)
        return self._pool.epitaph()

    def cancel(self) -> None:
        """Tell the code that it is to end; if it does not in the time of the grace, end it. Returns at once."""
        with self._lock:
            if self._cancelled or self._over or self._taken is None:
                return
            self._cancelled = True
            self._timer = threading.Timer(self._pool.grace, self._give_up)
            self._timer.daemon = True
            self._timer.start()
            child, _, number = self._taken
            try:
                child.control.send({"cancel": number})
            except OSError:  # it has died by itself
                return
            if self._pool.alone:
                # programs that the code waits for are told as well
                terminate_descendants(child.pid)

    def _give_up(self) -> None:
        with self._lock:
            if not self._over and self._taken is not None:
                self._given_up = True
                self._taken[1].hang_up()

    def _ended(self, child: _Child, slot: Channel, message: Message | None) -> Outcome:
        with self._lock:
            self._over = True
            if self._timer is not None:
                self._timer.cancel()
        if message is not None:
            outcome: Outcome = from_message(message)
        elif self._given_up:
            outcome = Canceled()
        else:
            outcome = self._dead(child)
        self._pool.release(child, slot, usable=not self._given_up)
        if not self._cancelled or isinstance(outcome, Completed | Canceled):
            return outcome
        return Canceled(None if isinstance(outcome, Died) else outcome.details)

    def _dead(self, child: _Child) -> Died:
        if not child.ended.wait(_LAST_BREATH):  # it lives, but has closed the socket
            child.kill()
            child.ended.wait(_LAST_BREATH)
        return Died(child.pid, child.status)
