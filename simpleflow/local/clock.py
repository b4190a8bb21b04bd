"""The clock of a local run: it stands still while there is work, and jumps to what is due next."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..service.clock import Clock, RealClock, VirtualClock

#: How often a waiting clock looks at the time of day, which goes on while a machine sleeps.
_LOOK_SECONDS = 5.0


def virtual_clock() -> VirtualClock:
    """A clock that begins now, and costs no time."""
    return VirtualClock(RealClock().now_ms())


class RealTimeClock(VirtualClock):
    """A virtual clock whose jumps take the time that is left until then. ``pause(seconds)`` waits."""

    def __init__(self, real: Clock | None = None, pause: Callable[[float], object] | None = None) -> None:
        self._real = real or RealClock()
        self._pause = pause or threading.Event().wait
        self._begin = self._real.monotonic()
        super().__init__(self._real.now_ms())

    def jump(self, to_ms: int) -> int:
        ahead = self.monotonic() + (to_ms - self.now_ms()) / 1000
        left = ahead - (self._real.monotonic() - self._begin)
        if left > 0:
            self._pause(left)
        return super().jump(to_ms)


class WallClock(VirtualClock):
    """The time of day, for runs that outlive their process. It never goes back; to jump is to wait."""

    def __init__(self, real: Clock | None = None, pause: Callable[[float], object] | None = None) -> None:
        self._real = real or RealClock()
        self._pause = pause or threading.Event().wait
        super().__init__(self._real.now_ms())

    def now_ms(self) -> int:
        return super().jump(self._real.now_ms())

    def monotonic(self) -> float:
        return self._real.monotonic()

    def jump(self, to_ms: int) -> int:
        while (left := to_ms - self.now_ms()) > 0:
            self._pause(min(left / 1000, _LOOK_SECONDS))
        return self.now_ms()
