"""From the type of an execution to the Workflow class."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from .. import registry
from ..payloads import codec
from ..workflow import Workflow


class WorkflowNotFound(Exception):
    """No Workflow class for an execution: its decider has to be started with the class, or where it can be imported."""


class Workflows:
    """Finds classes: the given ones by the name of their SWF type, all others by their import path."""

    def __init__(self, given: Iterable[type[Workflow]] = ()) -> None:
        self._given = {workflow.name: workflow for workflow in given}

    def find(self, workflow_type: str, input_text: str) -> type[Any]:
        """The class that ``__extra.class`` of the input names, or the type. Raises WorkflowNotFound."""
        name = _class_of(input_text)
        if name is not None:
            by_path = next((w for w in self._given.values() if registry.full_name(w) == name), None)
            return by_path or workflow_at(name)
        return self._given.get(workflow_type) or workflow_at(workflow_type)


def workflow_at(path: str) -> type[Workflow]:
    """The Workflow class with this import path. Raises WorkflowNotFound."""
    known = registry.workflows.get(path)
    if known is not None:
        return known
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise WorkflowNotFound(f"{path!r} is not the import path of a Workflow class, like a.b.C.")
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except ImportError as error:
        raise WorkflowNotFound(f"the workflow {path!r} cannot be imported: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, Workflow)):
        raise WorkflowNotFound(f"{path!r} is not a Workflow class.")
    return found


def _class_of(input_text: str) -> str | None:
    if '"__extra"' not in input_text:
        return None
    value = codec.decode(input_text)
    extra = value.get("__extra") if isinstance(value, dict) else None
    name = extra.get("class") if isinstance(extra, dict) else None
    return name if isinstance(name, str) else None
