"""When the server does something by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from simpleflow.service.clock import VirtualClock
from simpleflow.service.database import StoreError, StoreFailed, StoreRefused
from simpleflow.service.pulse import Pulse


class Service:
    """Stands for the durable service: what falls due when, and what goes wrong."""

    def __init__(self) -> None:
        self.due_ms: int | None = None
        self.expired: list[int] = []
        self.pending = False
        self.flushes = 0
        self.failure: Exception | None = None

    def next_due(self) -> int | None:
        return self.due_ms

    def expire(self, now_ms: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.expired.append(now_ms)

    def flush(self, now_ms: int) -> None:
        self.flushes += 1
        self.pending = False
        if isinstance(self.failure, StoreError):
            raise self.failure


class Rig:
    def __init__(self, service: Service) -> None:
        self.service = service
        self.clock = VirtualClock()
        self.fatal: list[StoreRefused] = []
        self.pulse = Pulse(service, self.clock, self.fatal.append)  # type: ignore[arg-type]

    async def committed(self) -> StoreError | None:
        told: asyncio.Future[StoreError | None] = asyncio.get_running_loop().create_future()
        self.pulse.behind_commit(told.set_result)
        return await told

    def nap(self) -> float | None:
        """How long it sleeps, in seconds."""
        handle = self.pulse._nap
        return None if handle is None else handle.when() - asyncio.get_running_loop().time()


def in_loop(act: Callable[[Rig], Awaitable[None]], **state: object) -> None:
    async def run() -> None:
        service = Service()
        for name, value in state.items():
            setattr(service, name, value)
        rig = Rig(service)
        await act(rig)
        rig.pulse.stop()

    asyncio.run(run())


def test_nothing_due_means_no_waking() -> None:
    async def act(rig: Rig) -> None:
        assert rig.nap() is None
        assert rig.service.expired == [rig.clock.now_ms()]

    in_loop(act)


@pytest.mark.parametrize("ahead_ms, sleeps", [(300, 0.3), (-50, 0.0), (86_400_000, 1.0)])
def test_it_sleeps_until_something_falls_due_but_not_long(ahead_ms: int, sleeps: float) -> None:
    async def act(rig: Rig) -> None:
        rig.service.due_ms = rig.clock.now_ms() + ahead_ms
        rig.pulse.ask()
        await asyncio.sleep(0)
        nap = rig.nap()
        assert nap is not None and sleeps - 0.2 <= nap <= sleeps

    in_loop(act)


def test_it_wakes_and_commits_what_expired() -> None:
    async def act(rig: Rig) -> None:
        rig.service.due_ms = rig.clock.now_ms()
        rig.pulse.ask()
        await asyncio.sleep(0)
        rig.service.pending, rig.service.due_ms = True, None
        while rig.service.flushes < 2:
            await asyncio.sleep(0)
        assert len(rig.service.expired) == 2
        assert rig.nap() is None

    in_loop(act)


def test_many_waiters_one_commit() -> None:
    async def act(rig: Rig) -> None:
        rig.service.pending = True
        await asyncio.gather(*(rig.committed() for _ in range(5)))
        assert rig.service.flushes == 1
        await rig.committed()
        assert rig.service.flushes == 1

    in_loop(act)


@pytest.mark.parametrize(
    "arriving, answered, flushes",
    [
        ([1, 0], [1, 1], 1),
        ([1, 1, 1], [1, 2, 3], 3),
        ([2, 0, 0], [0, 2, 2], 1),
        ([2, 3, 1, 0, 0], [0, 0, 0, 6, 6], 1),
        ([60, 60, 1, 0], [0, 120, 121, 121], 2),
    ],
)
def test_several_wait_while_their_group_grows(arriving: list[int], answered: list[int], flushes: int) -> None:
    async def act(rig: Rig) -> None:
        told: list[StoreError | None] = []
        found = []
        for count in arriving:
            rig.service.pending = True
            for _ in range(count):
                rig.pulse.behind_commit(told.append)
            await asyncio.sleep(0)
            found.append(len(told))
        assert (found, rig.service.flushes) == (answered, flushes)

    in_loop(act)


def test_a_failed_commit_is_told_to_each_waiter() -> None:
    async def act(rig: Rig) -> None:
        rig.service.pending, rig.service.failure = True, StoreFailed("full")
        told = await asyncio.gather(*(rig.committed() for _ in range(3)))
        assert told == [rig.service.failure] * 3
        assert rig.fatal == []

    in_loop(act)


def test_a_nap_is_cut_short_by_what_falls_due_earlier_only() -> None:
    async def act(rig: Rig) -> None:
        for ahead_ms, sleeps in ((500, 0.5), (300, 0.3), (700, 0.3)):
            rig.service.due_ms = rig.clock.now_ms() + ahead_ms
            rig.pulse.ask()
            await asyncio.sleep(0)
            nap = rig.nap()
            assert nap is not None and sleeps - 0.1 <= nap <= sleeps

    in_loop(act)


@pytest.mark.parametrize("failure", [StoreFailed("full"), ZeroDivisionError("bug")])
def test_what_fails_while_expiring_is_logged_and_tried_again(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def act(rig: Rig) -> None:
        assert str(failure) in caplog.text
        assert rig.nap() is not None

    in_loop(act, failure=failure, due_ms=1)


def test_a_damaged_database_is_fatal() -> None:
    async def act(rig: Rig) -> None:
        assert [str(error) for error in rig.fatal] == ["damaged"]

    in_loop(act, failure=StoreRefused("damaged"))
