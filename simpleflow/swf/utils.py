"""Executions and their histories, for code of users that asks SWF itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..history import History
from ..payloads.objects import fields
from ..process.perform import ActivityCallData
from ..registry import full_name
from ..replay.events import ATTRIBUTES
from ..replay.work import RunKey
from .client import Client
from .errors import Refused
from .executions import describe, newest_run
from .heartbeats import UNKNOWN
from .work import whole_history


@dataclass(frozen=True, slots=True)
class WorkflowExecution:
    """An execution as SWF described it. Times are seconds since 1970; ``close_status`` and the end may be missing."""

    domain: str
    workflow_id: str
    run_id: str
    workflow_type: dict[str, str]
    status: str
    close_status: str | None
    start_timestamp: float
    close_timestamp: float | None
    tag_list: tuple[str, ...]
    client: Client = field(repr=False, compare=False)

    def history(self) -> History:
        """As it is now. Raises SwfError."""
        return History(whole_history(self.client, RunKey(self.domain, self.workflow_id, self.run_id)))


def get_workflow_execution(
    domain_name: str, workflow_id: str, run_id: str | None = None, *, client: Client | None = None
) -> WorkflowExecution:
    """The run ``run_id``, else the open one, else the one that started last. Raises ValueError if there is none."""
    client = client or Client()
    key = RunKey(domain_name, workflow_id, run_id) if run_id else newest_run(client, domain_name, workflow_id)
    if key is None:
        raise ValueError(f"there is no execution {workflow_id!r} in the domain {domain_name}.")
    try:
        info = describe(client, key)["executionInfo"]
    except Refused as error:
        if error.code != UNKNOWN:
            raise
        raise ValueError(f"there is no execution {workflow_id!r} {run_id} in the domain {domain_name}.") from None
    return WorkflowExecution(
        domain=domain_name,
        workflow_id=workflow_id,
        run_id=key.run_id,
        workflow_type=info["workflowType"],
        status=info["executionStatus"],
        close_status=info.get("closeStatus"),
        start_timestamp=info["startTimestamp"],
        close_timestamp=info.get("closeTimestamp"),
        tag_list=tuple(info.get("tagList", ())),
        client=client,
    )


def get_workflow_history(
    domain_name: str, workflow_id: str, run_id: str | None = None, *, client: Client | None = None
) -> History:
    """The history of the execution that ``get_workflow_execution`` finds. Raises ValueError like it."""
    return get_workflow_execution(domain_name, workflow_id, run_id, client=client).history()


@dataclass
class DecisionsAndContext:
    """What a replay gives: decisions as SWF takes them, and the execution context, if it is to change."""

    decisions: list[dict[str, Any]] = field(default_factory=list)
    execution_context: dict[str, Any] | None = None


def sanitize_activity_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """What an activity may know of its task, from the answer to PollForActivityTask."""
    call = ActivityCallData.of_poll("", None, dict(context)).context()
    return {key: call[key] for key in ("name", "version", "workflow_id", "run_id", "activity_id", "input")}


def set_workflow_class_name(wf_input: dict[str, Any], workflow_or_class: type) -> None:
    """Write into the input of an execution of which class it is: so deciders find it whatever its type is called."""
    wf_input.setdefault("__extra", {})["class"] = full_name(workflow_or_class)


def get_name_from_event(event: Mapping[str, Any]) -> str:
    """By which name a decider finds the workflow of a WorkflowExecutionStarted event: its class, else its type."""
    started = event[ATTRIBUTES["WorkflowExecutionStarted"]]
    value = fields().decode(started.get("input"))
    extra = value.get("__extra") if isinstance(value, dict) else None
    return str((extra or {}).get("class") or started["workflowType"]["name"])
