"""The events of an execution, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..replay.work import Event
from .calling import Call


def events(call: Call, newest_first: bool) -> Iterator[Event]:
    """The events of the run that is meant, page by page."""
    key = call.run()
    request = {
        "domain": key.domain,
        "execution": {"workflowId": key.workflow_id, "runId": key.run_id},
        "reverseOrder": newest_first,
        **call.page,
    }
    yield from call.client.pages("GetWorkflowExecutionHistory", "events", request)


def attributes(event: Event) -> dict[str, Any]:
    kind = event["eventType"]
    return dict(event.get(f"{kind[0].lower()}{kind[1:]}EventAttributes", {}))
