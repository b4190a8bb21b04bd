"""Workflows in the environment of a test: time, signals, stand-ins, ends."""

from __future__ import annotations

import dataclasses
import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.activity import RetryPolicy
from simpleflow.exceptions import InvalidTask, NondeterminismError, TaskException, TimeoutError
from simpleflow.local import WrongArguments
from simpleflow.swf.errors import Refused
from simpleflow.testing import NotCompleted, WorkflowEnvironment

DAY = 86_400


@activity.with_attributes(name="environment.double")
def double(x: Any) -> Any:
    return 2 * x


@activity.with_attributes(name="environment.refuse", raises_on_failure=True)
def refuse() -> None:
    raise ValueError("no")


@activity.with_attributes(name="environment.call")
class Caller:
    def __init__(self, number: int) -> None:
        self.number = number

    def execute(self) -> int:
        return self.number


class Base(Workflow):
    name, version, task_list = "environment", "1", "decisions"


class Doubles(Base):
    def run(self, x: Any) -> Any:
        return self.submit(double, x).result


class Patient(Base):
    def run(self, days: int) -> Any:
        begin = self.now()
        self.submit(self.start_timer("t", days * DAY)).wait()
        return (self.now() - begin).days


class Asks(Base):
    def run(self) -> Any:
        answer = self.submit(self.wait_signal("answer"))
        done, _ = futures.wait(answer, timeout=7 * DAY)
        return done[0].result["args"] if done else "nobody answered"


class Parent(Base):
    name = "environment-parent"

    def run(self, x: Any) -> Any:
        return self.submit(Doubles, x).result


@pytest.fixture
def env() -> WorkflowEnvironment:
    return WorkflowEnvironment()


# -- results and ends


def test_a_result(env: WorkflowEnvironment) -> None:
    assert env.run(Doubles, 21) == 42
    assert env.run(Doubles, x=[1]) == [1, 1]


def test_executions_one_after_the_other_and_side_by_side(env: WorkflowEnvironment) -> None:
    first, second = env.start(Doubles, [1]), env.start(Doubles, [2], workflow_id="mine")
    assert [first.status, second.status] == ["OPEN", "OPEN"]
    env.settle()
    assert [first.status, second.status] == ["COMPLETED", "COMPLETED"]
    assert [first.result, second.result] == [2, 4]
    assert second.workflow_id == "mine"
    assert first.workflow_id != second.workflow_id
    assert repr(second) == "<Execution mine COMPLETED>"


def test_nothing_happens_before_it_is_made_to_happen(env: WorkflowEnvironment) -> None:
    execution = env.start(Doubles, [1])
    assert [event["eventType"] for event in execution.events] == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    env.settle()
    assert execution.history.activities["activity-environment.double-1"]["state"] == "completed"


class Fails(Base):
    def run(self) -> Any:
        self.submit(refuse).result


def test_a_failure(env: WorkflowEnvironment) -> None:
    execution = env.start(Fails)
    assert isinstance(execution.exception, NotCompleted)
    assert (execution.status, execution.exception.run.status) == ("FAILED", "FAILED")
    assert "ValueError: no" in str(execution.exception)
    with pytest.raises(NotCompleted, match="ValueError: no"):
        execution.result


def test_what_completed_has_no_exception(env: WorkflowEnvironment) -> None:
    assert env.start(Doubles, [1]).exception is None


def test_what_waits_for_ever_is_blocked(env: WorkflowEnvironment) -> None:
    class Waits(Base):
        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    execution = env.start(Waits)
    with pytest.raises(NotCompleted, match=r"blocked: waits for signal never \(.*test_environment.py:\d+\)"):
        execution.result
    assert (execution.end.status, execution.status, env.elapsed) == ("BLOCKED", "OPEN", 0)


def test_wrong_arguments_are_refused_at_the_start(env: WorkflowEnvironment) -> None:
    with pytest.raises(WrongArguments):
        env.start(Doubles, [1, 2])
    with pytest.raises(InvalidTask, match="workflow id"):
        env.start(Doubles, [1], workflow_id="a:b")
    with pytest.raises(TypeError, match="inherits from"):
        env.run(double, 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"args is 'ann'; expected the list of what `run` gets, as in .*\['ann'\]"):
        env.start(Doubles, "ann")


def test_options_of_the_start(env: WorkflowEnvironment) -> None:
    execution = env.start(
        Patient, [2], workflow_id="w", task_list="mine", execution_timeout=DAY, tags=["a"], decision_tasks_timeout=7
    )
    started = execution.events[0]["workflowExecutionStartedEventAttributes"]
    assert started["taskList"] == {"name": "mine"}
    assert started["tagList"] == ["a"]
    assert (started["executionStartToCloseTimeout"], started["taskStartToCloseTimeout"]) == (str(DAY), "7")
    assert execution.end.status == "TIMED_OUT"
    assert env.elapsed == DAY


def test_an_execution_that_continues_as_new(env: WorkflowEnvironment) -> None:
    class Counts(Base):
        def run(self, n: int) -> Any:
            if n:
                self.submit(self.continue_as_new(n - 1))
            return "done"

    execution = env.start(Counts, [3])
    assert execution.result == "done"
    assert len(execution.runs) == len(set(execution.runs)) == 4
    assert execution.run_id == execution.runs[-1].run_id
    assert env.executions()[0].runs == execution.runs


def test_cancel_and_terminate(env: WorkflowEnvironment) -> None:
    one, other = env.start(Patient, [1]), env.start(Patient, [1])
    env.after(10, one.cancel)
    env.after(20, other.terminate)
    assert [one.end.status, other.end.status] == ["CANCELED", "TERMINATED"]
    assert env.elapsed == 20
    with pytest.raises(Refused, match="UnknownResourceFault"):
        one.cancel()


# -- time


def test_a_year_is_over_at_once(env: WorkflowEnvironment) -> None:
    begin = env.now
    assert env.run(Patient, 365) == 365
    assert env.elapsed == 365 * DAY
    assert (env.now - begin).days == 365


def test_time_passes_as_far_as_it_is_told(env: WorkflowEnvironment) -> None:
    execution = env.start(Patient, [10])
    env.advance(10 * DAY - 1)
    assert execution.status == "OPEN"
    env.advance(1)
    assert execution.status == "COMPLETED"
    assert env.elapsed == 10 * DAY


def test_settling_takes_no_time(env: WorkflowEnvironment) -> None:
    execution = env.start(Patient, [1])
    env.settle()
    assert (execution.status, env.elapsed) == ("OPEN", 0)


def test_a_signal_at_a_chosen_time(env: WorkflowEnvironment) -> None:
    execution = env.start(Asks)
    env.after(3 * DAY, execution.signal, "answer", 42)
    assert execution.result == [42]
    assert env.elapsed == 3 * DAY


def test_a_signal_that_comes_too_late(env: WorkflowEnvironment) -> None:
    assert env.start(Asks).result == "nobody answered"
    assert env.elapsed == 7 * DAY


def test_appointments_come_in_the_order_of_their_time(env: WorkflowEnvironment) -> None:
    came: list[float] = []
    for seconds in (30, 10, 20, 10):
        env.after(seconds, lambda seconds=seconds: came.append((seconds, env.elapsed)))  # type: ignore[misc]
    env.advance(25)
    assert came == [(10, 10), (10, 10), (20, 20)]


# -- stand-ins of activities


def test_a_function_in_place_of_an_activity(env: WorkflowEnvironment) -> None:
    stand_in = env.replace(double, lambda x: x + 1)
    assert env.run(Doubles, 5) == 6
    assert [tuple(call) for call in stand_in.calls] == [((5,), {})]
    assert double(5) == 10  # the activity itself is as it was
    assert WorkflowEnvironment().run(Doubles, 5) == 10


def test_a_mock_in_place_of_an_activity(env: WorkflowEnvironment) -> None:
    mock = Mock(return_value=7)
    env.replace(double, mock)
    assert env.run(Doubles, 5) == 7
    mock.assert_called_once_with(5)


def test_an_activity_that_fails_and_then_does_not(env: WorkflowEnvironment) -> None:
    class Retries(Base):
        def run(self) -> Any:
            return self.submit(double.options(retry=RetryPolicy(attempts=3, interval=10)), 4).result

    down = env.replace(double, raises=ConnectionError("down"), times=2)
    assert env.run(Retries) == 8
    assert len(down.calls) == 2
    assert env.elapsed == 10 + 20


def test_the_latest_stand_in_counts(env: WorkflowEnvironment) -> None:
    env.replace(double, lambda x: "first")
    env.replace(double, lambda x: "second", times=1)
    assert [env.run(Doubles, 1), env.run(Doubles, 1)] == ["second", "first"]


class Times(Base):
    """What comes of an activity with these timeouts, and after how many seconds."""

    def run(self, timeouts: dict[str, int]) -> Any:
        none = dict.fromkeys(_TIMEOUTS)
        future = self.submit(double.options(raises_on_failure=True, **{**none, **timeouts}), 1)
        try:
            return future.result
        except TaskException as error:
            assert isinstance(error.exception, TimeoutError)
            return error.exception.timeout_type


_TIMEOUTS = ("start_to_close_timeout", "schedule_to_close_timeout", "schedule_to_start_timeout", "heartbeat_timeout")


def test_a_slow_activity(env: WorkflowEnvironment) -> None:
    slow = env.replace(double, takes=90)
    assert env.run(Times, {"start_to_close_timeout": 100}) == 2
    assert env.elapsed == 90
    assert len(slow.calls) == 1


@pytest.mark.parametrize("timeout", ["start_to_close_timeout", "schedule_to_close_timeout"])
def test_an_activity_that_is_too_slow(env: WorkflowEnvironment, timeout: str) -> None:
    env.replace(double, takes=1000)
    assert env.run(Times, {timeout: 80}) == timeout.upper().removesuffix("_TIMEOUT")
    assert env.elapsed == 80
    env.advance(2000)  # its answer comes too late, and does no harm


def test_a_slow_activity_is_alive(env: WorkflowEnvironment) -> None:
    env.replace(double, takes=1000)
    assert env.run(Times, {"heartbeat_timeout": 61}) == 2
    assert env.elapsed == 1000


def test_a_silent_activity_is_not(env: WorkflowEnvironment) -> None:
    silent = env.replace(double, silent=True)
    assert env.run(Times, {"heartbeat_timeout": 61, "start_to_close_timeout": 600}) == "HEARTBEAT"
    assert env.elapsed == 61
    assert silent.calls == []


def test_a_slow_activity_that_is_to_end(env: WorkflowEnvironment) -> None:
    class Cancels(Base):
        def run(self) -> Any:
            slow = self.submit(double.options(**dict.fromkeys(_TIMEOUTS)), 1)
            self.submit(self.start_timer("before", 100)).wait()
            slow.cancel()
            self.submit(self.start_timer("after", 100)).wait()

    env.replace(double, takes=1000)
    execution = env.start(Cancels)
    assert execution.exception is None
    (canceled,) = [event for event in execution.events if event["eventType"] == "ActivityTaskCanceled"]
    # it hears of it at its next heartbeat
    assert canceled["eventTimestamp"] - execution.events[0]["eventTimestamp"] == 120


def test_a_class_can_be_replaced_too(env: WorkflowEnvironment) -> None:
    class Calls(Base):
        def run(self) -> Any:
            return [self.submit(Caller, 1).result, self.submit(Caller, 2).result]

    env.replace(Caller, takes=5, times=1)
    assert env.run(Calls) == [1, 2]
    assert env.elapsed == 5
    env.replace(Caller, lambda number: -number)
    assert env.run(Calls) == [-1, -2]


@pytest.mark.parametrize(
    ("target", "options", "problem"),
    [
        ("double", {}, "an activity or a Workflow class, not 'double'"),
        (Doubles, {}, "needs a function"),
        (double, {"function": double, "raises": ValueError()}, "not both"),
        (double, {"function": double, "silent": True}, "silent"),
        (double, {"raises": "down"}, "raises is 'down'; expected an exception"),
        (double, {"takes": -1}, "takes is -1"),
        (double, {"raises": ValueError, "times": -1}, "times -1"),
    ],
)
def test_what_cannot_be_replaced(env: WorkflowEnvironment, target: Any, options: Any, problem: str) -> None:
    with pytest.raises((TypeError, ValueError), match=problem):
        env.replace(target, **options)


def test_time_does_not_go_back(env: WorkflowEnvironment) -> None:
    with pytest.raises(ValueError, match="-1 seconds cannot pass"):
        env.advance(-1)
    with pytest.raises(ValueError, match="-1 seconds cannot pass"):
        env.after(-1, print)
    assert env.elapsed == 0


@dataclasses.dataclass
class Invoice:
    cents: int


@activity.with_attributes(name="testing.charge")
def charge(invoice: Invoice, *, at: datetime | None = None) -> str:
    raise AssertionError("replaced")


class Bills(Workflow):
    name, version, task_list = "bills", "1", "decisions"

    def run(self, invoice: Invoice) -> Any:
        return self.submit(charge, invoice, at=self.now()).result


class Books(Bills):
    name = "books"

    def run(self, invoice: Invoice) -> Any:
        return self.submit(Bills, invoice).result


def test_stand_ins_get_what_the_annotations_of_their_target_say(env: WorkflowEnvironment) -> None:
    charging = env.replace(charge, lambda invoice, at: f"{invoice.cents} at {at.year}")
    assert env.run(Bills, Invoice(7)) == f"7 at {env.now.year}"
    assert charging.calls[0].args == (Invoice(7),)
    env.replace(Bills, lambda invoice: invoice.cents)
    assert env.run(Books, Invoice(8)) == 8


def test_what_an_activity_returns_passes_through_json(env: WorkflowEnvironment) -> None:
    env.replace(double, lambda x: {1: (2, 3)})
    assert env.run(Doubles, 0) == {"1": [2, 3]}
    env.replace(double, lambda x: object())
    assert env.run(Doubles, 0) is None  # raises_on_failure is false
    assert "object" in str(env.executions()[-1].history.activities["activity-environment.double-1"]["reason"])


# -- children


def test_children_are_real(env: WorkflowEnvironment) -> None:
    assert env.run(Parent, 4) == 8
    _, child = env.executions()
    assert child.result == 8
    assert env.execution(child.workflow_id).events == child.events
    with pytest.raises(KeyError, match="there is no execution 'other'; there are workflow-1"):
        env.execution("other")


def test_a_function_in_place_of_a_child(env: WorkflowEnvironment) -> None:
    child = env.replace(Doubles, lambda x: x * 100, takes=60)
    assert env.run(Parent, 4) == 400
    assert env.elapsed == 60
    assert [call.args for call in child.calls] == [(4,)]


def test_a_child_that_fails_and_then_does_not(env: WorkflowEnvironment) -> None:
    class Twice(Base):
        def run(self) -> Any:
            try:
                self.submit(Doubles, 1).result
            except TaskException as error:
                return [type(error).__name__, self.submit(Doubles, 2).result]

    env.replace(Doubles, raises=ValueError("boom"), times=1)
    assert env.run(Twice) == ["WorkflowException", 4]


def test_a_child_that_is_never_heard_of(env: WorkflowEnvironment) -> None:
    env.replace(Doubles, silent=True)
    execution = env.start(Parent, [1])
    assert "START_TO_CLOSE" in str(execution.exception)
    assert env.elapsed == 3600  # of a child that says nothing else


# -- what is wrong with the workflow


def test_code_that_is_not_deterministic_is_found_when_the_run_has_closed(env: WorkflowEnvironment) -> None:
    numbers = itertools.count()

    class Changes(Base):
        def run(self) -> Any:
            return self.submit(double, next(numbers)).result

    with pytest.raises(NondeterminismError):
        env.run(Changes)


def test_what_prints_prints_once(env: WorkflowEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
    class Prints(Base):
        def run(self) -> Any:
            print("begin")
            self.submit(double, 1).result
            print("end")

    env.run(Prints)
    assert capsys.readouterr().out == "begin\nend\n"


def test_hooks_are_called(env: WorkflowEnvironment) -> None:
    heard: list[str] = []

    class Hooked(Doubles):
        def on_completed(self, history: Any) -> None:
            heard.append(history.workflow["state"])

    env.run(Hooked, 1)
    assert heard == ["completed"]


def test_the_environment_ends_the_code_of_what_is_open() -> None:
    ended: list[str] = []

    class Cleans(Base):
        def run(self) -> Any:
            try:
                self.submit(self.wait_signal("never")).wait()
            finally:
                ended.append("ended")

    with WorkflowEnvironment() as env:
        env.start(Cleans)
        env.settle()
        assert ended == []
    assert ended == ["ended"]


def test_what_is_saved_is_json(env: WorkflowEnvironment, tmp_path: Path) -> None:
    execution = env.start(Doubles, [1])
    env.settle()
    execution.save(tmp_path / "history.json")
    saved = json.loads((tmp_path / "history.json").read_text())
    assert saved["execution"] == {"workflowId": execution.workflow_id, "runId": execution.run_id}
    assert saved["events"] == execution.events


def test_many_activities_do_not_cost_a_decision_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ENV", "production")  # not with the small limits of tests

    class Many(Base):
        def run(self) -> Any:
            return sum(futures.wait(*self.map(double, range(500))))

    env = WorkflowEnvironment()
    assert env.run(Many) == 500 * 499
    kinds = [event["eventType"] for event in env.executions()[0].events]
    assert kinds.count("DecisionTaskCompleted") < 100
