"""Starting an execution, and what its history says of its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import settings
from ..exceptions import InvalidTask
from ..payloads import codec
from ..payloads.objects import fields
from ..registry import full_name
from ..replay.events import ATTRIBUTES, CLOSING
from ..replay.repair import EXTRA, Repairing
from ..replay.state import INTERRUPTED
from ..replay.work import Event, MissingType, RunKey
from ..workflow import Workflow
from .client import Answer, Client
from .errors import Refused
from .executions import first_event, newest_run
from .types import register_type
from .work import whole_history

YEAR_SECONDS = 31_536_000
_FEW_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Start:
    """How to start an execution of a Workflow class. Timeouts are in seconds."""

    domain: str
    workflow: type[Workflow]
    workflow_id: str
    args: list[Any]
    kwargs: dict[str, Any]
    task_list: str
    execution_timeout: int | str | None = None
    decision_tasks_timeout: int | str | None = None
    tags: tuple[str, ...] = ()
    repairing: Repairing | None = None

    def request(self) -> dict[str, Any]:
        """What starts it. Raises InvalidTask, EncodeError, JumboTooLargeError, PayloadError."""
        workflow: Any = self.workflow
        for member in ("name", "version"):
            if not getattr(workflow, member, None):
                raise InvalidTask(f"{full_name(workflow)} has no {member}, which SWF asks for; give the class one.")
        execution = self.execution_timeout or getattr(workflow, "execution_timeout", None)
        decision = self.decision_tasks_timeout or getattr(workflow, "decision_tasks_timeout", None)
        extra = {"class": full_name(workflow), **(self.repairing.extra() if self.repairing else {})}
        envelope = {"args": self.args, "kwargs": self.kwargs, EXTRA: extra}
        request = {
            "domain": self.domain,
            "workflowId": self.workflow_id,
            "workflowType": {"name": workflow.name, "version": str(workflow.version)},
            "taskList": {"name": self.task_list},
            "input": fields().store("input", codec.encode(envelope, root="")),
            "executionStartToCloseTimeout": str(execution or settings.WORKFLOW_DEFAULT_EXECUTION_TIME),
            "taskStartToCloseTimeout": str(decision or settings.WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT),
            "childPolicy": workflow.child_policy or "TERMINATE",
            "tagList": list(self.tags),
        }
        return {key: value for key, value in request.items() if value != []}


def start(client: Client, what: Start, since: float | None) -> RunKey:
    """Start the execution; its type is registered if it is missing. ``since`` as in ``start_run``.

    Raises SwfError, and what ``request`` does.
    """
    request = what.request()
    try:
        run_id = start_run(client, request, since)
    except Refused as error:
        if error.code == "WorkflowExecutionAlreadyStartedFault":
            raise _is_open(error, what.workflow_id) from None
        if error.code != "UnknownResourceFault" or not error.message.startswith("Unknown type"):
            raise
        missing = MissingType("workflow", str(what.workflow.name), str(what.workflow.version))
        register_type(client, what.domain, missing, what.task_list)
        run_id = start_run(client, request, since)
    return RunKey(what.domain, what.workflow_id, run_id)


def start_run(client: Client, request: dict[str, Any], since: float | None) -> str:
    """The run id of a new run, also if SWF's answer was lost, and whether or not that run has ended meanwhile.

    Such a run is known by what it was started with, and by its start after ``since``, in seconds of SWF's clock; None
    where the request is like no other, as with a task list of its own.
    """

    def carried_out() -> Answer | None:
        key = newest_run(client, request["domain"], request["workflowId"])
        if key is None:
            return None
        event = first_event(client, key)
        begun = event[ATTRIBUTES["WorkflowExecutionStarted"]]
        same = all(begun.get(name) == value for name, value in request.items() if name not in _NAMES_OF_RUN)
        late = since is None or event["eventTimestamp"] > since
        by_request = not any(begun.get(other) for other in _OTHER_STARTS)
        return {"runId": key.run_id} if same and late and by_request else None

    run_id: str = client.call("StartWorkflowExecution", request, carried_out)["runId"]
    return run_id


_NAMES_OF_RUN = frozenset({"domain", "workflowId"})
_OTHER_STARTS = ("parentWorkflowExecution", "continuedExecutionRunId")


def _is_open(error: Refused, workflow_id: str) -> Refused:
    told = f"an execution {workflow_id!r} is open; choose another workflow id, or go on with that one (--resume)"
    return Refused(error.operation, error.code, told, error.status)


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended: the name of the closing event without ``WorkflowExecution``, and its attributes."""

    status: str
    attributes: dict[str, Any]


def end_of(client: Client, key: RunKey) -> End | None:
    """How the run ended; None while it is open."""
    return end_in([last_event(client, key)])


def end_in(events: Sequence[Event]) -> End | None:
    """How the run ended, if these events tell of it."""
    if not events or events[-1]["eventType"] not in CLOSING:
        return None
    last = events[-1]
    return End(last["eventType"].removeprefix("WorkflowExecution"), last[ATTRIBUTES[last["eventType"]]])


def last_event(client: Client, key: RunKey) -> Event:
    request = {
        "domain": key.domain,
        "execution": {"workflowId": key.workflow_id, "runId": key.run_id},
        "reverseOrder": True,
        "maximumPageSize": 1,
    }
    events: list[Event] = client.call("GetWorkflowExecutionHistory", request)["events"]
    return events[0]


def events_after(client: Client, key: RunKey, event_id: int) -> list[Event]:
    """The events of the run behind this one, in order."""
    request = {
        "domain": key.domain,
        "execution": {"workflowId": key.workflow_id, "runId": key.run_id},
        "reverseOrder": True,
        "maximumPageSize": _FEW_EVENTS if event_id else 1000,
    }
    events: list[Event] = []
    for event in client.pages("GetWorkflowExecutionHistory", "events", request):
        if event["eventId"] <= event_id:
            break
        events.append(event)
    return events[::-1]


def open_run(client: Client, domain: str, workflow_id: str) -> RunKey | None:
    """The open run of a workflow id; None if there is none."""
    request = {
        "domain": domain,
        "startTimeFilter": {"oldestDate": 0},
        "executionFilter": {"workflowId": workflow_id},
    }
    for info in client.pages("ListOpenWorkflowExecutions", "executionInfos", request):
        return RunKey(domain, workflow_id, info["execution"]["runId"])
    return None


def tell_interruption(client: Client, key: RunKey) -> str:
    """Before a stopped run goes on: tell it, and its children, whose timeouts are no failures. Gives its task list.

    Those are the activities that are open, and those that timed out since the last decision was begun.
    """
    events = whole_history(client, key)
    begun = max((e["eventId"] for e in events if e["eventType"] == "DecisionTaskStarted"), default=0)
    lost = {e["eventId"] for e in events if e["eventType"] == "ActivityTaskScheduled"}
    children: dict[int, str] = {}
    for event in events:
        kind, attributes = event["eventType"], event[ATTRIBUTES[event["eventType"]]]
        if kind in _ENDED and not (kind == "ActivityTaskTimedOut" and event["eventId"] > begun):
            lost.discard(attributes["scheduledEventId"])
        elif kind == "ChildWorkflowExecutionStarted":
            children[attributes["initiatedEventId"]] = attributes["workflowExecution"]["workflowId"]
        elif kind in _CHILD_ENDED:
            children.pop(attributes["initiatedEventId"], None)
    if lost:
        request = {
            "domain": key.domain,
            "workflowId": key.workflow_id,
            "runId": key.run_id,
            "signalName": INTERRUPTED,
            "input": codec.encode(sorted(lost)),
        }
        client.call("SignalWorkflowExecution", request)
    for workflow_id in children.values():
        child = open_run(client, key.domain, workflow_id)  # which may have continued as new
        if child is not None:
            tell_interruption(client, child)
    return str(events[0][ATTRIBUTES["WorkflowExecutionStarted"]]["taskList"]["name"])


_ENDED = frozenset({"ActivityTaskCompleted", "ActivityTaskFailed", "ActivityTaskTimedOut", "ActivityTaskCanceled"})
_CHILD_ENDED = frozenset(
    f"ChildWorkflowExecution{end}" for end in ("Completed", "Failed", "TimedOut", "Canceled", "Terminated")
)
