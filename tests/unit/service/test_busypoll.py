from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Iterator

import pytest

from simpleflow.service.busypoll import BusyPollSelector

STEP_S = 10e-6


class SteppingClock:
    """Each look at it takes ten microseconds."""

    def __init__(self) -> None:
        self.looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return self.looks * STEP_S

    def now_ms(self) -> int:
        raise AssertionError("nobody asks for the time of the day")


class Bench:
    """A selector over one socket; `waits` are the timeouts with which the system was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = SteppingClock()
        self.selector = BusyPollSelector(self.clock)
        self.here, self.there = socket.socketpair()
        self.selector.register(self.here, selectors.EVENT_READ)
        self.waits: list[float | None] = []
        system = selectors.DefaultSelector.select

        def select(selector: selectors.DefaultSelector, timeout: float | None = None) -> object:
            self.waits.append(timeout)
            return system(selector, 0)

        monkeypatch.setattr(selectors.DefaultSelector, "select", select)

    def ask(self, timeout: float | None) -> list[float | None]:
        """The waits of one select."""
        self.waits.clear()
        self.found = len(self.selector.select(timeout))
        return self.waits[:]

    def call(self) -> None:
        self.there.send(b"x")
        self.selector.select(None)
        self.here.recv(1)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench(monkeypatch)
    yield made
    made.here.close()
    made.there.close()
    made.selector.close()


def test_it_sleeps_at_once_where_nobody_has_called(bench: Bench) -> None:
    assert bench.ask(None) == [None]
    assert bench.ask(5.0) == [5.0]
    assert bench.clock.looks == 0


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_it_polls_for_a_moment_behind_a_call_and_then_sleeps(bench: Bench, timeout: float | None) -> None:
    bench.call()
    waits = bench.ask(timeout)
    assert 8 <= waits.count(0) <= 10 and waits[-1] == timeout
    assert bench.ask(timeout) == [timeout]


def test_what_comes_meanwhile_is_found_without_sleep(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.call()
    yields: list[None] = []

    def let_others_go() -> None:
        yields.append(None)
        if len(yields) == 3:
            bench.there.send(b"x")

    monkeypatch.setattr(os, "sched_yield", let_others_go)
    assert bench.ask(None) == [0, 0, 0, 0]
    assert bench.found == 1


def test_a_look_between_two_callbacks_changes_nothing(bench: Bench) -> None:
    bench.call()
    looks = bench.clock.looks
    assert bench.ask(0) == [0]
    assert bench.clock.looks == looks
    assert bench.ask(None).count(0) > 1


def test_it_polls_no_longer_than_until_the_timer(bench: Bench) -> None:
    bench.call()
    assert bench.ask(3 * STEP_S).count(0) <= 3
