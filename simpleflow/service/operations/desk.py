"""What an operation works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..execution import Ledger
from ..journal import Domain, DomainPut, TypeDeleted, TypePut
from ..limits import PAGE_SIZE, Limits
from ..rates import Buckets
from ..registry import Registry
from ..runs import Runs
from ..visibility import Archive

Request = dict[str, Any]
Answer = dict[str, Any]


@dataclass(slots=True)
class Desk:
    """The parts of the service, and where the call at hand comes from."""

    limits: Limits
    ledger: Ledger
    registry: Registry
    runs: Runs
    archive: Archive
    buckets: Buckets
    region: str = ""

    @property
    def now_ms(self) -> int:
        return self.ledger.now_ms

    def domain(self, request: Request) -> Domain:
        return self.registry.domain(self.region, request["domain"])

    def record(self, change: DomainPut | TypePut | TypeDeleted) -> None:
        self.registry.apply(change)
        self.ledger.changes.append(change)


#: An operation: it raises a Fault before it changes anything, or not at all.
Operation = Callable[[Desk, Request], Answer]


def page_size(request: Request) -> int:
    """The number of items that a page may hold."""
    size: int = request.get("maximumPageSize") or PAGE_SIZE
    return min(size, PAGE_SIZE)
