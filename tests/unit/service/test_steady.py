from __future__ import annotations

import pytest

from simpleflow.service.steady import SteadyClock

START_MS = 1_700_000_000_000


class Hands:
    """A clock whose wall time and monotonic time are moved apart."""

    def __init__(self) -> None:
        self.wall_ms = START_MS
        self.seconds = 50.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.seconds

    def pass_(self, seconds: float, leap_s: float = 0) -> None:
        self.seconds += seconds
        self.wall_ms += round((seconds + leap_s) * 1000)


@pytest.fixture
def hands() -> Hands:
    return Hands()


def test_it_follows_the_wall(hands: Hands) -> None:
    clock = SteadyClock(hands)
    assert clock.now_ms() == START_MS
    for _ in range(100):
        hands.pass_(0.37)
        assert clock.now_ms() == hands.wall_ms
    assert clock.monotonic() == hands.seconds


def test_small_drifts_are_followed_without_a_word(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    clock = SteadyClock(hands)
    hands.pass_(10, leap_s=0.5)
    assert clock.now_ms() == hands.wall_ms
    assert not caplog.records


@pytest.mark.parametrize("leap_s", [3600, -3600])
def test_a_leap_is_followed_slowly_and_told_once(hands: Hands, caplog: pytest.LogCaptureFixture, leap_s: float) -> None:
    clock = SteadyClock(hands)
    hands.pass_(0, leap_s=leap_s)
    assert clock.now_ms() == START_MS
    hands.pass_(10)
    assert clock.now_ms() == START_MS + (20_000 if leap_s > 0 else 5_000)
    assert [record.message for record in caplog.records] == [
        f"The clock of this machine leapt {leap_s:+.1f} s; the service follows it slowly, so that nothing alive expires"
    ]


def test_a_leap_is_made_up_for_in_the_end(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    clock = SteadyClock(hands)
    hands.pass_(1, leap_s=-60)
    seen = [clock.now_ms()]
    for _ in range(200):
        hands.pass_(1)
        seen.append(clock.now_ms())
    assert seen == sorted(seen)
    assert seen[-1] == hands.wall_ms
    hands.pass_(1, leap_s=60)
    clock.now_ms()
    assert len(caplog.records) == 2
