"""The door of the service: transactions, the journal, waking pollers, reading back."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from simpleflow.service.core import Service, StoredRun
from simpleflow.service.events import Event, started_task
from simpleflow.service.faults import Fault
from simpleflow.service.journal import (
    Appended,
    Change,
    DomainPut,
    Heartbeat,
    RunClosed,
    RunOpened,
    RunPurged,
    TypePut,
)
from simpleflow.service.limits import UNLIMITED, Limits, reached

Record = dict[str, Any]
NOW = 1_700_000_000_000


class Journal:
    def __init__(self) -> None:
        self.transactions: list[list[Change]] = []
        self.before_commit: Callable[[], None] = lambda: None

    def commit(self, changes: Sequence[Change]) -> None:
        self.before_commit()
        self.transactions.append(list(changes))


class Bench:
    """A service with a journal and a listener, and a domain with its types."""

    def __init__(self, limits: Limits | None = None, retention: str = "1", seed: int = 0, whole: bool = False) -> None:
        """`whole` leaves the registration in the journal."""
        self.journal = Journal()
        self.heard: list[tuple[str, str, str, str]] = []
        self.now_ms = NOW
        self.service = Service(
            limits,
            journal=self.journal,
            entropy=random.Random(seed).randbytes,
            on_task_available=lambda *name: self.heard.append(name),
        )
        self.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays=retention)
        self.call(
            "RegisterWorkflowType",
            domain="d",
            name="flow",
            version="1",
            defaultTaskStartToCloseTimeout="30",
            defaultExecutionStartToCloseTimeout="1000",
            defaultTaskList={"name": "l"},
            defaultChildPolicy="TERMINATE",
        )
        self.call(
            "RegisterActivityType",
            domain="d",
            name="work",
            version="1",
            defaultTaskList={"name": "l"},
            defaultTaskStartToCloseTimeout="NONE",
            defaultTaskHeartbeatTimeout="NONE",
            defaultTaskScheduleToStartTimeout="NONE",
            defaultTaskScheduleToCloseTimeout="NONE",
        )
        if not whole:
            self.forget()

    def forget(self) -> None:
        self.journal.transactions.clear()
        self.heard.clear()

    def call(self, operation: str, **request: Any) -> Record:
        return self.service.call(operation, request, self.now_ms)

    def start(self, workflow_id: str = "w", **more: Any) -> str:
        type = {"name": "flow", "version": "1"}
        request = {"domain": "d", "workflowId": workflow_id, "workflowType": type, **more}
        return str(self.call("StartWorkflowExecution", **request)["runId"])

    def poll(self, kind: str = "Decision") -> Record:
        return self.call(f"PollFor{kind}Task", domain="d", taskList={"name": "l"})

    def decide(self, *decisions: Record) -> None:
        self.call("RespondDecisionTaskCompleted", taskToken=self.poll()["taskToken"], decisions=list(decisions))

    def kinds(self) -> list[list[str]]:
        """What each transaction changed: event types, and class names for the rest."""
        return [
            [change.event["eventType"] if isinstance(change, Appended) else type(change).__name__ for change in changes]
            for changes in self.journal.transactions
        ]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def schedule(activity_id: str, **more: Any) -> Record:
    attributes = {"activityId": activity_id, "activityType": {"name": "work", "version": "1"}, **more}
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}


def timer(timer_id: str, seconds: int) -> Record:
    attributes = {"timerId": timer_id, "startToFireTimeout": str(seconds)}
    return {"decisionType": "StartTimer", "startTimerDecisionAttributes": attributes}


def child(workflow_id: str) -> Record:
    attributes = {"workflowId": workflow_id, "workflowType": {"name": "flow", "version": "1"}}
    return {"decisionType": "StartChildWorkflowExecution", "startChildWorkflowExecutionDecisionAttributes": attributes}


COMPLETE = {"decisionType": "CompleteWorkflowExecution"}


# -- transactions ------------------------------------------------------------------------------------


def test_a_call_is_one_transaction(bench: Bench) -> None:
    bench.start()
    bench.decide(child("c"), schedule("a"))
    assert bench.kinds() == [
        ["RunOpened", "WorkflowExecutionStarted", "DecisionTaskScheduled"],
        ["DecisionTaskStarted"],
        [
            "DecisionTaskCompleted",
            "StartChildWorkflowExecutionInitiated",
            "ActivityTaskScheduled",
            "RunOpened",
            "WorkflowExecutionStarted",
            "DecisionTaskScheduled",
            "ChildWorkflowExecutionStarted",
            "DecisionTaskScheduled",
        ],
    ]


def test_the_registry_and_heartbeats_are_journaled() -> None:
    bench = Bench()
    bench.call("DeprecateDomain", name="d")
    assert bench.kinds() == [["DomainPut", "TypePut", "TypePut"]]
    bench = Bench()
    bench.start()
    bench.decide(schedule("a"))
    token = bench.poll("Activity")["taskToken"]
    bench.forget()
    bench.call("RecordActivityTaskHeartbeat", taskToken=token, details="x")
    bench.now_ms += 5
    bench.call("RecordActivityTaskHeartbeat", taskToken=token)
    beats = [change for changes in bench.journal.transactions for change in changes]
    assert all(isinstance(beat, Heartbeat) for beat in beats)
    assert [(beat.scheduled_id, beat.at_ms, beat.details) for beat in beats if isinstance(beat, Heartbeat)] == [
        (5, NOW, "x"),
        (5, NOW + 5, "x"),
    ]


def test_reading_and_refusing_write_nothing(bench: Bench) -> None:
    run_id = bench.start()
    bench.poll()
    bench.forget()
    assert bench.poll() == {"previousStartedEventId": 0, "startedEventId": 0}
    bench.call("GetWorkflowExecutionHistory", domain="d", execution={"workflowId": "w", "runId": run_id})
    bench.call("CountOpenWorkflowExecutions", domain="d", startTimeFilter={"oldestDate": 0})
    with pytest.raises(Fault):
        bench.start()
    with pytest.raises(Fault):
        bench.call("RespondDecisionTaskCompleted", taskToken="d1.x.2.n")
    assert bench.journal.transactions == [] and bench.heard == []


def test_what_is_due_happens_first_in_transactions_of_its_own(bench: Bench) -> None:
    bench.start()
    bench.decide(timer("a", 1), timer("b", 2))
    bench.forget()
    bench.now_ms += 2000
    assert bench.service.next_due() == NOW + 1000
    bench.call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="s")
    assert bench.kinds() == [["TimerFired", "DecisionTaskScheduled"], ["TimerFired"], ["WorkflowExecutionSignaled"]]


def test_expire_says_how_many(bench: Bench) -> None:
    bench.start()
    bench.decide(timer("a", 1), timer("b", 2), timer("c", 3))
    assert bench.service.expire(NOW + 999) == 0
    assert bench.service.expire(NOW + 2000) == 2
    assert bench.service.expire(NOW + 2000) == 0
    assert bench.service.next_due() == NOW + 3000


def test_a_fault_behind_what_was_due_keeps_what_was_due(bench: Bench) -> None:
    bench.start()
    bench.decide(timer("a", 1))
    bench.now_ms += 1000
    with pytest.raises(Fault, match="UnknownResourceFault"):
        bench.call("DescribeDomain", name="nowhere")
    assert bench.kinds()[-1] == ["TimerFired", "DecisionTaskScheduled"]
    assert "taskToken" in bench.poll()


def test_unknown_operation(bench: Bench) -> None:
    with pytest.raises(Fault) as refused:
        bench.call("Nonsense")
    assert refused.value.code == "UnknownOperationException"


def test_a_journal_that_fails_stops_the_service(bench: Bench) -> None:
    def fail() -> None:
        raise OSError("disk full")

    bench.journal.before_commit = fail
    with pytest.raises(OSError, match="disk full"):
        bench.start()
    bench.journal.before_commit = lambda: None
    assert bench.heard == []
    for refused in (lambda: bench.start("w2"), lambda: bench.poll(), lambda: bench.service.expire(NOW)):
        with pytest.raises(Fault, match="restore the service"):
            refused()
    assert bench.journal.transactions == []


def test_an_error_in_the_middle_stops_the_service(bench: Bench) -> None:
    bench.start()
    broken = {"decisionType": "StartTimer", "startTimerDecisionAttributes": {"timerId": "t", "startToFireTimeout": "x"}}
    with pytest.raises(ValueError):
        bench.decide(broken)
    with pytest.raises(Fault, match="InternalFailure"):
        bench.poll()


# -- waking pollers ----------------------------------------------------------------------------------


def test_pollers_are_told_behind_the_commit(bench: Bench) -> None:
    heard_at_commit: list[int] = []
    bench.journal.before_commit = lambda: heard_at_commit.append(len(bench.heard))
    bench.start()
    assert heard_at_commit == [0]
    assert bench.heard == [("decision", "us-east-1", "d", "l")]
    bench.heard.clear()
    bench.decide(schedule("a"), schedule("b", taskList={"name": "m"}))
    assert bench.heard == [("activity", "us-east-1", "d", "l"), ("activity", "us-east-1", "d", "m")]


def test_pollers_are_told_of_a_task_when_it_is_ready(bench: Bench) -> None:
    bench.start()
    token = bench.poll()["taskToken"]
    bench.heard.clear()
    bench.call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="s")
    assert bench.heard == []
    bench.call("RespondDecisionTaskCompleted", taskToken=token)
    assert bench.heard == [("decision", "us-east-1", "d", "l")]


def test_pollers_are_told_of_what_time_brings(bench: Bench) -> None:
    bench.start()
    bench.decide(timer("a", 1))
    bench.heard.clear()
    bench.service.expire(NOW + 1000)
    assert bench.heard == [("decision", "us-east-1", "d", "l")]


def test_an_abandoned_decision_task_is_given_out_again(bench: Bench) -> None:
    run_id = bench.start()
    token = bench.poll()["taskToken"]
    bench.heard.clear()
    bench.service.abandon_decision_task(token, NOW + 1)
    assert bench.heard == [("decision", "us-east-1", "d", "l")]
    with pytest.raises(Fault, match="Unknown decision task"):
        bench.service.abandon_decision_task(token, NOW + 1)
    again = bench.poll()
    assert again["workflowExecution"]["runId"] == run_id
    assert [event["eventType"] for event in again["events"][3:]] == [
        "DecisionTaskTimedOut",
        "DecisionTaskScheduled",
        "DecisionTaskStarted",
    ]


# -- in this process ---------------------------------------------------------------------------------


def test_events_are_not_copied_on_their_way(bench: Bench) -> None:
    run_id = bench.start()
    task = bench.poll()
    execution = {"workflowId": "w", "runId": run_id}
    read = bench.call("GetWorkflowExecutionHistory", domain="d", execution=execution)["events"]
    assert all(one is other for one, other in zip(task["events"], read, strict=True))
    assert all(isinstance(event, Event) for event in read)


def test_requests_are_not_kept(bench: Bench) -> None:
    tags, task_list = ["t"], {"name": "mine"}
    run_id = bench.start(tagList=tags, taskList=task_list)
    tags.append("later")
    task_list["name"] = "other"
    described = bench.call("DescribeWorkflowExecution", domain="d", execution={"workflowId": "w", "runId": run_id})
    assert described["executionInfo"]["tagList"] == ["t"]
    assert described["executionConfiguration"]["taskList"] == {"name": "mine"}
    assert "taskToken" in bench.call("PollForDecisionTask", domain="d", taskList={"name": "mine"})


def test_the_same_chance_gives_the_same_service() -> None:
    one, other, third = Bench(seed=1), Bench(seed=1), Bench(seed=2)
    for bench in (one, other, third):
        bench.start()
        bench.decide(schedule("a"))
    assert one.journal.transactions == other.journal.transactions
    assert one.start("w2") == other.start("w2") != third.start("w2")


def test_run_ids_look_like_amazons(bench: Bench) -> None:
    run_id = bench.start()
    assert len(run_id) == 46 and run_id.startswith("22") and run_id.endswith("=")


def test_no_limits_are_enforced_when_there_are_none() -> None:
    bench = Bench(UNLIMITED)
    bench.start()
    bench.decide(*[schedule(str(number)) for number in range(1500)], *[timer(str(number), 5) for number in range(1500)])
    assert bench.service.backlog()[("activity", "us-east-1", "d", "l")] == 1500  # type: ignore[index]
    bench.now_ms += 5000
    assert bench.service.expire(bench.now_ms) == 1500
    assert bench.service.open_executions() == {("us-east-1", "d"): 1}
    assert reached(10, None) is False and reached(10, 10) is True and reached(9, 10) is False


def test_regions_of_a_domain(bench: Bench) -> None:
    request = {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"}
    bench.service.call("RegisterDomain", request, NOW, "eu-west-1")
    assert bench.service.regions_of("d") == ["eu-west-1", "us-east-1"]
    assert bench.service.regions_of("nowhere") == []


# -- reading back ------------------------------------------------------------------------------------


def restored(bench: Bench, **more: Any) -> Service:
    """A new service from what the journal of the bench has kept."""
    changes = [change for transaction in bench.journal.transactions for change in transaction]
    runs: dict[int, StoredRun] = {}
    for change in changes:
        if isinstance(change, RunOpened):
            runs[change.run.serial] = StoredRun(change.run, [])
        elif isinstance(change, Appended):
            runs[change.run.serial].events.append(change.event)
            if change.nonce is not None:
                runs[change.run.serial].nonces[started_task(change.event)] = change.nonce
        elif isinstance(change, Heartbeat):
            runs[change.run.serial].heartbeats[change.scheduled_id] = (change.at_ms, change.details)
        elif isinstance(change, RunPurged):
            del runs[change.run.serial]
    domains = [change.domain for change in changes if isinstance(change, DomainPut)]
    types = [change.type for change in changes if isinstance(change, TypePut)]
    service = Service(entropy=random.Random(99).randbytes, **more)
    service.restore(domains, types, runs.values(), max(runs, default=0))
    return service


def test_tokens_and_timers_survive_a_restart() -> None:
    bench = Bench(whole=True)
    run_id = bench.start()
    bench.decide(schedule("a", heartbeatTimeout="10"), schedule("b"), timer("t", 60), child("c"))
    work = bench.poll("Activity")
    bench.now_ms += 4000
    bench.call("RecordActivityTaskHeartbeat", taskToken=work["taskToken"], details="x")
    task = bench.poll()
    bench.call("SignalWorkflowExecution", domain="d", workflowId="w", signalName="s")
    before = bench.service.snapshot()

    bench.service = restored(bench)
    assert bench.service.snapshot() == before
    assert bench.service.next_due() == NOW + 14_000
    with pytest.raises(Fault, match="AlreadyStarted"):
        bench.start()
    bench.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"])
    bench.call("RespondActivityTaskCompleted", taskToken=work["taskToken"])
    assert bench.poll("Activity")["activityId"] == "b"
    assert bench.service.expire(NOW + 60_000) == 1
    child_id = bench.call("ListOpenWorkflowExecutions", domain="d", startTimeFilter={"oldestDate": 0})
    assert [info["execution"]["workflowId"] for info in child_id["executionInfos"]] == ["c", "w"]
    bench.call("TerminateWorkflowExecution", domain="d", workflowId="w")
    described = bench.call("DescribeWorkflowExecution", domain="d", execution={"workflowId": "w", "runId": run_id})
    assert described["executionInfo"]["closeStatus"] == "TERMINATED"
    assert bench.service.open_executions() == {}


def test_nobody_is_told_of_the_tasks_of_a_restored_service() -> None:
    bench = Bench(whole=True)
    bench.start()
    heard: list[tuple[str, str, str, str]] = []
    bench.service = restored(bench, on_task_available=lambda *name: heard.append(name))
    assert heard == []
    bench.start("w2", taskList={"name": "m"})
    assert heard == [("decision", "us-east-1", "d", "m")]


def test_a_serial_is_never_given_twice() -> None:
    bench = Bench(whole=True)
    bench.start()
    bench.decide(COMPLETE)
    bench.start("open")
    service = restored(bench)
    journal = Journal()
    other = Service(journal=journal)
    registry = bench.service._desk.registry
    domain = registry.domain("us-east-1", "d")
    other.restore([domain], registry.types(domain, "WorkflowType"), [], last_serial=7)
    request = {"domain": "d", "workflowId": "x", "workflowType": {"name": "flow", "version": "1"}}
    other.call("StartWorkflowExecution", request, NOW)
    opened = [change.run.serial for change in journal.transactions[0] if isinstance(change, RunOpened)]
    assert opened == [8]
    closed = service.call("CountClosedWorkflowExecutions", {"domain": "d", "closeTimeFilter": {"oldestDate": 0}}, NOW)
    assert closed["count"] == 1


# -- closed runs -------------------------------------------------------------------------------------


def test_a_closed_run_is_journaled_with_its_description(bench: Bench) -> None:
    run_id = bench.start()
    bench.now_ms += 10
    bench.decide(COMPLETE)
    closed = bench.journal.transactions[-1][-1]
    assert isinstance(closed, RunClosed)
    assert (closed.closed.started_ms, closed.closed.closed_ms) == (NOW, NOW + 10)
    assert closed.closed.purge_ms == NOW + 10 + 86_400_000
    execution = {"workflowId": "w", "runId": run_id}
    assert bench.call("DescribeWorkflowExecution", domain="d", execution=execution) == closed.closed.description


def test_a_run_that_is_not_kept_is_purged_in_the_same_transaction() -> None:
    bench = Bench(retention="0")
    bench.start()
    bench.decide(COMPLETE)
    assert bench.kinds()[-1][-2:] == ["RunClosed", "RunPurged"]


def test_closed_runs_are_purged_in_slices(bench: Bench) -> None:
    for number in range(50):
        bench.start(f"w{number}")
        bench.decide(COMPLETE)
    bench.forget()
    bench.now_ms += 86_400_000
    count = {"domain": "d", "closeTimeFilter": {"oldestDate": 0}}
    assert bench.call("CountClosedWorkflowExecutions", **count)["count"] == 0
    assert bench.kinds() == [["RunPurged"] * 20]
    assert bench.call("ListClosedWorkflowExecutions", **count) == {"executionInfos": []}
    bench.poll()
    assert bench.kinds() == [["RunPurged"] * 20, ["RunPurged"] * 20, ["RunPurged"] * 10]
