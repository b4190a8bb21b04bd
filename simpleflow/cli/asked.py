"""What the user of ``standalone`` asks for, as data: what it says is known long before all is loaded that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..workflow import Workflow
from .embedded import Joining


@dataclass(frozen=True, slots=True)
class OldRun:
    """What is to be repaired, and which activities are to run anew. ``inherits``: with the input that it had."""

    workflow_id: str
    run_id: str | None
    force: str | None
    inherits: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workflow runs. ``service`` is the embedded one, if it is that."""

    told: str
    service: Joining | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """``go_on`` gives the command that goes on with an execution, by its workflow id. Timeouts are in seconds."""

    workflow: type[Workflow]
    args: list[Any]
    kwargs: dict[str, Any]
    domain: str
    workflow_id: str | None
    execution_timeout: int | None
    decision_tasks_timeout: int | None
    tags: Sequence[str]
    nb_workers: int
    nb_deciders: int
    heartbeat: int
    display: bool
    resume: str | None
    old: OldRun | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    color: str
    go_on: Callable[[str], str]
