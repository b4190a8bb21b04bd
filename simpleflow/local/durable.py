"""Durable local mode: an execution in a file, which another process goes on with.

The database is one of the service, with a domain ``local``. Executions in one file do not touch each other: each has a
task list of its own, named after its workflow id, and a process decides and works for that list alone. Whatever was
begun when a process died is begun again by the next one, so an activity runs at least once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..payloads import codec
from ..payloads.objects import fields
from ..process.perform import Middlewares
from ..replay import names
from ..service.clock import VirtualClock
from ..service.events import CLOSING, Event, attributes_of
from ..service.faults import Fault
from .clock import WallClock
from .driver import DOMAIN, Driver, Start
from .home import File
from .outcome import LocalRun


class OtherExecution(ValueError):
    """The workflow id belongs to an execution of another workflow, or with another input."""


@dataclass(frozen=True, slots=True)
class Durability:
    """``db`` is the database. ``tell`` hears, in a sentence, what the execution that is found there does."""

    db: Path
    tell: Callable[[str], object]


def execute_durably(
    where: Durability,
    start: Start,
    *,
    middlewares: Middlewares | None = None,
    check_replay: bool = False,
    clock: VirtualClock | None = None,
) -> LocalRun:
    """Start the execution, or go on with the one of its workflow id; a closed one is only told again.

    Raises OtherExecution, StoreError and what ``execute`` raises.
    """
    task_list = names.shortened(f"local-{start.workflow_id}")
    home = File(where.db)
    try:
        driver = Driver(
            home=home,
            task_list=task_list,
            middlewares=middlewares,
            check_replay=check_replay,
            clock=clock or WallClock(),
        )
        found = _found(driver, start.workflow_id)
        if found is None:
            driver.start(replace(start, task_list=task_list))
        else:
            _check_same(start, found.history[0], _first(driver, start.workflow_id, found.history[0]))
            where.tell(found.told(start.workflow_id))
            driver.resume(start.workflow_class, start.workflow_id, found.run_id, found.history)
    except BaseException:
        home.close()
        raise
    return driver.run()


@dataclass(frozen=True, slots=True)
class _Found:
    """The last run of a workflow id."""

    run_id: str
    history: list[Event]

    def told(self, workflow_id: str) -> str:
        status = CLOSING.get(self.history[-1]["eventType"])
        if status is None:
            return f"the execution {workflow_id!r} goes on after event {len(self.history)}"
        return (
            f"the execution {workflow_id!r} has ended before ({status}) and is not run again; "
            "for another one choose another --workflow-id"
        )


def _found(driver: Driver, workflow_id: str) -> _Found | None:
    wanted = {"startTimeFilter": {"oldestDate": 0}, "executionFilter": {"workflowId": workflow_id}}
    for listing in ("ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions"):
        runs = driver.call(listing, domain=DOMAIN, maximumPageSize=1, **wanted)["executionInfos"]
        if runs:
            run_id = runs[0]["execution"]["runId"]
            return _Found(run_id, _events(driver, workflow_id, run_id))
    return None


def _events(driver: Driver, workflow_id: str, run_id: str, at_most: int | None = None) -> list[Event]:
    request: dict[str, Any] = {"domain": DOMAIN, "execution": {"workflowId": workflow_id, "runId": run_id}}
    if at_most is not None:
        request["maximumPageSize"] = at_most
    events: list[Event] = []
    while True:
        page = driver.call("GetWorkflowExecutionHistory", **request)
        events += page["events"]
        if "nextPageToken" not in page or len(events) == at_most:
            return events
        request["nextPageToken"] = page["nextPageToken"]


def _first(driver: Driver, workflow_id: str, event: Event) -> Event | None:
    """The first event of the first of the runs that continue each other; None if it is not kept any more."""
    while (before := attributes_of(event).get("continuedExecutionRunId")) is not None:
        try:
            event = _events(driver, workflow_id, before, 1)[0]
        except Fault:
            return None
    return event


def _check_same(start: Start, begin: Event, first: Event | None) -> None:
    kind = attributes_of(begin)["workflowType"]["name"]
    if kind != start.type_name:
        raise OtherExecution(
            f"the execution {start.workflow_id!r} in the database is one of the workflow {kind!r}, this is "
            f"{start.type_name!r}; choose another --workflow-id."
        )
    if first is None:
        return
    asked, kept = (codec.canonical(fields().fetch(text)) for text in (start.input, attributes_of(first).get("input")))
    if asked != kept:
        raise OtherExecution(
            f"the execution {start.workflow_id!r} was started with the input {kept:.200}, this is {asked:.200}; "
            "give the same one to go on with it, or choose another --workflow-id."
        )
