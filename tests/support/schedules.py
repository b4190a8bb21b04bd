"""Who acts next: a schedule picks one of the things that could happen."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

Result = TypeVar("Result")


class Schedule(Protocol):
    def pick(self, weights: list[float]) -> int:
        """The index of one of the options; ``weights`` say how likely each is."""


class Seeded:
    """Chance, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, weights: list[float]) -> int:
        return self._random.choices(range(len(weights)), weights)[0]


class First:
    """Always the first option."""

    def pick(self, weights: list[float]) -> int:
        return 0


class _Scripted:
    """Follows a path of choices, then always takes the first option; remembers how many there were."""

    def __init__(self, path: list[int]) -> None:
        self.path = path
        self.widths: list[int] = []

    def pick(self, weights: list[float]) -> int:
        place = len(self.widths)
        self.widths.append(len(weights))
        return self.path[place] if place < len(self.path) else 0


def every(play: Callable[[Schedule], Result], most: int = 20_000) -> Iterator[Result]:
    """The results of ``play`` for every sequence of choices that there is, depth first."""
    path: list[int] = []
    for _ in range(most):
        schedule = _Scripted(path)
        yield play(schedule)
        taken = path + [0] * (len(schedule.widths) - len(path))
        while taken and taken[-1] + 1 == schedule.widths[len(taken) - 1]:
            taken.pop()
        if not taken:
            return
        taken[-1] += 1
        path = taken
    raise AssertionError(f"there are more than {most} schedules; make the scenario smaller")
