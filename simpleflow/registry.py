"""The activities that have been defined in this process, by label and name."""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class Registry:
    """``registry[label][name]`` is an activity; the library itself uses the label None."""

    def __init__(self) -> None:
        self._tasks: defaultdict[str | None, dict[str, Any]] = defaultdict(dict)

    def __getitem__(self, label: str | None) -> dict[str, Any]:
        return self._tasks[label]

    def register(self, task: Any, label: str | None = None) -> None:
        self._tasks[label][task.name] = task


registry = Registry()
