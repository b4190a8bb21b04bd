"""Numbers given in program order."""

from __future__ import annotations

from collections import defaultdict


class Numbers:
    """Counts per scope, kind and name. A scope is the text that stands in front of its numbers: "", "1.", "1.2." """

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, str, str], int] = defaultdict(int)

    def next(self, scope: str, kind: str, name: str) -> str:
        key = (scope, kind, name)
        self._counts[key] = count = self._counts[key] + 1
        return f"{scope}{count}"

    def next_scope(self, scope: str) -> str:
        """A scope below this one."""
        return self.next(scope, "scope", "") + "."
