import itertools
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures, local
from simpleflow.activity import RetryPolicy
from simpleflow.local import NotCompleted
from simpleflow.payloads.codec import EncodeError
from simpleflow.process.perform import Middlewares
from simpleflow.service.clock import VirtualClock

told: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    told.clear()
    yield


@pytest.fixture(params=[False, True], ids=["plain", "check-replay"])
def check(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@activity.with_attributes(task_list="a", version="1")
def add(x: int, y: int = 0) -> int:
    told.append(("add", x, y))
    return x + y


@activity.with_attributes(task_list="b", retry=2)
def fail_twice() -> int:
    told.append("try")
    if told.count("try") < 3:
        raise ValueError("not yet")
    return told.count("try")


@activity.with_attributes(raises_on_failure=True)
def boom() -> None:
    raise ValueError("boom")


@activity.with_attributes(raises_on_failure=True)
def long_boom() -> None:
    raise ValueError("x" * 300)


@activity.with_attributes(raises_on_failure=True)
def odd() -> Any:
    return {"rows": [1, object()]}


def test_the_result_is_what_run_returned(check: bool) -> None:
    class Sum(Workflow):
        def run(self, x: int, y: int = 5) -> Any:
            first = self.submit(add, x, y)
            return [self.submit(add, first, y=first).result, first.result]

    assert local.run(Sum, 1, check_replay=check) == [12, 6]
    assert local.run(Sum, x=2, y=1, check_replay=check) == [6, 3]
    assert told == [("add", 1, 5), ("add", 6, 6), ("add", 2, 1), ("add", 3, 3)]


def test_arguments_and_results_pass_the_codec() -> None:
    class Echo(Workflow):
        def run(self, value: Any) -> Any:
            told.append(value)
            return (value, {1: value})

    assert local.run(Echo, (1, 2)) == [[1, 2], {"1": [1, 2]}]
    assert told[0] == [1, 2]


def test_timers_take_no_time_and_move_the_clock(check: bool) -> None:
    class Year(Workflow):
        def run(self) -> Any:
            before = self.now()
            self.submit(self.start_timer("t", 365 * 86_400)).result
            return (self.now() - before).days

    assert local.run(Year, check_replay=check) == 365


def test_an_activity_is_retried(check: bool) -> None:
    class Retries(Workflow):
        def run(self) -> Any:
            return self.submit(fail_twice).result

    assert local.run(Retries, check_replay=check) == 3


def test_a_retry_with_back_off_waits_on_the_clock_of_the_run(check: bool) -> None:
    class Later(Workflow):
        def run(self) -> Any:
            before = self.now()
            policy = RetryPolicy(attempts=3, interval=60, backoff=2)
            result = self.submit(fail_twice.options(retry=policy)).result
            return [result, (self.now() - before).seconds]

    assert local.run(Later, check_replay=check) == [3, 180]


def test_children_markers_and_signals(check: bool) -> None:
    class Child(Workflow):
        def run(self, x: int) -> Any:
            return self.submit(self.wait_signal("go")).result["args"] + [x]

    class Parent(Workflow):
        def run(self) -> Any:
            child = self.submit(Child, 3)
            self.submit(self.record_marker("m", {"k": 1})).result
            self.submit(self.signal("go", 7)).result
            return [child.result, [(m.name, m.details) for m in self.list_markers()]]

    assert local.run(Parent, check_replay=check) == [[7, 3], [["m", {"k": 1}]]]


def test_a_child_of_a_module_is_found_by_its_path(check: bool) -> None:
    class Parent(Workflow):
        def run(self) -> Any:
            return self.submit(OfModule, 2).result

    assert local.run(Parent, check_replay=check) == 3


class OfModule(Workflow):
    def run(self, x: int) -> Any:
        return self.submit(add, x, 1).result


def test_continue_as_new_is_followed(check: bool) -> None:
    class Count(Workflow):
        name = "count"

        def run(self, i: int = 3) -> Any:
            if i:
                self.submit(self.continue_as_new(i=i - 1))
            return self.get_run_context()["continued_execution_run_id"] is not None

    ended = local.execute(Count, check_replay=check)
    assert ended.value is True
    assert ended.history[0]["workflowExecutionStartedEventAttributes"]["input"] == '{"args":[],"kwargs":{"i":0}}'


def test_a_map_of_many_sees_the_ends_of_several_at_once() -> None:
    class Many(Workflow):
        def run(self, n: int) -> Any:
            return sum(future.result for future in self.map(add, range(n)))

    ended = local.execute(Many, (300,))
    assert ended.value == sum(range(300))
    decided = [e for e in ended.history if e["eventType"] == "DecisionTaskCompleted"]
    assert len(decided) < 80  # an eighth of those that wait runs between two decisions


def test_the_policy_is_one_activity_between_two_decisions_when_few_wait() -> None:
    class Few(Workflow):
        def run(self) -> Any:
            futures.wait(*(self.submit(add, i) for i in range(7)))

    kinds = [e["eventType"] for e in local.execute(Few).history]
    ends = [i for i, kind in enumerate(kinds) if kind == "ActivityTaskCompleted"]
    assert all("DecisionTaskCompleted" in kinds[a:b] for a, b in itertools.pairwise(ends))


def test_two_runs_do_the_same_in_the_same_order() -> None:
    class Mixed(Workflow):
        def run(self) -> Any:
            done = self.map(add, range(20))
            timer = self.submit(self.start_timer("t", 1))
            futures.wait(timer, *done)

    def told_by_run() -> list[tuple[Any, ...]]:
        events = local.execute(Mixed, clock=VirtualClock(0)).history
        return [(e["eventId"], e["eventTimestamp"], e["eventType"]) for e in events]

    assert told_by_run() == told_by_run()


def test_the_context_of_run_and_of_an_activity() -> None:
    @activity.with_attributes(name="local.context", version="7", task_list="where")
    def context() -> Any:
        return context.context

    class Contexts(Workflow):
        name, version = "contexts", "2"

        def run(self, x: int) -> Any:
            return [self.get_run_context(), self.submit(context).result]

    ended = local.execute(Contexts, (1,), tags=["t"], workflow_id="w")
    of_run, of_activity = ended.value
    assert of_run == {
        "name": "contexts",
        "version": "2",
        "domain_name": "local",
        "workflow_id": "w",
        "run_id": ended.run_id,
        "tag_list": ["t"],
        "continued_execution_run_id": None,
        "parent_workflow_id": None,
        "parent_run_id": None,
    }
    assert of_activity == {
        "name": "local.context",
        "version": "7",
        "workflow_id": "w",
        "run_id": ended.run_id,
        "activity_id": "activity-local.context-1",
        "attempt": 1,
        "input": {"args": [], "kwargs": {}},
        "domain_name": "local",
        "activity_task_list": "where",
    }


def test_the_class_says_task_list_tags_and_timeouts() -> None:
    class Says(Workflow):
        name, version, task_list, child_policy = "says", 3, "decisions", "ABANDON"
        execution_timeout, decision_tasks_timeout = 60, 30

        @classmethod
        def get_tag_list(cls, x: int) -> list[str]:
            return [f"x={x}"]

        def run(self, x: int) -> None: ...

    first = local.execute(Says, (4,)).history[0]["workflowExecutionStartedEventAttributes"]
    assert {key: first[key] for key in ("workflowType", "taskList", "childPolicy", "tagList")} == {
        "workflowType": {"name": "says", "version": "3"},
        "taskList": {"name": "decisions"},
        "childPolicy": "ABANDON",
        "tagList": ["x=4"],
    }
    assert (first["executionStartToCloseTimeout"], first["taskStartToCloseTimeout"]) == ("60", "30")


def test_middlewares_surround_activities() -> None:
    class One(Workflow):
        def run(self) -> Any:
            return self.submit(add, 1).result

    def before(context: Any) -> None:
        told.append(("before", context["activity_id"]))

    def after(context: Any, result: Any) -> None:
        told.append(("after", result))

    local.execute(One, middlewares=Middlewares((before,), (after,)))
    assert told == [("before", f"activity-{add.name}-1"), ("add", 1, 0), ("after", 1)]


def test_hooks_are_told_once_after_the_close(check: bool) -> None:
    class Hooks(Workflow):
        def run(self, fails: bool) -> Any:
            told.append("run")
            if fails:
                self.fail("for good", {"why": 1})

        def on_completed(self, history: Any) -> None:
            told.append("completed")

        def on_failure(self, history: Any, reason: str, details: Any = None) -> None:
            told.append((reason, details))

        def after_closed(self, history: Any) -> None:
            told.append(history.events[-1]["eventType"])

    local.run(Hooks, False)
    assert told.count("completed") == told.count("WorkflowExecutionCompleted") == 1
    told.clear()
    assert local.execute(Hooks, (True,), check_replay=check).status == "FAILED"
    reason = "Workflow execution failed: for good"
    assert [x for x in told if x != "run"] == [(reason, '{"why":1}'), "WorkflowExecutionFailed"]


def test_what_is_repeated_is_not_printed_again(capsys: pytest.CaptureFixture[str], check: bool) -> None:
    class Prints(Workflow):
        def run(self) -> Any:
            print("before")
            print("after", self.submit(add, 1).result)

    local.run(Prints, check_replay=check)
    assert capsys.readouterr().out == "before\nafter 1\n"


def test_a_side_effect_happens_once(check: bool) -> None:
    class Effects(Workflow):
        def run(self) -> Any:
            values = [self.side_effect(lambda: told.append("effect") or len(told)) for _ in range(250)]
            self.submit(self.start_timer("t", 1)).result
            return values

    assert local.run(Effects, check_replay=check) == list(range(1, 251))
    assert len(told) == 250


# -- what does not complete


def ended(workflow_class: type[Workflow], *args: Any, **options: Any) -> Any:
    run = local.execute(workflow_class, args, **options)
    with pytest.raises(NotCompleted) as caught:
        run.value
    assert caught.value.run is run
    return run


def test_a_failure_tells_the_activity_and_its_traceback(check: bool) -> None:
    class Fails(Workflow):
        def run(self) -> Any:
            return self.submit(boom).result

    run = ended(Fails, check_replay=check)
    assert run.status == "FAILED"
    assert run.reason == f'Workflow execution error in activity-{boom.name}: "ValueError: boom"'
    assert json.loads(run.details)["error_type"] == "builtins.ValueError"
    told_why = run.explain()
    assert told_why.startswith(run.reason)
    assert __file__ in told_why
    assert "in boom" in told_why
    assert "simpleflow/process" not in told_why


def test_the_last_activity_that_failed_is_told_beside_the_failure_of_run() -> None:
    class Careless(Workflow):
        def run(self) -> Any:
            return self.submit(boom.options(raises_on_failure=False)).result + 1

    told_why = ended(Careless).explain()
    assert "TypeError" in told_why
    assert f"The last activity that failed is activity-{boom.name}-1: ValueError: boom" in told_why


def test_a_long_reason_is_told_once() -> None:
    class Long(Workflow):
        def run(self) -> None:
            self.fail("x" * 300)

    assert ended(Long).explain() == "Workflow execution failed: " + "x" * 300


def test_a_long_message_of_an_activity_leaves_its_details_readable() -> None:
    class Long(Workflow):
        def run(self) -> Any:
            return self.submit(long_boom).result

    run = ended(Long)
    assert json.loads(run.details)["message"] == "x" * 300
    told_why = run.explain()
    assert told_why.count("x" * 300) == 1
    assert told_why.endswith("ValueError: " + "x" * 300)


def test_what_cannot_be_encoded_is_told_without_our_own_errors() -> None:
    class Odd(Workflow):
        def run(self) -> Any:
            return self.submit(odd).result

    told_why = ended(Odd).explain()
    assert 'result["rows"][1] is of type object' in told_why
    assert "TypeError" not in told_why and "direct cause" not in told_why


def test_each_failed_attempt_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Retries(Workflow):
        def run(self) -> Any:
            return self.submit(fail_twice).result

    with caplog.at_level(logging.WARNING, "simpleflow.local"):
        local.run(Retries)
    assert caplog.messages == [f"activity-{fail_twice.name}-1 failed: ValueError: not yet"] * 2


def test_an_execution_may_time_out_if_somebody_said_so(check: bool) -> None:
    class Waits(Workflow):
        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    run = ended(Waits, execution_timeout="60", check_replay=check)
    assert (run.status, run.reason) == ("TIMED_OUT", "the execution took longer than its timeout of 60 s")


def test_a_child_may_time_out_if_its_class_says_so(check: bool) -> None:
    class Child(Workflow):
        execution_timeout = 60
        raises_on_failure = False

        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    class Parent(Workflow):
        def run(self) -> Any:
            return repr(self.submit(Child).exception)

    assert local.run(Parent, check_replay=check) == "TimeoutError(START_TO_CLOSE)"


def test_a_child_outlives_its_parent(check: bool, caplog: pytest.LogCaptureFixture) -> None:
    class Child(Workflow):
        name = "orphan"

        def run(self, *names: str) -> Any:
            for name in names:
                self.submit(self.wait_signal(name)).result
            self.submit(self.start_timer("t", 60)).result
            self.submit(add, 42).result

    class Parent(Workflow):
        def run(self, *names: str) -> Any:
            self.submit(Child, *names)
            self.submit(self.start_timer("t", 1)).result

    local.run(Parent, check_replay=check)
    assert told == [("add", 42, 0)]
    assert caplog.messages == []
    local.run(Parent, "never", check_replay=check)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("workflow workflow-orphan-local--")
    assert "is left open: it waits for signal never (" in caplog.messages[0]


def test_cancelling_a_child(check: bool) -> None:
    class Child(Workflow):
        raises_on_failure = False

        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    class Parent(Workflow):
        def run(self) -> Any:
            child = self.submit(Child)
            self.submit(self.start_timer("t", 1)).result
            child.cancel()
            self.submit(self.start_timer("u", 1)).result
            return child.cancelled

    run = local.execute(Parent, check_replay=check)
    assert run.value is True
    assert "ChildWorkflowExecutionCanceled" in [event["eventType"] for event in run.history]


def test_an_activity_that_was_cancelled_in_time_does_not_run(check: bool) -> None:
    class Cancels(Workflow):
        def run(self) -> Any:
            first, second = self.submit(add, 1), self.submit(add, 2)
            first.result
            second.cancel()
            self.submit(self.start_timer("t", 1)).result
            return second.cancelled

    assert local.run(Cancels, check_replay=check) is True
    assert told == [("add", 1, 0)]


@activity.with_attributes()
def interrupted() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_ends_the_run_and_its_clean_up_can_do_nothing() -> None:
    class Interrupted(Workflow):
        def run(self) -> Any:
            try:
                self.submit(interrupted).result
            finally:
                told.append("clean-up")
                self.submit(add, 1)

    with pytest.raises(KeyboardInterrupt):
        local.run(Interrupted)
    assert told == ["clean-up"]


def test_a_run_inside_an_activity_is_another_run() -> None:
    class Inner(Workflow):
        def run(self) -> Any:
            return self.submit(add, 20).result

    @activity.with_attributes(name="local.nested")
    def nested() -> Any:
        inner = local.run(Inner)
        return [inner, nested.context["activity_id"]]

    class Outer(Workflow):
        def run(self) -> Any:
            return self.submit(nested).result

    assert local.run(Outer) == [20, "activity-local.nested-1"]


def test_wrong_arguments_are_named_with_the_signature() -> None:
    class Picky(Workflow):
        def run(self, x: int, *, y: int = 1) -> None: ...

    for args, kwargs, problem in [
        ((), {}, "missing a required argument: 'x'"),
        ((1, 2), {}, "too many positional arguments"),
        ((1,), {"z": 1}, "got an unexpected keyword argument 'z'"),
    ]:
        with pytest.raises(local.WrongArguments) as caught:
            local.execute(Picky, args, kwargs)
        message = str(caught.value)
        assert message.startswith("Picky.run(x: int, ")
        assert message.endswith(f": {problem}.")


def test_an_argument_that_cannot_be_encoded_is_named_by_its_path() -> None:
    class Any1(Workflow):
        def run(self, x: Any) -> None: ...

    with pytest.raises(EncodeError, match=r'^args\[0\]\["a"\]\[1\] is of type object'):
        local.run(Any1, {"a": [1, object()]})


def test_what_is_no_workflow_is_refused() -> None:
    with pytest.raises(TypeError, match=r"is no class that inherits from simpleflow\.Workflow"):
        local.run(int)  # type: ignore[arg-type]


def test_the_length_of_the_history_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    class Long(Workflow):
        def run(self) -> Any:
            for _ in range(3):
                self.map(add, range(1_200))[-1].result

    with caplog.at_level(logging.WARNING, "simpleflow"):
        local.run(Long)
    assert [m for m in caplog.messages if "continue_as_new" in m]


def test_the_executor_of_old_code() -> None:
    class Old(Workflow):
        def run(self, x: int, y: int = 2) -> Any:
            sent = self.submit(self.wait_signal("s")).result
            return [self.submit(add, x, y).result, sent]

    executor = local.Executor(Old, middlewares={"pre": [f"{__name__}.note"], "post": []})
    executor.signal("s", 1, k=2)
    assert executor.run({"args": [1], "kwargs": {"y": 3}}) == [4, {"args": [1], "kwargs": {"k": 2}}]
    assert told == ["noted", ("add", 1, 3)]
    assert executor.run({"args": [1]})[0] == 3


def note(context: Any) -> None:
    told.append("noted")


def test_a_process_that_run_forks_ends_and_goes_on_with_nothing(check: bool) -> None:
    here, children = os.getpid(), list[int]()

    class Forks(Workflow):
        def run(self) -> Any:
            children.append(os.fork())
            return self.submit(add, 1).result

    result = local.run(Forks, check_replay=check)
    if os.getpid() != here:
        os._exit(1)
    assert (result, told) == (1, [("add", 1, 0)])
    assert {os.waitpid(child, 0)[1] for child in children} == {0}
