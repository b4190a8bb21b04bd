"""From the type of an execution to the Workflow class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import registry
from ..payloads import codec
from ..process.find import find_workflow
from ..workflow import Workflow


class Workflows:
    """Finds classes: the given ones by the name of their SWF type, all others by their import path."""

    def __init__(self, given: Iterable[type[Workflow]] = ()) -> None:
        self._given = {workflow.name: workflow for workflow in given}

    def find(self, workflow_type: str, input_text: str) -> type[Any]:
        """The class that ``__extra.class`` of the input names, or the type. Raises NotFound."""
        name = _class_of(input_text)
        if name is not None:
            by_path = next((w for w in self._given.values() if registry.full_name(w) == name), None)
            return by_path or _at(name)
        return self._given.get(workflow_type) or _at(workflow_type)


def _at(path: str) -> type[Any]:
    return registry.workflows.get(path) or find_workflow(path)


def _class_of(input_text: str) -> str | None:
    if '"__extra"' not in input_text:
        return None
    value = codec.decode(input_text)
    extra = value.get("__extra") if isinstance(value, dict) else None
    name = extra.get("class") if isinstance(extra, dict) else None
    return name if isinstance(name, str) else None
