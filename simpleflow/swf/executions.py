"""Finding executions."""

from __future__ import annotations

from typing import Any

from ..replay.work import Event, RunKey
from .client import Client

_LISTINGS = ("ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions")


def newest_run(client: Client, domain: str, workflow_id: str) -> RunKey | None:
    """The open run of a workflow id, else the one that started last; None if SWF lists none. Raises SwfError."""
    request: dict[str, Any] = {
        "domain": domain,
        "startTimeFilter": {"oldestDate": 0},
        "executionFilter": {"workflowId": workflow_id},
        "maximumPageSize": 1,
    }
    for listing in _LISTINGS:
        for info in client.pages(listing, "executionInfos", request):
            return RunKey(domain, workflow_id, info["execution"]["runId"])
    return None


def describe(client: Client, key: RunKey) -> dict[str, Any]:
    """The answer of DescribeWorkflowExecution. Raises Refused where there is no such run."""
    return client.call(
        "DescribeWorkflowExecution",
        {"domain": key.domain, "execution": {"workflowId": key.workflow_id, "runId": key.run_id}},
    )


def first_event(client: Client, key: RunKey) -> Event:
    """How the run was started. Raises Refused where there is no such run."""
    request = {
        "domain": key.domain,
        "execution": {"workflowId": key.workflow_id, "runId": key.run_id},
        "maximumPageSize": 1,
    }
    events: list[Event] = client.call("GetWorkflowExecutionHistory", request)["events"]
    return events[0]
