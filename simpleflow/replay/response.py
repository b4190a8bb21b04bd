"""What is answered to a decision task: as much of the outbox as fits, and the close when nothing stands before it."""

from __future__ import annotations

import itertools
import json
import logging
from operator import attrgetter
from typing import Any

from ..payloads.jumbo import Unsent
from ..payloads.limits import LIMITS, JumboTooLargeError
from . import state as s
from .decisions import Wire, decision, size
from .limits import Limits
from .run import Run
from .work import Decisions

logger = logging.getLogger(__name__)

# What goes before a closing decision, and what makes no sense after it. The rest travels beside it.

_BEFORE = (s.SIGNAL, s.PROPAGATED, s.CANCEL_ACTIVITY)
_DROPPED = (s.ACTIVITY, s.TIMER)

_IS_AWAITED = attrgetter("awaited")


def respond(run: Run, limits: Limits) -> Decisions:
    """The answer of a run that has gone as far as it can."""
    ending = run.ending
    if ending is not None:
        _drop_what_never_left(run)
    taken, wires, rest = _take(run, limits)
    held = ending is not None and _goes_before_the_close(run)
    closes = ending is not None and not rest and not held
    if ending is not None and closes:
        wires.append(ending.wire)
    elif (rest or held or _to_be_woken_for(run, taken)) and not run.state.woken:
        wires.append(_wake_up())
    context = None if closes else _context(run)
    objects: dict[str, bytes] = {}
    if run.fields.write is not None:
        wires = [_detached(wire, objects) for wire in wires]
        context = _text_of(context, objects)
    return Decisions(tuple(wires), context, tuple(run.missing_types), closes, objects=tuple(objects.items()))


def _goes_before_the_close(run: Run) -> bool:
    return bool(run.outbox.of_kinds(*_BEFORE, *((s.CANCEL_CHILD,) if run.canceling else ())))


def _detached(wire: Wire, objects: dict[str, bytes]) -> Wire:
    """The decision with plain references; what they refer to goes to ``objects``."""
    return {
        name: {key: _text_of(value, objects) for key, value in part.items()} if isinstance(part, dict) else part
        for name, part in wire.items()
    }


def _text_of(value: Any, objects: dict[str, bytes]) -> Any:
    if not isinstance(value, Unsent):
        return value
    body = value.release()
    if body is not None:
        objects[str(value)] = body
    return str(value)


def _wake_up() -> Wire:
    return decision("StartTimer", timerId=s.WAKE_UP_TIMER, startToFireTimeout="0")


def _take(run: Run, limits: Limits) -> tuple[list[Any], list[Wire], bool]:
    """The decisions that leave now, in order, and whether others have to wait for the next response."""

    def room(kind: str) -> int | None:
        most = limits.open_items(kind, run.workflow)
        if kind in run.full and run.state.open[kind]:
            return 0
        return None if most is None else max(0, most - len(run.state.open[kind]))

    # one more than fits tells that there are more; a close or a wake-up timer needs one place
    places = limits.decisions
    owners = list(itertools.islice(run.outbox.ordered(room), places + 1))
    if len(owners) > places or (len(owners) == places and (run.ending is not None or _to_be_woken_for(run, owners))):
        places -= 1
    wires: list[Wire] = []
    left = limits.decision_bytes
    for owner in owners[:places]:
        wire = owner.decision()
        left -= size(wire)
        if left < 0 and wires:
            break
        wires.append(wire)
    return owners[: len(wires)], wires, len(wires) < len(owners)


def _to_be_woken_for(run: Run, owners: list[Any]) -> bool:
    """Whether somebody waits, or may wait, for what SWF will not wake the decider for.

    That may be a timer which has to wait for the place of one that is being cancelled.
    """
    if any(map(_IS_AWAITED, owners)):
        return True
    kinds = [owner.key[0] for owner in owners]
    return s.CANCEL_TIMER in kinds and kinds.count(s.TIMER) < len(run.outbox.of_kinds(s.TIMER))


def _context(run: Run) -> str | None:
    """The execution context where it has to change: it tells which signals are waited for."""
    waiting = run.signals.waiting
    if not waiting and not run.state.context:
        return None
    text = json.dumps({"waiting_signals": waiting}, separators=(",", ":")) if waiting else ""
    try:
        text = run.named("execution_context", text)
    except JumboTooLargeError:
        text = run.named("execution_context", _some_of(waiting))
    return None if text == (run.state.context or "") else text


def _some_of(waiting: list[str]) -> str:
    """As many names as have room, and how many more there are. What only informs must not keep a run from going on."""
    room = LIMITS["execution_context"] // 2  # half of it is left for what a codec of the user's adds
    sizes = itertools.accumulate(len(json.dumps(name)) + 1 for name in waiting)
    count = sum(1 for _ in itertools.takewhile(lambda size: size <= room, sizes))
    told = {"waiting_signals": waiting[:count], "more": len(waiting) - count}
    return json.dumps(told, separators=(",", ":"))


def _drop_what_never_left(run: Run) -> None:
    dropped = run.outbox.of_kinds(*_DROPPED)
    for owner in dropped:
        run.outbox.drop(owner)
    if dropped:
        names = ", ".join(owner.describe() for owner in dropped[:5])
        logger.warning(
            "%s %s ended before %d of its tasks were sent: they are dropped (%s%s)",
            run.workflow_class.__name__,
            run.workflow_id,
            len(dropped),
            names,
            ", …" if len(dropped) > 5 else "",
        )
    records = [record for queue in run.claims.left_over() for record in queue]
    if records:
        logger.warning(
            "%s %s ended and has not asked for everything that its history records: %s",
            run.workflow_class.__name__,
            run.workflow_id,
            ", ".join(f"event {record.event_id}: {record.key[0]} {record.key[1]!r}" for record in records[:10]),
        )
        run.claims.unclaimed.clear()
