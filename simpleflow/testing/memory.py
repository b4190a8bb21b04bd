"""What the service of a test has kept: enough to look at every history, and to make the service again."""

from __future__ import annotations

from collections.abc import Sequence

from ..service.core import Service, StoredRun
from ..service.events import Event, started_task
from ..service.journal import (
    Appended,
    Change,
    Domain,
    DomainPut,
    Heartbeat,
    Run,
    RunOpened,
    RunPurged,
    Type,
    TypeDeleted,
    TypePut,
)


class Memory:
    """A journal in memory. ``histories`` are the events by run id, also of runs that the service has purged."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}
        self.histories: dict[str, list[Event]] = {}
        self._domains: dict[tuple[str, str], Domain] = {}
        self._types: dict[tuple[str, str, str, str, str], Type] = {}
        self._stored: dict[int, StoredRun] = {}
        self._last_serial = 0

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._take(change)

    def restore(self, service: Service) -> None:
        """Bring a new service to where the last commit was."""
        service.restore(self._domains.values(), self._types.values(), self._stored.values(), self._last_serial)

    def _take(self, change: Change) -> None:
        match change:
            case Appended(run, event, nonce):
                self.histories[run.run_id].append(event)
                if nonce is not None:
                    self._stored[run.serial].nonces[started_task(event)] = nonce
            case Heartbeat(run, scheduled_id, at_ms, details):
                self._stored[run.serial].heartbeats[scheduled_id] = (at_ms, details)
            case RunOpened(run):
                self.runs[run.run_id] = run
                events = self.histories[run.run_id] = []
                self._stored[run.serial] = StoredRun(run, events)
                self._last_serial = run.serial
            case RunPurged(run):
                del self._stored[run.serial]
            case DomainPut(domain):
                self._domains[domain.region, domain.name] = domain
            case TypePut(type):
                self._types[_key(type)] = type
            case TypeDeleted(type):
                del self._types[_key(type)]


def _key(type: Type) -> tuple[str, str, str, str, str]:
    return type.region, type.domain, type.kind, type.name, type.version
