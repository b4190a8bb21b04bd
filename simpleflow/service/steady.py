"""Wall time that does not jump.

The service counts timeouts in wall time, so that they survive a restart. If the wall clock leaps (it is set, or the
machine was suspended), following it at once would end work that is alive: every heartbeat would be overdue. So the time
of the service goes on with the monotonic clock and closes the gap in small steps: it runs at most twice as fast, at
least half as fast. The leap is logged.
"""

from __future__ import annotations

import logging

from .clock import Clock

_LEAP_MS = 2000

_log = logging.getLogger(__name__)


class SteadyClock:
    """A Clock over another one, never going back and never leaping."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._monotonic = clock.monotonic()
        self._now_ms = float(clock.now_ms())
        self._leapt = False

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def now_ms(self) -> int:
        monotonic = self._clock.monotonic()
        elapsed_ms = (monotonic - self._monotonic) * 1000
        self._monotonic = monotonic
        gap_ms = self._clock.now_ms() - (self._now_ms + elapsed_ms)
        self._tell(gap_ms)
        self._now_ms += elapsed_ms + min(max(gap_ms, -elapsed_ms / 2), elapsed_ms)
        return int(self._now_ms)

    def _tell(self, gap_ms: float) -> None:
        leapt = abs(gap_ms) > _LEAP_MS
        if leapt and not self._leapt:
            _log.warning(
                "The clock of this machine leapt %+.1f s; the service follows it slowly, so that nothing alive expires",
                gap_ms / 1000,
            )
        self._leapt = leapt
