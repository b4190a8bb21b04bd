"""The objects that this machine has seen, on its disk: bytes under their SHA-256, a gigabyte, the least used go first.

The cache saves time and is never needed: whatever goes wrong with it is a miss. What comes out of it is checked like
what comes from a store. Nothing is ever unpickled: a file that somebody else could write must not run code here.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

from .. import constants, settings
from ..utils.private import first_private

logger = logging.getLogger(__name__)

SIZE_LIMIT = 1024**3
_BUSY = 1.0  # seconds to wait for another process


class BytesDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Stores bytes under text, and reads nothing else."""

    def put(self, key: Any) -> Any:
        if type(key) is not str:
            raise TypeError(f"a key is text, not {type(key).__name__}")
        return super().put(key)

    def get(self, key: Any, raw: Any) -> Any:
        if not raw or type(key) is not str:
            raise TypeError("this cache holds a key that it has not written")
        return key

    def store(self, value: Any, read: Any, key: Any = None) -> Any:
        if type(value) is not bytes:
            raise TypeError(f"a value is bytes, not {type(value).__name__}")
        return super().store(value, False, key)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:
        if mode not in (MODE_RAW, MODE_BINARY):
            raise TypeError("this cache holds a value that it has not written")
        return super().fetch(mode, filename, value, False)


class Cache:
    """``get`` and ``put`` never raise. Processes share it; it may be used after a fork."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._cache: Any = None
        self._broken = False

    def get(self, digest: str) -> bytes | None:
        return self._try(lambda cache: cache.get(digest))  # type: ignore[no-any-return]

    def put(self, digest: str, body: bytes) -> None:
        self._try(lambda cache: cache.set(digest, body))

    def drop(self, digest: str) -> None:
        self._try(lambda cache: cache.delete(digest))

    def _try(self, act: Any) -> Any:
        if self._broken:
            return None
        try:
            if self._cache is None:
                self._cache = diskcache.Cache(
                    self._directory,
                    timeout=_BUSY,
                    disk=BytesDisk,
                    size_limit=SIZE_LIMIT,
                    eviction_policy="least-recently-used",
                    sqlite_mmap_size=0,  # a file that becomes shorter would end the process (SIGBUS)
                )
            return act(self._cache)
        except diskcache.Timeout:
            return None
        except Exception as error:  # a full disk, a damaged database, an entry of somebody else's
            self._broken = True
            logger.warning(
                "the cache in %s is not used any more by this process: %s: %s. It may be removed at any time.",
                self._directory,
                type(error).__name__,
                error,
            )
            return None


def open_cache() -> Cache | None:
    """The cache that the settings ask for. None, with a warning, if no directory for it can be trusted."""
    if not settings.SIMPLEFLOW_ENABLE_DISK_CACHE:
        return None
    given = settings.SIMPLEFLOW_CACHE_DIR
    own = os.geteuid()
    candidates = [given] if given else [constants.CACHE_DIR, f"{constants.CACHE_DIR}-{own}"]
    directory, problems = first_private(candidates, own)
    if directory is not None:
        return Cache(directory)
    logger.warning(
        "there is no cache for jumbo fields: %s. Name a directory of your own in SIMPLEFLOW_CACHE_DIR, "
        "or set SIMPLEFLOW_ENABLE_DISK_CACHE=false.",
        problems,
    )
    return None
