"""Replays a finished history, or one that is still growing, against today's code and reports the first difference."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from ..exceptions import NondeterminismError
from ..payloads.fields import INLINE, Fields
from .arguments import same
from .endings import CANCELED, COMPLETED, CONTINUED, FAILED, lasting
from .engine import FindWorkflow, find_class, side_effects
from .events import ATTRIBUTES, CLOSING, Batch, of_type, split
from .limits import Limits
from .run import Run, Stopped
from .state import WAKE_UP_TIMER
from .work import Event, RunKey

#: What today's end of the run has to share with the recorded one: decision attribute -> event attribute.
_COMPARED = {COMPLETED: ("result",), FAILED: ("reason",), CANCELED: (), CONTINUED: ("input",)}

#: How many records an error names.
_TOLD = 3


def audit(
    key: RunKey,
    workflow_type: str,
    events: Sequence[Event],
    find_workflow: FindWorkflow,
    limits: Limits | None = None,
    fields: Fields = INLINE,
) -> None:
    """Run today's code through every completed decision of a history. What it prints goes nowhere.

    Raises NondeterminismError for the first difference: another meaning of an event, a record that the code does not
    ask for, something asked for that was not recorded at its time, or another end.
    """
    completed = of_type(events, "DecisionTaskCompleted")
    ends = [event["decisionTaskCompletedEventAttributes"]["startedEventId"] for event in completed]
    if not ends:
        return
    workflow_class = find_class(find_workflow, workflow_type, events[0], fields)
    run = Run(key, workflow_class, effects=side_effects(events), fields=fields)
    limits = limits or Limits()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            for batch in split(events, ends[-1]):
                sent = _Sent(run)
                run.advance(batch, replaying=True)
                sent.compare(run, batch.events, limits)
            sent = _Sent(run)
            tail = Batch(events[ends[-1] :], ends[-1], events[-1]["eventTimestamp"])
            run.take_in(tail)
            sent.compare(run, tail.events, limits)
        _compare_end(run, events)
    except Stopped as stopped:
        raise stopped.error from None
    finally:
        run.close()


class _Sent:
    """What the code has asked for when a decision is made: it is to be confirmed by that decision's events."""

    def __init__(self, run: Run) -> None:
        self._asked = run.outbox.last_place
        self._ended = run.ending is not None
        self._open = {kind: len(records) for kind, records in run.state.open.items()}

    def compare(self, run: Run, events: Sequence[Event], limits: Limits) -> None:
        started = [e[ATTRIBUTES[e["eventType"]]]["timerId"] for e in events if e["eventType"] == "TimerStarted"]
        if WAKE_UP_TIMER in started or self._ended or run.restarting:
            return  # the response was cut, or held back what a close forbids
        for owner in run.outbox.up_to(self._asked):
            kind = owner.key[0]
            most = limits.open_items(kind, run.workflow)
            recorded = sum(1 for record in run.state.recorded if record.key[0] == kind)
            if most is None or self._open[kind] + recorded < most:
                raise _unrecorded(owner, run, events[0]["eventId"])


def _unrecorded(owner: Any, run: Run, decided: int) -> NondeterminismError:
    """The decision asked for something else, which today's code does not ask for, or for less."""
    unclaimed = [record for queue in run.claims.unclaimed.values() for record in queue]
    strangers = [record for record in run.state.recorded if record in unclaimed]
    instead = next((r for r in strangers if r.key[0] == owner.key[0]), strangers[0] if strangers else None)
    if instead is not None:
        return NondeterminismError(instead.event_id, instead.describe(), owner.describe())
    claimed = ", ".join(f"{r.key[0]} {r.key[1]!r}" for r in run.state.recorded[:_TOLD])
    more = ", …" if len(run.state.recorded) > _TOLD else ""
    recorded = f"a decision that asked for {claimed}{more} only" if claimed else "a decision that asked for nothing"
    return NondeterminismError(decided, recorded, owner.describe())


def _compare_end(run: Run, events: Sequence[Event]) -> None:
    for queue in run.claims.left_over():
        now = "nothing more: `run` waits" if run.ending is None else f"the end {run.ending.kind} without it"
        raise NondeterminismError(queue[0].event_id, queue[0].describe(), now)
    end = events[-1]
    kind = CLOSING.get(end["eventType"])
    if kind is None:
        return
    attributes = end[ATTRIBUTES[end["eventType"]]]
    if run.ending is None:
        raise NondeterminismError(end["eventId"], f"the end {end['eventType']}", "no end: `run` still waits")
    if run.ending.kind != kind:
        raise NondeterminismError(end["eventId"], f"the end {end['eventType']}", f"the end {run.ending.kind}")
    (today,) = (value for name, value in run.ending.wire.items() if name != "decisionType")
    for member in _COMPARED[kind]:
        if not same(lasting(attributes.get(member)), lasting(today.get(member)), door=run):
            recorded = f"the {member} {attributes.get(member)!r:.200} of the workflow"
            raise NondeterminismError(end["eventId"], recorded, f"the {member} {today.get(member)!r:.200}")
