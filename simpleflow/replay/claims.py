"""Where decisions and records meet, in one pass of the author's code.

What the program asks for stands in the outbox until the event that confirms it is folded, one decision later. A record
that nobody has asked for by then waits for whoever asks for it later; it counts as a difference at once if the same
activity was asked for in another way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..exceptions import DecisionAbandoned, NondeterminismError, PayloadError
from . import calls, effects, failures, task_calls
from . import state as s
from .outbox import Outbox
from .state import Record


class Claims:
    def __init__(self, run: Any) -> None:
        self._run = run
        self.outbox = Outbox()
        self.unclaimed: dict[s.Key, list[Record]] = {}

    def begin_anew(self, records: Iterable[Record]) -> None:
        """All of these wait to be asked for."""
        for record in records:
            record.owner = None
            self._leave(record)

    # -- what was decided

    def confirm(self) -> None:
        """Link each record of the decision with the part of the program that asked for it."""
        state = self._run.state
        strangers = False
        for record in state.recorded:
            owner = self.outbox.confirm(record.key)
            if owner is None and record.key[0] == s.SIGNAL:
                owner = self._refused_signal(record) or self._passed_on(record)
            if owner is not None:
                self._claim(owner, record)
            elif self._leave(record):
                strangers = True
        for record in state.started:
            record.started = True
            if record.owner is not None:
                record.owner.begun(record)
        if strangers and not self._run.restarting and self._run.ending is None:
            self._meet_strangers()

    def _leave(self, record: Record) -> bool:
        """Let it wait for who asks for it; False for what no program asks for."""
        if record.key[1] in s.OWN_TIMERS:
            return False
        self.unclaimed.setdefault(record.key, []).append(record)
        return True

    def _refused_signal(self, record: Record) -> calls.SignalCall | None:
        """The first signal on its way to the target of one that was refused, which does not say its name."""
        *target, name = record.key[1]
        for owner in self.outbox.of_kinds(s.SIGNAL) if name is None else ():
            if list(owner.key[1][:2]) == target and self.outbox.drop(owner):
                return owner  # type: ignore[no-any-return]
        return None

    def _passed_on(self, record: Record) -> Any:
        """The signal that is passed on by a record of 0.35, which does not say so in ``control``."""
        for owner in self.outbox.of_kinds(s.PROPAGATED):
            if (owner.target, owner.target_run, owner.signal.name) == record.key[1] and self.outbox.drop(owner):
                return owner
        return None

    def _claim(self, owner: Any, record: Record) -> None:
        run = self._run
        try:
            owner.check(record)
        except NondeterminismError as error:
            run.stop(error)
        except PayloadError as error:  # nobody knows whether they are the same
            run.stop(DecisionAbandoned(f"{record.describe()} cannot be compared with {owner.describe()}: {error}"))
        if run.missing_types and record.outcome not in failures.REFUSED and isinstance(owner, task_calls.TaskCall):
            run.missing_types.pop(owner.missing, None)
        record.owner = owner

    # -- what nobody asked for

    def _meet_strangers(self) -> None:
        """An error if the activity or child was asked for otherwise, or the timer that was cancelled is waited for."""
        state = self._run.state
        for record in (record for record in state.recorded if record.owner is None):
            if record.outcome == "TimerCanceled":
                self._meet_canceled(state.records.get(record.attributes["startedEventId"]), record)
            for owner in self.outbox.of_kinds(record.key[0]) if record.type_name else ():
                if owner.type_name == record.type_name:
                    self._run.stop(NondeterminismError(record.event_id, record.describe(), owner.describe()))

    def _meet_canceled(self, timer: Record | None, cancellation: Record) -> None:
        """Nobody asked for this cancellation: whoever still waits for the timer would take it for over."""
        owner = timer and timer.owner
        if owner is not None and not (isinstance(owner, calls.Call) and owner.future.done):
            self.end_unasked(cancellation, owner)

    def end_unasked(self, cancellation: Record, owner: Any) -> None:
        """What the history cancelled is not cancelled by the code."""
        asked = f"{owner.describe()} to its end"
        self._run.stop(NondeterminismError(cancellation.event_id, cancellation.describe(), asked))

    def left_over(self) -> list[list[Record]]:
        """Records that nobody asked for. The last pass of a restarting run may ask for less than those before it."""
        return [] if self._run.restarting else list(self.unclaimed.values())

    # -- what the program asks for

    def emit(self, owner: Any) -> None:
        """Ask for the owner's decision; claim the record that has been waiting for it, if there is one."""
        record = self._waiting_record(owner) if self.unclaimed else None
        if record is None:
            self.outbox.add(owner)
            return
        self._claim(owner, record)
        if record.started:
            owner.begun(record)
        if record.outcome is not None:
            owner.consider(record)
            owner.conclude(record)

    def _waiting_record(self, owner: Any) -> Record | None:
        key = self._key_of_record(owner)
        queue = self.unclaimed.get(key)
        if not queue:
            return None
        place = 0
        if not self._run.restarting:
            if isinstance(owner, calls.SideEffect):
                self._run.stop(effects.late(owner, queue[0]))
            if isinstance(owner, calls.NEEDS_ITS_TIME):
                place = next((n for n, record in enumerate(queue) if record.outcome is None), len(queue))
        record = queue.pop(place) if place < len(queue) else None
        if not queue:
            del self.unclaimed[key]
        return record

    def _key_of_record(self, owner: Any) -> s.Key:
        """Its own, or that of a signal that was refused without its name, if that came first."""
        key: s.Key = owner.key
        if not isinstance(owner, calls.SignalCall):
            return key
        refused = (s.SIGNAL, (owner.target, owner.target_run, None))
        return min((k for k in (key, refused) if k in self.unclaimed), key=self._first_event, default=key)

    def _first_event(self, key: s.Key) -> int:
        return self.unclaimed[key][0].event_id
