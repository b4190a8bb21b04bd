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
    awaited: bool

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
        self._first: dict[Key, Any] = {}
        self._more: dict[Key, deque[Any]] = {}  # behind the first, where there is more than one of a key

    def __len__(self) -> int:
        return sum(map(len, self._by_kind.values()))

    def add(self, owner: Owner) -> None:
        self.last_place = owner.place = self.last_place + 1
        key = owner.key
        self._by_kind[key[0]][owner.place] = owner
        if self._first.setdefault(key, owner) is not owner:
            self._more.setdefault(key, deque()).append(owner)

    def holds(self, key: Key) -> bool:
        return key in self._first

    def confirm(self, key: Key) -> Any:
        """Take out the first decision of this key; None if there is none."""
        owner = self._first.pop(key, None)
        if owner is not None:
            del self._by_kind[key[0]][owner.place]
            owner.place = 0
            if self._more:
                self._move_up(key)
        return owner

    def drop(self, owner: Owner) -> bool:
        """Take out this decision; whether it was there."""
        key = owner.key
        if self._first.get(key) is owner:
            return self.confirm(key) is owner
        queue = self._more.get(key, ())
        if owner not in queue:
            return False
        self._more[key].remove(owner)
        del self._by_kind[key[0]][owner.place]
        owner.place = 0
        return True

    def _move_up(self, key: Key) -> None:
        queue = self._more.get(key)
        if queue:
            self._first[key] = queue.popleft()
        elif queue is not None:
            del self._more[key]

    def up_to(self, place: int) -> list[Any]:
        """What was asked for up to this place and is still unconfirmed."""
        return [owner for owners in self._by_kind.values() for owner in owners.values() if owner.place <= place]

    def of_kinds(self, *kinds: str) -> list[Any]:
        return [owner for kind in kinds for owner in self._by_kind[kind].values()]

    def ordered(self, room: Callable[[str], int | None]) -> Iterator[Any]:
        """In order; of each kind at most ``room(kind)`` (None for all)."""
        kinds = [itertools.islice(owners.values(), room(kind)) for kind, owners in self._by_kind.items() if owners]
        return kinds[0] if len(kinds) == 1 else heapq.merge(*kinds, key=lambda owner: owner.place)
