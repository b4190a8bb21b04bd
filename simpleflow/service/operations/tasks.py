"""The operations of deciders and workers: polls, answers, heartbeats, counts.

A poll never waits here: with nothing to do it returns the empty task at once, and whoever holds the request asks again
when the list gets a task.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import decisions, faults
from ..decisions import Batch, Creations
from ..events import Attributes, attributes_of, given
from ..execution import Execution
from ..state import Activity
from ..tasklists import ListName
from ..tokens import (
    ACTIVITY,
    DECISION,
    TaskToken,
    page_token,
    read_page_token,
    read_task_token,
    same_nonce,
    task_token,
)
from .desk import Answer, Desk, Request, page_size
from .executions import history_page

_POLL = "PollForDecisionTask"

# -- decision tasks ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A decision task that was given out and is read page by page."""

    token: str
    started_id: int
    previous_started_id: int
    #: The first event that the decider wants.
    first: int


def poll_for_decision_task(desk: Desk, request: Request) -> Answer:
    desk.domain(request)
    if request.get("nextPageToken"):
        return _next_page(desk, request)
    taken = desk.ledger.task_lists.take(_list(desk, "decision", request))
    if taken is None:
        return {"previousStartedEventId": 0, "startedEventId": 0}
    execution, scheduled_id = taken
    nonce = desk.runs.nonce()
    execution.start_decision(request.get("identity"), nonce)
    run_id, started_id = execution.run.run_id, len(execution.events)
    previous = execution.state.previous_started_id
    first = previous if request.get("startAtPreviousStartedEvent") and previous else 1
    delivery = _Delivery(task_token(DECISION, run_id, scheduled_id, nonce), started_id, previous, first)
    return _page(desk, request, delivery, started_id if request.get("reverseOrder") else first)


def _next_page(desk: Desk, request: Request) -> Answer:
    shape = (str, int, int, int, int)
    *parts, position = read_page_token(_POLL, request["nextPageToken"], desk.now_ms, shape)
    delivery = _Delivery(*parts)
    run = desk.runs.identity(read_task_token(DECISION, delivery.token).run_id)
    if run is None or (run.region, run.domain) != (desk.region, request["domain"]):
        raise faults.invalid_token()
    if not 1 <= delivery.first <= position <= delivery.started_id <= desk.runs.event_count(run.run_id):
        raise faults.invalid_token()
    return _page(desk, request, delivery, position)


def _page(desk: Desk, request: Request, delivery: _Delivery, position: int) -> Answer:
    run = desk.runs.identity(read_task_token(DECISION, delivery.token).run_id)
    assert run is not None
    reverse, size = bool(request.get("reverseOrder")), page_size(request)
    bounds = (delivery.first, delivery.started_id)
    events, following = history_page(desk, run.run_id, position, bounds, reverse=reverse, size=size)
    answer: Answer = {
        "taskToken": delivery.token,
        "startedEventId": delivery.started_id,
        "previousStartedEventId": delivery.previous_started_id,
        "workflowExecution": run.ref(),
        "workflowType": attributes_of(desk.runs.events(run.run_id, 1, 1)[0])["workflowType"],
        "events": events,
    }
    if following:
        parts = (delivery.token, delivery.started_id, delivery.previous_started_id, delivery.first)
        answer["nextPageToken"] = page_token(_POLL, desk.now_ms, *parts, following)
    return answer


def respond_decision_task_completed(desk: Desk, request: Request) -> Answer:
    execution = _decided(desk, request["taskToken"])
    batch = request.get("decisions") or []
    if request.get("taskListScheduleToStartTimeout") and not request.get("taskList"):
        raise faults.validation("taskListScheduleToStartTimeout needs a taskList to go with it")
    decisions.check(batch)
    unhandled = execution.state.scheduled is not None
    answer = given(request, ("executionContext",))
    if request.get("taskList"):
        answer["taskList"] = {"name": request["taskList"]["name"]}
        if request.get("taskListScheduleToStartTimeout"):
            answer["taskListScheduleToStartTimeout"] = request["taskListScheduleToStartTimeout"]
    execution.defer()
    completed_id = execution.complete_decision(answer)
    domain = desk.registry.domain(execution.run.region, execution.run.domain)
    creations = Creations(desk.buckets, desk.region, desk.now_ms)
    applied = Batch(execution, domain, desk.registry, desk.runs, desk.limits, creations, completed_id, unhandled)
    decisions.apply(applied, batch)
    execution.resume()
    return {}


def abandon_decision_task(desk: Desk, token: str) -> None:
    """The decider to whom a task was given is gone: do not wait for its timeout."""
    execution = _decided(desk, token)
    started = execution.state.started
    assert started is not None
    execution.time_out_decision(started.scheduled_id)


def count_pending_decision_tasks(desk: Desk, request: Request) -> Answer:
    desk.domain(request)
    return {"count": desk.ledger.task_lists.count(_list(desk, "decision", request)), "truncated": False}


# -- activity tasks ----------------------------------------------------------------------------------


def poll_for_activity_task(desk: Desk, request: Request) -> Answer:
    desk.domain(request)
    taken = desk.ledger.task_lists.take(_list(desk, "activity", request))
    if taken is None:
        return {"startedEventId": 0}
    execution, scheduled_id = taken
    activity = execution.state.scheduled_activities[scheduled_id]
    execution.start_activity(activity, request.get("identity"), desk.runs.nonce())
    scheduled = execution.attributes(scheduled_id)
    answer: Answer = {
        "taskToken": task_token(ACTIVITY, execution.run.run_id, scheduled_id, activity.nonce),
        "activityId": activity.activity_id,
        "startedEventId": activity.started_id,
        "workflowExecution": execution.run.ref(),
        "activityType": scheduled["activityType"],
    }
    if "input" in scheduled:
        answer["input"] = scheduled["input"]
    return answer


def record_activity_task_heartbeat(desk: Desk, request: Request) -> Answer:
    execution, activity = _worked(desk, request["taskToken"])
    execution.beat(activity, request.get("details"))
    return {"cancelRequested": activity.cancel_requested_id != 0}


def respond_activity_task_completed(desk: Desk, request: Request) -> Answer:
    execution, activity = _worked(desk, request["taskToken"])
    execution.end_activity("ActivityTaskCompleted", activity, given(request, ("result",)))
    return {}


def respond_activity_task_failed(desk: Desk, request: Request) -> Answer:
    execution, activity = _worked(desk, request["taskToken"])
    execution.end_activity("ActivityTaskFailed", activity, given(request, ("reason", "details")))
    return {}


def respond_activity_task_canceled(desk: Desk, request: Request) -> Answer:
    execution, activity = _worked(desk, request["taskToken"])
    outcome: Attributes = given(request, ("details",))
    execution.cancel_activity(activity, outcome)
    return {}


def count_pending_activity_tasks(desk: Desk, request: Request) -> Answer:
    desk.domain(request)
    return {"count": desk.ledger.task_lists.count(_list(desk, "activity", request)), "truncated": False}


# -- tokens ------------------------------------------------------------------------------------------


def _list(desk: Desk, kind: str, request: Request) -> ListName:
    return ListName(kind, desk.region, request["domain"], request["taskList"]["name"])


def _decided(desk: Desk, text: str) -> Execution:
    """The run whose started decision task the token names."""
    token = read_task_token(DECISION, text)
    execution = _open_run(desk, token)
    started = execution.state.started
    if started is None or started.scheduled_id != token.scheduled_id or not same_nonce(started.nonce, token.nonce):
        raise faults.unknown_decision_task(token.scheduled_id)
    return execution


def _worked(desk: Desk, text: str) -> tuple[Execution, Activity]:
    """The run and its started activity task that the token names."""
    token = read_task_token(ACTIVITY, text)
    execution = _open_run(desk, token)
    activity = execution.state.scheduled_activities.get(token.scheduled_id)
    if activity is None or not activity.started_id or not same_nonce(activity.nonce, token.nonce):
        raise faults.unknown_activity(token.scheduled_id)
    return execution, activity


def _open_run(desk: Desk, token: TaskToken) -> Execution:
    execution = desk.runs.open_run(token.run_id)
    if execution is not None and execution.run.region == desk.region:
        return execution
    run = desk.runs.identity(token.run_id)
    if run is None or run.region != desk.region:
        raise faults.unknown_resource(f"Unknown execution, runId = {token.run_id}")
    raise faults.unknown_execution(run.workflow_id, run.run_id)
