"""Repair on SWF: finding what is to be repaired, reading old histories, answering with old results."""

from __future__ import annotations

import functools
import logging
import random
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from ..exceptions import DecisionAbandoned
from ..payloads.objects import fields
from ..replay.events import ATTRIBUTES, CLOSING
from ..replay.repair import Repair, Repairing, repairing_of
from ..replay.work import Event, RunKey
from .client import Client, backed_off
from .errors import Refused, SwfError
from .executions import first_event, newest_run
from .identity import swf_identity
from .work import whole_history

logger = logging.getLogger(__name__)

_HISTORIES = 64
_LIST_PREFIX = "FAKE-"


class NotRepairable(ValueError):
    """There is no execution to repair, or it is another one."""


def repair_of(
    client: Client, domain: str, workflow_id: str, run_id: str | None, force: str | None, type_name: str
) -> tuple[Repairing, list[Any], dict[str, Any], tuple[str, ...]]:
    """How to repair a run, by default the newest; its args, kwargs and tags. Raises NotRepairable, SwfError."""
    key = RunKey(domain, workflow_id, run_id) if run_id else newest_run(client, domain, workflow_id)
    if key is None:
        raise NotRepairable(f"there is no execution {workflow_id!r} in the domain {domain} to repair.")
    try:
        events = whole_history(client, key)
    except Refused as error:
        raise NotRepairable(f"there is no run {run_id} of {workflow_id!r} to repair: {error.message}.") from None
    if events[-1]["eventType"] not in CLOSING:
        raise NotRepairable(f"{workflow_id!r} is still open: go on with --resume, or terminate it before its repair.")
    began = events[0][ATTRIBUTES["WorkflowExecutionStarted"]]
    if began["workflowType"]["name"] != type_name:
        raise NotRepairable(
            f"{workflow_id!r} is an execution of the workflow {began['workflowType']['name']!r}, not of {type_name!r}."
        )
    value = fields().decode(began.get("input")) or {}
    args, kwargs = (value.get("args"), value.get("kwargs")) if isinstance(value, dict) else (value, None)
    repairing = Repairing(workflow_id, key.run_id, f"{_LIST_PREFIX}{uuid.uuid4().hex}", force)
    return repairing, list(args or []), dict(kwargs or {}), tuple(began.get("tagList") or ())


def repairing_run(client: Client, key: RunKey) -> Repairing | None:
    """What an execution repairs, if it does. Raises SwfError, PayloadError."""
    return repairing_of(first_event(client, key), fields())


class Histories:
    """Histories of closed runs, read once each. ``connect`` makes the client, when the first one is asked for."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = functools.cache(connect)
        self._read = functools.lru_cache(_HISTORIES)(lambda key: whole_history(self._connect(), key))

    def of(self, key: RunKey) -> Sequence[Event]:
        """Raises DecisionAbandoned."""
        try:
            return self._read(key)
        except SwfError as error:
            raise DecisionAbandoned(f"the history of {key.workflow_id} {key.run_id} cannot be read: {error}") from error


class Repairer:
    """Answers the activities that the old run has completed with their old results, until ``stop`` is set."""

    def __init__(
        self,
        client: Client,
        domain: str,
        task_list: str,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        polling: Client | None = None,
    ) -> None:
        self._client = client
        self._polling = polling or client
        self._domain = domain
        self._task_list = task_list
        self._wait = wait
        self._chance = random.Random()
        self._old = functools.lru_cache(_HISTORIES)(self._read_old)

    def run(self, stop: threading.Event) -> None:
        failures = 0
        request = {"domain": self._domain, "taskList": {"name": self._task_list}, "identity": swf_identity()}
        while not stop.is_set():
            try:
                task = self._polling.call("PollForActivityTask", request)
                if task.get("taskToken"):
                    self.answer(task)
                failures = 0
            except SwfError as error:
                if stop.is_set():
                    return
                failures += 1
                logger.warning("old results cannot be given (%d times in a row): %s", failures, error)
                self._wait(stop, backed_off(failures, self._chance))

    def answer(self, task: dict[str, Any]) -> None:
        """Respond with the old result. Raises SwfError."""
        execution, activity_id = task["workflowExecution"], task["activityId"]
        old = self._old(RunKey(self._domain, execution["workflowId"], execution["runId"]))
        record = None if old is None else old.completed(activity_id)
        if record is None:
            reason = f"the result of {activity_id} is not in the history that is repaired any more"
            self._client.call("RespondActivityTaskFailed", {"taskToken": task["taskToken"], "reason": reason[:256]})
            return
        answer = {"taskToken": task["taskToken"], "result": record.attributes.get("result")}
        logger.info("%s: the result is that of the execution that is repaired", activity_id)
        self._client.call(
            "RespondActivityTaskCompleted", {key: value for key, value in answer.items() if value is not None}
        )

    def _read_old(self, key: RunKey) -> Repair | None:
        repairing = repairing_run(self._client, key)
        if repairing is None:
            return None
        return Repair(
            repairing, whole_history(self._client, RunKey(key.domain, repairing.workflow_id, repairing.run_id))
        )
