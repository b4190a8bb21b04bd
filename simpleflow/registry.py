"""The activities and workflow classes that have been defined in this process."""

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

#: Every subclass of Workflow by ``full_name``: also the ones that cannot be imported by that name.
workflows: dict[str, type[Any]] = {}


def full_name(target: type[Any]) -> str:
    """The dotted path of a class: the name of its SWF type where it is started as a child."""
    return f"{target.__module__}.{target.__qualname__}"
