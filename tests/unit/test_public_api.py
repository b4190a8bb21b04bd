"""Names, defaults and texts of the language that existing code relies on; what needs no run to be seen."""

import importlib
from typing import Any

import pytest

import simpleflow
from simpleflow import (
    activity,
    canvas,
    constants,
    exceptions,
    futures,
    marker,
    registry,
    settings,
    signal,
    task,
    workflow,
)
from simpleflow.base import Submittable, SubmittableContainer
from simpleflow.task import TaskFailureContext


@activity.with_attributes()
def increment(x: int) -> int:
    return x + 1


class Multiply:
    def __init__(self, x: int, by: int = 2) -> None:
        self.x, self.by = x, by

    def execute(self) -> int:
        return self.x * self.by


class Child(workflow.Workflow):
    name = "child"
    version = "1"
    task_list = "children"

    def run(self, x: int) -> int:
        return x


def context(**changes: Any) -> TaskFailureContext:
    fields: dict[str, Any] = {
        "a_task": task.ActivityTask(increment, 1),
        "event": {"id": "activity-increment-1", "scheduled_id": 7, "retry": 2},
        "future": None,
        "exception_class": exceptions.TaskFailed,
    }
    return TaskFailureContext(**(fields | changes))


def test_top_level_names() -> None:
    assert simpleflow.Activity is activity.Activity
    assert simpleflow.Workflow is workflow.Workflow
    assert simpleflow.WaitForSignal is signal.WaitForSignal
    assert simpleflow.logger.name == "simpleflow.runtime"
    assert simpleflow.__version__[0].isdigit()
    assert simpleflow.__license__ == "MIT"
    assert simpleflow.__author__


@pytest.mark.parametrize(
    "name",
    [
        *("activity", "base", "canvas", "exceptions", "futures", "marker", "registry", "signal", "task", "workflow"),
        *("constants", "format", "log", "logging_context", "settings", "utils"),
    ],
)
def test_modules_stand_where_they_stood(name: str) -> None:
    assert importlib.import_module(f"simpleflow.{name}").__doc__


# -- activities


def test_defaults_of_the_decorator() -> None:
    assert isinstance(increment, activity.Activity)
    assert (increment.version, increment.task_list) == ("default", "default")
    assert increment.task_start_to_close_timeout == "300"
    assert increment.task_schedule_to_close_timeout == "300"
    assert increment.task_schedule_to_start_timeout == "300"
    assert increment.task_heartbeat_timeout == "300"
    assert (increment.retry, increment.raises_on_failure, increment.meta) == (0, False, {})
    assert not increment.idempotent
    assert increment.task_priority is activity.PRIORITY_NOT_SET


def test_defaults_of_the_constructor() -> None:
    plain = activity.Activity(Multiply, name="tests.multiply")
    assert (plain.version, plain.task_list, plain.meta, plain.idempotent) == (None, None, {}, None)
    assert plain.task_start_to_close_timeout is None
    assert plain.task_heartbeat_timeout is None
    assert (plain.retry, plain.raises_on_failure) == (0, False)


def test_every_attribute_of_an_activity_can_be_given() -> None:
    made = activity.with_attributes(
        name="tests.full",
        version="2",
        task_list="list",
        task_priority=7,
        retry=3,
        raises_on_failure=True,
        start_to_close_timeout=1,
        schedule_to_close_timeout="2",
        schedule_to_start_timeout="NONE",
        heartbeat_timeout=None,
        idempotent=True,
        meta={"binaries": {}},
    )(Multiply)
    assert (made.name, made.version, made.task_list, made.task_priority) == ("tests.full", "2", "list", 7)
    assert (made.retry, made.raises_on_failure, made.idempotent, made.meta) == (3, True, True, {"binaries": {}})
    assert made.task_start_to_close_timeout == 1
    assert made.task_schedule_to_close_timeout == "2"
    assert made.task_schedule_to_start_timeout == "NONE"
    assert made.task_heartbeat_timeout is None


def test_names_of_activities() -> None:
    assert increment.name == f"{__name__}.increment"
    assert activity.Activity(Multiply).name == f"{__name__}.Multiply"
    assert activity.with_attributes(name="explicit")(Multiply).name == "explicit"


def test_a_definition_registers_itself() -> None:
    made = activity.with_attributes(name="tests.registered")(Multiply)
    assert registry.registry[None]["tests.registered"] is made
    registry.registry.register(made, "a label")
    assert registry.registry["a label"] == {"tests.registered": made}


def test_the_priority_that_is_not_set() -> None:
    assert repr(activity.PRIORITY_NOT_SET) == "<Priority Not Set>"


def test_an_activity_is_still_what_it_wraps() -> None:
    assert increment(1) == 2
    assert activity.with_attributes(name="tests.multiply")(Multiply)(3).execute() == 6


def test_propagate_attribute_changes_a_copy() -> None:
    changed = increment.propagate_attribute("raises_on_failure", True)
    assert (changed.raises_on_failure, increment.raises_on_failure) == (True, False)
    assert changed.name == increment.name


# -- workflows


def test_defaults_of_a_workflow() -> None:
    bare = workflow.Workflow
    assert (bare.name, bare.version, bare.task_list, bare.task_priority) == (None, None, None, None)
    assert (bare.retry, bare.raises_on_failure, bare.child_policy) == (0, True, None)
    assert bare.propagate_signals_to_parent is True
    assert bare.INHERIT_TAG_LIST == "INHERIT_TAG_LIST"


def test_a_workflow_knows_its_executor() -> None:
    executor: Any = object()
    assert Child(executor).executor is executor


def test_hooks_are_there_to_be_overridden() -> None:
    instance, history = Child(object()), object()  # type: ignore[arg-type]
    assert instance.should_cancel(history) is True  # type: ignore[arg-type]
    assert instance.on_task_failure(context()) is None
    instance.before_replay(history)  # type: ignore[arg-type]
    instance.after_replay(history)  # type: ignore[arg-type]
    instance.after_closed(history)  # type: ignore[arg-type]
    instance.on_completed(history)  # type: ignore[arg-type]
    instance.on_canceled(history)  # type: ignore[arg-type]
    instance.on_failure(history, "reason", details="details")  # type: ignore[arg-type]


def test_what_a_workflow_makes_to_submit() -> None:
    instance = Child(object())  # type: ignore[arg-type]
    assert isinstance(instance.wait_signal("go"), signal.WaitForSignal)
    sent = instance.signal("go", 1, workflow_id="other", run_id="run", propagate=False, key="value")
    assert (sent.name, sent.args, sent.kwargs) == ("go", [1], {"key": "value"})
    assert (sent.workflow_id, sent.run_id, sent.extra_input) == ("other", "run", {"__propagate": False})
    recorded = instance.record_marker("seen", details={"a": 1})
    assert (recorded.name, recorded.details) == ("seen", {"a": 1})
    timer = instance.start_timer("tick", 10, control="why")
    assert (timer.timer_id, timer.timeout, timer.control) == ("tick", 10, "why")
    assert instance.cancel_timer("tick").timer_id == "tick"
    again = instance.continue_as_new(1, key=2)
    assert (again.args, again.kwargs) == ([1], {"key": 2})


# -- futures


def test_constants_of_futures() -> None:
    for name in (
        "PENDING",
        "RUNNING",
        "CANCELLED",
        "CANCELLED_AND_NOTIFIED",
        "FINISHED",
        "FIRST_COMPLETED",
        "FIRST_EXCEPTION",
        "ALL_COMPLETED",
    ):
        assert getattr(futures, name) == name


def test_states_of_a_future() -> None:
    future: futures.Future[int] = futures.Future()
    assert (future.state, future.pending, future.done) == ("PENDING", True, False)
    future.set_running()
    assert (future.state, future.running, future.done) == ("RUNNING", True, False)
    future.set_finished(3)
    assert (future.state, future.finished, future.done) == ("FINISHED", True, True)
    assert (future.result, future.exception, future.cancel()) == (3, None, False)


def test_a_cancelled_future() -> None:
    future: futures.Future[int] = futures.Future()
    assert future.cancel() is True
    assert (future.state, future.cancelled, future.done) == ("CANCELLED", True, True)
    assert (future.result, future.exception) == (None, None)
    other: futures.Future[int] = futures.Future()
    other.set_cancelled()
    assert other.cancelled


def test_a_failed_future() -> None:
    future: futures.Future[int] = futures.Future()
    error = exceptions.TaskFailed("name", "reason")
    future.set_exception(error)
    assert (future.state, future.result, future.exception) == ("FINISHED", None, error)


def test_a_future_of_no_run_blocks() -> None:
    future: futures.Future[int] = futures.Future()
    for ask in (lambda: future.result, lambda: future.exception, future.wait, lambda: futures.wait(future)):
        with pytest.raises(exceptions.ExecutionBlocked):
            ask()


def test_repr_of_a_future() -> None:
    future: futures.Future[int] = futures.Future()
    assert repr(future) == f"<Future at {id(future):#x} state=pending>"
    future.set_exception(exceptions.TaskFailed("n", "r"))
    assert repr(future).endswith(' state=finished exception=TaskFailed (n, "r")>')


def test_wait_gives_results() -> None:
    first: futures.Future[int] = futures.Future()
    second: futures.Future[int] = futures.Future()
    first.set_finished(1)
    second.set_exception(exceptions.TaskFailed("n", "r"))
    assert futures.wait(first, second) == [1, None]
    assert futures.get_result_or_raise(first) == 1
    assert task.get_actual_value(first) == 1
    assert task.get_actual_value("plain") == "plain"


# -- canvas


def test_members_of_a_container() -> None:
    group = canvas.Group(increment, (increment, 1), Child, max_parallel=2)
    group.append(increment, 2, key=3)
    group.extend([(increment, 4), task.TimerTask("t", 1)])
    group += [(increment, 5)]
    assert [type(member) for member in group.activities] == [
        task.ActivityTask,
        task.ActivityTask,
        task.ChildWorkflowTask,
        task.ActivityTask,
        task.ActivityTask,
        task.TimerTask,
        task.ActivityTask,
    ]
    assert (group.activities[3].args, group.activities[3].kwargs) == ([2], {"key": 3})
    assert group.max_parallel == 2


def test_arguments_for_what_has_its_arguments_already() -> None:
    for ready in (task.ActivityTask(increment, 1), canvas.Chain(increment)):
        with pytest.raises(ValueError, match="has its arguments already"):
            canvas.Group((ready, 1))


def test_send_result_needs_break_on_failure() -> None:
    with pytest.raises(ValueError, match="break_on_failure"):
        canvas.Chain(send_result=True, break_on_failure=False)


def test_a_chain_that_does_not_raise_does_not_bubble() -> None:
    assert canvas.Chain().bubbles_exception_on_failure is True
    assert canvas.Chain(raises_on_failure=False).bubbles_exception_on_failure is False
    assert canvas.Chain(raises_on_failure=False, bubbles_exception_on_failure=True).bubbles_exception_on_failure is True
    assert canvas.Group(raises_on_failure=False).bubbles_exception_on_failure is True


def test_custom_futures() -> None:
    class Sum(canvas.GroupFuture):
        pass

    class SumGroup(canvas.Group):
        default_future_class = Sum

    assert canvas.Group.default_future_class is canvas.GroupFuture
    assert canvas.Chain.default_future_class is canvas.ChainFuture
    assert SumGroup().future_class is Sum
    assert canvas.Group(future_class=Sum).future_class is Sum


def test_what_can_be_submitted() -> None:
    for member in (task.ActivityTask(increment), signal.WaitForSignal("s"), task.TimerTask("t", 1)):
        assert isinstance(member, Submittable)
    for container in (canvas.Group(), canvas.Chain(), canvas.FuncGroup(canvas.Group)):
        assert isinstance(container, SubmittableContainer)


# -- tasks


def test_activity_tasks() -> None:
    made = task.ActivityTask(increment, 1, 2, key=3)
    assert (made.args, made.kwargs, made.id, made.idempotent) == ([1, 2], {"key": 3}, None, False)
    assert made.name == f"activity-{increment.name}"
    assert made.payload is increment
    with pytest.raises(TypeError, match="with_attributes"):
        task.ActivityTask(len)  # type: ignore[arg-type]


def test_tasks_resolve_futures() -> None:
    future: futures.Future[int] = futures.Future()
    future.set_finished(5)
    made = task.ActivityTask(increment)
    assert made.resolve_args(1, future) == task.ActivityTask.resolve_args(1, future) == [1, 5]
    assert made.resolve_kwargs(a=future, b=2) == {"a": 5, "b": 2}


@pytest.mark.parametrize(
    "made",
    [
        task.ChildWorkflowTask(Child, 1, workflow_task_list="elsewhere"),
        task.WorkflowTask(None, Child, 1, workflow_task_list="elsewhere"),
    ],
)
def test_child_workflow_tasks(made: task.ChildWorkflowTask) -> None:
    assert (made.name, made.payload, made.task_list) == ("workflow-child", Child, "elsewhere")
    assert (made.args, made.kwargs, made.idempotent) == ([1], {}, False)


def test_other_tasks() -> None:
    assert task.SignalTask("go", 1, key=2).name == "go"
    assert task.MarkerTask("seen", {"a": 1}).details == {"a": 1}
    assert task.TimerTask("tick", "10", "why").control == "why"
    assert task.CancelTimerTask("tick").timer_id == "tick"
    assert issubclass(task.NonPythonicActivityTask, task.ActivityTask)
    assert task.ContinueAsNewWorkflowTask(key=1).kwargs == {"key": 1}


# -- failures


def test_decisions_after_a_failure() -> None:
    names = ["none", "abort", "ignore", "retry_now", "retry_later", "cancel", "handled"]
    assert [(decision.name, decision.value) for decision in TaskFailureContext.Decision] == [
        (name, number) for number, name in enumerate(names)
    ]
    decision = TaskFailureContext.Decision
    assert context().decision is decision.none
    assert context().decide_abort().decision is decision.abort
    assert context().decide_ignore().decision is decision.ignore
    assert context().decide_cancel().decision is decision.cancel
    assert context().decide_retry().decision is decision.retry_now
    assert context().decide_retry(None).decision is decision.retry_now
    later = context().decide_retry(retry_wait_timeout=30)
    assert (later.decision, later.retry_wait_timeout) == (decision.retry_later, 30)


def test_handling_a_failure_with_another_task() -> None:
    other = task.ActivityTask(increment, 9)
    handled = context().decide_handled(other)
    assert (handled.decision, handled.a_task, handled.future) == (TaskFailureContext.Decision.handled, other, None)


def test_what_a_failure_context_tells() -> None:
    future: futures.Future[int] = futures.Future()
    error = exceptions.TimeoutError("START_TO_CLOSE", 3)
    future.set_exception(error)

    class History:
        started_decision_id, completed_decision_id = 12, 8

    told = context(future=future, history=History(), reason="r", details={"a": 1}, task_error="KeyError")
    assert (told.retry_count, told.attempt_number, told.id) == (2, 3, 7)
    assert (told.payload, told.task_name, told.exception) == (increment, increment.name, error)
    assert (told.current_started_decision_id, told.last_completed_decision_id) == (12, 8)
    assert (told.reason, told.details, told.task_error) == ("r", {"a": 1}, "KeyError")
    assert (told.task_message, told.task_error_type) == (None, None)


# -- exceptions


def test_texts_of_exceptions() -> None:
    failed = exceptions.TaskFailed("name", "reason", details="details")
    assert repr(failed) == 'TaskFailed (name, "reason")'
    assert str(failed) == str(("name", "reason", "details"))
    timeout = exceptions.TimeoutError("START_TO_CLOSE", 5)
    assert (repr(timeout), timeout.timeout_type, timeout.timeout_value) == (
        "TimeoutError(START_TO_CLOSE)",
        "START_TO_CLOSE",
        5,
    )
    assert exceptions.TimeoutError().timeout_type == "unknown timeout"
    assert repr(exceptions.TaskCanceled()) == "TaskCanceled()"
    assert exceptions.TaskCanceled("why").details == "why"
    assert isinstance(exceptions.TaskTerminated(), Exception)


def test_exceptions_carry_what_failed() -> None:
    error = exceptions.TaskFailed("n", "r")
    raised = exceptions.TaskException(task.ActivityTask(increment), error)
    assert (raised.payload, raised.exception) == (increment, error)
    child = exceptions.WorkflowException(task.ChildWorkflowTask(Child), error)
    assert (child.payload, child.workflow, child.exception) == (Child, Child, error)


def test_aggregate_exceptions() -> None:
    first, second = exceptions.TaskFailed("a", "b"), exceptions.TimeoutError()
    nested = exceptions.AggregateException([None, first, exceptions.AggregateException([None, second])])
    assert nested.flatten() == exceptions.AggregateException([first, second])
    with pytest.raises(exceptions.AggregateException) as caught:
        nested.flatten().handle(lambda error, kind: isinstance(error, kind), exceptions.TaskFailed)
    assert caught.value.exceptions == [second]
    nested.flatten().handle(lambda error: True)
    nested.append(None)
    assert len(nested.exceptions) == 4


def test_errors_of_child_processes() -> None:
    late = exceptions.ExecutionTimeoutError(command="sleep", timeout_value=3)
    assert (late.command, late.timeout_value) == ("sleep", 3)
    assert isinstance(late, exceptions.ExecutionError)
    assert "sleep" in str(late)


# -- markers and signals


def test_markers() -> None:
    assert repr(marker.Marker("n", {"a": 1})) == "<Marker 'n' details={'a': 1}>"
    assert (marker.Marker("n", 1).name, marker.Marker("n", 1).details) == ("n", 1)


def test_a_wait_for_a_signal_names_it() -> None:
    assert signal.WaitForSignal("go").signal_name == "go"


# -- settings and constants


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("WORKFLOW_DEFAULT_TASK_LIST", "default"),
        ("WORKFLOW_DEFAULT_VERSION", "default"),
        ("WORKFLOW_DEFAULT_EXECUTION_TIME", "3600"),
        ("WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT", "300"),
        ("ACTIVITY_DEFAULT_TASK_LIST", "default"),
        ("ACTIVITY_DEFAULT_VERSION", "default"),
        ("ACTIVITY_DEFAULT_TIMEOUT", "300"),
        ("ACTIVITY_START_TO_CLOSE_TIMEOUT", "300"),
        ("ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT", "300"),
        ("ACTIVITY_SCHEDULE_TO_START_TIMEOUT", "300"),
        ("ACTIVITY_HEARTBEAT_TIMEOUT", "300"),
        ("ACTIVITY_SIGTERM_WAIT_SEC", 3.0),
        ("SIMPLEFLOW_SYSLOG_TARGET", None),
        ("SIMPLEFLOW_S3_HOST", "s3.amazonaws.com"),
        ("SIMPLEFLOW_S3_SSE", False),
        ("STEP_BUCKET", "step_bucket"),
        ("METROLOGY_BUCKET", "metrology_bucket"),
        ("METROLOGY_PATH_PREFIX", None),
        ("SIMPLEFLOW_BINARIES_DIRECTORY", "/tmp/simpleflow-binaries"),
    ],
)
def test_default_of_a_setting(monkeypatch: pytest.MonkeyPatch, name: str, default: Any) -> None:
    monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SIMPLEFLOW_SETTINGS_MODULE", raising=False)
    monkeypatch.delenv("ACTIVITY_DEFAULT_TIMEOUT", raising=False)
    assert getattr(settings, name) == default


def test_constants() -> None:
    assert (constants.MINUTE, constants.HOUR, constants.DAY) == (60, 3600, 86400)
    assert constants.JUMBO_FIELDS_MAX_SIZE == 5 * 1024 * 1024
    assert constants.CACHE_DIR == "/tmp/simpleflow-cache"
    assert constants.JUMBO_FIELDS_PREFIX == "simpleflow+s3://"
    longest = {name: getattr(constants, name) for name in dir(constants) if name.endswith("_LENGTH")}
    assert longest == {
        "MAX_CONTROL_LENGTH": 32768,
        "MAX_DETAILS_LENGTH": 32768,
        "MAX_EXECUTION_CONTEXT_LENGTH": 32768,
        "MAX_HEARTBEAT_DETAILS_LENGTH": 2048,
        "MAX_IDENTITY_LENGTH": 256,
        "MAX_INPUT_LENGTH": 32768,
        "MAX_REASON_LENGTH": 256,
        "MAX_RESULT_LENGTH": 32768,
    }
