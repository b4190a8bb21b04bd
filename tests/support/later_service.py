"""The service that standalone starts for itself, with a clock that is ahead: ``later_service.py DB SECONDS``."""

from __future__ import annotations

import sys
from pathlib import Path

from simpleflow.cli import embedded_service
from simpleflow.service import server
from simpleflow.service.clock import Clock
from simpleflow.service.steady import SteadyClock


class Ahead:
    """Signatures are still checked by the clock of the machine; what is due is due by this one."""

    def __init__(self, clock: Clock, seconds: int) -> None:
        self._clock = clock
        self._ahead_ms = 1000 * seconds

    def now_ms(self) -> int:
        return self._clock.now_ms() + self._ahead_ms

    def monotonic(self) -> float:
        return self._clock.monotonic()


if __name__ == "__main__":
    seconds = int(sys.argv[2])
    server.SteadyClock = lambda clock: SteadyClock(Ahead(clock, seconds))  # type: ignore[assignment, misc]
    sys.exit(embedded_service.main(Path(sys.argv[1]), 0))
