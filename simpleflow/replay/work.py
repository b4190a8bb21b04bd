"""What goes into a decision and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Event = dict[str, Any]


class RunKey(NamedTuple):
    """One run of one execution."""

    domain: str
    workflow_id: str
    run_id: str


@dataclass(frozen=True, slots=True)
class DecisionWork:
    """A decision task as polled.

    ``events`` are wire events with contiguous ids up to ``started_event_id``. They may begin after event 1 only if the
    engine still has the run (``Engine.seen``).
    """

    key: RunKey
    workflow_type: str
    events: Sequence[Event]
    started_event_id: int
    previous_started_event_id: int = 0
    task_token: str = ""


class MissingType(NamedTuple):
    """A type that SWF does not know: to be registered before the decisions are sent."""

    kind: str  # "activity" or "workflow"
    name: str
    version: str


class Decisions(NamedTuple):
    """The answer to a decision task.

    ``decisions`` are in wire form. ``execution_context`` is None where the last one stays. ``closes`` tells that the
    last decision ends the run. ``shared_task_list`` asks for the run's own task list for what follows. ``objects`` are
    references in the decisions, and the content that has to be there before they are sent.
    """

    decisions: tuple[dict[str, Any], ...] = ()
    execution_context: str | None = None
    register: tuple[MissingType, ...] = ()
    closes: bool = False
    shared_task_list: bool = False
    objects: tuple[tuple[str, bytes], ...] = ()
