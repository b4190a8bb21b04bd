"""The operations that start executions and act on them from outside, and the reading of one execution."""

from __future__ import annotations

from .. import faults
from ..events import Event, given
from ..journal import Run
from ..limits import reached
from ..registry import DEPRECATED, WORKFLOW, Missing, origin
from ..tokens import page_token, read_page_token
from .desk import Answer, Desk, Request, page_size


def start_workflow_execution(desk: Desk, request: Request) -> Answer:
    domain, workflow_id = desk.domain(request), request["workflowId"]
    if domain.status == DEPRECATED:
        raise faults.domain_deprecated(domain.name)
    type = desk.registry.type(domain, WORKFLOW, request["workflowType"])
    if type.status == DEPRECATED:
        raise faults.type_deprecated(WORKFLOW, type.name, type.version)
    try:
        settings = origin(type, request)
    except Missing as missing:
        raise faults.default_undefined(missing.setting) from None
    if desk.runs.open_in(desk.region, domain.name, workflow_id) is not None:
        raise faults.workflow_execution_already_started()
    if reached(desk.runs.open_count(desk.region, domain.name), desk.limits.open_executions):
        raise faults.limit_exceeded(f"Limit on open executions of a domain reached: {desk.limits.open_executions}")
    return {"runId": desk.runs.start(domain, workflow_id, settings, {}).run.run_id}


def signal_workflow_execution(desk: Desk, request: Request) -> Answer:
    domain = desk.domain(request)
    execution = desk.runs.require_open(desk.region, domain.name, request["workflowId"], request.get("runId"))
    signal = given(request, ("signalName", "input"))
    execution.append("WorkflowExecutionSignaled", {**signal, "externalInitiatedEventId": 0})
    return {}


def request_cancel_workflow_execution(desk: Desk, request: Request) -> Answer:
    domain = desk.domain(request)
    execution = desk.runs.require_open(desk.region, domain.name, request["workflowId"], request.get("runId"))
    execution.append("WorkflowExecutionCancelRequested", {"externalInitiatedEventId": 0})
    return {}


def terminate_workflow_execution(desk: Desk, request: Request) -> Answer:
    domain = desk.domain(request)
    execution = desk.runs.require_open(desk.region, domain.name, request["workflowId"], request.get("runId"))
    execution.terminate("OPERATOR_INITIATED", given(request, ("reason", "details", "childPolicy")))
    desk.runs.settle()
    return {}


def describe_workflow_execution(desk: Desk, request: Request) -> Answer:
    return desk.runs.description(_named(desk, request).run_id)


def get_workflow_execution_history(desk: Desk, request: Request) -> Answer:
    """A snapshot: the pages of one read end where the history ended when it began."""
    operation = "GetWorkflowExecutionHistory"
    run_id, size = _named(desk, request).run_id, page_size(request)
    reverse = bool(request.get("reverseOrder"))
    last = desk.runs.event_count(run_id)
    position = last if reverse else 1
    if request.get("nextPageToken"):
        shape = (str, int, int)
        token_run, position, upper = read_page_token(operation, request["nextPageToken"], desk.now_ms, shape)
        if token_run != run_id or not 1 <= position <= upper <= last:
            raise faults.invalid_token()
        last = upper
    events, following = history_page(desk, run_id, position, (1, last), reverse=reverse, size=size)
    answer: Answer = {"events": events}
    if following:
        answer["nextPageToken"] = page_token(operation, desk.now_ms, run_id, following, last)
    return answer


def history_page(
    desk: Desk, run_id: str, position: int, bounds: tuple[int, int], *, reverse: bool, size: int
) -> tuple[list[Event], int]:
    """Up to `size` events from `position` on, within `bounds`, and where the next page begins (0: nowhere)."""
    first, last = bounds
    if reverse:
        low = max(first, position - size + 1)
        events = desk.runs.events(run_id, low, position)
        return events[::-1], low - 1 if low > first else 0
    high = min(last, position + size - 1)
    return desk.runs.events(run_id, position, high), high + 1 if high < last else 0


def _named(desk: Desk, request: Request) -> Run:
    """The run that a request names, open or closed."""
    domain, wanted = desk.domain(request), request["execution"]
    run = desk.runs.identity(wanted["runId"])
    if run is None or (run.region, run.domain, run.workflow_id) != (desk.region, domain.name, wanted["workflowId"]):
        raise faults.unknown_execution(wanted["workflowId"], wanted["runId"])
    return run
