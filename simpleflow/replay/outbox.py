"""What the program has asked for and no event confirms yet, in the order in which it was asked for."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .decisions import Wire
from .state import Key, Record


class Owner(Protocol):
    """The part of a program that asks for a decision, claims its record and hears of its outcome."""

    key: Key
    place: int  # in the outbox; 0 outside

    def decision(self) -> Wire: ...

    def check(self, record: Record) -> None:
        """Raise NondeterminismError if the record means something else."""

    def consider(self, record: Record) -> None:
        """The record has ended: decide on retries. Called for all records of a batch before any future finishes."""

    def conclude(self, record: Record) -> None:
        """The record has ended: finish the future, if ``consider`` did not see to it."""


class Outbox:
    """Unconfirmed decisions. Those of one key are confirmed first in, first out."""

    def __init__(self) -> None:
        self.last_place = 0
        self._by_kind: defaultdict[str, dict[int, Any]] = defaultdict(dict)
        self._by_key: dict[Key, deque[Any]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_kind.values()))

    def add(self, owner: Owner) -> None:
        self.last_place += 1
        owner.place = self.last_place
        self._by_kind[owner.key[0]][owner.place] = owner
        queue = self._by_key.get(owner.key)
        if queue is None:
            self._by_key[owner.key] = deque((owner,))
        else:
            queue.append(owner)

    def confirm(self, key: Key) -> Any:
        """Take out the first decision of this key; None if there is none."""
        queue = self._by_key.get(key)
        if not queue:
            return None
        owner = queue[0]
        self.drop(owner)
        return owner

    def drop(self, owner: Owner) -> bool:
        """Take out this decision; whether it was there."""
        if self._by_kind[owner.key[0]].pop(owner.place, None) is not owner or not owner.place:
            return False
        owner.place = 0
        queue = self._by_key[owner.key]
        queue.remove(owner)
        if not queue:
            del self._by_key[owner.key]
        return True

    def up_to(self, place: int) -> list[Any]:
        """What was asked for up to this place and is still unconfirmed."""
        return [owner for owners in self._by_kind.values() for owner in owners.values() if owner.place <= place]

    def of_kinds(self, *kinds: str) -> list[Any]:
        return [owner for kind in kinds for owner in self._by_kind[kind].values()]

    def ordered(self, room: Callable[[str], int | None]) -> Iterator[Any]:
        """In order; of each kind at most ``room(kind)`` (None for all)."""
        return heapq.merge(
            *(itertools.islice(owners.values(), room(kind)) for kind, owners in self._by_kind.items() if owners),
            key=lambda owner: owner.place,
        )
