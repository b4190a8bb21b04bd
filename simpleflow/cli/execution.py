"""``workflow.info``: what an execution is and how it went."""

from __future__ import annotations

from ..history import History
from ..replay.repair import as_given
from ..swf.executions import describe, first_event
from ..swf.start import last_event
from ..swf.stats.base import span
from .calling import Call, swf_command
from .output import Listing
from .targets import EXECUTION
from .times import instant


@swf_command("workflow.info", EXECUTION)
def info(call: Call) -> Listing:
    """Tell what an execution is and how it went: the run that is named, else the newest one of the workflow id.

    Example: simpleflow --header workflow.info TestDomain basic-example-1438722273
    """
    key = call.run()
    about = describe(call.client, key)["executionInfo"]
    first, last = first_event(call.client, key), last_event(call.client, key)
    workflow = History([first, last]).workflow
    begun, closed = instant(about["startTimestamp"]), instant(about.get("closeTimestamp"))
    row = {
        "domain": key.domain,
        "workflow_type.name": workflow["name"],
        "workflow_type.version": workflow["version"],
        "task_list": workflow["task_list"],
        "workflow_id": key.workflow_id,
        "run_id": key.run_id,
        "tag_list": workflow["tag_list"] or [],
        "execution_time": span(begun, closed or call.now),
        "input": as_given(workflow["input"]),
        "status": about.get("closeStatus", about["executionStatus"]),
        "result": workflow.get("result"),
        "reason": workflow.get("reason") or workflow.get("timeout_type") or workflow.get("cause"),
    }
    return Listing(tuple(row), [row])
