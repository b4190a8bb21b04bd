"""What a running workflow may ask about its own history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..marker import Marker
from .arguments import Decode
from .events import as_datetime
from .state import SIDE_EFFECT, ExecutionState
from .work import RunKey


def markers(state: ExecutionState, all: bool, decode: Decode) -> list[Marker]:
    """The recorded markers: the last one of each name, or all."""
    recorded = [m for m in state.markers if m.name != SIDE_EFFECT]
    if not all:
        recorded = list({m.name: m for m in recorded}.values())
    return [Marker(m.name, decode(m.details)) for m in recorded]


def run_context(key: RunKey, state: ExecutionState) -> dict[str, Any]:
    execution = state.execution
    parent = execution.get("parentWorkflowExecution") or {}
    kind = execution.get("workflowType") or {}
    return {
        "name": kind.get("name"),
        "version": kind.get("version"),
        "domain_name": key.domain,
        "workflow_id": key.workflow_id,
        "run_id": key.run_id,
        "tag_list": list(execution.get("tagList") or ()),
        "continued_execution_run_id": execution.get("continuedExecutionRunId"),
        "parent_workflow_id": parent.get("workflowId"),
        "parent_run_id": parent.get("runId"),
    }


def event_details(state: ExecutionState, event_type: str, event_name: str, decode: Decode) -> dict[str, Any] | None:
    """Raises ValueError for an unknown type of event."""
    details = _DETAILS.get(event_type)
    if details is None:
        raise ValueError(f"unknown event type {event_type!r}; use one of {', '.join(sorted(_DETAILS))}.")
    return details(state, event_name, decode)


def _signal_details(state: ExecutionState, name: str, decode: Decode) -> dict[str, Any] | None:
    signals = state.signals.get(name)
    if not signals:
        return None
    last = signals[-1]
    sender = last.attributes.get("externalWorkflowExecution") or {}
    return {
        "type": "signal",
        "name": name,
        "state": "signaled",
        "external_initiated_event_id": last.attributes.get("externalInitiatedEventId"),
        "external_run_id": sender.get("runId"),
        "external_workflow_id": sender.get("workflowId"),
        "input": decode(last.input),
        "event_id": last.event_id,
        "timestamp": as_datetime(last.time),
    }


def _marker_details(state: ExecutionState, name: str, decode: Decode) -> dict[str, Any] | None:
    last = next((m for m in reversed(state.markers) if m.name == name), None)
    return last and {
        "type": "marker",
        "name": name,
        "state": "recorded",
        "details": decode(last.details),
        "event_id": last.event_id,
        "timestamp": as_datetime(last.time),
    }


def _timer_details(state: ExecutionState, name: str, decode: Decode) -> dict[str, Any] | None:
    record = state.timers.get(name)
    if record is None:
        return None
    states = {None: "started", "TimerFired": "fired", "TimerCanceled": "canceled"}
    return {
        "type": "timer",
        "id": name,
        "state": states[record.outcome],
        "start_to_fire_timeout": int(record.recorded["startToFireTimeout"]),
        "control": decode(record.recorded.get("control")),
        "started_event_id": record.event_id,
        "started_event_timestamp": as_datetime(record.time),
        "decision_task_completed_event_id": record.recorded["decisionTaskCompletedEventId"],
    }


_DETAILS: dict[str, Callable[[ExecutionState, str, Decode], dict[str, Any] | None]] = {
    "signal": _signal_details,
    "marker": _marker_details,
    "timer": _timer_details,
}
