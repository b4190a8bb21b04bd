"""Which task follows which, as far as the order of a history tells: for where the code is not at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from . import state as s
from .events import ATTRIBUTES
from .graph import RECEIVED, Task
from .work import Event

_Attributes = dict[str, Any]


def ordered(events: Sequence[Event]) -> list[Task]:
    """The tasks of a history in the order in which they were scheduled.

    A task follows those that ended between the decision that scheduled it and the decision before: not all that its
    program waited for, and maybe something that it did not wait for. What was tried again is one task.
    """
    tasks: list[Task] = []
    places: dict[tuple[str, str], int] = {}  # of tasks whose id is their own
    begun: dict[int, int] = {}  # by the id of the event
    ended: list[tuple[int, int]] = []  # events, and the places of the tasks that they ended, for later decisions
    causes: tuple[int, ...] = ()
    for event in events:
        kind, number = event["eventType"], event["eventId"]
        attributes = event.get(ATTRIBUTES[kind], {})
        if kind == "DecisionTaskCompleted":
            seen = [place for at, place in ended if at <= attributes["startedEventId"]]
            ended = [(at, place) for at, place in ended if at > attributes["startedEventId"]]
            causes = tuple(dict.fromkeys(seen)) or causes
        elif kind in _BEGINNINGS:
            task = _BEGINNINGS[kind](attributes)
            if task is None:
                continue
            own = (task.kind, task.id)
            place = places.get(own, len(tasks)) if task.kind in _WITH_IDS else len(tasks)
            if place == len(tasks):
                tasks.append(task if task.kind == RECEIVED else replace(task, after=causes))
                places[own] = place
            begun[number] = place
            if task.kind == RECEIVED:
                ended.append((number, place))
        elif kind in _ENDS and attributes.get(_ENDS[kind]) in begun:
            place = begun[attributes[_ENDS[kind]]]
            tasks[place] = replace(tasks[place], ended=True)
            if tasks[place].kind != s.SIGNAL:
                ended.append((number, place))
    return tasks


_WITH_IDS = frozenset({s.ACTIVITY, s.CHILD})

_ENDS = {
    "ActivityTaskCompleted": "scheduledEventId",
    "ActivityTaskFailed": "scheduledEventId",
    "ActivityTaskTimedOut": "scheduledEventId",
    "ActivityTaskCanceled": "scheduledEventId",
    "ChildWorkflowExecutionCompleted": "initiatedEventId",
    "ChildWorkflowExecutionFailed": "initiatedEventId",
    "ChildWorkflowExecutionTimedOut": "initiatedEventId",
    "ChildWorkflowExecutionCanceled": "initiatedEventId",
    "ChildWorkflowExecutionTerminated": "initiatedEventId",
    "TimerFired": "startedEventId",
    "TimerCanceled": "startedEventId",
    "ExternalWorkflowExecutionSignaled": "initiatedEventId",
}


def _activity(attributes: _Attributes) -> Task:
    return Task(s.ACTIVITY, attributes["activityId"], attributes["activityType"]["name"], ())


def _child(attributes: _Attributes) -> Task:
    return Task(s.CHILD, attributes["workflowId"], attributes["workflowType"]["name"], ())


def _timer(attributes: _Attributes) -> Task | None:
    name = attributes["timerId"]
    return None if name.startswith(s.RESERVED) else Task(s.TIMER, name, name, ())


def _marker(attributes: _Attributes) -> Task | None:
    name = attributes["markerName"]
    return None if name == s.SIDE_EFFECT else Task(s.MARKER, name, name, (), ended=True)


def _sent(attributes: _Attributes) -> Task | None:
    if str(attributes.get("control")).startswith(s.PROPAGATED):
        return None
    name = attributes["signalName"]
    return Task(s.SIGNAL, f"{name} to {attributes['workflowId']}", name, ())


def _received(attributes: _Attributes) -> Task | None:
    name = attributes["signalName"]
    return None if name.startswith(s.RESERVED) else Task(RECEIVED, name, name, (), ended=True)


_BEGINNINGS: dict[str, Callable[[_Attributes], Task | None]] = {
    "ActivityTaskScheduled": _activity,
    "StartChildWorkflowExecutionInitiated": _child,
    "TimerStarted": _timer,
    "MarkerRecorded": _marker,
    "SignalExternalWorkflowExecutionInitiated": _sent,
    "WorkflowExecutionSignaled": _received,
}
