"""All runs of the service, and what one does to another.

A run that starts, closes, signals or cancels changes other runs: its parent, its children, its target. That happens
here, within the same transaction. Closing is settled through a queue and not by recursion, so a tree of children may be
of any depth.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from . import faults
from .events import Attributes, Event, given
from .execution import Execution, Ledger
from .journal import ClosedRun, Domain, Run, RunClosed, RunOpened, RunPurged
from .registry import Registry
from .visibility import Archive, Shelf, closed_run, describe, filters_of, info

#: Makes that many random bytes; `random.Random(7).randbytes` gives a service that always does the same.
Entropy = Callable[[int], bytes]

_PURGE_SLICE = 20

#: What the parent hears about a child, by the event that closed the child: the event, and what it takes over from it.
_NEWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "WorkflowExecutionCompleted": ("ChildWorkflowExecutionCompleted", ("result",)),
    "WorkflowExecutionFailed": ("ChildWorkflowExecutionFailed", ("reason", "details")),
    "WorkflowExecutionCanceled": ("ChildWorkflowExecutionCanceled", ("details",)),
    "WorkflowExecutionTimedOut": ("ChildWorkflowExecutionTimedOut", ("timeoutType",)),
    "WorkflowExecutionTerminated": ("ChildWorkflowExecutionTerminated", ()),
}

#: The closes after which the child policy is applied.
_POLICY_APPLIES = ("WorkflowExecutionTimedOut", "WorkflowExecutionTerminated")

#: What a run takes over into its first event, when given.
_ORIGIN = (
    "input",
    "executionStartToCloseTimeout",
    "taskStartToCloseTimeout",
    "childPolicy",
    "taskList",
    "taskPriority",
    "workflowType",
    "tagList",
    "lambdaRole",
)


class Runs:
    def __init__(self, ledger: Ledger, registry: Registry, archive: Archive, entropy: Entropy) -> None:
        self._ledger = ledger
        self._registry = registry
        self._archive = archive
        self._entropy = entropy
        self._serial = 0
        self._by_run: dict[str, Execution] = {}
        self._by_workflow: dict[tuple[str, str], dict[str, Execution]] = {}
        self._shelves: dict[tuple[str, str], Shelf[Execution]] = {}
        #: The open children of open runs: by run id of the parent, then of the child.
        self._children: dict[str, dict[str, Execution]] = {}

    # -- finding -------------------------------------------------------------------------------------

    def open_run(self, run_id: str) -> Execution | None:
        return self._by_run.get(run_id)

    def open_runs(self) -> list[Execution]:
        """The open runs, the oldest first."""
        return list(self._by_run.values())

    def open_in(self, region: str, domain: str, workflow_id: str, run_id: str | None = None) -> Execution | None:
        """The open run of a workflow id; with a run id, only if it is that one."""
        found = self._by_workflow.get((region, domain), {}).get(workflow_id)
        return found if found is not None and run_id in (None, "", found.run.run_id) else None

    def require_open(self, region: str, domain: str, workflow_id: str, run_id: str | None) -> Execution:
        """The open run; UnknownResourceFault if there is none."""
        found = self.open_in(region, domain, workflow_id, run_id)
        if found is None:
            raise faults.unknown_execution(workflow_id, run_id or None)
        return found

    def open_count(self, region: str, domain: str) -> int:
        return len(self._by_workflow.get((region, domain), ()))

    def open_counts(self) -> dict[tuple[str, str], int]:
        return {domain: len(runs) for domain, runs in self._by_workflow.items() if runs}

    def shelf(self, region: str, domain: str) -> Shelf[Execution]:
        """The open runs of a domain by start."""
        return self._shelves.setdefault((region, domain), Shelf())

    def identity(self, run_id: str) -> Run | None:
        """The identity of a run, open or closed."""
        execution = self._by_run.get(run_id)
        if execution is not None:
            return execution.run
        closed = self._archive.get(run_id, self._ledger.now_ms)
        return None if closed is None else closed.run

    def description(self, run_id: str) -> dict[str, Any]:
        """The answer to DescribeWorkflowExecution for a run that `identity` knows."""
        execution = self._by_run.get(run_id)
        if execution is not None:
            return describe(execution.run, execution.state)
        closed = self._archive.get(run_id, self._ledger.now_ms)
        assert closed is not None
        return closed.description

    def event_count(self, run_id: str) -> int:
        execution = self._by_run.get(run_id)
        return self._archive.event_count(run_id) if execution is None else len(execution.events)

    def events(self, run_id: str, first: int, last: int) -> list[Event]:
        """The events `first` to `last`, both included, of a run that `identity` knows."""
        execution = self._by_run.get(run_id)
        return self._archive.events(run_id, first, last) if execution is None else execution.events[first - 1 : last]

    # -- starting ------------------------------------------------------------------------------------

    def new_run_id(self) -> str:
        """46 characters: two digits and the base64 of 32 random bytes."""
        return "22" + base64.b64encode(self._entropy(32)).decode()

    def nonce(self) -> str:
        return self._entropy(8).hex()

    def start(
        self, domain: Domain, workflow_id: str, settings: Attributes, links: Attributes, run_id: str = ""
    ) -> Execution:
        """Open a run. `settings` are resolved; `links` say where it comes from."""
        self._serial += 1
        run = Run(self._serial, domain.region, domain.name, workflow_id, run_id or self.new_run_id())
        execution = Execution(run, self._ledger)
        self._ledger.changes.append(RunOpened(run))
        execution.start({"parentInitiatedEventId": 0, **given(settings, _ORIGIN), **links})
        self._list(execution)
        return execution

    def start_child(self, parent: Execution, initiated_id: int) -> None:
        """Do what StartChildWorkflowExecutionInitiated announces."""
        wanted = parent.attributes(initiated_id)
        run = parent.run
        workflow_id = wanted["workflowId"]
        if self.open_in(run.region, run.domain, workflow_id) is not None:
            failure = given(wanted, ("workflowType", "workflowId", "control", "decisionTaskCompletedEventId"))
            failure |= {"cause": "WORKFLOW_ALREADY_RUNNING", "initiatedEventId": initiated_id}
            self._tell(parent, "StartChildWorkflowExecutionFailed", failure)
            return
        domain = self._registry.domain(run.region, run.domain)
        links = {"parentWorkflowExecution": run.ref(), "parentInitiatedEventId": initiated_id}
        child = self.start(domain, workflow_id, wanted, links)
        news = {"workflowExecution": child.run.ref(), "workflowType": wanted["workflowType"]}
        self._tell(parent, "ChildWorkflowExecutionStarted", {**news, "initiatedEventId": initiated_id})

    # -- signals and cancel requests from another run --------------------------------------------------

    def signal(self, source: Execution, initiated_id: int) -> None:
        """Do what SignalExternalWorkflowExecutionInitiated announces."""
        self._reach(source, initiated_id, "Signal", ("signalName", "input"))

    def request_cancel(self, source: Execution, initiated_id: int) -> None:
        """Do what RequestCancelExternalWorkflowExecutionInitiated announces."""
        self._reach(source, initiated_id, "Cancel", ())

    def _reach(self, source: Execution, initiated_id: int, act: str, taken: tuple[str, ...]) -> None:
        arrival, success, failure = _REACH[act]
        wanted = source.attributes(initiated_id)
        run = source.run
        target = self.open_in(run.region, run.domain, wanted["workflowId"], wanted.get("runId"))
        if target is None:
            told = given(wanted, ("workflowId", "runId", "control", "decisionTaskCompletedEventId"))
            told |= {"cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION", "initiatedEventId": initiated_id}
            self._tell(source, failure, told)
            return
        sender = {"externalWorkflowExecution": run.ref(), "externalInitiatedEventId": initiated_id}
        target.append(arrival, {**given(wanted, taken), **sender})
        self._tell(source, success, {"workflowExecution": target.run.ref(), "initiatedEventId": initiated_id})

    @staticmethod
    def _tell(execution: Execution, event_type: str, attributes: Attributes) -> None:
        """Append to a run unless it has closed meanwhile."""
        if execution.state.is_open:
            execution.append(event_type, attributes)

    # -- closing -------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let the relatives of every run that closed hear of it, and of those that close thereby."""
        closed = self._ledger.closed
        while closed:
            self._retire(closed.popleft())

    def enforce_history_limit(self) -> None:
        """Terminate the open runs whose history has reached the limit."""
        overlong = self._ledger.overlong
        while overlong:
            execution = overlong.pop()
            if execution.state.is_open:
                execution.terminate("EVENT_LIMIT_EXCEEDED", {})
                self.settle()

    def purge(self) -> bool:
        """Drop a few of the closed runs whose retention is over; whether there were any."""
        gone = self._archive.purge(self._ledger.now_ms, _PURGE_SLICE)
        if gone:
            self._ledger.changes.extend(RunPurged(run) for run in gone)
        return bool(gone)

    def _retire(self, execution: Execution) -> None:
        last = execution.events[-1]
        event_type = last["eventType"]
        attributes = execution.attributes(last["eventId"])
        self._unlist(execution)
        children = self._children.pop(execution.run.run_id, {})
        if event_type == "WorkflowExecutionContinuedAsNew":
            self._continue(execution, attributes)
        else:
            self._tell_parent(execution, event_type, attributes)
        if event_type in _POLICY_APPLIES:
            self._apply_policy(execution, attributes["childPolicy"], list(children.values()))
        self._file(execution)

    def _continue(self, execution: Execution, attributes: Attributes) -> None:
        run = execution.run
        domain = self._registry.domain(run.region, run.domain)
        links = given(execution.state.origin, ("parentWorkflowExecution", "parentInitiatedEventId"))
        links["continuedExecutionRunId"] = run.run_id
        self.start(domain, run.workflow_id, attributes, links, attributes["newExecutionRunId"])

    def _tell_parent(self, execution: Execution, event_type: str, attributes: Attributes) -> None:
        origin = execution.state.origin
        parent = self._by_run.get(origin.get("parentWorkflowExecution", {}).get("runId"))
        if parent is None:
            return
        initiated_id = origin["parentInitiatedEventId"]
        news, taken = _NEWS[event_type]
        links = {"initiatedEventId": initiated_id, "startedEventId": parent.state.children[initiated_id]}
        child = {"workflowExecution": execution.run.ref(), "workflowType": origin["workflowType"]}
        self._tell(parent, news, {**child, **given(attributes, taken), **links})

    @staticmethod
    def _apply_policy(parent: Execution, policy: str, children: list[Execution]) -> None:
        cause = "CHILD_POLICY_APPLIED"
        for child in children:
            if policy == "TERMINATE":
                child.terminate(cause, {})
            elif policy == "REQUEST_CANCEL":
                requester = {"externalWorkflowExecution": parent.run.ref(), "externalInitiatedEventId": 0}
                child.append("WorkflowExecutionCancelRequested", {**requester, "cause": cause})

    # -- the lists of open and closed runs -------------------------------------------------------------

    def _list(self, execution: Execution) -> None:
        run, state = execution.run, execution.state
        self._by_run[run.run_id] = execution
        self._by_workflow.setdefault((run.region, run.domain), {})[run.workflow_id] = execution
        self.shelf(run.region, run.domain).add(filters_of(info(run, state)), state.started_ms, run.serial, execution)
        parent_id = state.origin.get("parentWorkflowExecution", {}).get("runId")
        if parent_id in self._by_run:
            self._children.setdefault(parent_id, {})[run.run_id] = execution

    def _unlist(self, execution: Execution) -> None:
        run, state = execution.run, execution.state
        del self._by_run[run.run_id]
        del self._by_workflow[run.region, run.domain][run.workflow_id]
        filters = [filter for filter in filters_of(info(run, state)) if filter[:1] != ("status",)]
        self.shelf(run.region, run.domain).remove(filters, state.started_ms, run.serial)
        parent_id = state.origin.get("parentWorkflowExecution", {}).get("runId")
        if parent_id in self._children:
            self._children[parent_id].pop(run.run_id, None)

    def _file(self, execution: Execution) -> None:
        closed = self._closed(execution)
        self._ledger.changes.append(RunClosed(closed))
        if closed.purge_ms > closed.closed_ms:
            self._archive.add(closed, execution.events)
        else:
            self._ledger.changes.append(RunPurged(closed.run))

    def _closed(self, execution: Execution) -> ClosedRun:
        run = execution.run
        return closed_run(run, execution.state, self._registry.domain(run.region, run.domain).retention)

    # -- reading back ----------------------------------------------------------------------------------

    def restore(self, execution: Execution) -> None:
        """Take in a run that was read back; in the order of the serials."""
        self.reserve_serials(execution.run.serial)
        if execution.state.is_open:
            self._list(execution)
            execution.arm()
        else:
            self._archive.add(self._closed(execution), execution.events)

    def reserve_serials(self, last: int) -> None:
        """Give no run a serial up to `last`."""
        self._serial = max(self._serial, last)


#: By act: the event of the target, and the events of the source when it worked and when it did not.
_REACH = {
    "Signal": (
        "WorkflowExecutionSignaled",
        "ExternalWorkflowExecutionSignaled",
        "SignalExternalWorkflowExecutionFailed",
    ),
    "Cancel": (
        "WorkflowExecutionCancelRequested",
        "ExternalWorkflowExecutionCancelRequested",
        "RequestCancelExternalWorkflowExecutionFailed",
    ),
}
