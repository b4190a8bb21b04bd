"""The polls that wait for a task, by task list.

A list that gets a task wakes the poll that has waited longest and is not awake yet. A poll that was woken looks for the
task itself and waits on if another one was faster; it keeps its place meanwhile.
"""

from __future__ import annotations

import asyncio

from .tasklists import ListName


class Waiter:
    """One poll that waits. `gone` is set when its client has left, `over` when it should answer with what there is."""

    def __init__(self, name: ListName) -> None:
        self.name = name
        self.gone = False
        self.over = False
        self._woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def awake(self) -> bool:
        """Whether it was woken since the last `look`."""
        return self._woken.done()

    def look(self) -> None:
        """To be called just before looking for a task: what woke it is used up."""
        if self.awake:
            self._woken = asyncio.get_running_loop().create_future()

    async def woken(self) -> None:
        await self._woken

    def wake(self) -> None:
        if not self.awake:
            self._woken.set_result(None)

    def leave(self, *_: object) -> None:
        self.gone = True
        self.wake()

    def end(self) -> None:
        self.over = True
        self.wake()


class WaitingRoom:
    def __init__(self) -> None:
        # Dictionaries for their order and their quick removal.
        self._lists: dict[ListName, dict[Waiter, None]] = {}
        self._closed = False

    def enter(self, name: ListName) -> Waiter:
        waiter = Waiter(name)
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
