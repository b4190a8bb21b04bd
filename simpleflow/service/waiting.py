"""The polls that wait for a task, by task list.

A list that gets a task wakes the poll that has waited longest and is not awake yet. A poll that was woken looks for the
task itself and waits on if another one was faster; it keeps its place meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .tasklists import ListName


class Waiter:
    """One poll that waits. `over` is set when it should answer with what there is."""

    def __init__(self, name: ListName, look: Callable[[Waiter], None]) -> None:
        """`look` is called in the next turn of the loop after it was woken."""
        self.name = name
        self.over = False
        #: Whether it was woken since the last `doze`.
        self.awake = False
        self._present = True
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        if not self.awake:
            self.awake = True
            self._loop.call_soon(self._open_eyes)

    def doze(self) -> None:
        """To be called just before looking for a task: what woke it is used up."""
        self.awake = False

    def wait(self, seconds: float) -> None:
        """Let it be over after so many seconds, unless that was said before."""
        if self._alarm is None:
            self._alarm = self._loop.call_later(seconds, self.end)

    def end(self) -> None:
        self.over = True
        self.wake()

    def leave(self) -> None:
        self._present = False
        if self._alarm is not None:
            self._alarm.cancel()

    def _open_eyes(self) -> None:
        if self._present:
            self._look(self)


class WaitingRoom:
    def __init__(self) -> None:
        # Dictionaries for their order and their quick removal.
        self._lists: dict[ListName, dict[Waiter, None]] = {}
        self._closed = False

    def enter(self, name: ListName, look: Callable[[Waiter], None]) -> Waiter:
        waiter = Waiter(name, look)
        waiter.over = self._closed
        self._lists.setdefault(name, {})[waiter] = None
        return waiter

    def count(self, name: ListName) -> int:
        return len(self._lists.get(name, ()))

    def leave(self, waiter: Waiter, *, served: bool) -> None:
        """Take a poll out; unless it was served, a wake that it did not use goes to the next one."""
        waiters = self._lists[waiter.name]
        del waiters[waiter]
        if not waiters:
            del self._lists[waiter.name]
        waiter.leave()
        if not served and waiter.awake:
            self.wake(waiter.name)

    def wake(self, name: ListName) -> None:
        for waiter in self._lists.get(name, ()):
            if not waiter.awake:
                waiter.wake()
                return

    def close(self) -> None:
        """End all polls, and those to come."""
        self._closed = True
        for waiters in self._lists.values():
            for waiter in waiters:
                waiter.end()
