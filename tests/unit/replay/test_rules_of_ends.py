"""Rules 11 to 22: failures, limits, how a run ends, hooks, the execution context."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from support.driver import ActivityTask, Completed, Failed, Outcome, World, attributes
from support.histories import Written, given, kinds

from simpleflow import Workflow, activity, futures
from simpleflow.activity import RetryPolicy
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import DecisionAbandoned, ExecutionBlocked, InvalidTask, TaskException, TaskFailed
from simpleflow.registry import full_name
from simpleflow.replay.limits import Limits
from simpleflow.service.limits import Limits as ServiceLimits


@activity.with_attributes(name="ends.a")
def a(*args: Any, **kwargs: Any) -> Any: ...


@activity.with_attributes(name="ends.bad", raises_on_failure=True)
def bad(*args: Any, **kwargs: Any) -> Any: ...


class Base(Workflow):
    name, version, task_list = "ends", "1", "decisions"


def of(run: Any, **members: Any) -> type[Workflow]:
    return type("Ends", (Base,), {"run": run, **members})


def work(task: ActivityTask) -> Outcome:
    return Failed("broken") if task.type == "ends.bad" else Completed(json.dumps(task.args))


def world_of(run: Any, *others: type[Workflow], **options: Any) -> World:
    return World(of(run), *others, activities=options.pop("activities", (a, bad)), work=work, **options)


# -- failures


def test_a_failure_that_nobody_asked_for_is_raised_at_the_end() -> None:
    def run(self: Workflow) -> Any:
        failing = self.submit(bad, 1)
        failing.wait()
        return self.submit(a, 1).result

    world = world_of(run)
    key = world.start(of(run))
    world.drive()
    kind, closing = world.close_event(key)
    assert kind == "WorkflowExecutionFailed"
    assert closing["reason"] == 'Workflow execution error in activity-ends.bad: "broken"'
    assert len(world.scheduled()) == 2


def test_retries_of_a_policy_wait_longer_and_longer() -> None:
    policy = RetryPolicy(attempts=4, interval=10, backoff=3, maximum=50, jitter=0.5)

    def run(self: Workflow) -> Any:
        return self.submit(bad.options(retry=policy, raises_on_failure=False), 1).exception is not None

    world = world_of(run)
    assert world.run(of(run)) is True
    waits = [int(timer["startToFireTimeout"]) for timer in world.of_type("TimerStarted")]
    assert [low <= wait <= high for wait, low, high in zip(waits, (10, 30, 50), (15, 45, 75), strict=True)] == [
        True
    ] * 3
    assert waits != [10, 30, 50]
    assert {timer["timerId"] for timer in world.of_type("TimerStarted")} == {"__simpleflow_task_activity-ends.bad-1"}


def refused(cause: str, run: Any = None) -> Written:
    history = Written(of(run or (lambda self: self.submit(a, 1).result)))
    history.begin()
    history.end()
    history.refused(a, 1, cause)
    return history


def test_a_type_that_does_not_exist_is_registered_and_no_failed_attempt() -> None:
    decisions = refused("ACTIVITY_TYPE_DOES_NOT_EXIST").decide()
    assert [tuple(missing) for missing in decisions.register] == [("activity", "ends.a", "default")]
    assert kinds(decisions) == ["ScheduleActivityTask"]


@pytest.mark.parametrize("cause", ["ACTIVITY_CREATION_RATE_EXCEEDED"])
def test_a_rate_limit_is_waited_out(cause: str) -> None:
    history = refused(cause)
    waits = []
    for _ in range(8):
        (wire,) = history.decide().decisions
        waits.append(given(wire)["startToFireTimeout"])
        history.end()
        timer = history.add("TimerStarted", decisionTaskCompletedEventId=0, **given(wire))
        history.add("TimerFired", timerId=given(wire)["timerId"], startedEventId=timer)
        assert kinds(history.decide()) == ["ScheduleActivityTask"]
        history.end()
        history.refused(a, 1, cause)
    assert waits == ["1", "2", "4", "8", "16", "32", "60", "60"]


@pytest.mark.parametrize("cause", ["ACTIVITY_TYPE_DEPRECATED", "OPERATION_NOT_PERMITTED"])
def test_any_other_refusal_fails_the_task(cause: str) -> None:
    history = refused(cause, lambda self: self.submit(a, 1).exception.reason)
    assert given(history.decide().decisions[0])["result"] == json.dumps(cause)


def test_a_signal_that_was_not_even_initiated_is_not_sent_again_for_ever() -> None:
    def run(self: Workflow) -> Any:
        sent = [self.submit(self.signal(name, workflow_id="x", run_id="y")) for name in ("first", "second")]
        return [future.exception and future.exception.reason for future in sent]

    history = Written(of(run))
    history.begin()
    decided = history.end()
    target = {"workflowId": "x", "runId": "y", "decisionTaskCompletedEventId": decided}
    told = {"signalName": "first", "input": '{"args":[],"kwargs":{},"__propagate":true}'}
    initiated = history.add("SignalExternalWorkflowExecutionInitiated", **target, **told)
    failed = "SignalExternalWorkflowExecutionFailed"
    history.add(failed, **target, initiatedEventId=0, cause="OPERATION_NOT_PERMITTED")
    history.add("ExternalWorkflowExecutionSignaled", workflowExecution={"workflowId": "x"}, initiatedEventId=initiated)
    (ended,) = history.decide().decisions
    assert given(ended)["result"] == '[null,"OPERATION_NOT_PERMITTED"]'


def test_nor_by_a_run_that_starts_again_at_each_event() -> None:
    """SWF does not say which of the signals to a target it refused: it is the one in that place."""

    def run(self: Workflow) -> Any:
        sent = [self.submit(self.signal(name, workflow_id="x", run_id="y")) for name in ("first", "second", "second")]
        if not self.submit(self.wait_signal("go")).done:
            raise ExecutionBlocked()
        return [future.exception and future.exception.reason for future in sent]

    history = Written(of(run))
    history.begin()
    target = {"workflowId": "x", "runId": "y", "decisionTaskCompletedEventId": history.end()}
    told = {"input": '{"args":[],"kwargs":{},"__propagate":true}'}
    initiated, failed = "SignalExternalWorkflowExecutionInitiated", "SignalExternalWorkflowExecutionFailed"
    ids = [history.add(initiated, **target, **told, signalName="first")]
    history.add(failed, **target, initiatedEventId=0, cause="OPERATION_NOT_PERMITTED")
    ids.append(history.add(initiated, **target, **told, signalName="second"))
    for event in ids:
        history.add("ExternalWorkflowExecutionSignaled", workflowExecution={"workflowId": "x"}, initiatedEventId=event)
    assert kinds(history.decide()) == []
    history.end()
    history.add("WorkflowExecutionSignaled", signalName="go")
    (ended,) = history.decide().decisions
    assert given(ended)["result"] == '[null,"OPERATION_NOT_PERMITTED",null]'


RATES = {
    "RequestCancelExternalWorkflowExecution": "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "SignalExternalWorkflowExecution": "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
}


@pytest.mark.parametrize("rate", [False, True])
def test_a_cancellation_and_a_propagation_are_sent_again_only_for_a_rate(rate: bool) -> None:
    def run(self: Workflow) -> Any:
        child = self.submit(Kid)
        self.submit(self.wait_signal("s")).result
        child.cancel()
        self.submit(self.wait_signal("t")).result

    history = Written(of(run))
    history.begin()
    child_id = given(history.engine().decide(history.work()).decisions[0])["workflowId"]
    child = {"workflowId": child_id, "workflowType": {"name": full_name(Kid), "version": "1"}}
    history.end()
    initiated = history.add(
        "StartChildWorkflowExecutionInitiated", **child, input='{"args":[],"kwargs":{}}', decisionTaskCompletedEventId=2
    )
    execution = {"workflowId": child_id, "runId": "r"}
    history.add("ChildWorkflowExecutionStarted", workflowExecution=execution, initiatedEventId=initiated)
    history.add("WorkflowExecutionSignaled", signalName="s", input='{"__propagate":true}')
    sent = history.decide()
    assert sorted(kinds(sent)) == ["RequestCancelExternalWorkflowExecution", "SignalExternalWorkflowExecution"]
    decided = history.end()
    for wire in sent.decisions:
        control = {key: value for key, value in given(wire).items() if key == "control"}
        history.add(
            f"{wire['decisionType']}Failed",
            **execution,
            **control,
            initiatedEventId=0,
            cause=RATES[wire["decisionType"]] if rate else "OPERATION_NOT_PERMITTED",
            decisionTaskCompletedEventId=decided,
        )
    waits = [given(wire) for wire in history.decide().decisions]
    assert [wait["startToFireTimeout"] for wait in waits] == ["1", "1"] * rate
    decided = history.end()
    for wait in waits:
        started = history.add("TimerStarted", **wait, decisionTaskCompletedEventId=decided)
        history.add("TimerFired", timerId=wait["timerId"], startedEventId=started)
    assert sorted(history.decide().decisions, key=str) == (sorted(sent.decisions, key=str) if rate else [])


class Kid(Base):
    name = "ends.kid"

    def run(self) -> None: ...


def test_an_open_limit_of_swf_waits_for_a_close() -> None:
    def run(self: Workflow) -> Any:
        return [f.result for f in self.map(a, range(5))]

    limits = Limits(decisions=100, request_bytes=1_000_000, open_activities=None)
    world = world_of(run, limits=limits, service_limits=ServiceLimits(open_activities=2))
    assert world.run(of(run)) == [[n] for n in range(5)]
    assert len(world.scheduled()) == 5
    assert len(world.of_type("ScheduleActivityTaskFailed")) <= 3 + 2 + 1


@pytest.mark.parametrize("kind", ["timers", "children"])
def test_our_own_limits_hold_back_one_kind_only(kind: str) -> None:
    class Child(Base):
        name = "ends_child"
        execution_timeout = 1000

        def run(self) -> Any: ...

    def run(self: Workflow) -> Any:
        if kind == "timers":
            waiting = [self.submit(self.start_timer(f"t{n}", 1)) for n in range(5)]
        else:
            waiting = [self.submit(Child) for n in range(5)]
        return futures.wait(self.submit(a, 1), *waiting)

    limits = Limits(decisions=100, request_bytes=1_000_000, open_timers=2, open_children=2)
    world = world_of(run, Child, limits=limits, service_limits=ServiceLimits(open_timers=2, open_children=2))
    assert world.run(of(run)) == [[1]] + [None] * 5
    first = kinds(world.answers[0])
    assert len(first) == 3 and first.count("ScheduleActivityTask") == 1
    assert not world.of_type("StartTimerFailed", "StartChildWorkflowExecutionFailed")


def test_a_timer_takes_the_place_of_one_that_is_cancelled() -> None:
    def run(self: Workflow) -> Any:
        first = self.submit(self.start_timer("first", 1000))
        self.submit(a, 1).result
        first.cancel()
        return self.submit(self.start_timer("second", 1)).result

    limits = Limits(decisions=100, request_bytes=1_000_000, open_timers=1)
    world = world_of(run, limits=limits, service_limits=ServiceLimits(open_timers=1))
    assert world.run(of(run)) is None
    assert kinds(world.answers[1]) == ["CancelTimer", "StartTimer"]
    assert not world.of_type("StartTimerFailed")


def test_a_child_that_runs_already_is_a_failed_task() -> None:
    class Child(Base):
        name, execution_timeout, raises_on_failure = "ends_same", 1000, False

        @staticmethod
        def get_workflow_id(workflow: Any, x: int) -> str:
            return "taken"

        def run(self, x: int) -> Any: ...

    def run(self: Workflow) -> Any:
        return self.submit(Child, 1).exception.reason

    world = world_of(run, Child)
    world.start(Child, 1, workflow_id="taken", taskList={"name": "nobody"})
    world.lists.clear()
    key = world.start(of(run))
    for _ in range(3):
        world.decide_once()
    assert world.result(key) == "WORKFLOW_ALREADY_RUNNING"


# -- the outbox


def test_decisions_are_cut_at_the_limit_and_none_is_lost() -> None:
    def run(self: Workflow) -> Any:
        return len(futures.wait(*(self.submit(a, n) for n in range(250))))

    world = world_of(run, eager=True)
    assert world.run(of(run)) == 250
    assert [args for _, args in world.scheduled()] == [[n] for n in range(250)]
    assert [len(answer.decisions) for answer in world.answers][:3] == [100, 100, 52]
    assert [kinds(answer)[-1] for answer in world.answers[:3]] == ["StartTimer", "StartTimer", "ScheduleActivityTask"]


@pytest.mark.parametrize("count, wanted", [(99, [99]), (100, [100]), (101, [100, 2])])
def test_a_timer_is_there_only_if_something_is_left(count: int, wanted: list[int]) -> None:
    def run(self: Workflow) -> Any:
        return len(futures.wait(*(self.submit(a, n) for n in range(count))))

    world = world_of(run)
    world.start(of(run))
    while world.decide_once():
        if world.service.next_due() and len(world.answers) < len(wanted):
            world.advance()
    assert [len(answer.decisions) for answer in world.answers] == wanted


@pytest.mark.parametrize("count, wanted", [(98, [99]), (99, [100]), (100, [100, 2])])
def test_a_close_takes_one_place(count: int, wanted: list[int]) -> None:
    def run(self: Workflow) -> Any:
        for n in range(count):
            self.submit(self.record_marker("m", n))

    world = world_of(run)
    assert world.run(of(run)) is None
    assert [len(answer.decisions) for answer in world.answers] == wanted
    assert [m["details"] for m in world.of_type("MarkerRecorded")] == [str(n) for n in range(count)]


def test_a_response_stays_below_the_size_of_a_request_and_loses_nothing() -> None:
    def run(self: Workflow) -> Any:
        return len(futures.wait(*(self.submit(a, n, "x" * size) for n, size in enumerate([20_000, 30_000, 50, 50]))))

    limits = Limits(decisions=100, request_bytes=82_000, open_activities=100)
    world = world_of(run, limits=limits, eager=True)
    assert world.run(of(run)) == 4
    assert [args[0] for _, args in world.scheduled()] == [0, 1, 2, 3]
    assert len(world.answers[0].decisions) == 2


def test_a_decision_larger_than_the_room_leaves_alone() -> None:
    def run(self: Workflow) -> Any:
        return len(futures.wait(*(self.submit(a, n, "x" * 30_000) for n in range(2))))

    limits = Limits(decisions=100, request_bytes=60_000, open_activities=100)
    world = world_of(run, limits=limits, eager=True)
    assert world.run(of(run)) == 2


def test_there_is_one_wake_up_timer_at_a_time() -> None:
    history = Written(of(lambda self: futures.wait(*(self.submit(a, n) for n in range(6)))))
    limits = Limits(decisions=2, request_bytes=1_000_000, open_activities=100)
    engine = history.engine(limits)
    schedule, wake_up = history.decide(engine).decisions
    history.end()
    history.scheduled(a, 1, [0])
    timer = history.add("TimerStarted", decisionTaskCompletedEventId=0, **given(wake_up))
    history.add("WorkflowExecutionSignaled", signalName="s", externalInitiatedEventId=0)
    assert kinds(history.decide(engine)) == ["ScheduleActivityTask"]
    history.end()
    history.scheduled(a, 2, [1])
    history.add("TimerFired", timerId=given(wake_up)["timerId"], startedEventId=timer)
    assert kinds(history.decide(engine)) == ["ScheduleActivityTask", "StartTimer"]
    assert given(schedule)["activityId"] == "activity-ends.a-1"


@pytest.mark.parametrize("what", ["marker", "cancel_timer", "cancelled timer"])
def test_who_waits_for_a_quiet_event_is_woken(what: str) -> None:
    def run(self: Workflow) -> Any:
        if what == "marker":
            return self.submit(self.record_marker("m", 1)).result
        timer = self.submit(self.start_timer("t", 1000))
        self.submit(a).result
        cancel = self.submit(self.cancel_timer("t"))
        return (cancel if what == "cancel_timer" else timer).result

    world = world_of(run)
    world.run(of(run))
    assert len(world.of_type("TimerStarted")) == (1 if what == "marker" else 2)
    assert world.clock.monotonic() < 100


# -- the end


def test_signals_go_before_the_close_and_markers_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    def run(self: Workflow) -> Any:
        self.submit(a, 1)
        self.submit(self.start_timer("t", 1))
        self.submit(self.signal("s", 1, workflow_id="nobody"))
        self.submit(self.record_marker("m", 1))
        return "over"

    world = world_of(run)
    assert world.run(of(run)) == "over"
    assert [kinds(answer) for answer in world.answers] == [
        ["SignalExternalWorkflowExecution", "RecordMarker", "StartTimer"],
        ["CompleteWorkflowExecution"],
    ]
    assert "activity-ends.a-1" in caplog.text and "'t'" in caplog.text


@pytest.mark.parametrize("cause", ["UNHANDLED_DECISION", "OPERATION_NOT_PERMITTED"])
def test_a_refused_close(cause: str) -> None:
    calls: list[int] = []

    def run(self: Workflow) -> Any:
        calls.append(1)
        try:
            return len(calls)
        finally:
            calls.append(1)

    history = Written(of(run))
    engine = history.engine()
    history.decide(engine)
    history.add("WorkflowExecutionSignaled", signalName="s", externalInitiatedEventId=0)
    history.end()
    history.add("CompleteWorkflowExecutionFailed", cause=cause, decisionTaskCompletedEventId=0)
    decisions = history.decide(engine)
    assert len(calls) == 2
    if cause == "UNHANDLED_DECISION":
        assert given(decisions.decisions[0]) == {"result": "1"}
    else:
        assert kinds(decisions) == ["FailWorkflowExecution"] and cause in given(decisions.decisions[0])["reason"]


@pytest.mark.parametrize("live", [True, False])
def test_a_late_request_to_cancel_does_not_change_the_end(live: bool) -> None:
    history = Written(of(lambda self: "over"))
    engine = history.engine()
    history.decide(engine)
    history.add("WorkflowExecutionCancelRequested", externalInitiatedEventId=0)
    history.end()
    history.add("CompleteWorkflowExecutionFailed", cause="UNHANDLED_DECISION", decisionTaskCompletedEventId=0)
    assert kinds(history.decide(engine if live else history.engine())) == ["CompleteWorkflowExecution"]


def test_later_events_change_nothing_after_the_end() -> None:
    seen: list[str] = []

    def run(self: Workflow) -> Any:
        future = self.submit(a, 1)
        future.add_callback(lambda _: seen.append("done"))
        if self.submit(self.wait_signal("s")).result:
            self.fail("enough", {"x": 1})
        seen.append("went on")

    history = Written(of(run))
    engine = history.engine()
    history.decide(engine)
    history.end()
    scheduled = history.scheduled(a, 1, [1])
    history.add("WorkflowExecutionSignaled", signalName="s", externalInitiatedEventId=0, input="1")
    first = history.decide(engine)
    history.completed(scheduled, 1)
    history.end()
    history.add("FailWorkflowExecutionFailed", cause="UNHANDLED_DECISION", decisionTaskCompletedEventId=0)
    again = history.decide(engine)
    assert first.decisions == again.decisions == history.engine().decide(history.work()).decisions
    assert given(first.decisions[0])["reason"] == "Workflow execution failed: enough"
    assert seen == []


def test_cancellation_takes_two_responses() -> None:
    class Child(Base):
        name, execution_timeout, task_list = "ends_slow", 1000, "nobody"

        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    def run(self: Workflow) -> Any:
        return futures.wait(self.submit(a, 1), self.submit(a, 2), self.submit(Child))

    world = world_of(run, Child)
    key = world.start(of(run))
    world.decide_once()
    world.decide_once()
    world.start_activity()
    world.finish(world.started[0])
    world.start_activity()
    world.request_cancel()
    while world.status(key) == "OPEN":
        task = next((t for t in world.tasks if t.key == key), None) or world.poll()
        if task is None:
            world.advance()
        elif task.key == key:
            world.answer(task, world.decide(task))
    answers = [kinds(answer) for answer in world.answers]
    assert sorted(answers[-2][:2]) == ["RequestCancelActivityTask", "RequestCancelExternalWorkflowExecution"]
    assert answers[-1] == ["CancelWorkflowExecution"]
    assert [c["activityId"] for c in world.of_type("ActivityTaskCancelRequested")] == ["activity-ends.a-2"]


def test_a_request_to_cancel_is_asked_about_at_every_decision() -> None:
    asked: list[int] = []

    def should_cancel(self: Workflow, history: Any) -> bool:
        asked.append(len(history.events))
        return len(asked) > 2

    workflow = of(lambda self: [self.submit(a, n).result for n in range(5)], should_cancel=should_cancel)
    world = World(workflow, activities=[a], work=work, compare=False)
    key = world.start(workflow)
    world.decide_once()
    world.request_cancel()
    world.drive()
    assert world.close_event(key)[0] == "WorkflowExecutionCanceled"
    assert len(asked) == 3


def test_cancelling_a_future() -> None:
    def run(self: Workflow) -> Any:
        unsent = self.submit(a, "unsent")
        assert unsent.cancel() and unsent.cancel()
        sent, done = self.submit(a, "sent"), self.submit(a, "done")
        done.result
        assert sent.cancel() and sent.cancel() and not done.cancel()
        self.submit(a, "last").result
        return [sent.result, sent.cancelled, unsent.cancelled]

    world = world_of(run)
    key = world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-3"))
    world.drive()
    assert world.result(key) == [None, True, True]
    assert [c["activityId"] for c in world.of_type("ActivityTaskCancelRequested")] == ["activity-ends.a-2"]
    assert [args for _, args in world.scheduled()] == [["sent"], ["done"], ["last"]]


def test_an_activity_is_asked_to_stop_once() -> None:
    def run(self: Workflow) -> Any:
        slow, quick = self.submit(a, "slow"), self.submit(a, "quick")
        quick.result
        slow.cancel()
        return self.submit(self.wait_signal("never")).result

    world = world_of(run)
    key = world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-2"))
    world.decide_once()
    world.request_cancel()
    while world.decide_once():
        pass
    assert world.close_event(key)[0] == "WorkflowExecutionCanceled"
    assert len(world.of_type("ActivityTaskCancelRequested")) == 1


def test_cancelling_a_task_that_waits_for_its_retry() -> None:
    def run(self: Workflow) -> Any:
        late = self.submit(bad.options(retry=RetryPolicy(attempts=3, interval=1000)), 1)
        self.submit(self.start_timer("t", 1)).result
        late.cancel()
        return self.submit(a, 2).result

    world = world_of(run, eager=True)
    assert world.run(of(run)) == [2]
    assert len(world.of_type("TimerCanceled")) == 1
    assert [args for _, args in world.scheduled()] == [[1], [2]]


def test_continue_as_new_carries_everything_over() -> None:
    def run(self: Workflow, n: int, **kwargs: Any) -> Any:
        if n:
            self.submit(self.continue_as_new(n - 1, x=1))
        return [n, kwargs]

    world = world_of(run)
    options = {
        "input": json.dumps({"args": [1], "kwargs": {}, "__extra": {"class": "here"}}),
        "taskList": {"name": "own"},
        "executionStartToCloseTimeout": "777",
        "taskStartToCloseTimeout": "66",
        "taskPriority": "5",
        "childPolicy": "ABANDON",
        "tagList": ["one", "two"],
    }
    world.start(of(run), **options)
    world.drive()
    assert world.result(world.last_run()) == [0, {"x": 1}]
    (continued,) = world.of_type("WorkflowExecutionContinuedAsNew", key=world.runs[0])
    (started,) = world.of_type("WorkflowExecutionStarted")
    for name in options:
        if name != "input":
            assert started[name] == options[name]
    assert json.loads(continued["input"]) == {"args": [0], "kwargs": {"x": 1}, "__extra": {"class": "here"}}


def test_continue_as_new_waits_for_its_arguments() -> None:
    def run(self: Workflow, n: Any) -> Any:
        if n == 3:
            self.submit(self.continue_as_new(self.submit(a, 4)))
        return n

    world = world_of(run)
    world.start(of(run), 3)
    world.drive()
    assert world.result(world.last_run()) == [4]


# -- hooks and context


@pytest.mark.parametrize("live", [True, False])
def test_hooks_are_called_once_for_each_decision(live: bool) -> None:
    told: list[tuple[str, int]] = []

    def hook(name: str) -> Any:
        def told_of(self: Workflow, history: Any, *args: Any) -> None:
            told.append((name, len(history.events)))

        return told_of

    names = ("before_replay", "after_replay", "on_completed", "on_failure", "after_closed")
    workflow = of(lambda self: self.submit(a, 1).result, **{name: hook(name) for name in names})
    world = World(workflow, activities=[a], work=work, compare=False, live=live)
    world.run(workflow)
    assert told == [
        ("before_replay", 0),
        ("after_replay", 3),
        ("before_replay", 3),
        ("after_replay", 9),
        ("on_completed", 11),
        ("after_closed", 11),
    ]


def test_hooks_are_told_after_an_error_too() -> None:
    told: list[str] = []

    def run(self: Workflow) -> Any:
        raise ValueError("no")

    workflow = of(
        run,
        after_replay=lambda self, history: told.append("after"),
        on_failure=lambda self, history, reason, details: told.append(reason),
    )
    World(workflow, compare=False).start(workflow)
    world = World(workflow, compare=False)
    world.start(workflow)
    world.drive()
    assert told == ["after", "Cannot replay the workflow: ValueError(no)"]


def test_hooks_observe_only(caplog: pytest.LogCaptureFixture) -> None:
    def before_replay(self: Workflow, history: Any) -> None:
        self.submit(a, 1)

    workflow = of(lambda self: self.submit(a, 2).result, before_replay=before_replay)
    world = World(workflow, activities=[a], work=work)
    assert world.run(workflow) == [2]
    assert "a hook cannot submit" in caplog.text


@pytest.mark.parametrize("name", ["before_replay", "after_replay"])
@pytest.mark.parametrize(
    "trace",
    [
        lambda self: self.random.random(),
        lambda self: self.uuid4(),
        lambda self: self.side_effect(lambda: 1),
        lambda self: self.first.cancel(),
        lambda self: self.fail("enough"),
    ],
)
def test_hooks_leave_no_trace_in_the_run(name: str, trace: Any, caplog: pytest.LogCaptureFixture) -> None:
    """No replay calls them for the batches that it repeats: chance and ids would differ."""

    def run(self: Any) -> Any:
        self.first = self.submit(a, 1)
        self.submit(a, 2).result
        return [self.random.random(), str(self.uuid4()), self.side_effect(lambda: 2), self.submit(a, 3).result]

    hooked = of(run, **{name: lambda self, history: trace(self) if hasattr(self, "first") else None})
    world = World(hooked, activities=[a], work=work)
    assert world.run(hooked) == World(of(run), activities=[a], work=work).run(of(run))
    assert f"the hook {name} has no part in the run" in caplog.text


def test_the_context_names_the_signals_that_are_waited_for() -> None:
    def run(self: Workflow) -> Any:
        waits = [self.submit(self.wait_signal("b")), self.submit(self.next_signal("a"))]
        self.submit(a).result
        futures.wait(*waits)
        self.submit(a).result
        return self.submit(a).result

    world = world_of(run)
    world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.started[0])
    world.decide_once()
    for name in ("a", "b"):
        world.signal(name)
        world.decide_once()
    world.drive()
    contexts = [answer.execution_context for answer in world.answers]
    assert contexts == ['{"waiting_signals":["a","b"]}', None, '{"waiting_signals":["b"]}', "", None, None]


def test_waits_for_more_signals_than_the_context_holds() -> None:
    def run(self: Workflow) -> Any:
        waits = [self.submit(self.wait_signal(f"{number:0100}")) for number in range(400)]
        self.submit(self.start_timer("t", 1)).result
        return len(waits)

    world = world_of(run)
    assert world.run(of(run)) == 400
    told = json.loads(world.answers[0].execution_context or "")
    assert told["waiting_signals"][0] == f"{0:0100}"
    assert len(told["waiting_signals"]) + told["more"] == 400


def test_long_histories_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    def run(self: Workflow) -> Any:
        return [self.submit(a, n).result for n in range(4)]

    world = world_of(run, limits=Limits(decisions=100, request_bytes=1_000_000, history_warnings=(12,)), compare=False)
    world.run(of(run))
    assert [record.message for record in caplog.records if "continue_as_new" in record.message][1:] == []
    assert "continue_as_new" in caplog.text


def test_a_group_that_raises_is_asked_once_for_all() -> None:
    def run(self: Workflow) -> Any:
        try:
            self.submit(Group((bad, 1), (bad, 2))).result
        except Exception:
            return "handled"

    assert world_of(run).run(of(run)) == "handled"


def test_on_task_failure_may_wait() -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        context.a_task.args.append(self.submit(a, context.attempt_number).result)
        return context.decide_retry() if context.attempt_number < 3 else context.decide_ignore()

    def run(self: Workflow) -> Any:
        return [self.submit(bad, 0).result, self.submit(a, 9).result]

    workflow = of(run, on_task_failure=on_task_failure)
    world = World(workflow, activities=(a, bad), work=work)
    assert world.run(workflow) == [None, [9]]
    assert [args for name, args in world.scheduled() if "bad" in name] == [[0], [0, [1]], [0, [1], [2]]]


def test_on_task_failure_may_hand_over_to_another_task() -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        return context.decide_handled(type(context.a_task)(a, "instead"))

    workflow = of(lambda self: self.submit(Group((bad, 0), (a, 1))).result, on_task_failure=on_task_failure)
    world = World(workflow, activities=(a, bad), work=work)
    assert world.run(workflow) == [["instead"], [1]]


def test_an_end_inside_a_function_of_a_group_is_the_end() -> None:
    went_on: list[int] = []

    def run(self: Workflow) -> Any:
        self.submit(Group(FuncGroup(lambda: self.fail("from the function"))))
        went_on.append(1)

    world = world_of(run)
    key = world.start(of(run))
    world.drive()
    assert world.close_event(key)[1]["reason"] == "Workflow execution failed: from the function"
    assert went_on == []


def test_what_a_function_says_of_failures_does_not_hold_for_tasks_beside_it() -> None:
    def run(self: Workflow) -> Any:
        def beside() -> Any:
            self.submit(self.start_timer("short", 1)).result
            return Group((a, self.submit(bad, 1)))

        def forgiven() -> Any:
            self.submit(self.start_timer("long", 2)).result
            return Group((a, 2))

        group = self.submit(Group(FuncGroup(beside)))
        self.submit(FuncGroup(forgiven, raises_on_failure=False)).result
        try:
            return group.result
        except TaskException as error:
            return error.exception.reason

    assert world_of(run).run(of(run)) == "broken"


@pytest.mark.parametrize("within", [lambda function: function, Group])
def test_what_a_function_submits_itself_is_none_of_its_members(within: Any) -> None:
    def run(self: Workflow) -> Any:
        own: list[Any] = []

        def function() -> Any:
            own.append(self.submit(bad, 1))
            return Group((bad, 2))

        self.submit(within(FuncGroup(function, raises_on_failure=False))).result
        try:
            return own[0].result
        except TaskException as error:
            return error.exception.reason

    assert world_of(run).run(of(run)) == "broken"


def test_a_priority_holds_for_what_a_function_produces_and_not_for_tasks_beside_it() -> None:
    def run(self: Workflow) -> Any:
        def function(number: int) -> Any:
            self.submit(a, number).result
            return Group((a, number + 1))

        plain = self.submit(Group(FuncGroup(function, 10)))
        group = self.submit(Group(FuncGroup(function, 20)), __priority=7)
        futures.wait(self.submit(a, 0), self.submit(FuncGroup(function, 30), __priority=8), plain, group)
        self.submit(a, 1).result

    world = world_of(run)
    world.run(of(run))
    scheduled = [attributes(e) for e in world.events(world.last_run()) if e["eventType"] == "ActivityTaskScheduled"]
    priorities = {json.loads(given["input"])["args"][0]: given.get("taskPriority") for given in scheduled}
    assert priorities == {0: None, 1: None, 10: None, 11: None, 20: "7", 21: "7", 30: "8", 31: "8"}


def test_a_twin_that_was_cancelled_stays_so_when_the_other_finishes() -> None:
    def run(self: Workflow) -> Any:
        first, twin = (self.submit(a.options(idempotent=True), 1) for _ in range(2))
        twin.cancel()
        return [first.result, twin.result, twin.state]

    assert world_of(run).run(of(run)) == [[1], None, "CANCELLED"]


def test_a_twin_is_the_same_call_also_when_a_retry_got_other_arguments() -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        context.a_task.args[:] = ["other"]
        return context.decide_retry()

    def run(self: Workflow) -> Any:
        once = a.options(idempotent=True)
        return [self.submit(once, "first").result, self.submit(once, "first").result]

    workflow = of(run, on_task_failure=on_task_failure)
    outcomes = iter([Failed("broken"), Completed("1")])
    assert World(workflow, activities=[a], work=lambda task: next(outcomes)).run(workflow) == [1, 1]


def test_a_task_that_was_handed_over_can_be_cancelled_and_can_fail_before_the_other_ends() -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        if context.a_task.args == ["timer"]:
            return context.decide_handled(self.start_timer("instead", 2))
        return context.decide_handled(Group((bad, "instead"), (a, 1))) if context.a_task.args == ["group"] else None

    def run(self: Workflow) -> Any:
        cancelled, failed = self.submit(bad, "timer"), self.submit(bad, "group")
        self.submit(self.start_timer("short", 1)).result
        cancelled.cancel()
        self.submit(self.start_timer("long", 3)).result
        return [cancelled.state, str(failed.exception)]

    workflow = of(run, on_task_failure=on_task_failure)
    world = World(workflow, activities=(a, bad), work=work)
    assert world.run(workflow)[0] == "CANCELLED"


def test_what_a_hook_raises_for_a_task_that_was_cancelled_meanwhile_changes_nothing() -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        self.submit(self.start_timer("long", 2)).result
        raise ValueError("too late")

    def run(self: Workflow) -> Any:
        failed = self.submit(bad, 1)
        self.submit(self.start_timer("short", 1)).result
        failed.cancel()
        self.submit(self.start_timer("longer", 3)).result
        return failed.state

    workflow = of(run, on_task_failure=on_task_failure)
    assert World(workflow, activities=(a, bad), work=work).run(workflow) == "CANCELLED"


def test_a_task_that_was_cancelled_before_its_id_was_known_is_not_sent() -> None:
    class Named:
        @staticmethod
        def get_task_id(workflow: Any, *args: Any) -> str:
            workflow.submit(workflow.start_timer("slow", 2)).result
            return "named"

    named = activity.with_attributes(name="ends.named")(Named)

    def run(self: Workflow) -> Any:
        future = self.submit(named, self.submit(a, 1))
        self.submit(self.start_timer("short", 1)).result
        future.cancel()
        self.submit(self.start_timer("longer", 3)).result
        return future.state

    world = world_of(run, activities=(a, named))
    assert world.run(of(run)) == "CANCELLED"
    assert world.scheduled() == [("activity-ends.a-1", [1])]


@pytest.mark.parametrize("length", [99, 100, 101, 102, 2000])
def test_a_failure_reaches_the_end_of_the_longest_row_of_tasks(length: int) -> None:
    def run(self: Workflow) -> Any:
        row = [self.submit(bad, 0)]
        for _ in range(length):
            row.append(self.submit(a, row[-1]))
        reasons = {future.exception.reason for future in row}
        return [len(row), *reasons]

    world = world_of(run)
    assert world.run(of(run)) == [length + 1, "broken"]
    assert len(world.scheduled()) == 1


def test_functions_that_go_on_with_functions_end_at_any_depth() -> None:
    def run(self: Workflow) -> Any:
        def step(number: int) -> Any:
            return Chain((a, number), FuncGroup(step, number + 1)) if number < 250 else Group((bad, number), (a, 1))

        loop = self.submit(Group(FuncGroup(step, 0)))
        futures.wait(loop, return_when=futures.ALL_COMPLETED)
        return [loop.state, len(loop.exception.exceptions)]

    assert world_of(run, compare=False).run(of(run)) == ["FINISHED", 1]


def test_sys_exit_in_any_function_of_the_author_ends_no_decider(caplog: pytest.LogCaptureFixture) -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        sys.exit(1)

    def run(self: Workflow) -> Any:
        told = []
        for task in (Chain((a, 1), FuncGroup(lambda: sys.exit(2))), Group((bad, 1))):
            try:
                self.submit(task).result
            except SystemExit as error:
                told.append(error.code)
        try:
            self.side_effect(lambda: sys.exit(3), "exit")
        except TaskFailed as error:
            told.append(error.reason)
        return told

    hooks = {"before_replay": lambda self, history: sys.exit(4), "on_task_failure": on_task_failure}
    workflow = of(run, **hooks)
    assert World(workflow, activities=(a, bad), work=work).run(workflow) == [2, 1, "SystemExit: 3"]
    assert "before_replay of Ends failed" in caplog.text


def test_sys_exit_in_should_cancel_is_the_end() -> None:
    workflow = of(
        lambda self: self.submit(self.start_timer("t", 9)).result, should_cancel=lambda self, history: sys.exit(5)
    )
    world = World(workflow)
    key = world.start(workflow)
    world.decide_once()
    world.request_cancel()
    world.drive()
    assert world.close_event(key)[1]["reason"] == "Cannot replay the workflow: SystemExit(5)"


def no_memory(*args: Any) -> Any:
    raise MemoryError


@pytest.mark.parametrize(
    ("run", "members"),
    [
        (lambda self: self.submit(Group(FuncGroup(no_memory))).exception, {}),
        (lambda self: self.submit(bad, 1).exception, {"on_task_failure": no_memory}),
        (lambda self: self.side_effect(no_memory), {}),
        (lambda self: self.submit(self.wait_signal("s")).result, {"should_cancel": no_memory}),
    ],
)
def test_a_lack_of_memory_is_never_told_to_the_run(run: Any, members: Any) -> None:
    workflow = of(run, **members)
    world = World(workflow, activities=(a, bad), work=work, compare=False)
    world.start(workflow)
    if "should_cancel" in members:
        world.request_cancel()
    with pytest.raises(DecisionAbandoned, match="no memory"):
        world.drive()


@pytest.mark.parametrize("priority", ["high", 1.5, True, 2**31, -(2**31) - 1])
def test_a_priority_that_swf_refuses_is_refused_at_submit(priority: Any) -> None:
    def run(self: Workflow) -> Any:
        for submit in (
            lambda: self.submit(a, 1, __priority=priority),
            lambda: self.submit(Group(a.options(task_priority=priority))),
        ):
            with pytest.raises(InvalidTask, match="the priority of ends"):
                submit()
        return self.submit(a, 1, __priority="-7").result

    assert world_of(run).run(of(run)) == [1]


@pytest.mark.parametrize("wait", [-1, 10**8, "soon", float("nan"), float("inf")])
def test_a_wait_before_a_retry_that_is_no_time_is_the_error_of_the_hook(wait: Any) -> None:
    workflow = of(
        lambda self: str(self.submit(bad, 1).exception),
        on_task_failure=lambda self, context: context.decide_retry(wait),
    )
    told = World(workflow, activities=[bad], work=work).run(workflow)
    assert told.startswith("the retry of 'activity-ends.bad-1' has the timeout")
