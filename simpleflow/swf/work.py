"""Tasks as polled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..replay.work import DecisionWork, Event, RunKey
from .client import Answer, Client


def poll_decision(
    client: Client, domain: str, task_list: str, identity: str, *, since_last: bool = False, pager: Client | None = None
) -> DecisionWork | None:
    """Wait up to a minute for a decision task, with its whole history; None if there is none.

    With ``since_last`` its events begin with the start of the last decision task that was completed. ``pager``, by
    default the client that polls, gets what one page does not hold.
    """
    request: dict[str, Any] = {"domain": domain, "taskList": {"name": task_list}, "identity": identity}
    if since_last:
        request["startAtPreviousStartedEvent"] = True
    task = client.call("PollForDecisionTask", request)
    if not task.get("taskToken"):
        return None
    events = list(task["events"])
    for page in _further_pages(pager or client, request, task):
        events += page
    return decision_work(domain, task, events)


def whole_history(client: Client, key: RunKey, up_to: int | None = None) -> list[Event]:
    """All events of a run, or the first ``up_to``."""
    request = {"domain": key.domain, "execution": {"workflowId": key.workflow_id, "runId": key.run_id}}
    events: list[Event] = []
    for event in client.pages("GetWorkflowExecutionHistory", "events", request):
        events.append(event)
        if up_to is not None and len(events) == up_to:
            break
    return events


def _further_pages(client: Client, request: dict[str, Any], task: Answer) -> Iterator[list[Event]]:
    token = task.get("nextPageToken")
    while token:
        page = client.call("PollForDecisionTask", {**request, "nextPageToken": token})
        yield page["events"]
        token = page.get("nextPageToken")


def decision_work(domain: str, task: Answer, events: list[Event]) -> DecisionWork:
    """The work of an answer to PollForDecisionTask, whose events may have come in several pages."""
    execution, kind = task["workflowExecution"], task["workflowType"]
    return DecisionWork(
        key=RunKey(domain, execution["workflowId"], execution["runId"]),
        workflow_type=kind["name"],
        events=events,
        started_event_id=task["startedEventId"],
        previous_started_event_id=task.get("previousStartedEventId", 0),
        task_token=task["taskToken"],
    )
