"""Ids, texts and effects that existing workflows, operators and histories rely on."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from support.driver import ActivityTask, Completed, Failed, Outcome, Silent, World

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import (
    AggregateException,
    InvalidTask,
    TaskCanceled,
    TaskException,
    TaskTerminated,
    WorkflowException,
)
from simpleflow.replay.limits import Limits
from simpleflow.task import ActivityTask as Call
from simpleflow.task import ChildWorkflowTask, NonPythonicActivityTask, WorkflowTask


@activity.with_attributes(name="kept.echo")
def echo(*args: Any, **kwargs: Any) -> Any: ...


@activity.with_attributes(name="kept.fail")
def fail(*args: Any) -> Any: ...


@activity.with_attributes(name="kept.fail_raising", raises_on_failure=True)
def fail_raising(*args: Any) -> Any: ...


@activity.with_attributes(name="kept.silent", start_to_close_timeout=7, heartbeat_timeout=None)
def silent() -> Any: ...


@activity.with_attributes(name="kept.retried", retry=2)
def retried(*args: Any) -> Any: ...


@activity.with_attributes(name="kept.once", idempotent=True)
def once(*args: Any, **kwargs: Any) -> Any: ...


class Named:
    @classmethod
    def get_task_id(cls, workflow: Any, x: int) -> str:
        return f"{workflow.name}-{x}"


named = activity.with_attributes(name="kept.named")(Named)
prioritized = echo.options(task_priority=5)

FAILURE = Failed("KeyError: 'x'", json.dumps({"error": "KeyError", "message": "'x'", "traceback": "…"}))


def work(task: ActivityTask) -> Outcome:
    if task.type == "kept.silent":
        return Silent()
    if task.type.startswith("kept.fail"):
        return FAILURE
    if task.type == "kept.retried" and task.attempt < 3:
        return FAILURE
    return Completed(json.dumps(task.args[0] if task.args else None))


class Base(Workflow):
    name, version, task_list = "kept", "1", "decisions"


class Child(Base):
    name, task_list = "kept_child", "children"
    execution_timeout = 100

    def run(self, x: Any = None) -> Any:
        return x


def of(run: Any, **attributes: Any) -> type[Base]:
    """A workflow with this ``run``."""
    return type("Made", (Base,), {"run": run, **attributes})


def finished(workflow: type[Base], *args: Any, world: World | None = None, **options: Any) -> World:
    """The world after this workflow ran."""
    world = world or World(workflow, Child, work=work)
    world.start(workflow, *args, **options)
    world.drive()
    return world


def result_of(run: Any, *args: Any, **attributes: Any) -> Any:
    world = finished(of(run, **attributes), *args)
    return world.result(world.last_run())


def failure_of(run: Any, **attributes: Any) -> tuple[str, str | None]:
    world = finished(of(run, **attributes))
    kind, given = world.close_event(world.last_run())
    assert kind == "WorkflowExecutionFailed"
    return given["reason"], given.get("details")


# -- how a run ends


def test_reason_of_a_failed_task() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(fail_raising).result

    reason, details = failure_of(run)
    assert reason == "Workflow execution error in activity-kept.fail_raising: \"KeyError: 'x'\""
    assert details == FAILURE.details


def test_reason_of_a_task_that_timed_out() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(silent.options(raises_on_failure=True)).result

    assert failure_of(run) == ('Workflow execution error in activity-kept.silent: "TimeoutError(START_TO_CLOSE)"', None)


def test_reason_of_any_other_exception() -> None:
    def run(self: Workflow) -> Any:
        raise ValueError("no such thing")

    reason, details = failure_of(run)
    assert reason == "Cannot replay the workflow: ValueError(no such thing)"
    assert details is not None and "ValueError: no such thing" in details and __file__ in details


def test_fail_ends_the_run() -> None:
    def run(self: Workflow) -> Any:
        self.fail("enough", details="of this")
        raise AssertionError("fail does not return")

    assert failure_of(run) == ("Workflow execution failed: enough", "of this")


def test_an_unwaited_marker_is_recorded_beside_the_close() -> None:
    def run(self: Workflow) -> Any:
        self.submit(self.record_marker("seen", {"a": 1}))
        self.submit(self.record_marker("bare"))
        return "done"

    world = finished(of(run))
    markers = world.of_type("MarkerRecorded")
    assert [(m["markerName"], m.get("details")) for m in markers] == [("seen", '{"a":1}'), ("bare", None)]


def test_continue_as_new_starts_the_next_run() -> None:
    def run(self: Workflow, i: int = 0) -> Any:
        return i if i == 3 else self.submit(self.continue_as_new(i=i + 1))

    world = finished(of(run), tagList=["a", "b"])
    assert len(world.runs) == 4
    assert world.result(world.last_run()) == 3
    assert world.of_type("WorkflowExecutionStarted")[0]["tagList"] == ["a", "b"]


# -- ids


def test_ids_of_activities_count_per_name() -> None:
    def run(self: Workflow) -> Any:
        futures.wait(self.submit(echo, 1), self.submit(retried, 2), self.submit(echo, 3))

    ids = [name for name, _ in finished(of(run)).scheduled()]
    assert ids[:3] == ["activity-kept.echo-1", "activity-kept.retried-1", "activity-kept.echo-2"]


def test_id_of_an_idempotent_activity_is_the_digest_of_its_arguments() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(once, 1).result

    # what upstream's own tests expect for these arguments
    assert [name for name, _ in finished(of(run)).scheduled()] == [
        "activity-kept.once-bdc09455c37471e0ba7397350413a5e6"
    ]


@pytest.mark.parametrize("text", ["é", "a \U0001f600 b", "日本"])
def test_the_digest_is_of_json_in_ascii(text: str) -> None:
    def run(self: Workflow) -> Any:
        return self.submit(once, text, key={"é": 1}).result

    json_of_old = json.dumps({"args": [text], "kwargs": {"key": {"é": 1}}}, sort_keys=True, separators=(",", ":"))
    wanted = hashlib.md5(json_of_old.encode()).hexdigest()
    assert [name for name, _ in finished(of(run)).scheduled()] == [f"activity-kept.once-{wanted}"]


def test_equal_idempotent_tasks_are_one() -> None:
    def run(self: Workflow) -> Any:
        return futures.wait(self.submit(once, 1), self.submit(once, 2), self.submit(once, 1))

    world = finished(of(run))
    assert world.result(world.last_run()) == [1, 2, 1]
    assert len(world.scheduled()) == 2


def test_get_task_id() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(named, 4).result

    assert [name for name, _ in finished(of(run)).scheduled()] == ["activity-kept.named-kept-4"]


def test_ids_that_are_too_long_end_with_their_digest() -> None:
    long = echo.options()
    long.name = "n" * 250

    def run(self: Workflow) -> Any:
        return self.submit(long).result

    whole = f"activity-{'n' * 250}-1"
    wanted = f"{whole[:223]}-{hashlib.md5(whole.encode()).hexdigest()}"
    assert [name for name, _ in finished(of(run)).scheduled()] == [wanted]


def child_of(run: Any, **attributes: Any) -> dict[str, Any]:
    """What was asked for when the child was started."""
    workflow = of(run, **attributes)
    world = finished(workflow, tagList=["parents"])
    found: dict[str, Any] = world.of_type("StartChildWorkflowExecutionInitiated", key=parent(world))[0]
    return found


def parent(world: World) -> Any:
    return next(key for key in world.runs if key.workflow_id == "root")


def test_what_a_child_is_started_with() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(Child, 5).result

    initiated = child_of(run)
    assert initiated["workflowType"] == {"name": f"{__name__}.Child", "version": "1"}
    prefix, number = initiated["workflowId"].rsplit("--", 1)
    assert (prefix.rsplit("--", 1)[0], number) == ("workflow-kept_child-root", "1")
    assert (initiated["executionStartToCloseTimeout"], initiated["taskStartToCloseTimeout"]) == ("100", "300")
    assert initiated["taskList"] == {"name": "children"}
    assert json.loads(initiated["input"]) == {"args": [5], "kwargs": {}}
    assert "tagList" not in initiated


class Described(Child):
    name = "kept_described"
    decision_tasks_timeout = 20
    child_policy = "ABANDON"

    @classmethod
    def get_workflow_id(cls, x: int) -> str:
        return f"described-{x}"

    @staticmethod
    def get_task_list(workflow: type[Workflow], x: int) -> str:
        return f"{workflow.name}-list"

    @classmethod
    def get_tag_list(cls, x: int) -> list[str]:
        return [f"x={x}"]


class Inheriting(Child):
    name = "kept_inheriting"
    tag_list = Workflow.INHERIT_TAG_LIST


class Digested(Child):
    name = "kept_digested"
    idempotent = True


def test_a_child_describes_itself() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(Described, 5).result

    workflow = of(run)
    world = finished(workflow, world=World(workflow, Described))
    initiated = world.of_type("StartChildWorkflowExecutionInitiated", key=parent(world))[0]
    assert initiated["workflowId"] == "described-5"
    assert initiated["taskList"] == {"name": "kept_described-list"}
    assert (initiated["tagList"], initiated["childPolicy"]) == (["x=5"], "ABANDON")
    assert initiated["taskStartToCloseTimeout"] == "20"


class AtWill(Child):
    name = "kept_at_will"

    @classmethod
    def get_workflow_id(cls, own: str | None = None) -> str | None:
        return own

    def run(self, own: str | None = None) -> Any:
        return self.get_run_context()["workflow_id"]


def test_a_child_that_leaves_its_id_open_is_numbered() -> None:
    def run(self: Workflow) -> Any:
        return futures.wait(*(self.submit(AtWill, own) for own in (None, "mine", None, self.submit(echo, None))))

    workflow = of(run)
    world = finished(workflow, world=World(workflow, AtWill, work=work))
    one, mine, two, three = world.result(parent(world))
    assert mine == "mine"
    assert [name.rsplit("--", 1) for name in (one, two, three)] == [
        [one.rsplit("--", 1)[0], n] for n in ("1", "2", "3")
    ]


def test_a_child_inherits_tags() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(Inheriting, 5).result

    workflow = of(run)
    world = finished(workflow, world=World(workflow, Inheriting), tagList=["parents"])
    assert world.of_type("StartChildWorkflowExecutionInitiated", key=parent(world))[0]["tagList"] == ["parents"]


def test_id_of_an_idempotent_child() -> None:
    def run(self: Workflow) -> Any:
        return futures.wait(self.submit(Digested, 5), self.submit(Digested, 5))

    workflow = of(run)
    world = finished(workflow, world=World(workflow, Digested))
    started = world.of_type("StartChildWorkflowExecutionInitiated", key=parent(world))
    digest = hashlib.md5(b'{"args":[5],"kwargs":{}}').hexdigest()
    assert [s["workflowId"].rsplit("--", 1)[1] for s in started] == [digest]
    assert world.result(parent(world)) == [5, 5]


def test_the_task_list_of_a_child_task() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(ChildWorkflowTask(Child, 5, workflow_task_list="elsewhere")).result

    assert child_of(run)["taskList"] == {"name": "elsewhere"}


# -- limits


def test_a_hundred_decisions_leave_with_a_timer_for_the_rest() -> None:
    def run(self: Workflow) -> Any:
        return sum(futures.wait(*self.map(echo, range(250))))

    workflow = of(run)
    limits = Limits(decisions=100, request_bytes=1_000_000, open_activities=1000)
    world = finished(workflow, world=World(workflow, work=work, activities=[echo], limits=limits))
    assert world.result(world.last_run()) == sum(range(250))
    assert [len(answer.decisions) for answer in world.answers[:3]] == [100, 100, 52]
    wake_up = world.answers[0].decisions[-1]["startTimerDecisionAttributes"]
    assert (wake_up["timerId"], wake_up["startToFireTimeout"]) == ("_simpleflow_wake_up_timer", "0")


def test_a_response_stays_below_the_size_of_a_request() -> None:
    def run(self: Workflow) -> Any:
        return len(futures.wait(*self.map(echo, ["x" * 30_000] * 4)))

    workflow = of(run)
    limits = Limits(decisions=10, request_bytes=82_000)
    world = finished(workflow, world=World(workflow, work=work, activities=[echo], limits=limits))
    assert world.result(world.last_run()) == 4
    assert [len(answer.decisions) for answer in world.answers[:4]] == [2, 2, 2, 1]


def test_open_activities_are_limited() -> None:
    def run(self: Workflow) -> Any:
        return sum(futures.wait(*self.map(echo, range(8))))

    workflow = of(run, max_open_activity_count=3)
    world = World(workflow, work=work, activities=[echo])
    world.start(workflow)
    most = 0
    while world.step():
        open_now = len(world.of_type("ActivityTaskScheduled")) - len(world.of_type("ActivityTaskCompleted"))
        most = max(most, open_now)
    assert world.result(world.last_run()) == 28
    assert most == 3


# -- types


def test_types_that_do_not_exist_are_registered() -> None:
    def run(self: Workflow) -> Any:
        return [self.submit(echo, 1).result, self.submit(Child, 2).result]

    workflow = of(run)
    world = World(workflow, work=work)
    world.workflows[f"{__name__}.Child"] = Child
    finished(workflow, world=world)
    missing = [(m.kind, m.name, m.version) for answer in world.answers for m in answer.register]
    assert missing == [("activity", "kept.echo", "default"), ("workflow", f"{__name__}.Child", "1")]


# -- scheduling


def test_what_an_activity_is_scheduled_with() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(silent.options(start_to_close_timeout=7, task_list="quick", meta={"a": 1})).exception

    world = World(of(run), work=work, activities=[silent])
    world.start(of(run))
    world.decide_once()
    scheduled = world.of_type("ActivityTaskScheduled")[0]
    assert scheduled["activityType"] == {"name": "kept.silent", "version": "default"}
    assert scheduled["taskList"] == {"name": "quick"}
    assert (scheduled["startToCloseTimeout"], scheduled["heartbeatTimeout"]) == ("7", "NONE")
    assert (scheduled["scheduleToCloseTimeout"], scheduled["scheduleToStartTimeout"]) == ("300", "300")
    assert json.loads(scheduled["input"]) == {"args": [], "kwargs": {}, "meta": {"a": 1}}
    assert "taskPriority" not in scheduled and "control" not in scheduled


@pytest.mark.parametrize(
    ("definition", "extra", "of_workflow", "wanted"),
    [
        (echo, {}, None, None),
        (echo, {}, 3, "3"),
        (prioritized, {}, 3, "5"),
        (prioritized, {"__priority": 7}, 3, "7"),
        (prioritized, {"__priority": None}, 3, None),
        (echo.options(task_priority=None), {}, 3, None),
    ],
)
def test_priorities(definition: Any, extra: dict[str, Any], of_workflow: int | None, wanted: str | None) -> None:
    def run(self: Workflow) -> Any:
        return self.submit(definition, 1, **extra).result

    scheduled = finished(of(run, task_priority=of_workflow)).of_type("ActivityTaskScheduled")
    assert scheduled[-1].get("taskPriority") == wanted
    assert json.loads(scheduled[-1]["input"])["kwargs"] == {}


def test_activities_that_are_not_python() -> None:
    def run(self: Workflow) -> Any:
        futures.wait(self.submit(NonPythonicActivityTask(once, a=1)), self.submit(NonPythonicActivityTask(echo, 1, 2)))

    workflow = of(run)
    world = World(workflow, work=lambda task: Completed("null"), activities=[echo, once])
    scheduled = finished(workflow, world=world).of_type("ActivityTaskScheduled")
    assert sorted(s["input"] for s in scheduled) == ["[1,2]", '{"a":1}']


# -- failures


def test_retry_allows_that_many_more_attempts() -> None:
    def run(self: Workflow) -> Any:
        return [self.submit(retried, "x").result, self.submit(fail.options(retry=1)).exception.reason]

    world = finished(of(run))
    assert world.result(world.last_run()) == ["x", FAILURE.reason]
    attempts = [name for name, _ in world.scheduled() if "fail" not in name]
    assert len(set(attempts)) == 1
    assert len(world.of_type("ActivityTaskFailed")) == 2 + 2


def test_a_timeout_carries_type_and_value() -> None:
    def run(self: Workflow) -> Any:
        error = self.submit(silent).exception
        return [type(error).__name__, error.timeout_type, str(error.timeout_value)]

    assert result_of(run) == ["TimeoutError", "START_TO_CLOSE", "7"]


def finishing(context: Any) -> Any:
    context.future.set_finished({"a": 1})
    return context


def handling(context: Any) -> Any:
    context.decision = context.Decision.handled
    return context


@pytest.mark.parametrize(
    ("decide", "wanted"),
    [
        (lambda context: context, ["FINISHED", None, "TaskFailed"]),
        (lambda context: None, ["FINISHED", None, "TaskFailed"]),
        (lambda context: context.decide_abort(), ["FINISHED", None, "TaskFailed"]),
        (lambda context: context.decide_ignore(), ["FINISHED", None, "NoneType"]),
        (lambda context: context.decide_cancel(), ["CANCELLED", None, "NoneType"]),
        (lambda context: context.decide_handled(Call(echo, "instead")), ["FINISHED", "instead", "NoneType"]),
        (lambda context: finishing(context).decide_ignore(), ["FINISHED", {"a": 1}, "NoneType"]),
        (lambda context: handling(finishing(context)), ["FINISHED", {"a": 1}, "NoneType"]),
    ],
)
def test_on_task_failure_decides(decide: Any, wanted: list[Any]) -> None:
    def run(self: Workflow) -> Any:
        future = self.submit(fail, 1)
        error = type(future.exception).__name__
        return [future.state, future.result, error]

    def on_task_failure(self: Workflow, context: Any) -> Any:
        assert (context.task_name, context.retry_count, context.attempt_number) == ("kept.fail", 0, 1)
        assert (context.reason, context.task_error, context.task_message) == (FAILURE.reason, "KeyError", "'x'")
        assert context.task_error_type in (KeyError, None)
        assert context.details["traceback"] == "…"
        return decide(context)

    assert result_of(run, on_task_failure=on_task_failure) == wanted


def test_on_task_failure_gets_what_it_may_raise_and_when_it_happened() -> None:
    def run(self: Workflow) -> Any:
        error = self.submit(fail, 1).exception
        return [repr(error), repr(self.submit(Raising).exception)]

    seen: list[Any] = []

    def on_task_failure(self: Workflow, context: Any) -> Any:
        event = context.event
        raised = context.exception_class(context.a_task, context.exception)
        seen.append((type(raised), raised.payload.name, isinstance(context.a_task, WorkflowTask)))
        assert event["started_id"] < event["failed_id"] and event["failed_timestamp"].tzinfo is not None

    workflow = of(run, on_task_failure=on_task_failure)
    finished(workflow, world=World(workflow, Raising, work=work))
    assert seen[0] == (TaskException, "kept.fail", False)
    assert seen[-1] == (WorkflowException, "kept_raising", True)


def test_a_delayed_retry_with_other_arguments() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(retried.options(retry=0), 1).result

    def on_task_failure(self: Workflow, context: Any) -> Any:
        context.a_task.args[0] += 10
        return context.decide_retry(retry_wait_timeout=30)

    world = finished(of(run, on_task_failure=on_task_failure))
    assert world.result(world.last_run()) == 21
    timers = world.of_type("TimerStarted")
    assert {(t["timerId"], t["startToFireTimeout"]) for t in timers} == {
        ("__simpleflow_task_activity-kept.retried-1", "30")
    }


class Raising(Child):
    name = "kept_raising"

    def run(self, x: Any = None) -> Any:
        raise ValueError("child")


def test_a_child_that_failed_raises() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(Raising).result

    workflow = of(run)
    world = finished(workflow, world=World(workflow, Raising))
    kind, given = world.close_event(parent(world))
    assert kind == "WorkflowExecutionFailed"
    assert given["reason"].startswith('Workflow execution error in workflow-kept_raising: "Cannot replay the workflow')


class Waiting(Child):
    name = "kept_waiting"
    raises_on_failure = False

    @classmethod
    def get_workflow_id(cls) -> str:
        return "waiting"

    def run(self) -> Any:
        return self.submit(self.wait_signal("never")).result


@pytest.mark.parametrize(("end", "error"), [("request_cancel", TaskCanceled), ("terminate", TaskTerminated)])
def test_a_child_that_was_stopped(end: str, error: type[Exception]) -> None:
    def run(self: Workflow) -> Any:
        return repr(self.submit(Waiting).exception)

    workflow = of(run)
    world = World(workflow, Waiting)
    world.start(workflow)
    while len(world.runs) < 2 or world.tasks:
        assert world.step()
    getattr(world, end)("waiting")
    world.drive()
    assert world.result(parent(world)) == f"{error.__name__}()"


# -- groups and chains


def test_groups_and_chains_that_fail() -> None:
    def run(self: Workflow) -> Any:
        broken = self.submit(Chain(fail, (echo, 2), (echo, 6)))
        passed = self.submit(Chain(fail, (echo, 2), (echo, 6), break_on_failure=False))
        inner = self.submit(Chain(Chain(fail, raises_on_failure=False), (echo, 2), (echo, 6)))
        outer = self.submit(Chain(Group(Chain(fail, raises_on_failure=False)), (echo, 6)))
        futures.wait(broken, passed, inner, outer)
        return [future.result for future in (broken, passed, inner, outer)]

    assert result_of(run) == [[None], [None, 2, 6], [[None], 2, 6], [[[None]], 6]]


def test_failures_bubble_unless_told_otherwise() -> None:
    def run(self: Workflow) -> Any:
        loud = self.submit(Group((echo, 1), fail))
        quiet = self.submit(Group((echo, 1), fail, bubbles_exception_on_failure=False))
        futures.wait(loud, quiet)
        assert isinstance(loud.exception, AggregateException)
        return [[type(e).__name__ for e in loud.exception.exceptions], quiet.exception, loud.result]

    assert result_of(run) == [["NoneType", "TaskFailed"], None, [1, None]]


def test_raises_on_failure_holds_for_the_members() -> None:
    def run(self: Workflow) -> Any:
        self.submit(Group(fail, raises_on_failure=True)).result

    reason, _ = failure_of(run)
    assert reason.startswith("Workflow execution error in activity-kept.fail:")
    assert fail.raises_on_failure is False


def test_max_parallel_starts_the_next_when_one_is_done() -> None:
    def run(self: Workflow) -> Any:
        group = self.submit(Group(*((echo, i) for i in range(4)), max_parallel=2))
        before = [len(group.futures), len(group.activities), group.count_finished_activities]
        return [before, group.result, group.count_finished_activities]

    assert result_of(run) == [[2, 4, 0], [0, 1, 2, 3], 4]


def test_states_of_a_group() -> None:
    def run(self: Workflow) -> Any:
        empty, full = self.submit(Group()), self.submit(Group((echo, 1)))
        return [empty.state, empty.result, full.state, full._result, full.result, full.state]

    assert result_of(run) == ["FINISHED", [], "PENDING", [None], [1], "FINISHED"]


def test_send_result() -> None:
    def run(self: Workflow) -> Any:
        chain = self.submit(
            Chain((echo, 1), echo, FuncGroup(lambda x: Group((echo, x), (echo, x + 1))), send_result=True)
        )
        return [chain.result, len(chain.futures)]

    assert result_of(run) == [[1, 1, [1, 2]], 3]


def test_a_function_says_what_to_submit() -> None:
    def run(self: Workflow) -> Any:
        group = FuncGroup(lambda n: Group(*((echo, i) for i in range(n))), 3)
        result = self.submit(group).result
        nothing = self.submit(FuncGroup(lambda: None, _allow_none=True))
        return [result, len(group.activities.activities), nothing]

    assert result_of(run) == [[0, 1, 2], 3, None]


def test_map_and_starmap() -> None:
    def run(self: Workflow) -> Any:
        return [f.result for f in [*self.map(echo, [1, 2]), *self.starmap(echo, [(3, 4), (5, 6)])]]

    assert result_of(run) == [1, 2, 3, 5]


def test_what_cannot_be_submitted() -> None:
    def run(self: Workflow) -> Any:
        try:
            self.submit(42)
        except TypeError as error:
            return str(error)

    assert "42" in result_of(run)


# -- signals, markers, timers


def test_input_of_a_signal() -> None:
    def run(self: Workflow) -> Any:
        self.submit(self.signal("go", 1, key="value"))
        return self.submit(self.wait_signal("go")).result

    given = result_of(run)
    assert (given["args"], given["kwargs"]) == ([1], {"key": "value"})
    assert given["__propagate"] is True


@pytest.mark.parametrize(("sent", "seen"), [("raw text", "raw text"), ({"a": [1]}, {"a": [1]})])
def test_a_signal_from_elsewhere(sent: Any, seen: Any) -> None:
    def run(self: Workflow) -> Any:
        received = self.submit(self.wait_signal("go")).result
        return self.submit(echo, received).result

    workflow = of(run)
    world = World(workflow, work=work, activities=[echo])
    world.start(workflow)
    world.decide_once()
    assert json.loads(world.answers[-1].execution_context or "") == {"waiting_signals": ["go"]}
    world.signal("go", sent)
    world.drive()
    assert world.result(world.last_run()) == seen
    assert [answer.execution_context for answer in world.answers[1:]] == ["", None]


def test_a_signal_to_another_execution() -> None:
    def run(self: Workflow, target: str | None = None) -> Any:
        if target is None:
            return self.submit(self.wait_signal("hello")).result["args"]
        self.submit(self.signal("hello", "you", workflow_id=target)).result

    workflow = of(run)
    world = World(workflow)
    key = world.start(workflow, workflow_id="receiver")
    world.start(workflow, "receiver", workflow_id="sender")
    world.drive()
    assert world.result(key) == ["you"]


class Listening(Child):
    name = "kept_listening"

    def run(self) -> Any:
        return self.submit(self.wait_signal("news")).result["args"]


class Deaf(Child):
    name = "kept_deaf"
    propagate_signals_to_parent = False

    def run(self) -> Any:
        self.submit(self.signal("news", "mine")).result


def test_signals_are_passed_on_to_children() -> None:
    def run(self: Workflow) -> Any:
        child = self.submit(Listening)
        self.submit(self.signal("news", "from above"))
        return child.result

    workflow = of(run)
    world = finished(workflow, world=World(workflow, Listening))
    assert world.result(parent(world)) == ["from above"]


def test_a_signal_that_is_not_to_be_passed_on() -> None:
    def run(self: Workflow) -> Any:
        child = self.submit(Listening)
        self.submit(self.signal("news", "private", propagate=False)).result
        self.submit(self.start_timer("later", 60)).result
        return child.state

    workflow = of(run)
    world = World(workflow, Listening)
    world.start(workflow)
    while world.status(parent_key(world)) == "OPEN":
        assert world.step()
    assert world.result(parent(world)) in ("RUNNING", "PENDING")


def parent_key(world: World) -> Any:
    found = [key for key in world.runs if key.workflow_id == "root"]
    if not found:
        assert world.step()
        return parent_key(world)
    return found[0]


def test_a_child_may_keep_signals_from_its_parent() -> None:
    def run(self: Workflow) -> Any:
        self.submit(Deaf).result
        return self.get_event_details("signal", "news")

    workflow = of(run)
    world = finished(workflow, world=World(workflow, Deaf))
    assert world.result(parent(world)) is None


def test_markers_are_listed() -> None:
    def run(self: Workflow) -> Any:
        for details in (1, {"b": 2}):
            self.submit(self.record_marker("m", details)).result
        self.submit(self.record_marker("n"))
        self.submit(echo, 1).result
        return [[[m.name, m.details] for m in self.list_markers(all=all)] for all in (False, True)]

    assert result_of(run) == [
        [["m", {"b": 2}], ["n", None]],
        [["m", 1], ["m", {"b": 2}], ["n", None]],
    ]


def test_details_of_events() -> None:
    def run(self: Workflow) -> Any:
        self.submit(self.record_marker("m", {"b": 2}))
        self.submit(self.signal("s", 1))
        self.submit(self.start_timer("t", 3, control={"c": 1}))
        self.submit(echo, 1).result
        found = [self.get_event_details(kind, kind[0]) for kind in ("marker", "signal", "timer")]
        with pytest.raises(ValueError):
            self.get_event_details("activity", "a")
        return [*found, self.get_event_details("timer", "never")]

    marker, signal, timer, never = result_of(run)
    assert (marker["name"], marker["details"]) == ("m", {"b": 2})
    assert (signal["name"], signal["input"]["args"]) == ("s", [1])
    assert (timer["id"], timer["control"], str(timer["start_to_fire_timeout"])) == ("t", {"c": 1}, "3")
    assert never is None


def test_timers_fire_and_are_cancelled() -> None:
    def run(self: Workflow) -> Any:
        first, second = self.submit(self.start_timer("a", 30)), self.submit(self.start_timer("b", 60))
        first.wait()
        self.submit(self.cancel_timer("b"))
        second.wait()
        return [first.state, second.state]

    world = finished(of(run))
    assert world.result(world.last_run()) == ["FINISHED", "CANCELLED"]
    assert [t["timerId"] for t in world.of_type("TimerCanceled")] == ["b"]


# -- cancellation, contexts, hooks


def test_a_request_to_cancel() -> None:
    calls: list[str] = []

    def run(self: Workflow) -> Any:
        self.submit(self.wait_signal("never")).result

    workflow = of(run, on_canceled=lambda self, history: calls.append("on_canceled"))
    world = World(workflow)
    key = world.start(workflow)
    world.decide_once()
    world.request_cancel()
    world.drive()
    assert world.status(key) == "CANCELED"
    assert calls


def test_a_request_to_cancel_can_be_refused() -> None:
    def run(self: Workflow) -> Any:
        return self.submit(self.wait_signal("go")).result

    workflow = of(run, should_cancel=lambda self, history: not history.cancel_requested)
    world = World(workflow)
    key = world.start(workflow)
    world.decide_once()
    world.request_cancel()
    world.decide_once()
    assert world.status(key) == "OPEN"
    world.signal("go", 1)
    world.drive()
    assert world.result(key) == 1


def test_the_run_context() -> None:
    def run(self: Workflow) -> Any:
        return [self.get_run_context(), self.get_run_context() == self.get_execution_context()]

    world = finished(of(run), tagList=["t"])
    context, same = world.result(world.last_run())
    assert same
    assert context == {
        "name": "kept",
        "version": "1",
        "domain_name": "test",
        "workflow_id": "root",
        "run_id": world.last_run().run_id,
        "tag_list": ["t"],
        "continued_execution_run_id": None,
        "parent_workflow_id": None,
        "parent_run_id": None,
    }


@pytest.mark.parametrize(
    ("ending", "wanted"),
    [
        (lambda self: 1, "on_completed"),
        (lambda self: self.fail("x"), "on_failure"),
    ],
)
def test_hooks(ending: Any, wanted: str) -> None:
    told: list[tuple[str, int]] = []

    def tell(name: str) -> Any:
        def hook(self: Workflow, history: Any, *args: Any) -> None:
            told.append((name, len(history.events)))

        return hook

    names = ("before_replay", "after_replay", "after_closed", "on_completed", "on_failure", "on_canceled")
    workflow = of(ending, **{name: tell(name) for name in names})
    finished(workflow, world=World(workflow, compare=False))
    # what each has seen: nothing yet, up to the start of the decision, all
    assert told == [("before_replay", 0), ("after_replay", 3), (wanted, 5), ("after_closed", 5)]


def test_task_names_are_checked_at_submit() -> None:
    def run(self: Workflow) -> Any:
        with pytest.raises(InvalidTask):
            self.submit(echo.options(task_list="a:b"))

    assert result_of(run) is None
