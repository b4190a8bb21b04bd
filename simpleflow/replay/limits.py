"""How much fits into one response and into one execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .. import constants
from .state import ACTIVITY, CHILD, TIMER


@dataclass(frozen=True, slots=True)
class Limits:
    """``decisions`` and ``request_bytes`` of one response; how many items of a kind may be open; None is no limit.

    ``history_warnings`` are the lengths (events) at which a warning names ``continue_as_new``.
    """

    decisions: int = field(default_factory=lambda: constants.MAX_DECISIONS)
    request_bytes: int = field(default_factory=lambda: constants.MAX_REQUEST_SIZE)
    open_activities: int | None = field(default_factory=lambda: constants.MAX_OPEN_ACTIVITY_COUNT)
    open_timers: int | None = 1000
    open_children: int | None = 1000
    history_warnings: tuple[int, ...] = (10_000, 20_000)

    def open_items(self, kind: str, workflow: Any) -> int | None:
        """How many of a kind a workflow may have open; None where there is no limit."""
        if kind == ACTIVITY:
            return getattr(workflow, "max_open_activity_count", None) or self.open_activities
        if kind == TIMER:
            return self.open_timers
        return self.open_children if kind == CHILD else None

    @property
    def decision_bytes(self) -> int:
        """What is left for decisions beside the execution context and the rest of the request."""
        return self.request_bytes - 5_000 - 32_000
