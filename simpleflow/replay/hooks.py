"""Which hooks an author has defined."""

from __future__ import annotations

from typing import Any

from ..workflow import Workflow

_NAMES = (
    "before_replay",
    "after_replay",
    "on_task_failure",
    "should_cancel",
    "on_completed",
    "on_failure",
    "on_canceled",
    "after_closed",
)


def of(workflow_class: type[Any]) -> frozenset[str]:
    """The hooks that a run calls and this class defines."""
    return frozenset([hook for hook in _NAMES if _defines(workflow_class, hook)])


def _defines(workflow_class: type[Any], hook: str) -> bool:
    plain = getattr(Workflow, hook)
    return getattr(workflow_class, hook, plain) is not plain
