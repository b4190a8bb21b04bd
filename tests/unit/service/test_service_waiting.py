from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from simpleflow.service.tasklists import ListName
from simpleflow.service.waiting import Waiter, WaitingRoom

LIST = ListName("decision", "us-east-1", "d", "l")
OTHER = ListName("activity", "us-east-1", "d", "l")


def in_loop(test: Callable[[WaitingRoom], None]) -> Callable[[], None]:
    """A test of the room within an event loop."""

    async def run() -> None:
        test(WaitingRoom())

    return lambda: asyncio.run(run())


def nothing(waiter: Waiter) -> None: ...


def awake(*waiters: Waiter) -> list[bool]:
    return [waiter.awake for waiter in waiters]


@in_loop
def test_one_task_wakes_one_poll_the_oldest_first(room: Any) -> None:
    one, two, other = room.enter(LIST, nothing), room.enter(LIST, nothing), room.enter(OTHER, nothing)
    room.wake(LIST)
    assert awake(one, two, other) == [True, False, False]
    room.wake(LIST)
    assert awake(one, two, other) == [True, True, False]
    room.wake(LIST)
    room.wake(OTHER)
    assert awake(one, two, other) == [True, True, True]


@in_loop
def test_a_poll_that_was_too_late_keeps_its_place(room: Any) -> None:
    one, two = room.enter(LIST, nothing), room.enter(LIST, nothing)
    room.wake(LIST)
    one.doze()
    room.wake(LIST)
    assert awake(one, two) == [True, False]


@in_loop
def test_a_wake_that_is_not_used_goes_to_the_next(room: Any) -> None:
    one, two = room.enter(LIST, nothing), room.enter(LIST, nothing)
    room.wake(LIST)
    room.leave(one, served=False)
    assert awake(two) == [True]


@in_loop
def test_a_wake_that_was_used_does_not(room: Any) -> None:
    one, two = room.enter(LIST, nothing), room.enter(LIST, nothing)
    room.wake(LIST)
    room.leave(one, served=True)
    assert awake(two) == [False]


@in_loop
def test_who_was_not_woken_passes_nothing_on(room: Any) -> None:
    one, two = room.enter(LIST, nothing), room.enter(LIST, nothing)
    room.leave(one, served=False)
    assert awake(two) == [False]


@in_loop
def test_counting(room: Any) -> None:
    one, two = room.enter(LIST, nothing), room.enter(LIST, nothing)
    assert (room.count(LIST), room.count(OTHER)) == (2, 0)
    room.leave(one, served=False)
    room.leave(two, served=False)
    assert room.count(LIST) == 0
    room.wake(LIST)


@in_loop
def test_a_closed_room_ends_those_in_it_and_those_to_come(room: Any) -> None:
    one = room.enter(LIST, nothing)
    room.close()
    assert one.over and one.awake
    assert room.enter(OTHER, nothing).over


def in_turns(act: Callable[[WaitingRoom, list[Waiter]], Awaitable[None]]) -> None:
    """`act` is given a room and those who have looked."""

    async def run() -> None:
        await act(WaitingRoom(), [])

    asyncio.run(run())


def test_who_is_woken_looks_once_in_the_next_turn() -> None:
    async def act(room: WaitingRoom, looked: list[Waiter]) -> None:
        waiter = room.enter(LIST, looked.append)
        waiter.wake()
        waiter.wake()
        assert looked == []
        await asyncio.sleep(0)
        assert looked == [waiter]
        waiter.wake()
        await asyncio.sleep(0)
        assert looked == [waiter]
        waiter.doze()
        waiter.wake()
        await asyncio.sleep(0)
        assert looked == [waiter, waiter]

    in_turns(act)


def test_who_has_left_does_not_look() -> None:
    async def act(room: WaitingRoom, looked: list[Waiter]) -> None:
        waiter = room.enter(LIST, looked.append)
        waiter.wait(0)
        waiter.wake()
        room.leave(waiter, served=True)
        for _ in range(5):
            await asyncio.sleep(0)
        assert looked == [] and not waiter.over

    in_turns(act)


def test_a_wait_has_one_end() -> None:
    async def act(room: WaitingRoom, looked: list[Waiter]) -> None:
        waiter = room.enter(LIST, looked.append)
        waiter.wait(0)
        waiter.wait(1000)
        while not waiter.over:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert looked == [waiter]

    in_turns(act)
