"""Finding an execution, and the call of an activity in a history."""

from __future__ import annotations

from typing import Any

from ..activity import Activity
from ..history import History
from ..process.find import find_activity as activity_of
from .client import Client
from .identity import swf_identity
from .utils import WorkflowExecution
from .utils import get_workflow_execution as existing_execution

__all__ = ["find_activity", "get_workflow_execution", "swf_identity"]


def get_workflow_execution(
    domain_name: str, workflow_id: str, run_id: str | None = None, *, client: Client | None = None
) -> WorkflowExecution | None:
    """The run ``run_id``, else the open one, else the one that started last; None if there is none."""
    try:
        return existing_execution(domain_name, workflow_id, run_id, client=client)
    except ValueError:
        return None


def find_activity(
    history: History,
    scheduled_id: int | None = None,
    activity_id: str | None = None,
    input: dict[str, Any] | None = None,
) -> tuple[Activity, list[Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An activity of a history by the id of its scheduling event or its own, to be executed again.

    Gives the activity, its args, kwargs and meta, and what the history tells of it; ``input`` replaces the recorded
    one. The event of any attempt will do. Raises ValueError where there is none such, NotFound where its code is not
    at hand.
    """
    found = next((told for told in history.activities.values() if told["id"] == activity_id), None)
    if scheduled_id is not None:
        found = _scheduled_by(history, scheduled_id)
    if found is None:
        wanted = f"with the id {activity_id!r}" if scheduled_id is None else f"scheduled by event {scheduled_id}"
        raise ValueError(f"there is no activity {wanted} in the history.")
    given = input or found["input"] or {}
    args, kwargs = list(given.get("args") or ()), dict(given.get("kwargs") or {})
    return activity_of(found["name"]), args, kwargs, given.get("meta") or {}, found


def _scheduled_by(history: History, event_id: int) -> dict[str, Any] | None:
    for event in history.events:
        if event["eventId"] == event_id and event["eventType"] == "ActivityTaskScheduled":
            return history.activities.get(event["activityTaskScheduledEventAttributes"]["activityId"])
    return None
