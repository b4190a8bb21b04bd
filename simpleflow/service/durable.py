"""The service on a database: one that outlives its process, and a failing disk.

Calls are answered from memory; `flush` makes durable all that has been called since the last one, and only then may
their answers leave. When a write fails, the memory is thrown away and the service is made again from the database: at
the next call, but not more often than once a second, for reading back takes its time and a disk may stay full a while.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

from .core import Service, TaskListener
from .database import Database, StoreError, StoreFailed, explain, reading_back
from .faults import Fault
from .limits import Limits
from .operations import Answer, Request
from .store import Store

_RETRY_MS = 1000

Result = TypeVar("Result")


class Durable:
    """Raises StoreRefused when the database cannot be used at all, then and whenever it is opened again."""

    def __init__(
        self,
        database: Database,
        limits: Limits | None = None,
        *,
        on_task_available: TaskListener,
        synchronous: str = "FULL",
    ) -> None:
        self._database = database
        self._limits = limits
        self._listener = on_task_available
        self._synchronous = synchronous
        #: Why nothing is served at the moment.
        self.trouble: StoreError | None = None
        self._group_lost: StoreError | None = None
        self._retry_ms: int | None = None
        self._store: Store
        self._service: Service
        self._open()

    @property
    def service(self) -> Service:
        """For watching only; it is another one after each failure."""
        return self._service

    @property
    def pending(self) -> bool:
        """Whether something was called that only the next flush makes durable, or gives up."""
        return self._group_lost is not None or (self._retry_ms is None and self._store.dirty)

    def call(self, operation: str, request: Request, now_ms: int, region: str) -> Answer:
        """As Service.call; raises StoreError too."""
        return self._on_service(lambda service: service.call(operation, request, now_ms, region), now_ms)

    def expire(self, now_ms: int) -> int:
        """As Service.expire; raises StoreError too."""
        return self._on_service(lambda service: service.expire(now_ms), now_ms)

    def abandon_decision_task(self, task_token: str, now_ms: int, region: str) -> None:
        """As Service.abandon_decision_task; raises StoreError too."""
        self._on_service(lambda service: service.abandon_decision_task(task_token, now_ms, region), now_ms)

    def next_due(self) -> int | None:
        """The next instant at which `expire` or `call` has something to do by itself."""
        return self._service.next_due() if self._retry_ms is None else self._retry_ms

    def flush(self, now_ms: int) -> None:
        """Make durable all that was called since the last flush; StoreError if any of it may be lost."""
        lost, self._group_lost = self._group_lost, None
        if self._retry_ms is None and self._store.dirty:
            try:
                self._store.flush()
            except StoreError as error:
                self._fail(error, now_ms)
                lost, self._group_lost = error, None
        if lost is not None:
            raise lost

    def close(self) -> None:
        self._store.close()

    # -- failing and beginning again -----------------------------------------------------------------

    def _on_service(self, act: Callable[[Service], Result], now_ms: int) -> Result:
        self._revive(now_ms)
        try:
            return act(self._service)
        except StoreError as error:
            self._fail(error, now_ms)
            raise
        except Fault as fault:
            if fault.status >= 500:
                self._begin_again(now_ms)
            raise
        except json.JSONDecodeError as error:  # nothing but the file is read as JSON within a call
            damage = explain(self._database.path, error)
            self._fail(damage, now_ms)
            raise damage from error
        except Exception:
            self._begin_again(now_ms)
            raise

    def _fail(self, error: StoreError, now_ms: int) -> None:
        """The memory is ahead of the file: nothing of this group was answered, and nothing of it may be."""
        self.trouble = self._group_lost = error
        self._retry_ms = now_ms + _RETRY_MS

    def _begin_again(self, now_ms: int) -> None:
        """A call failed half way. Those before it are whole: keep them, and read the memory anew."""
        try:
            self._store.flush()
            self._store.leave()
            self._open()
        except StoreError as error:
            self._fail(error, now_ms)

    def _revive(self, now_ms: int) -> None:
        if self._retry_ms is None:
            return
        # A clock that was set back must not make the wait longer.
        if self._retry_ms - _RETRY_MS <= now_ms < self._retry_ms:
            assert self.trouble is not None
            raise self.trouble
        try:
            self._store.leave()
            self._open()
            self._store.probe()
        except StoreFailed as error:
            self.trouble = error
            self._retry_ms = now_ms + _RETRY_MS
            raise
        self.trouble = self._retry_ms = None

    def _open(self) -> None:
        """A store and a service read from it; whoever waits for a task is told of those that wait."""
        store = Store(self._database, self._synchronous)
        try:
            service = Service(self._limits, journal=store, archive=store.archive, on_task_available=self._listener)
            with reading_back(self._database.path):
                service.restore(store.domains(), store.types(), store.open_runs(), store.last_serial())
        except BaseException:
            store.close()
            raise
        self._store, self._service = store, service
        for name in service.backlog():
            self._listener(*name)
