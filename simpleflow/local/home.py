"""Where the histories of a local run live: in memory, or in a file that outlives the process.

A step of a durable run costs one commit. What an activity did is written together with what the program made of it:
the next decision, and what that schedules; for no activity begins before the decision that asks for it is durable.
While many activities wait for one decision, their outcomes are written in the background, one commit for as many as
there are, and the next activity does not wait.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..service.core import Service
from ..service.database import Database, StoreError, reading_back
from ..service.journal import Change, Journal
from ..service.limits import UNLIMITED
from ..service.store import Store
from .watch import Watch


class Home(Protocol):
    #: Whether it outlives the process.
    durable: bool

    def service(self, watch: Watch) -> Service:
        """The service of the run, whose changes ``watch`` hears of. Called once. Raises StoreError."""

    def keep(self) -> None:
        """All that has happened is kept when this returns. Raises StoreError."""

    def keep_meanwhile(self) -> None:
        """Begin to keep what has happened, without waiting for it."""

    def close(self) -> None: ...


class Memory:
    """Nothing outlives the process."""

    durable = False

    def service(self, watch: Watch) -> Service:
        return Service(UNLIMITED, journal=watch, on_task_available=watch.ready)

    def keep(self) -> None: ...

    def keep_meanwhile(self) -> None: ...

    def close(self) -> None: ...


class File:
    """A database of the service, which nobody else may serve meanwhile. Raises StoreError."""

    durable = True

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        try:
            self._store = _SharedStore(self._database)
        except BaseException:
            self._database.close()
            raise
        self._failure: StoreError | None = None
        self._wanted = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._keep_always, name="commits", daemon=True)

    def service(self, watch: Watch) -> Service:
        store, archive = self._store, self._store.archive
        service = Service(UNLIMITED, journal=_Both(store, watch), archive=archive, on_task_available=watch.ready)
        with reading_back(self._database.path):
            service.restore(store.domains(), store.types(), watch.following(store.open_runs()), store.last_serial())
        for name, count in service.backlog().items():
            for _ in range(count):
                watch.ready(*name)
        self._thread.start()
        return service

    def keep(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._store.flush()

    def keep_meanwhile(self) -> None:
        self._wanted.set()

    def close(self) -> None:
        """Keep the rest if that is possible; what counts was kept before."""
        self._closing = True
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()
        with contextlib.suppress(StoreError):
            self._store.flush()
        self._store.close()
        self._database.close()

    def _keep_always(self) -> None:
        while not self._closing:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._store.flush()
            except StoreError as error:
                self._failure = error
                return


class _SharedStore(Store):
    """A store that one thread writes to while another one hands it changes."""

    def __init__(self, database: Database) -> None:
        self._lock = threading.RLock()
        self._handed: deque[Sequence[Change]] = deque()
        super().__init__(database)

    def commit(self, changes: Sequence[Change]) -> None:
        self._handed.append(changes)

    @property
    def dirty(self) -> bool:
        return bool(self._handed) or super().dirty

    def flush(self) -> None:
        with self._lock:
            super().flush()

    def _write(self) -> None:
        while self._handed:
            self._taken.extend(self._handed.popleft())
        super()._write()

    def _guarded(self, act: Callable[..., Any], *arguments: Any) -> Any:
        with self._lock:
            return super()._guarded(act, *arguments)


class _Both:
    """A journal that hands everything to two."""

    def __init__(self, one: Journal, other: Journal) -> None:
        self._one, self._other = one, other

    def commit(self, changes: Sequence[Change]) -> None:
        self._one.commit(changes)
        self._other.commit(changes)
