"""Every instant at which something falls due: execution timeouts, timers, activity and decision timeouts.

One heap for the whole service. An entry is known by (rank, serial of the run, event id); moving or dropping one leaves
its old entry in the heap, where it is skipped when its turn comes, and swept when such leftovers outnumber the living.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

#: What falls due at the same instant goes in this order.
EXECUTION, TIMER, ACTIVITY, DECISION = range(4)

_SLACK = 64

Owner = TypeVar("Owner")
Key = tuple[int, int, int]


class Deadlines(Generic[Owner]):
    def __init__(self) -> None:
        self._heap: list[tuple[int, Key]] = []
        self._live: dict[Key, tuple[int, Owner]] = {}

    def set(self, rank: int, serial: int, ref: int, due_ms: int, owner: Owner) -> None:
        """Let (rank, serial, ref) fall due at `due_ms`, whatever was set before."""
        key = (rank, serial, ref)
        self._live[key] = (due_ms, owner)
        heapq.heappush(self._heap, (due_ms, key))
        if len(self._heap) > 2 * len(self._live) + _SLACK:
            self._sweep()

    def drop(self, rank: int, serial: int, ref: int) -> None:
        self._live.pop((rank, serial, ref), None)

    def next_due(self) -> int | None:
        """The earliest instant, or None when nothing is set."""
        heap = self._heap
        while heap:
            due_ms, key = heap[0]
            live = self._live.get(key)
            if live is not None and live[0] == due_ms:
                return due_ms
            heapq.heappop(heap)
        return None

    def pop_due(self, now_ms: int) -> tuple[Owner, int, int] | None:
        """Take the next entry that is due: its owner, rank and event id."""
        if not self._heap or self._heap[0][0] > now_ms:
            return None
        due_ms = self.next_due()
        if due_ms is None or due_ms > now_ms:
            return None
        _, key = heapq.heappop(self._heap)
        _, owner = self._live.pop(key)
        return owner, key[0], key[2]

    def entries(self) -> dict[Key, int]:
        """What is set, as instants by (rank, serial, event id)."""
        return {key: due_ms for key, (due_ms, _) in self._live.items()}

    def _sweep(self) -> None:
        self._heap = [(due_ms, key) for key, (due_ms, _) in self._live.items()]
        heapq.heapify(self._heap)
