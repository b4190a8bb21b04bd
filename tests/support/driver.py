"""Drives the engine over the service core in one process: every step of deciders and workers is the test's choice.

At each decision a live engine and one that has never seen the run answer side by side, and must say the same. What is
answered is checked against botocore's model, the service's own, and the limits of SWF.
"""

from __future__ import annotations

import functools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from simpleflow.replay.audit import audit
from simpleflow.replay.engine import Engine, HistoryNeeded
from simpleflow.replay.limits import Limits
from simpleflow.replay.work import Decisions, DecisionWork, RunKey
from simpleflow.service import model
from simpleflow.service.clock import VirtualClock
from simpleflow.service.core import Service
from simpleflow.service.deadlines import ACTIVITY
from simpleflow.service.faults import Fault
from simpleflow.service.limits import Limits as ServiceLimits
from simpleflow.utils import full_object_name

from .schedules import First, Schedule

DOMAIN = "test"
_MONTH_MS = 30 * 86_400_000
_SOON_MS = 60_000
_REQUEST_SIZE = 1_000_000

#: Those of Amazon, whatever SIMPLEFLOW_ENV says.
SWF_LIMITS = Limits(decisions=100, request_bytes=1_000_000, open_activities=1000)

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Completed:
    """``result`` is JSON text."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    reason: str
    details: str | None = None


@dataclass(frozen=True, slots=True)
class Silent:
    """The worker never answers: the task times out."""


Outcome = Completed | Failed | Silent


@dataclass(slots=True)
class ActivityTask:
    """An activity that a worker has started. ``attempt`` counts from 1, over all runs of the workflow id."""

    token: str
    workflow_id: str
    run_id: str
    id: str
    type: str
    input: str | None
    attempt: int
    outcome: Outcome = field(default_factory=Completed)

    @property
    def args(self) -> list[Any]:
        return list(json.loads(self.input or '{"args": []}')["args"])


@dataclass(slots=True)
class DecisionTask:
    """A decision task as polled, with the whole history up to its start."""

    token: str
    key: RunKey
    type: str
    events: list[Event]
    started: int
    previous: int


@dataclass(frozen=True, slots=True)
class Option:
    """Something that can happen next."""

    weight: float
    name: str
    act: Callable[[], object]


class Tape:
    """Chance for side effects: one that is recorded and runs again gets another value."""

    def __init__(self) -> None:
        self._run_id = ""
        self._recorded: set[str] = set()

    def follow(self, key: RunKey, events: Sequence[Event]) -> None:
        markers = (attributes(e) for e in events if e["eventType"] == "MarkerRecorded")
        details = (marker["details"] for marker in markers if marker["markerName"] == "simpleflow.side_effect")
        self._run_id, self._recorded = key.run_id, {json.loads(text)["name"] for text in details}

    def value(self, name: str) -> float:
        return random.Random(f"{self._run_id} {name} {name in self._recorded}").random()


class World:
    """One service, its deciders and its workers.

    ``work(task)`` says what becomes of an activity when a worker starts it. ``chaos`` adds lost responses, evictions,
    decisions that take long and timers that overtake. With ``eager`` workers take what there is at once, which leaves
    fewer orders of events.
    """

    def __init__(
        self,
        *workflows: type[Any],
        work: Callable[[ActivityTask], Outcome] | None = None,
        schedule: Schedule | None = None,
        limits: Limits | None = None,
        service_limits: ServiceLimits | None = None,
        compare: bool = True,
        live: bool = True,
        chaos: bool = False,
        eager: bool = False,
        activities: Iterable[Any] = (),
        tape: Tape | None = None,
    ) -> None:
        self.clock = VirtualClock()
        self.lists: dict[tuple[str, str], None] = {}
        self.service = Service(
            service_limits, entropy=random.Random(7).randbytes, on_task_available=self._on_task_available
        )
        self.limits = limits or SWF_LIMITS
        self.workflows = {full_object_name(w): w for w in workflows} | {w.name: w for w in workflows}
        self.engine = self._new_engine()
        self.work = work or (lambda task: Completed(json.dumps(task.args)))
        self.schedule = schedule or First()
        self.compare, self.live, self.chaos, self.eager = compare, live, chaos, eager
        self.tape = tape or Tape()
        self.runs: list[RunKey] = []
        self.tasks: list[DecisionTask] = []
        self.started: list[ActivityTask] = []
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.cancel_asked: set[tuple[str, str]] = set()
        self.answers: list[Decisions] = []
        self.trace: list[str] = []
        self.outside: list[Option] = []
        self.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="30")
        for workflow in workflows:
            for name in {workflow.name, full_object_name(workflow)}:
                self.register("workflow", name, str(workflow.version))
        for activity in activities:
            self.register("activity", activity.name, str(activity.version))

    # -- the service

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.service.call(operation, request, self.clock.now_ms())

    def _on_task_available(self, kind: str, region: str, domain: str, name: str) -> None:
        self.lists[kind, name] = None

    def register(self, kind: str, name: str, version: str) -> None:
        """Register a type; that another decider may have done it does not matter."""
        defaults = {"workflow": {"defaultChildPolicy": "TERMINATE"}, "activity": {}}[kind]
        try:
            self.call(f"Register{kind.title()}Type", domain=DOMAIN, name=name, version=version, **defaults)
        except Fault as fault:
            assert fault.code == "TypeAlreadyExistsFault", fault

    def start(self, workflow: type[Any], *args: Any, workflow_id: str = "root", **options: Any) -> RunKey:
        """Start an execution; ``input`` in ``options`` replaces the usual envelope."""
        request: dict[str, Any] = {
            "domain": DOMAIN,
            "workflowId": workflow_id,
            "workflowType": {"name": workflow.name, "version": str(workflow.version)},
            "input": json.dumps({"args": args, "kwargs": {}}),
            "taskList": {"name": workflow.task_list or "decisions"},
            "executionStartToCloseTimeout": "31536000",
            "taskStartToCloseTimeout": "300",
            "childPolicy": "TERMINATE",
            **options,
        }
        run_id = self.call("StartWorkflowExecution", **request)["runId"]
        return RunKey(DOMAIN, workflow_id, run_id)

    def events(self, key: RunKey) -> list[Event]:
        """The whole history of a run."""
        request = {"domain": DOMAIN, "execution": {"workflowId": key.workflow_id, "runId": key.run_id}}
        page = self.call("GetWorkflowExecutionHistory", **request)
        events = list(page["events"])
        while "nextPageToken" in page:
            page = self.call("GetWorkflowExecutionHistory", **request, nextPageToken=page["nextPageToken"])
            events += page["events"]
        return events

    def signal(self, name: str, value: Any = None, workflow_id: str = "root") -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.call("SignalWorkflowExecution", domain=DOMAIN, workflowId=workflow_id, signalName=name, input=text)

    def request_cancel(self, workflow_id: str = "root") -> None:
        self.call("RequestCancelWorkflowExecution", domain=DOMAIN, workflowId=workflow_id)

    def terminate(self, workflow_id: str = "root") -> None:
        self.call("TerminateWorkflowExecution", domain=DOMAIN, workflowId=workflow_id)

    def advance(self) -> None:
        """Let the next timer or timeout happen."""
        due = self.service.next_due()
        assert due is not None
        self.service.expire(self.clock.jump(due))

    # -- deciders

    def _new_engine(self) -> Engine:
        return Engine(self._find, self.limits)

    def _find(self, workflow_type: str, _input: str) -> type[Any]:
        return self.workflows[workflow_type]

    def poll(self) -> DecisionTask | None:
        """The next decision task of any list."""
        for kind, name in tuple(self.lists):
            if kind == "decision" and (task := self._poll_list(name)) is not None:
                return task
        return None

    def _poll_list(self, name: str) -> DecisionTask | None:
        request = {"domain": DOMAIN, "taskList": {"name": name}}
        page = self.call("PollForDecisionTask", **request)
        if "taskToken" not in page:
            return None
        events = list(page["events"])
        execution, kind = page["workflowExecution"], page["workflowType"]
        key = RunKey(DOMAIN, execution["workflowId"], execution["runId"])
        token, started, previous = page["taskToken"], page["startedEventId"], page["previousStartedEventId"]
        while "nextPageToken" in page:
            page = self.call("PollForDecisionTask", **request, nextPageToken=page["nextPageToken"])
            events += page["events"]
        if key not in self.runs:
            self.runs.append(key)
        task = DecisionTask(token, key, kind["name"], events, started, previous)
        self.tasks.append(task)
        return task

    def decide(self, task: DecisionTask) -> Decisions:
        """What the live engine decides; a fresh one must decide the same."""
        self.tape.follow(task.key, task.events)
        if not self.live:
            self.engine.close()
        decisions = self._live_decision(task)
        if self.compare:
            fresh = self._new_engine()
            again = fresh.decide(self._work(task))
            fresh.close()
            assert again == decisions, f"live and fresh differ at event {task.started}:\n{decisions}\n{again}"
        return decisions

    def _live_decision(self, task: DecisionTask) -> Decisions:
        if task.previous and self.engine.seen(task.key):
            try:
                return self.engine.decide(self._work(task, first=task.previous))
            except HistoryNeeded:
                self.trace.append("history needed")
        return self.engine.decide(self._work(task))

    @staticmethod
    def _work(task: DecisionTask, first: int = 1) -> DecisionWork:
        events = task.events[first - 1 :]
        return DecisionWork(task.key, task.type, events, task.started, task.previous, task.token)

    def answer(self, task: DecisionTask, decisions: Decisions) -> None:
        """Respond as a decider does: register what is missing, send, and drop the run unless all went well."""
        self.tasks.remove(task)
        self.answers.append(decisions)
        for missing in decisions.register:
            self.register(missing.kind, missing.name, missing.version)
        request: dict[str, Any] = {"taskToken": task.token, "decisions": list(decisions.decisions)}
        if decisions.execution_context is not None:
            request["executionContext"] = decisions.execution_context
        check_response(request, self.limits)
        try:
            self.call("RespondDecisionTaskCompleted", **request)
        except Fault as fault:
            assert fault.code == "UnknownResourceFault", fault
            self.engine.drop(task.key)
            return
        for wire in decisions.decisions:
            if wire["decisionType"] == "RequestCancelActivityTask":
                attributes = wire["requestCancelActivityTaskDecisionAttributes"]
                self.cancel_asked.add((task.key.run_id, attributes["activityId"]))
        if self.status(task.key) != "OPEN":
            self.engine.closed(task.key, task.type, self.events(task.key))

    def decide_once(self) -> Decisions | None:
        """Poll, decide and answer; None if no decision task waits."""
        task = self.poll()
        if task is None:
            return None
        decisions = self.decide(task)
        self.answer(task, decisions)
        return decisions

    def lose(self, task: DecisionTask) -> None:
        """The decider decides, but its response never arrives."""
        self.decide(task)
        self.tasks.remove(task)
        self.service.abandon_decision_task(task.token, self.clock.now_ms())

    def evict(self, key: RunKey) -> None:
        self.engine.drop(key)

    # -- workers

    def start_activity(self) -> ActivityTask | None:
        """Hand the next activity of any list to a worker."""
        for kind, name in tuple(self.lists):
            if kind != "activity":
                continue
            answer = self.call("PollForActivityTask", domain=DOMAIN, taskList={"name": name})
            if "taskToken" in answer:
                execution = answer["workflowExecution"]
                workflow_id, activity_id = execution["workflowId"], answer["activityId"]
                self.attempts[workflow_id, activity_id] += 1
                task = ActivityTask(
                    token=answer["taskToken"],
                    workflow_id=workflow_id,
                    run_id=execution["runId"],
                    id=activity_id,
                    type=answer["activityType"]["name"],
                    input=answer.get("input"),
                    attempt=self.attempts[workflow_id, activity_id],
                )
                task.outcome = self.work(task)
                self.started.append(task)
                return task
        return None

    def start_activities(self) -> None:
        while self.start_activity() is not None:
            pass

    def finish(self, task: ActivityTask, outcome: Outcome | None = None) -> None:
        """A worker answers, with ``outcome`` or what ``work`` said."""
        self.started.remove(task)
        outcome = outcome or task.outcome
        try:
            if isinstance(outcome, Completed):
                result = {} if outcome.result is None else {"result": outcome.result}
                self.call("RespondActivityTaskCompleted", taskToken=task.token, **result)
            elif isinstance(outcome, Failed):
                details = {} if outcome.details is None else {"details": outcome.details}
                self.call("RespondActivityTaskFailed", taskToken=task.token, reason=outcome.reason, **details)
        except Fault as fault:
            assert fault.code == "UnknownResourceFault", fault

    def cancel(self, task: ActivityTask) -> None:
        """A worker follows a request to cancel."""
        self.started.remove(task)
        try:
            self.call("RespondActivityTaskCanceled", taskToken=task.token)
        except Fault as fault:
            assert fault.code == "UnknownResourceFault", fault

    def named(self, activity_id: str) -> ActivityTask:
        """A started activity by its id, or by the end of its id."""
        return next(task for task in self.started if task.id.endswith(activity_id))

    # -- everything at once

    def options(self) -> list[Option]:
        """What can happen next, time aside."""
        options = [Option(4, f"answer {task.started}", functools.partial(self._answer, task)) for task in self.tasks]
        for name in self._ready("decision"):
            options.append(Option(3, f"poll {name}", functools.partial(self._poll_list, name)))
        if self._ready("activity"):
            options.append(Option(4, "start an activity", self.start_activity))
        for activity in self.started:
            if not isinstance(activity.outcome, Silent):
                options.append(Option(2, f"finish {activity.id}", functools.partial(self.finish, activity)))
            if (activity.run_id, activity.id) in self.cancel_asked:
                options.append(Option(2, f"cancel {activity.id}", functools.partial(self.cancel, activity)))
        for outside in self.outside:
            options.append(Option(outside.weight, outside.name, functools.partial(self._once, outside)))
        if options and self.chaos:
            for task in self.tasks:
                options.append(Option(0.3, f"lose {task.started}", functools.partial(self.lose, task)))
            for key in self.runs:
                if self.engine.seen(key):
                    options.append(Option(0.3, f"evict {key.workflow_id}", functools.partial(self.evict, key)))
            if self._time_may_pass():
                options.append(Option(0.3, "time goes on", self.advance))
        return options

    def _answer(self, task: DecisionTask) -> None:
        self.answer(task, self.decide(task))

    def _once(self, outside: Option) -> None:
        self.outside.remove(outside)
        outside.act()

    def _ready(self, kind: str) -> list[str]:
        lists = self.service.snapshot().task_lists
        return [name.name for name, tasks in lists.items() if name.kind == kind and any(ready for _, ready in tasks)]

    def _time_may_pass(self) -> bool:
        """Whether something falls due soon that does not take its task from a worker who is about to answer."""
        due = self.service.next_due()
        if due is None or due - self.clock.now_ms() > _SOON_MS:
            return False
        ranks = {rank for (rank, _, _), at in self.service.snapshot().deadlines.items() if at == due}
        return ACTIVITY not in ranks or all(isinstance(task.outcome, Silent) for task in self.started)

    def _due_ms(self) -> float:
        due = self.service.next_due()
        return float("inf") if due is None else due - self.clock.now_ms()

    def step(self) -> bool:
        """Let one thing happen; False when nothing can."""
        self.clock.advance(0.001)
        self.service.expire(self.clock.now_ms())
        if self.eager:
            self.start_activities()
        options = self.options()
        if not options:
            if self._due_ms() > _MONTH_MS:
                return False
            self.trace.append("time passes")
            self.advance()
            return True
        option = options[self.schedule.pick([option.weight for option in options]) if len(options) > 1 else 0]
        self.trace.append(option.name)
        option.act()
        return True

    def drive(self, most: int = 3000) -> None:
        """Go on until nothing can happen any more; every execution must have closed by then."""
        for _ in range(most):
            if not self.step():
                break
        else:
            raise AssertionError(f"not at an end after {most} steps: {self.trace[-20:]}")
        still = [key.workflow_id for key in self.runs if self.status(key) == "OPEN"]
        assert not still, f"blocked: {still}; the last steps were {self.trace[-20:]}"

    def run(self, workflow: type[Any], *args: Any, **options: Any) -> Any:
        """Start, drive, and give the result of a completed execution."""
        key = self.start(workflow, *args, **options)
        self.drive()
        return self.result(key)

    def audit(self) -> None:
        """Today's code fits every history, from its beginning to its end."""
        for key in self.runs:
            events = self.events(key)
            self.tape.follow(key, events)
            kind = attributes(events[0])["workflowType"]["name"]
            audit(key, kind, events, self._find, self.limits)

    # -- what the histories say

    def status(self, key: RunKey) -> str:
        execution = {"workflowId": key.workflow_id, "runId": key.run_id}
        info = self.call("DescribeWorkflowExecution", domain=DOMAIN, execution=execution)["executionInfo"]
        return str(info.get("closeStatus", "OPEN"))

    def close_event(self, key: RunKey) -> tuple[str, dict[str, Any]]:
        """What the last event of a closed run says: its type, its attributes."""
        last = self.events(key)[-1]
        return last["eventType"], attributes(last)

    def result(self, key: RunKey) -> Any:
        kind, given = self.close_event(key)
        assert kind == "WorkflowExecutionCompleted", (kind, given)
        return json.loads(given["result"])

    def last_run(self, workflow_id: str = "root") -> RunKey:
        """The last run of a workflow id that a decider has seen."""
        return [key for key in self.runs if key.workflow_id == workflow_id][-1]

    def of_type(self, *event_types: str, key: RunKey | None = None) -> list[dict[str, Any]]:
        """The attributes of all events of these types."""
        return [attributes(e) for e in self.events(key or self.last_run()) if e["eventType"] in event_types]

    def scheduled(self, key: RunKey | None = None) -> list[tuple[str, list[Any]]]:
        """Id and positional arguments of every attempt, in order."""
        found = self.of_type("ActivityTaskScheduled", key=key)
        return [(a["activityId"], json.loads(a["input"])["args"]) for a in found]


def attributes(event: Event) -> dict[str, Any]:
    kind = event["eventType"]
    found: dict[str, Any] = event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]
    return found


@functools.cache
def _respond_shape() -> Any:
    service = botocore.session.get_session().get_service_model("swf")
    return service.operation_model("RespondDecisionTaskCompleted").input_shape


def check_response(request: dict[str, Any], limits: Limits) -> None:
    """What SWF demands of every response."""
    decisions: Sequence[Any] = request["decisions"]
    assert len(decisions) <= limits.decisions, f"{len(decisions)} decisions"
    size = len(json.dumps(request))
    assert size < _REQUEST_SIZE
    assert size <= limits.request_bytes or len(decisions) <= 2, f"{size} bytes"
    problems = ParamValidator().validate(request, _respond_shape())
    assert not problems.has_errors(), problems.generate_report()
    model.validate("RespondDecisionTaskCompleted", request)


def check_ids(events: Sequence[Event]) -> None:
    """No id of a history has two meanings: inputs differ in the number of the attempt alone."""
    meanings: defaultdict[tuple[str, str], set[tuple[str, str | None]]] = defaultdict(set)
    for event in events:
        given = attributes(event)
        if event["eventType"] == "ActivityTaskScheduled":
            meaning = (given["activityType"]["name"], _without_attempt(given.get("input")))
            meanings["activity", given["activityId"]].add(meaning)
        elif event["eventType"] == "StartChildWorkflowExecutionInitiated":
            meaning = (given["workflowType"]["name"], given.get("input"))
            meanings["child", given["workflowId"]].add(meaning)
    for name, found in meanings.items():
        assert len(found) == 1, f"{name} means {found}"


def _without_attempt(text: str | None) -> str | None:
    if text is None or not text.endswith("}") or '"meta":{"attempt":' not in text:
        return text
    value = json.loads(text)
    del value["meta"]
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
