"""What happens by itself in the loop of the server: the shared commit and the things that fall due.

Calls that arrive together share a commit. The first of them asks for it; a call that is alone has it at the end of its
turn of the event loop, several wait for the first turn that brings none more. On a disk of 3 ms a commit that is half
again the throughput, and no thread is needed in which commits overlap with calls (measured: more CPU time, and not
faster).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from .clock import Clock
from .database import StoreError, StoreRefused
from .durable import Durable

_LONGEST_NAP = 1.0
#: So many calls wait no longer for others to share their commit.
_GROUP = 100

#: Is given None, or the error by which something that was called may be lost.
Tell = Callable[[StoreError | None], None]

_log = logging.getLogger(__name__)


class Pulse:
    def __init__(self, durable: Durable, clock: Clock, on_fatal: Callable[[StoreRefused], None]) -> None:
        """`on_fatal` hears of a database that cannot be used any more."""
        self._durable = durable
        self._clock = clock
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Tell] = []
        self._asked = False
        self._waited_before = 1
        self._nap: asyncio.TimerHandle | None = None
        #: What the nap ends for, if it is not over earlier.
        self._nap_for_ms = 0
        self._rise()

    def behind_commit(self, tell: Tell) -> None:
        """Call `tell` once all that has been called is durable, or when some of it may be lost."""
        if not self._durable.pending:
            tell(None)
            return
        self._waiting.append(tell)
        self.ask()

    def ask(self) -> None:
        """Let there be a commit at the end of this turn, though nobody waits for it."""
        if not self._asked:
            self._asked = True
            self._loop.call_soon(self._flush)

    def stop(self) -> None:
        """No more naps; what is called from now on the caller must flush."""
        if self._nap is not None:
            self._nap.cancel()

    def fail(self, error: StoreError) -> None:
        """Log a failure of the database, and stop the server if there is no going on."""
        if isinstance(error, StoreRefused):
            self._on_fatal(error)
        else:
            _log.error("%s", error)

    def _flush(self) -> None:
        if self._waited_before < len(self._waiting) < _GROUP:
            self._waited_before = len(self._waiting)
            self._loop.call_soon(self._flush)
            return
        self._waited_before = 1
        self._asked = False
        waiting, self._waiting = self._waiting, []
        failure: StoreError | None = None
        try:
            self._durable.flush(self._clock.now_ms())
        except StoreError as error:
            self.fail(error)
            failure = error
        for tell in waiting:
            tell(failure)
        self._rest()

    def _rest(self) -> None:
        """Sleep until something falls due, but not for long: the clock may be catching up."""
        due_ms = self._durable.next_due()
        if due_ms is None:
            return
        if self._nap is not None:
            if self._nap_for_ms <= due_ms:
                return
            self._nap.cancel()
        seconds = (due_ms - self._clock.now_ms()) / 1000
        self._nap = self._loop.call_later(min(max(seconds, 0.0), _LONGEST_NAP), self._rise)
        self._nap_for_ms = due_ms

    def _rise(self) -> None:
        self._nap = None
        try:
            self._durable.expire(self._clock.now_ms())
        except StoreError as error:
            self.fail(error)
        except Exception:
            _log.exception("What fell due could not be carried out; the service was read from its database again")
        if self._durable.pending:
            self.ask()
        else:
            self._rest()
