"""Side effects: taken once, recorded as markers, and given again on replay.

They are told apart by position and name, and nothing else: where the code has changed, the value of one that is new,
gone or moved can become that of another of the same name. Where a history shows that this may have happened, it is an
error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..exceptions import NondeterminismError, TaskFailed
from ..payloads import codec
from . import state as s
from .calls import SideEffect
from .state import Record


class SideEffects:
    """Those of one pass of the author's code: ``observed`` are their texts, recorded or not."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self.observed: list[str] = []

    def take(self, function: Callable[[], Any], name: str) -> Any:
        """What the function returned when it was called, now or once. Raises TaskFailed for what it raised."""
        run = self._run
        run.fibers.check_part()
        number = len(self.observed)
        if number < len(run.effects):
            text = run.effects[number]
            effect = run.decode(text)
            if not isinstance(effect, dict) or effect.get("name") != name:
                recorded = f"side effect number {number + 1}: {text:.200}"
                run.stop(NondeterminismError(0, recorded, f"side effect number {number + 1} named {name!r}"))
        else:
            text = run.named("details", codec.encode(self._observe(function, {"n": number + 1, "name": name})))
            effect = run.decode(text)
        self.observed.append(text)
        run.emit(SideEffect(run, text, name))
        if "error" in effect:
            raise TaskFailed(name, effect["error"])
        return effect["value"]

    def _observe(self, function: Callable[[], Any], effect: dict[str, Any]) -> dict[str, Any]:
        try:
            with self._run.fibers.observed_by("the function of side_effect"):
                return {**effect, "value": function()}
        except (Exception, SystemExit) as error:
            self._run.give_up_without_memory(error)
            return {**effect, "error": f"{type(error).__name__}: {error}"}

    # -- where the code has changed

    def may_be_cut(self) -> bool:
        """Whether the response under way may leave side effects to a later one: then a wake-up timer is running."""
        return bool(self._run.outbox.holds(SideEffect.key) and self._run.state.woken)

    def compare(self, cut: bool) -> None:
        """What the records of the last decision say of the side effects of its turn; ``cut`` is its ``may_be_cut``."""
        left = self._run.outbox.holds(SideEffect.key) or SideEffect.key in self._run.claims.unclaimed
        if left and (error := _difference(self._run, cut)) is not None:
            self._run.stop(error)


def _difference(run: Any, cut: bool) -> NondeterminismError | None:
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
