"""The deciders and workers of a simulated cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..replay.work import DecisionWork, Event
from ..service.events import CLOSING
from ..swf.decider import Decider
from .client import InProcess
from .stage import Job, SoundEngine


@dataclass(eq=False, slots=True)
class Held:
    """A decision task that a decider has taken. A ``stalled`` one is answered when it is too late."""

    work: DecisionWork
    stalled: bool = False


@dataclass(eq=False, slots=True)
class DeciderActor:
    """``own`` are the task lists where it alone looks."""

    name: str
    client: InProcess
    decider: Decider
    engine: SoundEngine
    own: set[str]
    held: list[Held] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class WorkerActor:
    """Holds one task at a time. A ``stalled`` worker answers when it is too late."""

    name: str
    client: InProcess
    job: Job | None = None
    stalled: bool = False


def given_up(events: list[Event], started_id: int) -> bool:
    """Whether SWF no longer waits for the answer to a task: it has timed out, or its run is closed."""
    for event in events[started_id:]:
        attributes = event.get(_TIMED_OUT.get(event["eventType"], ""), {})
        if attributes.get("startedEventId") == started_id:
            return True
    return events[-1]["eventType"] in CLOSING


def patience_with(scheduled: Event) -> float:
    """Seconds that SWF waits for the answer to an activity task; infinite if it does so for ever."""
    attributes = scheduled["activityTaskScheduledEventAttributes"]
    timeouts = (attributes.get(name, "NONE") for name in _TIMEOUTS)
    return min((float(timeout) for timeout in timeouts if timeout != "NONE"), default=math.inf)


_TIMEOUTS = ("startToCloseTimeout", "scheduleToCloseTimeout", "heartbeatTimeout")
_TIMED_OUT = {
    "DecisionTaskTimedOut": "decisionTaskTimedOutEventAttributes",
    "ActivityTaskTimedOut": "activityTaskTimedOutEventAttributes",
}
