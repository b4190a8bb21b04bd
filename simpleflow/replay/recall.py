"""Side effects where the code has changed.

They are told apart by position and name, and nothing else: the value of one that is new, gone or moved can become that
of another of the same name. Where a history shows that this may have happened, it is an error.
"""

from __future__ import annotations

from typing import Any

from ..exceptions import NondeterminismError
from . import state as s
from .calls import SideEffect
from .state import Record


def cut_short(run: Any) -> bool:
    """Whether the response under way may leave side effects to a later one: then a wake-up timer is running."""
    return bool(run.outbox.holds(SideEffect.key) and run.state.woken)


def difference(run: Any, cut: bool) -> NondeterminismError | None:
    """What the records of the last decision, if its response was not ``cut``, say of the side effects of its turn."""
    events = run.state.recorded
    effects = [record for record in events if record.key == SideEffect.key]
    names = [record.owner.name for record in effects if record.owner is not None]
    for record in effects:
        if record.owner is None and (name := _name_of(run, record)) in names:
            return NondeterminismError(
                record.event_id,
                f"one more side effect named {name!r}",
                f"{names.count(name)} of that name at that time: which one is gone, nobody can tell",
            )
    if cut or any(record.key == (s.TIMER, s.WAKE_UP_TIMER) for record in events):
        return None
    for effect in run.outbox.of_kinds(s.MARKER):
        if isinstance(effect, SideEffect) and effect.name in names:
            return NondeterminismError(
                effects[0].event_id,
                f"a decision that asked for {names.count(effect.name)} side effect(s) named {effect.name!r}",
                "one more at that time: which one is new, nobody can tell",
            )
    return None


def _name_of(run: Any, record: Record) -> Any:
    effect = run.decode(record.input)
    return effect.get("name") if isinstance(effect, dict) else None


def late(effect: SideEffect, record: Record) -> NondeterminismError:
    """The code asks later than it did for what may be another side effect."""
    return NondeterminismError(
        record.event_id,
        f"a side effect named {effect.name!r}",
        "one of that name only later: whether it is the same, nobody can tell",
    )
