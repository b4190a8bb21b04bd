from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow.service.tasklists import ListName
from simpleflow.service.waiting import Waiter, WaitingRoom

LIST = ListName("decision", "us-east-1", "d", "l")
OTHER = ListName("activity", "us-east-1", "d", "l")


def in_loop(test: Callable[[WaitingRoom], None]) -> Callable[[], None]:
    """A test of the room within an event loop."""

    async def run() -> None:
        test(WaitingRoom())

    return lambda: asyncio.run(run())


def awake(*waiters: Waiter) -> list[bool]:
    return [waiter.awake for waiter in waiters]


@in_loop
def test_one_task_wakes_one_poll_the_oldest_first(room: Any) -> None:
    one, two, other = room.enter(LIST), room.enter(LIST), room.enter(OTHER)
    room.wake(LIST)
    assert awake(one, two, other) == [True, False, False]
    room.wake(LIST)
    assert awake(one, two, other) == [True, True, False]
    room.wake(LIST)
    room.wake(OTHER)
    assert awake(one, two, other) == [True, True, True]


@in_loop
def test_a_poll_that_was_too_late_keeps_its_place(room: Any) -> None:
    one, two = room.enter(LIST), room.enter(LIST)
    room.wake(LIST)
    one.look()
    room.wake(LIST)
    assert awake(one, two) == [True, False]


@in_loop
def test_a_wake_that_is_not_used_goes_to_the_next(room: Any) -> None:
    one, two = room.enter(LIST), room.enter(LIST)
    room.wake(LIST)
    room.leave(one, served=False)
    assert awake(two) == [True]


@in_loop
def test_a_wake_that_was_used_does_not(room: Any) -> None:
    one, two = room.enter(LIST), room.enter(LIST)
    room.wake(LIST)
    room.leave(one, served=True)
    assert awake(two) == [False]


@in_loop
def test_who_was_not_woken_passes_nothing_on(room: Any) -> None:
    one, two = room.enter(LIST), room.enter(LIST)
    room.leave(one, served=False)
    assert awake(two) == [False]


@in_loop
def test_counting(room: Any) -> None:
    one, two = room.enter(LIST), room.enter(LIST)
    assert (room.count(LIST), room.count(OTHER)) == (2, 0)
    room.leave(one, served=False)
    room.leave(two, served=False)
    assert room.count(LIST) == 0
    room.wake(LIST)


@in_loop
def test_a_closed_room_ends_those_in_it_and_those_to_come(room: Any) -> None:
    one = room.enter(LIST)
    room.close()
    assert one.over and one.awake
    assert room.enter(OTHER).over


@in_loop
def test_leaving_and_ending_wake(room: Any) -> None:
    one, two = room.enter(LIST), room.enter(LIST)
    one.leave()
    two.end()
    assert (one.gone, one.over, two.gone, two.over) == (True, False, False, True)
    assert awake(one, two) == [True, True]


def test_sleeping_until_woken() -> None:
    async def run() -> None:
        waiter = WaitingRoom().enter(LIST)
        sleeper = asyncio.ensure_future(waiter.woken())
        await asyncio.sleep(0)
        assert not sleeper.done()
        waiter.wake()
        waiter.wake()
        await sleeper
        waiter.look()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(waiter.woken(), 0)

    asyncio.run(run())
