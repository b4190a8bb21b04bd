"""Deciders, workers and operators do what they like with the service; what must always hold is checked after each step.

The checks know nothing of the service's state: they read histories and compute from them what the service must say.
Now and then the service is thrown away and made again from its journal, and must be the same.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simpleflow.service import model
from simpleflow.service.core import Service, Snapshot, StoredRun
from simpleflow.service.events import ATTRIBUTES, CLOSING, Event, started_task
from simpleflow.service.faults import Fault
from simpleflow.service.journal import (
    Appended,
    Change,
    Domain,
    DomainPut,
    Heartbeat,
    Run,
    RunOpened,
    RunPurged,
    Type,
    TypeDeleted,
    TypePut,
)
from simpleflow.service.limits import Limits
from simpleflow.service.state import State

Record = dict[str, Any]

LIMITS = Limits(open_activities=3, open_timers=3, open_children=2, open_executions=7, history_events=150)
LISTS = ["one", "two"]
IDS = ["a", "b", "c"]
WORKFLOW_IDS = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"]
SECONDS = ["0", "1", "5", "30", "30", "30"]
POLICIES = ["TERMINATE", "REQUEST_CANCEL", "ABANDON"]
OUTCOMES = ["Completed", "Failed", "Canceled"]
TASK_LISTS = st.sampled_from(LISTS)
WORKFLOWS = st.sampled_from(WORKFLOW_IDS)


def decision(decision_type: str, **attributes: Any) -> Record:
    member = decision_type[0].lower() + decision_type[1:] + "DecisionAttributes"
    return {"decisionType": decision_type, member: attributes}


class Chance:
    """Draws what deciders decide. A seed goes farther than strategies here: hypothesis prefers what is small."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, choices: Sequence[Any]) -> Any:
        return self.random.choice(choices)

    def type(self, name: str) -> Record:
        return {"name": name, "version": self.one_of(["1"] * 20 + ["old", "never"])}

    def list(self) -> Record:
        return {"name": self.one_of(LISTS)}

    def decision(self, beside_a_close: bool) -> Record:
        kinds = [self.child, self.child, self.reach, self.small]
        return self.one_of(kinds if beside_a_close else [*kinds, *[self.activity] * 4, self.timer, self.timer])()

    def activity(self) -> Record:
        timeouts = ("scheduleToStartTimeout", "startToCloseTimeout", "heartbeatTimeout")
        more = {name: self.one_of(SECONDS) for name in timeouts}
        if self.random.random() < 0.9:
            more["taskList"] = self.list()
        return decision("ScheduleActivityTask", activityId=self.one_of(IDS), activityType=self.type("work"), **more)

    def timer(self) -> Record:
        return decision("StartTimer", timerId=self.one_of(IDS), startToFireTimeout=self.one_of(SECONDS))

    def child(self) -> Record:
        return decision(
            "StartChildWorkflowExecution",
            workflowId=self.one_of(WORKFLOW_IDS),
            workflowType=self.type("flow"),
            taskList=self.list(),
            childPolicy=self.one_of(POLICIES),
            executionStartToCloseTimeout=self.one_of(["5", "1000", "1000"]),
        )

    def reach(self) -> Record:
        target = self.one_of(WORKFLOW_IDS)
        signal = decision("SignalExternalWorkflowExecution", workflowId=target, signalName="s")
        return self.one_of([signal, decision("RequestCancelExternalWorkflowExecution", workflowId=target)])

    def small(self) -> Record:
        name = self.one_of(IDS)
        return self.one_of(
            [
                decision("RequestCancelActivityTask", activityId=name),
                decision("CancelTimer", timerId=name),
                decision("RecordMarker", markerName=name),
                decision("RecordMarker", markerName=name),
            ]
        )

    def close(self) -> Record:
        version, policy = self.one_of(["1", "1", "old"]), self.one_of(POLICIES)
        return self.one_of(
            [
                decision("CompleteWorkflowExecution", result="r"),
                decision("FailWorkflowExecution"),
                decision("CancelWorkflowExecution"),
                decision("ContinueAsNewWorkflowExecution", workflowTypeVersion=version, childPolicy=policy),
            ]
        )

    def answer(self) -> Record:
        """Decisions, and where the next decision task is to go."""
        closing = self.random.random() < 0.2
        decisions = [self.decision(closing) for _ in range(self.random.randrange(5))]
        if closing:
            decisions.append(self.close())
        answer: Record = {"decisions": decisions}
        if self.random.random() < 0.2:
            answer["taskList"] = self.list()
            if self.random.random() < 0.5:
                answer["taskListScheduleToStartTimeout"] = self.one_of(SECONDS)
        return answer


SEEDS = st.integers(0, 2**32 - 1)


class Recorder:
    """A journal in memory, from which a service can be made again."""

    def __init__(self) -> None:
        self.domains: dict[str, Domain] = {}
        self.types: dict[tuple[str, str, str], Type] = {}
        self.runs: dict[int, StoredRun] = {}
        self.names: dict[int, Run] = {}
        self.last_serial = 0
        self.commits = 0

    def commit(self, changes: Sequence[Change]) -> None:
        assert changes
        self.commits += 1
        for change in changes:
            self.take(change)

    def take(self, change: Change) -> None:
        match change:
            case DomainPut(domain):
                self.domains[domain.name] = domain
            case TypePut(type):
                self.types[type.kind, type.name, type.version] = type
            case TypeDeleted(type):
                del self.types[type.kind, type.name, type.version]
            case RunOpened(run):
                self.last_serial = run.serial
                self.runs[run.serial] = StoredRun(run, [])
            case Appended(run, event, nonce):
                self.runs[run.serial].events.append(event)
                if nonce is not None:
                    self.runs[run.serial].nonces[started_task(event)] = nonce
            case Heartbeat(run, scheduled_id, at_ms, details):
                self.runs[run.serial].heartbeats[scheduled_id] = (at_ms, details)
            case RunPurged(run):
                del self.runs[run.serial]

    def restore(self, service: Service) -> None:
        runs = [self.runs[serial] for serial in sorted(self.runs)]
        service.restore(self.domains.values(), self.types.values(), runs, self.last_serial)


def attributes(event: Record) -> Record:
    found: Record = event[ATTRIBUTES[event["eventType"]]]
    return found


class Projection:
    """What a history says about the run, computed without the service's code."""

    def __init__(self, events: list[Record]) -> None:
        types = Counter(event["eventType"] for event in events)
        self.open = not set(types) & set(CLOSING)
        by_type: dict[str, list[Record]] = {}
        for event in events:
            by_type.setdefault(event["eventType"], []).append(event)

        def links(member: str, *event_types: str) -> set[int]:
            found = [attributes(event)[member] for name in event_types for event in by_type.get(name, [])]
            assert len(found) == len(set(found)) or 0 in found, f"two of {event_types} for one event"
            return set(found)

        ends = [f"ActivityTask{outcome}" for outcome in ("Completed", "Failed", "TimedOut", "Canceled")]
        scheduled = {event["eventId"] for event in by_type.get("ActivityTaskScheduled", [])}
        started = links("scheduledEventId", "ActivityTaskStarted")
        ended = links("scheduledEventId", *ends)
        assert started <= scheduled and ended <= scheduled
        self.activities = scheduled - ended
        self.waiting_activities = scheduled - ended - started

        timers = {event["eventId"] for event in by_type.get("TimerStarted", [])}
        gone = links("startedEventId", "TimerFired", "TimerCanceled")
        assert gone <= timers
        self.timers = timers - gone

        tasks = {event["eventId"] for event in by_type.get("DecisionTaskScheduled", [])}
        taken = links("scheduledEventId", "DecisionTaskStarted")
        finished = links("scheduledEventId", "DecisionTaskCompleted", "DecisionTaskTimedOut")
        assert taken <= tasks and finished <= tasks
        self.waiting_decisions = tasks - taken - finished
        self.started_decisions = taken - finished

        children = links("initiatedEventId", "ChildWorkflowExecutionStarted")
        outcomes = ("Completed", "Failed", "Canceled", "TimedOut", "Terminated")
        over = links("initiatedEventId", *(f"ChildWorkflowExecution{outcome}" for outcome in outcomes))
        assert over <= children
        self.children = children - over


class ServiceMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_700_000_000_000
        self.random = random.Random(0)
        self.journal = Recorder()
        self.service = self.make()
        self.decision_tasks: list[str] = []
        self.activity_tasks: list[str] = []
        self.given_out: set[str] = set()
        self.heard: Counter[tuple[str, str]] = Counter()

    def make(self) -> Service:
        return Service(
            LIMITS,
            journal=self.journal,
            entropy=self.random.randbytes,
            on_task_available=lambda kind, region, domain, name: self.heard.update([(kind, name)]),
        )

    def call(self, operation: str, **request: Any) -> Record:
        model.validate(operation, request)
        self.now_ms += 1
        return self.service.call(operation, request, self.now_ms)

    def attempt(self, operation: str, **request: Any) -> Record | None:
        """A call that may be refused; a refusal changes nothing but what was due."""
        self.now_ms += 1
        self.service.expire(self.now_ms)
        self.now_ms -= 1
        before = self.journal.commits
        try:
            return self.call(operation, **request)
        except Fault as fault:
            assert fault.status == 400
            assert self.journal.commits == before
            return None

    # -- what may happen -----------------------------------------------------------------------------

    @initialize(retention=st.sampled_from(["0", "1"]))
    def register(self, retention: str) -> None:
        self.kept = retention != "0"
        self.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays=retention)
        for version in ("1", "old"):
            self.call(
                "RegisterWorkflowType",
                domain="d",
                name="flow",
                version=version,
                defaultTaskStartToCloseTimeout="30",
                defaultExecutionStartToCloseTimeout="1000",
                defaultTaskList={"name": "one"},
                defaultChildPolicy="TERMINATE",
            )
            self.call(
                "RegisterActivityType", domain="d", name="work", version=version, defaultTaskScheduleToCloseTimeout="20"
            )
        self.call("DeprecateWorkflowType", domain="d", workflowType={"name": "flow", "version": "old"})
        self.call("DeprecateActivityType", domain="d", activityType={"name": "work", "version": "old"})
        self.start("w1", "1", "TERMINATE", "1000")
        self.start("w2", "1", "REQUEST_CANCEL", "1000")

    @rule(
        workflow_id=WORKFLOWS,
        version=st.sampled_from(["1", "1", "old"]),
        policy=st.sampled_from(POLICIES),
        timeout=st.sampled_from(["5", "1000"]),
    )
    def start(self, workflow_id: str, version: str, policy: str, timeout: str) -> None:
        self.attempt(
            "StartWorkflowExecution",
            domain="d",
            workflowId=workflow_id,
            workflowType={"name": "flow", "version": version},
            childPolicy=policy,
            executionStartToCloseTimeout=timeout,
            tagList=[workflow_id],
        )

    @rule(name=TASK_LISTS, recent=st.booleans())
    def poll_decision(self, name: str, recent: bool) -> None:
        task = self.call(
            "PollForDecisionTask",
            domain="d",
            taskList={"name": name},
            startAtPreviousStartedEvent=recent,
            identity="me",
        )
        if "taskToken" not in task:
            assert task == {"previousStartedEventId": 0, "startedEventId": 0}
            assert not self.ready_decisions(name)
            return
        self.give_out(task["taskToken"])
        self.decision_tasks.append(task["taskToken"])
        ids = [event["eventId"] for event in task["events"]]
        first = task["previousStartedEventId"] if recent and task["previousStartedEventId"] else 1
        assert ids == list(range(first, task["startedEventId"] + 1))

    @rule(name=TASK_LISTS, seed=SEEDS, news=st.sampled_from([0, 0, 0, 1]))
    def decide(self, name: str, seed: int, news: int) -> None:
        """A decider that takes a task and answers it, perhaps while a signal comes in."""
        known = len(self.decision_tasks)
        self.poll_decision(name, True)
        if len(self.decision_tasks) > known:
            for _ in range(news):
                self.attempt("SignalWorkflowExecution", domain="d", workflowId="w1", signalName="s")
            self.respond_decision(0, seed)

    @rule(name=TASK_LISTS, outcome=st.sampled_from(OUTCOMES))
    def work(self, name: str, outcome: str) -> None:
        known = len(self.activity_tasks)
        self.poll_activity(name)
        if len(self.activity_tasks) > known:
            self.respond_activity(0, outcome)

    @rule(seed=SEEDS)
    def turmoil(self, seed: int) -> None:
        """Much of all that, checked after each step."""
        chance = Chance(seed)
        for _ in range(12):
            which = chance.random.randrange(3)
            step = chance.random.randrange(24)
            if step < 9:
                self.decide(self.busy("Decision"), chance.random.getrandbits(32), which // 2)
            elif step < 12:
                self.poll_activity(self.busy("Activity"))
            elif step < 15 and self.activity_tasks:
                self.respond_activity(which, chance.one_of(OUTCOMES))
            elif step == 15 and self.activity_tasks:
                self.heartbeat(which, chance.one_of([None, "x"]))
            elif step < 18:
                self.start(chance.one_of(WORKFLOW_IDS[:2]), "1", chance.one_of(POLICIES), "1000")
            elif step < 20:
                self.poll_decision(self.busy("Decision"), bool(which))
            elif step == 20:
                self.wait(chance.one_of([0.5, 1, 5]))
            elif step < 23:
                self.signal(chance.one_of(WORKFLOW_IDS[:4]))
            elif which == 0:
                self.terminate(chance.one_of(WORKFLOW_IDS), chance.one_of([None, *POLICIES]))
            self.check()

    @precondition(lambda self: self.decision_tasks)
    @rule(which=st.integers(0, 100), seed=SEEDS)
    def respond_decision(self, which: int, seed: int) -> None:
        token = self.decision_tasks[-1 - which % min(len(self.decision_tasks), 3)]
        self.attempt("RespondDecisionTaskCompleted", taskToken=token, **Chance(seed).answer())

    @precondition(lambda self: self.decision_tasks)
    @rule(which=st.integers(0, 100))
    def lose_decision(self, which: int) -> None:
        self.now_ms += 1
        try:
            self.service.abandon_decision_task(self.decision_tasks[which % len(self.decision_tasks)], self.now_ms)
        except Fault as fault:
            assert fault.code == "UnknownResourceFault"

    @rule(name=TASK_LISTS)
    def poll_activity(self, name: str) -> None:
        task = self.call("PollForActivityTask", domain="d", taskList={"name": name})
        if "taskToken" not in task:
            assert task == {"startedEventId": 0}
            assert self.pending("Activity", name) == 0
            return
        self.give_out(task["taskToken"])
        self.activity_tasks.append(task["taskToken"])

    @precondition(lambda self: self.activity_tasks)
    @rule(which=st.integers(0, 100), outcome=st.sampled_from(OUTCOMES))
    def respond_activity(self, which: int, outcome: str) -> None:
        token = self.activity_tasks[-1 - which % min(len(self.activity_tasks), 3)]
        self.attempt(f"RespondActivityTask{outcome}", taskToken=token)

    @precondition(lambda self: self.activity_tasks)
    @rule(which=st.integers(0, 100), details=st.sampled_from([None, *IDS]))
    def heartbeat(self, which: int, details: str | None) -> None:
        said = {} if details is None else {"details": details}
        self.attempt(
            "RecordActivityTaskHeartbeat", taskToken=self.activity_tasks[which % len(self.activity_tasks)], **said
        )

    @rule(workflow_id=WORKFLOWS)
    def signal(self, workflow_id: str) -> None:
        self.attempt("SignalWorkflowExecution", domain="d", workflowId=workflow_id, signalName="s")

    @rule(workflow_id=WORKFLOWS)
    def request_cancel(self, workflow_id: str) -> None:
        self.attempt("RequestCancelWorkflowExecution", domain="d", workflowId=workflow_id)

    @rule(workflow_id=WORKFLOWS, policy=st.sampled_from([None, *POLICIES]))
    def terminate(self, workflow_id: str, policy: str | None) -> None:
        more = {} if policy is None else {"childPolicy": policy}
        self.attempt("TerminateWorkflowExecution", domain="d", workflowId=workflow_id, **more)

    @rule(seconds=st.sampled_from([0.5, 1, 5, 5, 20]))
    def wait(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
        due = self.service.next_due()
        expired = self.service.expire(self.now_ms)
        assert (expired > 0) == (due is not None and due <= self.now_ms)
        following = self.service.next_due()
        assert following is None or following > self.now_ms

    @rule(seconds=st.sampled_from([1, 3]))
    def clock_goes_back(self, seconds: int) -> None:
        self.now_ms -= seconds * 1000

    @rule()
    def restart(self) -> None:
        before = comparable(self.service.snapshot())
        answers = self.look()
        self.service = self.make()
        self.journal.restore(self.service)
        assert comparable(self.service.snapshot()) == before
        assert self.look() == answers

    # -- what must hold ------------------------------------------------------------------------------

    @invariant()
    def check(self) -> None:
        self.histories_are_well_formed()
        self.counts_follow_from_the_histories()
        self.folding_the_events_again_gives_the_state()

    def histories_are_well_formed(self) -> None:
        for stored in self.journal.runs.values():
            events = stored.events
            assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
            stamps = [event["eventTimestamp"] for event in events]
            assert stamps == sorted(stamps)
            closes = [event["eventId"] for event in events if event["eventType"] in CLOSING]
            assert closes in ([], [len(events)])
            completed = [event["eventId"] for event in events if event["eventType"] == "DecisionTaskCompleted"]
            assert all(completed_batch(events, event_id) for event_id in completed)

    def counts_follow_from_the_histories(self) -> None:
        waiting: Counter[tuple[str, str]] = Counter()
        open_runs = 0
        for stored in self.journal.runs.values():
            projection = Projection(stored.events)
            assert len(projection.waiting_decisions) <= 1
            assert len(projection.started_decisions) <= 1
            self.compare(stored, projection)
            if not projection.open:
                continue
            open_runs += 1
            for kind, ids in (("Decision", projection.waiting_decisions), ("Activity", projection.waiting_activities)):
                for scheduled_id in ids:
                    scheduled = attributes(stored.events[scheduled_id - 1])
                    waiting[kind, scheduled["taskList"]["name"]] += 1
        for kind in ("Decision", "Activity"):
            for name in LISTS:
                assert self.pending(kind, name) == waiting[kind, name]
        ever = {"oldestDate": 0}
        assert self.look_at("CountOpenWorkflowExecutions", startTimeFilter=ever)["count"] == open_runs
        closed = len(self.journal.runs) - open_runs
        assert self.look_at("CountClosedWorkflowExecutions", closeTimeFilter=ever)["count"] == closed

    def folding_the_events_again_gives_the_state(self) -> None:
        states = self.service.snapshot().states
        assert set(states) == {stored.run.run_id for stored in self.journal.runs.values() if is_open(stored.events)}
        for stored in self.journal.runs.values():
            if stored.run.run_id in states:
                assert states[stored.run.run_id] == folded(stored)

    # -- the means -----------------------------------------------------------------------------------

    def give_out(self, token: str) -> None:
        task = token.rsplit(".", 1)[0]
        assert task not in self.given_out, "one task for two pollers"
        self.given_out.add(task)

    def look_at(self, operation: str, **request: Any) -> Record:
        """Ask without letting time pass, nor anything fall due."""
        due = self.service.next_due()
        at = self.now_ms if due is None else min(self.now_ms, due - 1)
        return self.service.call(operation, {"domain": "d", **request}, at)

    def pending(self, kind: str, name: str) -> int:
        return int(self.look_at(f"CountPending{kind}Tasks", taskList={"name": name})["count"])

    def busy(self, kind: str) -> str:
        """The list with the most tasks."""
        return max(LISTS, key=lambda name: self.pending(kind, name))

    def ready_decisions(self, name: str) -> int:
        lists = self.service.snapshot().task_lists
        return sum(
            ready for key, tasks in lists.items() if key[0] == "decision" and key[3] == name for _, ready in tasks
        )

    def compare(self, stored: StoredRun, projection: Projection) -> None:
        described = self.look_at("DescribeWorkflowExecution", execution=stored.run.ref())
        assert (described["executionInfo"]["executionStatus"] == "OPEN") == projection.open
        assert described["openCounts"] == {
            "openActivityTasks": len(projection.activities),
            "openTimers": len(projection.timers),
            "openChildWorkflowExecutions": len(projection.children),
            "openDecisionTasks": len(projection.waiting_decisions) if projection.open else 0,
            "openLambdaFunctions": 0,
        }

    def look(self) -> list[Record]:
        """What the service says of everything."""
        found = []
        for stored in self.journal.runs.values():
            execution = stored.run.ref()
            found.append(self.look_at("DescribeWorkflowExecution", execution=execution))
            found.append(self.look_at("GetWorkflowExecutionHistory", execution=execution))
        ever = {"oldestDate": 0}
        found.append(self.look_at("ListOpenWorkflowExecutions", startTimeFilter=ever))
        found.append(self.look_at("ListClosedWorkflowExecutions", closeTimeFilter=ever))
        found.append(self.look_at("ListClosedWorkflowExecutions", startTimeFilter=ever, tagFilter={"tag": "w1"}))
        return found


def is_open(events: list[Event]) -> bool:
    return events[-1]["eventType"] not in CLOSING


def completed_batch(events: list[Event], completed_id: int) -> bool:
    """The events of a batch follow it at once, at its instant."""
    batch = [event for event in events if attributes(event).get("decisionTaskCompletedEventId") == completed_id]
    written = [event for event in batch if not event["eventType"].endswith("WorkflowExecutionFailed")]
    inside = [event["eventId"] for event in written]
    stamp = events[completed_id - 1]["eventTimestamp"]
    # An activity that nobody had taken is canceled inside the batch, by an event without the link.
    between = range(completed_id + 1, (inside or [completed_id])[-1] + 1)
    others = {events[event_id - 1]["eventType"] for event_id in between if event_id not in inside}
    refused = {event["eventType"] for event in batch if event not in written}
    return others <= {"ActivityTaskCanceled"} | refused and all(event["eventTimestamp"] == stamp for event in batch)


def comparable(snapshot: Snapshot) -> tuple[Any, ...]:
    """Tasks of one instant may have changed places across a restart."""
    lists = {name: sorted(tasks) for name, tasks in snapshot.task_lists.items()}
    return snapshot.states, snapshot.deadlines, lists


def folded(stored: StoredRun) -> State:
    state = State()
    for event in stored.events:
        state.apply(event["eventId"], round(event["eventTimestamp"] * 1000), event["eventType"], attributes(event))
    if state.started is not None:
        state.started.nonce = stored.nonces[state.started.scheduled_id]
    for scheduled_id, activity in state.scheduled_activities.items():
        activity.nonce = stored.nonces.get(scheduled_id, "")
        if scheduled_id in stored.heartbeats:
            activity.beat_ms, activity.details = stored.heartbeats[scheduled_id]
    return state


@pytest.mark.parametrize("seed", range(10))
def test_turmoil(seed: int) -> None:
    machine = ServiceMachine()
    machine.register("1")
    for turn in range(30):
        machine.turmoil(100 * seed + turn)
        machine.restart()


ServiceMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestServiceMachine = ServiceMachine.TestCase
