"""The executor of simpleflow 0.35, for code that runs workflows with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..process.perform import Middlewares
from ..workflow import Workflow
from .run import execute


class Executor:
    """``Executor(MyWorkflow).run({"args": [1], "kwargs": {}})`` gives what ``run`` returned.

    ``middlewares`` are dotted paths of functions: ``{"pre": [...], "post": [...]}``.
    """

    def __init__(self, workflow_class: type[Workflow], middlewares: Mapping[str, Sequence[str]] | None = None) -> None:
        middlewares = middlewares or {}
        self.workflow_class = workflow_class
        self.middlewares = Middlewares.load(middlewares.get("pre") or (), middlewares.get("post") or ())
        self._signals: list[tuple[str, Any]] = []

    def signal(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        """A signal that the workflow receives when it starts."""
        self._signals.append((name, {"args": args, "kwargs": kwargs}))

    def run(self, input: Mapping[str, Any] | None = None) -> Any:
        """Run the workflow; what it returned. Raises NotCompleted, and what ``execute`` raises."""
        given = input or {}
        args, kwargs = given.get("args") or (), given.get("kwargs") or {}
        return execute(self.workflow_class, args, kwargs, middlewares=self.middlewares, signals=self._signals).value
