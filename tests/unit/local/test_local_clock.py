from simpleflow.local.clock import RealTimeClock, virtual_clock
from simpleflow.service.clock import VirtualClock


class FakeTime:
    """Real time for a test: pausing makes it pass."""

    def __init__(self) -> None:
        self.clock = VirtualClock(1_000_000)
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.clock.advance(seconds)


def test_the_virtual_clock_begins_today_and_jumps_at_once() -> None:
    clock = virtual_clock()
    begin = clock.now_ms()
    assert begin > 1_700_000_000_000
    assert clock.jump(begin + 86_400_000) == begin + 86_400_000


def test_a_jump_in_real_time_waits() -> None:
    real = FakeTime()
    clock = RealTimeClock(real.clock, real.pause)
    assert clock.jump(1_005_000) == 1_005_000
    assert real.pauses == [5.0]


def test_time_that_work_has_taken_is_not_waited_again() -> None:
    real = FakeTime()
    clock = RealTimeClock(real.clock, real.pause)
    real.clock.advance(3)  # an activity; the clock of the run stands still
    assert clock.now_ms() == 1_000_000
    clock.jump(1_005_000)
    assert real.pauses == [2.0]
    real.clock.advance(60)
    assert clock.jump(1_010_000) == 1_010_000
    assert real.pauses == [2.0]
