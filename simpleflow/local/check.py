"""Replays from scratch: today's decision once more (``--check-replay``), and whole histories at their end."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from ..exceptions import NondeterminismError
from ..payloads.fields import Fields
from ..payloads.jumbo import Unsent, begins
from ..replay.decisions import Wire
from ..replay.endings import FAILED, lasting
from ..replay.engine import side_effects
from ..replay.events import split
from ..replay.limits import Limits
from ..replay.response import respond
from ..replay.run import Run, Stopped
from ..replay.work import Decisions, Event, RunKey


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """What is repeated has been said before: prints and logs go nowhere."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)


def replayed(key: RunKey, workflow_class: type[Any], events: Sequence[Event], fields: Fields) -> Run:
    """A run of another process, as its last decision left it; to be closed. Raises NondeterminismError."""
    last = max((event["eventId"] for event in events if event["eventType"] == "DecisionTaskStarted"), default=0)
    run = Run(key, workflow_class, effects=side_effects(events), fields=fields)
    try:
        with silence():
            for batch in split(events, last) if last else ():
                run.advance(batch, replaying=True)
    except Stopped as stopped:
        run.close()
        raise stopped.error from None
    return run


def check_decisions(live: Run, decisions: Decisions, events: Sequence[Event], limits: Limits) -> None:
    """Decide once more, from event 1. Raises NondeterminismError if anything else comes out."""
    with silence():
        again = _decide(live, events, limits)
    started = events[-1]["eventId"]
    for one, other in zip_longest(_comparable(decisions, live.fields), _comparable(again, live.fields)):
        if one != other:
            raise NondeterminismError(started, _text(one), _text(other))
    for name in ("execution_context", "register", "closes"):
        one, other = getattr(decisions, name), getattr(again, name)
        if one != other:
            raise NondeterminismError(started, f"the {name} {one!r}", repr(other))


def _decide(live: Run, events: Sequence[Event], limits: Limits) -> Decisions:
    # side effects of this very decision are in no event yet
    run = Run(live.key, live.workflow_class, live.task_list_override, list(live.side_effects.observed), live.fields)
    try:
        for batch in split(events, events[-1]["eventId"]):
            run.advance(batch, replaying=True)
        for queue in run.claims.left_over():
            raise NondeterminismError(queue[0].event_id, queue[0].describe(), "nothing of the kind")
        return respond(run, limits)
    except Stopped as stopped:
        raise stopped.error from None
    finally:
        run.close()


def _comparable(decisions: Decisions, fields: Fields) -> Iterator[Wire]:
    """Without the tracebacks of failures, which depend on how deep the stack was already, and without a codec's doing,
    which need not be twice the same.
    """
    bodies = dict(decisions.objects)
    for decision in decisions.decisions:
        if decision["decisionType"] == FAILED:
            told = decision["failWorkflowExecutionDecisionAttributes"]
            told = {**told, "details": None, "reason": lasting(told.get("reason"))}
            decision = {**decision, "failWorkflowExecutionDecisionAttributes": told}
        yield decision if fields.codec is None else _decoded(decision, fields, bodies)


def _decoded(part: Any, fields: Fields, bodies: dict[str, bytes]) -> Any:
    if isinstance(part, dict):
        return {name: _decoded(member, fields, bodies) for name, member in part.items()}
    if not isinstance(part, str) or not begins(part):
        return part
    text = Unsent(part)
    text.body = bodies.get(part)
    return fields.outer(text)


def _text(decision: Wire | None) -> str:
    return "no decision" if decision is None else f"the decision {json.dumps(decision, sort_keys=True):.1000}"
