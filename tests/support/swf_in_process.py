"""SWF without a socket: the client's port over the core of the service."""

from __future__ import annotations

import itertools
from typing import Any

from simpleflow.service.core import Service
from simpleflow.service.faults import Fault
from simpleflow.swf.errors import Refused


class InProcessClient:
    """``calls`` are the operations that were called; ``fail_next`` maps an operation to errors that it raises first."""

    endpoint_url = "in-process"
    is_amazon = False

    def __init__(self, service: Service | None = None) -> None:
        self.service = service or Service()
        self.clock = itertools.count(1_000_000)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.fail_next: dict[str, list[Exception]] = {}

    def call(self, operation: str, request: dict[str, Any], carried_out: object = None) -> dict[str, Any]:
        self.calls.append((operation, request))
        if self.fail_next.get(operation):
            raise self.fail_next[operation].pop(0)
        try:
            return self.service.call(operation, request, next(self.clock))
        except Fault as fault:
            raise Refused(operation, fault.type.rpartition("#")[2], str(fault.message), fault.status) from None

    def hang_up(self) -> None:
        """No poll waits here."""

    def close(self) -> None:
        """There is no connection."""

    def skip(self, seconds: int) -> None:
        """So much later."""
        self.clock = itertools.count(next(self.clock) + seconds * 1000)

    def pages(self, operation: str, member: str, request: dict[str, Any]) -> Any:
        token = None
        while True:
            answer = self.call(operation, request if token is None else {**request, "nextPageToken": token})
            yield from answer[member]
            token = answer.get("nextPageToken")
            if token is None:
                return

    def requests(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.calls if name == operation]
