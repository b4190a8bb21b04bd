"""Numbers given in program order."""

from __future__ import annotations

from collections import defaultdict

from .fibers import Fibers


class Numbers:
    """Counts per scope, kind and name; the scope is that of the running fiber.

    A scope is the text that stands in front of its numbers: "", "1.", "1.2."
    """

    def __init__(self, fibers: Fibers) -> None:
        self._fibers = fibers
        self._counts: defaultdict[tuple[str, str, str], int] = defaultdict(int)

    def next(self, kind: str, name: str) -> str:
        fiber = self._fibers.running
        scope = fiber.scope if fiber is not None else ""
        key = (scope, kind, name)
        self._counts[key] = count = self._counts[key] + 1
        return f"{scope}{count}"

    def next_scope(self) -> str:
        """A scope below that of the running fiber."""
        return self.next("scope", "") + "."
