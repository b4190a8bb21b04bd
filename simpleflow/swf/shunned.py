"""Runs that held the thread of a decider. They are left alone for a while, so that the others get on."""

from __future__ import annotations

import os
import tempfile
import time
import weakref
from collections.abc import Callable

import orjson

from ..replay.work import RunKey

SHUN_SECONDS = 600.0


class Shunned:
    """The runs that were added in the last ``SHUN_SECONDS``, here or by a fork of this process.

    They stand in a file without a name, so that a process which ends because of one can leave word to the next.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._file, path = tempfile.mkstemp()
        os.unlink(path)
        weakref.finalize(self, os.close, self._file)
        self._read = 0
        self._until: dict[RunKey, float] = {}

    def add(self, key: RunKey) -> None:
        line = orjson.dumps([self._clock() + SHUN_SECONDS, *key]) + b"\n"
        os.write(self._file, line)

    def __contains__(self, key: RunKey) -> bool:
        size = os.fstat(self._file).st_size
        if size > self._read:
            self._learn(os.pread(self._file, size - self._read, self._read))
            self._read = size
        return self._clock() < self._until.get(key, 0.0)

    def _learn(self, lines: bytes) -> None:
        for line in lines.splitlines():
            until, *key = orjson.loads(line)
            self._until[RunKey(*key)] = until
