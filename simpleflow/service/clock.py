"""Time for the service: the only module of it that may ask what time it is.

Instants are integer milliseconds since the epoch. The core never reads a clock; its callers pass the instant in.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall time in milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back; only differences mean something."""


class RealClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class VirtualClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._start_ms = now_ms
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return (self._now_ms - self._start_ms) / 1000

    def advance(self, seconds: float) -> int:
        """Move on by `seconds`; the new instant."""
        return self.jump(self._now_ms + round(seconds * 1000))

    def jump(self, to_ms: int) -> int:
        """Move to `to_ms`, or stay if that is past; the new instant."""
        self._now_ms = max(self._now_ms, to_ms)
        return self._now_ms
