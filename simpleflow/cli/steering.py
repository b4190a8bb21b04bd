"""``workflow.terminate``, ``.restart``, ``.signal`` and ``.cancel``: what changes the course of an execution."""

from __future__ import annotations

from typing import Any

import click

from ..payloads.limits import JumboTooLargeError
from ..payloads.objects import fields
from ..replay.work import Event, RunKey
from ..swf.client import Answer
from ..swf.errors import Refused, SwfError
from ..swf.executions import describe, first_event
from ..swf.start import end_of, events_after, last_event, start_run
from .calling import Call, swf_command
from .exits import Refusal, Unknown
from .inputs import parse_json
from .output import write_started
from .targets import EXECUTION, Shape

_SIGNAL = Shape(("WORKFLOW_ID", "SIGNAL_NAME"), ("RUN_ID",))


@swf_command("workflow.terminate", EXECUTION, listing=False)
def terminate(call: Call) -> None:
    """End an execution at once; what its children do then is for their child policy to say.

    Example: simpleflow workflow.terminate TestDomain basic-example-1438722273
    """
    _terminate(call, _open_run(call), "workflow.terminate")


def _terminate(call: Call, key: RunKey, reason: str) -> None:
    def carried_out() -> Answer | None:
        ended = end_of(call.client, key)
        return {} if ended and ended.status == "Terminated" and ended.attributes.get("reason") == reason else None

    call.client.call("TerminateWorkflowExecution", {**_execution(key), "reason": reason}, carried_out)


@swf_command("workflow.cancel", EXECUTION, listing=False)
def cancel(call: Call) -> None:
    """Ask an execution to end; its workflow may finish what it wants to, or refuse.

    Example: simpleflow workflow.cancel TestDomain basic-example-1438722273
    """
    call.client.call("RequestCancelWorkflowExecution", _execution(_open_run(call)))


@swf_command("workflow.signal", _SIGNAL, listing=False)
@click.option("-i", "--input", "text", metavar="JSON", help="What comes with the signal, any JSON.")
def signal(call: Call, text: str | None) -> None:
    """Send a signal to an execution.

    Example: simpleflow workflow.signal TestDomain my-workflow approved --input '{"by": "Ada"}'
    """
    request = {"signalName": call.target.words["SIGNAL_NAME"], **_input(text)}
    key = _open_run(call)
    before = _last_event_id(call, key)

    def carried_out() -> Answer | None:
        """A signal does not say who has sent it: one like it that has come since is this one."""
        come = [] if before is None else events_after(call.client, key, before)
        return {} if request in map(_sent, come) else None

    call.client.call("SignalWorkflowExecution", {**_execution(key), **request}, carried_out)


def _last_event_id(call: Call, key: RunKey) -> int | None:
    """None for who may not read the history."""
    try:
        return int(last_event(call.client, key)["eventId"])
    except Refused:
        return None


def _sent(event: Event) -> dict[str, str]:
    """What was asked of SWF, if a signal was sent by such a request."""
    attributes = event.get("workflowExecutionSignaledEventAttributes", {})
    if attributes.get("externalWorkflowExecution"):  # the decision of an execution
        return {}
    return {name: attributes[name] for name in ("signalName", "input") if name in attributes}


def _input(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    parse_json(text, "--input", """ A text is written with quotes, as in --input '"text"'.""")
    try:
        return {"input": fields().store("input", text)}
    except JumboTooLargeError as error:
        raise Refusal(str(error)) from None


@swf_command("workflow.restart", EXECUTION, listing=False)
def restart(call: Call) -> None:
    """Start an execution again as it was started, with its input, tags, timeouts and task list.

    If it is open it is terminated first. Prints the workflow id and the new run id.

    Example: simpleflow workflow.restart TestDomain basic-example-1438722273
    """
    key = call.run()
    found = describe(call.client, key)
    first = first_event(call.client, key)
    request = _start_like(key, found, first["workflowExecutionStartedEventAttributes"])
    if found["executionInfo"]["executionStatus"] == "OPEN":
        _check_startable(call, key, request["workflowType"])
        _end(call, key)
    try:
        run_id = start_run(call.client, request, since=first["eventTimestamp"])
    except SwfError as error:
        told = f"the execution {key.workflow_id!r} is closed, and was not started again: {error}"
        raise click.ClickException(told) from None
    write_started(key.workflow_id, run_id)


def _check_startable(call: Call, key: RunKey, kind: dict[str, str]) -> None:
    """Nothing is ended that SWF would not start again: in a deprecated domain, or of a deprecated type."""
    domain, type = {"name": key.domain}, {"domain": key.domain, "workflowType": kind}
    _check_registered(call, "DescribeDomain", domain, "domainInfo", f"simpleflow domain.undeprecate {key.domain}")
    _check_registered(call, "DescribeWorkflowType", type, "typeInfo", "aws swf undeprecate-workflow-type")


def _check_registered(call: Call, operation: str, request: dict[str, Any], member: str, remedy: str) -> None:
    try:
        info = call.client.call(operation, request)[member]
    except Refused:  # who may not ask finds out
        return
    if info["status"] == "DEPRECATED":
        what = "domain" if operation == "DescribeDomain" else "workflow type"
        raise click.ClickException(
            f"the {what} is deprecated, so SWF would not start the execution again; it was not terminated. "
            f"`{remedy}` allows new ones."
        )


def _end(call: Call, key: RunKey) -> None:
    """Terminate it, unless it has just ended by itself."""
    try:
        _terminate(call, key, "workflow.restart")
    except Refused as error:
        if error.code != "UnknownResourceFault":
            raise


def _start_like(key: RunKey, found: dict[str, Any], started: dict[str, Any]) -> dict[str, Any]:
    """The request that starts a run once more.

    What SWF describes as its task list may be the one of the process that has the run.
    """
    configuration = {**found["executionConfiguration"], "taskList": started["taskList"]}
    request = {
        "domain": key.domain,
        "workflowId": key.workflow_id,
        "workflowType": found["executionInfo"]["workflowType"],
        "tagList": found["executionInfo"].get("tagList"),
        "input": started.get("input"),
        **configuration,
    }
    return {name: value for name, value in request.items() if value is not None}


def _execution(key: RunKey) -> dict[str, str]:
    return {"domain": key.domain, "workflowId": key.workflow_id, "runId": key.run_id}


def _open_run(call: Call) -> RunKey:
    """The run that is meant. Raises Unknown if it is closed."""
    key = call.run()
    info = describe(call.client, key)["executionInfo"]
    if info["executionStatus"] == "CLOSED":
        raise Unknown(
            f"the execution {key.workflow_id!r} is closed ({info['closeStatus']}), so nothing can be done to it; "
            f"`simpleflow workflow.restart {key.domain} {key.workflow_id}` starts it again."
        )
    return key
