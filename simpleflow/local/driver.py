"""The driver: engine, service and activities in one thread.

The order in which things happen does not depend on chance or on how fast anything is. Decision tasks go first. Between
two decisions one activity runs, or an eighth of those that wait: so a decision sees the end of one activity, as it
would elsewhere, and yet many activities do not cost a decision each. When there is no task, the clock jumps to what is
due next; when nothing is due that somebody asked for, the run is over.
"""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..payloads.objects import fields
from ..process.find import find_workflow
from ..process.forks import forks_end_here
from ..process.perform import ActivityCallData, Completed, Middlewares, perform
from ..replay import names
from ..replay.audit import audit
from ..replay.decisions import Wire
from ..replay.engine import Engine
from ..replay.limits import Limits
from ..replay.run import Run as LiveRun
from ..replay.state import INTERRUPTED
from ..replay.work import Decisions, DecisionWork, RunKey
from ..service.clock import VirtualClock
from ..service.events import Event
from ..service.faults import Fault
from ..service.journal import Run
from ..service.tokens import ACTIVITY, DECISION, task_token
from ..utils import full_object_name
from ..workflow import Workflow
from .blocked import describe_wait
from .check import check_decisions, replayed, silence
from .clock import virtual_clock
from .home import Home, Memory
from .outcome import BLOCKED, ActivityFailure, LocalRun, close_of
from .watch import Watch

logger = logging.getLogger(__name__)

DOMAIN = "local"
_RETENTION_DAYS = "90"

#: An execution on Amazon SWF ends at 25,000 events; this one does not.
_HISTORY_WARNINGS = (10_000, 25_000)

#: A collection takes place when there are so many more objects than after the last one.
_OBJECTS = 10_000

#: Of the activities that wait, one in so many runs before the next decision.
_SHARE = 8


@dataclass(frozen=True, slots=True)
class Start:
    """What StartWorkflowExecution is asked. ``input`` is JSON; timeouts are in seconds, None is no timeout."""

    workflow_class: type[Workflow]
    input: str
    workflow_id: str = "local"
    task_list: str = "default"
    execution_timeout: str | None = None
    decision_tasks_timeout: str | None = None
    tags: Sequence[str] = ()

    @property
    def type_name(self) -> str:
        """Of the workflow type. Raises InvalidTask."""
        return names.checked("workflow name", self.workflow_class.name or full_object_name(self.workflow_class))


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Look for cyclic garbage less often than usual.

    A history grows all the time and none of it is garbage before the end, so the usual collections would pass over it
    again and again: a quarter of the time of a run with 20,000 activities.
    """
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _OBJECTS) if usual[0] else 0, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Driver:
    """Runs one execution, with its children, in a service of its own.

    ``task_list`` replaces the task lists of everything. It is needed in a ``home`` that others use too.
    """

    def __init__(
        self,
        *,
        home: Home | None = None,
        task_list: str | None = None,
        middlewares: Middlewares | None = None,
        check_replay: bool = False,
        clock: VirtualClock | None = None,
    ) -> None:
        self._middlewares = middlewares or Middlewares()
        self._checks = check_replay
        self._clock = clock or virtual_clock()
        self._home = home or Memory()
        self._watch = Watch(task_list)
        self._service = self._home.service(self._watch)
        self._limits = Limits(
            open_activities=None, open_timers=None, open_children=None, history_warnings=_HISTORY_WARNINGS
        )
        self._fields = fields()
        self._engine = Engine(self._find, self._limits, task_list=task_list, fields=self._fields)
        self._classes: dict[str, type[Workflow]] = {}
        self._known_types: set[tuple[str, str, str]] = set()
        #: Open runs with a timeout that somebody asked for: it is something that can still happen.
        self._timed: set[str] = set()
        self._failure: ActivityFailure | None = None
        self._workflow_id = self._root = ""
        self._history: list[Event] = []
        retention = _RETENTION_DAYS if self._home.durable else "NONE"
        self._register("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays=retention)

    def start(self, start: Start) -> None:
        """Start the execution. Raises InvalidTask for what Amazon SWF would refuse."""
        workflow_class = start.workflow_class
        name = start.type_name
        version = str(workflow_class.version or "default")
        self._classes[name] = workflow_class
        self._know("workflow", name, version)
        answer = self.call(
            "StartWorkflowExecution",
            domain=DOMAIN,
            workflowId=names.checked("workflow id", start.workflow_id),
            workflowType={"name": name, "version": version},
            input=start.input,
            taskList={"name": names.checked("task list", start.task_list)},
            executionStartToCloseTimeout=start.execution_timeout or "NONE",
            taskStartToCloseTimeout=start.decision_tasks_timeout or "NONE",
            childPolicy=workflow_class.child_policy or "TERMINATE",
            tagList=names.checked_tags(start.tags),
        )
        self._workflow_id, self._root = start.workflow_id, str(answer["runId"])
        if start.execution_timeout is not None:
            self._timed.add(self._root)

    def resume(self, workflow_class: type[Workflow], workflow_id: str, run_id: str, history: list[Event]) -> None:
        """Go on with a run of the home, or with what is left of it if it has closed.

        What was begun when the process died is begun again, and that is no attempt.
        """
        self._classes[_type_name(history)] = workflow_class
        self._workflow_id, self._root, self._history = workflow_id, run_id, history
        for open_id, state in self._service.snapshot().states.items():
            if open_id not in self._watch.open:
                continue
            if state.origin["executionStartToCloseTimeout"] != "NONE":
                self._timed.add(open_id)
            if state.started is not None:
                token = task_token(DECISION, open_id, state.started.scheduled_id, state.started.nonce)
                self._service.abandon_decision_task(token, self._clock.now_ms())
            for activity in [activity for activity in state.activities.values() if activity.started_id]:
                token = task_token(ACTIVITY, open_id, activity.scheduled_id, activity.nonce)
                self.call("RespondActivityTaskFailed", taskToken=token, reason=INTERRUPTED)

    def signal(self, workflow_id: str, name: str, input: str) -> None:
        """Signal an execution from outside."""
        self.call("SignalWorkflowExecution", domain=DOMAIN, workflowId=workflow_id, signalName=name, input=input)

    def run(self) -> LocalRun:
        """Go on until nothing can happen any more. Raises NondeterminismError, DecisionAbandoned, StoreError."""
        try:
            with rare_collections():
                while self._step():
                    pass
            self._home.keep()
            return self._outcome()
        finally:
            self._engine.close()
            self._home.close()

    def _step(self) -> bool:
        """Do what comes next; False if there is nothing."""
        watch = self._watch
        self._service.expire(self._clock.now_ms())
        if watch.closed:
            self._settle(watch.closed.popleft())
        elif watch.decisions:
            self._decide(watch.decisions.popleft())
        elif watch.activities:
            self._home.keep()
            for number in range(max(1, len(watch.activities) // _SHARE)):
                if number:
                    self._home.keep_meanwhile()
                self._perform(watch.activities.popleft())
        else:
            return self._wait()
        return True

    def _wait(self) -> bool:
        due = self._service.next_due()
        if due is None or not (self._watch.open_timers or self._timed):
            return False
        self._home.keep()
        self._clock.jump(due)
        return True

    # -- decisions

    def _decide(self, task_list: str) -> None:
        answer = self.call(
            "PollForDecisionTask",
            domain=DOMAIN,
            taskList={"name": task_list},
            startAtPreviousStartedEvent=True,
            maximumPageSize=1,  # the events are in the watch
        )
        if "taskToken" not in answer:
            return
        execution, kind = answer["workflowExecution"], answer["workflowType"]
        key = RunKey(DOMAIN, execution["workflowId"], execution["runId"])
        history = self._watch.histories[key.run_id]
        started = answer["startedEventId"]
        work = DecisionWork(
            key=key,
            workflow_type=kind["name"],
            events=history[self._engine.seen(key) : started],
            started_event_id=started,
            previous_started_event_id=answer["previousStartedEventId"],
            task_token=answer["taskToken"],
        )
        with forks_end_here():
            decisions = self._engine.decide(work)
            live = self._engine.live(key)
            if self._checks and live is not None:
                check_decisions(live, decisions, history[:started], self._limits)
        if live is not None and getattr(live.workflow_class, "execution_timeout", None) is not None:
            self._timed.add(key.run_id)
        self._respond(work.task_token, decisions)

    def _respond(self, token: str, decisions: Decisions) -> None:
        for decision in decisions.decisions:
            named = _TYPES.get(decision["decisionType"])
            if named is not None:
                kind, member, type_member = named
                wanted = decision[member][type_member]
                self._know(kind, wanted["name"], wanted["version"])
        sent = map(self._lasting, decisions.decisions) if self._home.durable else decisions.decisions
        request: dict[str, Any] = {"taskToken": token, "decisions": list(sent)}
        if decisions.execution_context is not None:
            request["executionContext"] = decisions.execution_context
        self.call("RespondDecisionTaskCompleted", **request)

    def _know(self, kind: str, name: str, version: str) -> None:
        """Register a type before anything asks for it."""
        if (kind, name, version) in self._known_types:
            return
        self._known_types.add((kind, name, version))
        if kind == "activity":
            self._register("RegisterActivityType", domain=DOMAIN, name=name, version=version)
        else:
            self._register(
                "RegisterWorkflowType", domain=DOMAIN, name=name, version=version, defaultChildPolicy="TERMINATE"
            )

    def _register(self, operation: str, **request: Any) -> None:
        try:
            self.call(operation, **request)
        except Fault as fault:
            if fault.code not in _EXISTS:
                raise

    def _lasting(self, decision: Wire) -> Wire:
        """A decision without the timeouts that nobody here could keep.

        Activities run one after the other in this process, and nobody else would take over what is late.
        """
        member, timeouts = _TIMEOUTS.get(decision["decisionType"], ("", ()))
        if not timeouts:
            return decision
        attributes = {**decision[member], **dict.fromkeys(timeouts, "NONE")}
        child = attributes.get("workflowType")
        if child and getattr(self._find(child["name"], ""), "execution_timeout", None) is None:
            attributes["executionStartToCloseTimeout"] = "NONE"
        return {**decision, member: attributes}

    def _find(self, workflow_type: str, input: str) -> type[Workflow]:
        found = self._classes.get(workflow_type)
        if found is None:
            found = self._classes[workflow_type] = _defined(workflow_type)
        return found

    # -- activities

    def _perform(self, task_list: str) -> None:
        task = self.call("PollForActivityTask", domain=DOMAIN, taskList={"name": task_list})
        if "taskToken" not in task:
            return
        call = ActivityCallData.of_poll(DOMAIN, task_list, task)
        outcome = perform(call, self._middlewares, door=self._fields)
        token = task["taskToken"]
        if isinstance(outcome, Completed):
            self.call("RespondActivityTaskCompleted", taskToken=token, result=outcome.result)
            return
        reason = self._fields.fetch(outcome.reason) or ""
        logger.warning("%s failed: %s", call.activity_id, reason)
        self._failure = ActivityFailure(call.activity_id, reason, outcome.details)
        self.call("RespondActivityTaskFailed", taskToken=token, reason=outcome.reason, details=outcome.details)

    # -- the end

    def _settle(self, run: Run) -> None:
        """A run has closed: replay its whole history, and tell its hooks."""
        events = self._watch.histories.pop(run.run_id)
        last = events[-1]
        key, name = _key(run), _type_name(events)
        with forks_end_here():
            self._audit(key, events)
            if self._engine.wants_close(key):
                self._engine.closed(key, name, events)
        self._engine.drop(key)
        timed = run.run_id in self._timed
        self._timed.discard(run.run_id)
        if run.run_id != self._root:
            return
        if last["eventType"] == "WorkflowExecutionContinuedAsNew":
            self._root = last["workflowExecutionContinuedAsNewEventAttributes"]["newExecutionRunId"]
            if timed:
                self._timed.add(self._root)
        else:
            self._history = events

    def _audit(self, key: RunKey, events: list[Event]) -> None:
        with silence():
            audit(key, _type_name(events), events, self._find, self._limits, self._fields)

    def _outcome(self) -> LocalRun:
        for run in self._watch.open.values():
            self._audit(_key(run), self._watch.histories[run.run_id])
        root = self._watch.open.get(self._root)
        if root is not None:
            history = self._watch.histories[self._root]
            close = {"status": BLOCKED, "reason": f"blocked: {self._wait_of(root)}"}
        else:
            history = self._history
            close = close_of(history)
            for run in self._watch.open.values():
                logger.warning("workflow %s is left open: it %s.", run.workflow_id, self._wait_of(run))
        return LocalRun(
            workflow_id=self._workflow_id,
            run_id=self._root,
            history=history,
            activity_failure=self._failure,
            **close,
        )

    def _wait_of(self, run: Run) -> str:
        with contextlib.ExitStack() as parked:
            return describe_wait(self._parked(run, parked), lambda run_id: self._parked_child(run_id, parked))

    def _parked(self, run: Run, parked: contextlib.ExitStack) -> LiveRun:
        live = self._engine.live(_key(run))
        if live is None:  # no decision was due since the process began
            events = self._watch.histories[run.run_id]
            live = replayed(_key(run), self._find(_type_name(events), ""), events, self._fields)
            parked.callback(live.close)
        return live

    def _parked_child(self, run_id: str, parked: contextlib.ExitStack) -> LiveRun | None:
        run = self._watch.open.get(run_id)
        return self._parked(run, parked) if run is not None else None

    def call(self, operation: str, /, **request: Any) -> dict[str, Any]:
        """An operation of the service, now."""
        return self._service.call(operation, request, self._clock.now_ms())


#: Where a decision names a type: the kind of type, the member of the decision, the member in there.
_TYPES = {
    "ScheduleActivityTask": ("activity", "scheduleActivityTaskDecisionAttributes", "activityType"),
    "StartChildWorkflowExecution": (
        "workflow",
        "startChildWorkflowExecutionDecisionAttributes",
        "workflowType",
    ),
}


#: The timeouts of tasks, by the decision that sets them and the member they stand in.
_TIMEOUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ScheduleActivityTask": (
        "scheduleActivityTaskDecisionAttributes",
        ("scheduleToStartTimeout", "scheduleToCloseTimeout", "startToCloseTimeout", "heartbeatTimeout"),
    ),
    "StartChildWorkflowExecution": ("startChildWorkflowExecutionDecisionAttributes", ("taskStartToCloseTimeout",)),
}

_EXISTS = frozenset({"DomainAlreadyExistsFault", "TypeAlreadyExistsFault"})


def _key(run: Run) -> RunKey:
    return RunKey(run.domain, run.workflow_id, run.run_id)


def _type_name(events: list[Event]) -> str:
    return str(events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"])


def _defined(name: str) -> type[Workflow]:
    """The class of that name that was defined last. It may stand inside a function, where no import would find it.

    Raises NotFound, where the child was submitted by another process.
    """
    found: list[type[Workflow]] = []
    todo: list[type[Workflow]] = [Workflow]
    while todo:
        for workflow_class in todo.pop().__subclasses__():
            todo.append(workflow_class)
            if full_object_name(workflow_class) == name:
                found.append(workflow_class)
    return found[-1] if found else find_workflow(name)
