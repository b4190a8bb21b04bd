"""Repair: an execution that takes what an older one has completed from its history, and does the rest anew.

The new execution is an ordinary one. What it repairs stands in ``__extra`` of its input, so every replay knows it,
and none of it matters to claims. An activity that the old run completed, under the same id, with the same type, version
and input, is scheduled on a task list of its own, where a repairer answers with the old result; every other one runs.
A child is started as ever, and told the old run of its own. So code and input may have changed: what does not fit is
computed again, in the children too. A run that continues as new is not a repair any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..exceptions import PayloadError
from ..payloads import codec
from ..payloads.fields import Fields
from ..utils.hashing import hex_hash
from . import state as s
from .arguments import same
from .events import ATTRIBUTES
from .fold import fold
from .state import ExecutionState, Record
from .work import Event, RunKey

EXTRA = "__extra"
_MEMBER = "repair"

#: Gives the history of an old run. Raises DecisionAbandoned where it cannot be read now.
OldHistories = Callable[[RunKey], Sequence[Event]]


@dataclass(frozen=True, slots=True)
class Repairing:
    """What is repaired, and where the repairer listens. ``force`` is a regex: activities whose id has it run anew."""

    workflow_id: str
    run_id: str
    task_list: str
    force: str | None = None

    def extra(self) -> dict[str, Any]:
        """As a member of ``__extra``."""
        return {_MEMBER: {key: value for key, value in asdict(self).items() if value is not None}}


def repairing_of(started: Event, fields: Fields) -> Repairing | None:
    """What the start of an execution says of a repair; None if it is none. Raises PayloadError."""
    text = started[ATTRIBUTES["WorkflowExecutionStarted"]].get("input")
    whole = fields.fetch(text) or ""
    if f'"{_MEMBER}"' not in whole or f'"{EXTRA}"' not in whole:
        return None
    value = codec.decode(whole)
    extra = value.get(EXTRA) if isinstance(value, dict) else None
    told = extra.get(_MEMBER) if isinstance(extra, dict) else None
    if not isinstance(told, dict):
        return None
    workflow_id, run_id, task_list, force = map(told.get, ("workflow_id", "run_id", "task_list", "force"))
    if not (isinstance(workflow_id, str) and isinstance(run_id, str) and isinstance(task_list, str)):
        return None  # anybody may start an execution
    return Repairing(workflow_id, run_id, task_list, None if force is None else str(force))


def not_repairing(extra: dict[str, Any]) -> dict[str, Any]:
    """``__extra`` for a run that is no repair."""
    return {key: value for key, value in extra.items() if key != _MEMBER}


def as_given(input: Any) -> Any:
    """The input of an execution, decoded, without what simpleflow itself has put into it."""
    return {key: value for key, value in input.items() if key != EXTRA} if isinstance(input, dict) else input


class Repair:
    """What an old run has to give."""

    def __init__(self, repairing: Repairing, events: Sequence[Event]) -> None:
        self.repairing = repairing
        state = ExecutionState()
        fold(state, events)
        self._completed: dict[str, Record] = {}
        self._children: dict[str, Record] = {}
        for record in state.records.values():
            kind, name = record.key
            if kind == s.ACTIVITY and record.outcome == "ActivityTaskCompleted":
                self._completed[name] = record
            elif kind == s.CHILD and record.run_id is not None:
                self._children[name] = record

    def completed(self, activity_id: str) -> Record | None:
        """The activity of this id, if the old run has completed it."""
        return self._completed.get(activity_id)

    def gives(self, activity_id: str, activity_type: dict[str, str], input: str | None, run: Any) -> bool:
        """Whether the old result stands for that of this activity."""
        record = self._completed.get(activity_id)
        if record is None or record.recorded["activityType"] != activity_type:
            return False
        force = self.repairing.force
        if force is not None and re.search(force, activity_id):
            return False
        try:
            return same(record.input, input, frozenset({"meta", EXTRA}), run)
        except PayloadError:  # it is not there any more
            return False

    def of_child(self, workflow_id: str, prefix: str, name: str, type_name: str) -> Repairing | None:
        """What a child with this id repairs. Ids with numbers have the ``prefix`` of their parent's run."""
        mine = self.repairing
        old_prefix = f"{name}-{mine.workflow_id}--{hex_hash(mine.run_id)}--"
        record = self._children.get(workflow_id.replace(prefix, old_prefix, 1)) or self._children.get(workflow_id)
        if record is None or record.type_name != type_name or record.run_id is None:
            return None
        return Repairing(record.key[1], record.run_id, mine.task_list, mine.force)
