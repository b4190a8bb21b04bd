"""Activity tasks as polled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..process.perform import ActivityCallData
from .client import Answer


class Caller(Protocol):
    """What calls SWF: a client, or several of them."""

    def call(self, operation: str, request: dict[str, Any]) -> Answer: ...


@dataclass(frozen=True, slots=True)
class ActivityWork:
    task_token: str
    call: ActivityCallData

    def __str__(self) -> str:
        return f"{self.call.workflow_id} {self.call.run_id} {self.call.activity_id}"


def poll_activity(swf: Caller, domain: str, task_list: str, identity: str) -> ActivityWork | None:
    """Wait up to a minute for an activity task; None if there is none."""
    request = {"domain": domain, "taskList": {"name": task_list}, "identity": identity}
    task = swf.call("PollForActivityTask", request)
    return activity_work(domain, task_list, task) if task.get("taskToken") else None


def activity_work(domain: str, task_list: str | None, task: Answer) -> ActivityWork:
    """The work of an answer to PollForActivityTask. Raises KeyError or TypeError if it is no such answer."""
    call = ActivityCallData.of_poll(domain, task_list, task)
    return ActivityWork(task["taskToken"], call)
