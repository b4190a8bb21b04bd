"""Tasks, and what ``on_task_failure`` is told and answers."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow import futures, task
from simpleflow.activity import with_attributes
from simpleflow.base import Submittable
from simpleflow.exceptions import ExecutionBlocked, TaskFailed
from simpleflow.task import TaskFailureContext
from simpleflow.workflow import Workflow


@with_attributes(name="tests.task.double")
def double(x: int) -> int:
    return x * 2


once = double.options(idempotent=True)


class Child(Workflow):
    name = "child"

    def run(self, x: int) -> int:
        return x


class Picky(Workflow):
    name = "picky"
    idempotent = True

    def run(self, workflow_task_list: str) -> str:
        return workflow_task_list


TASKS = [
    (task.ActivityTask(double, 1), "<ActivityTask activity-tests.task.double>", double),
    (task.NonPythonicActivityTask(double, 1), "<NonPythonicActivityTask activity-tests.task.double>", double),
    (task.ChildWorkflowTask(Child, 1), "<ChildWorkflowTask workflow-child>", Child),
    (task.WorkflowTask(None, Child, 1), "<WorkflowTask workflow-child>", Child),
    (task.SignalTask("go"), "<SignalTask go>", None),
    (task.MarkerTask("seen"), "<MarkerTask seen>", None),
    (task.TimerTask("tick", 5), "<TimerTask tick>", None),
    (task.CancelTimerTask("tick"), "<CancelTimerTask tick>", None),
    (task.ContinueAsNewWorkflowTask(1), "<ContinueAsNewWorkflowTask continue-as-new>", None),
]


@pytest.mark.parametrize(("made", "shown", "payload"), TASKS)
def test_every_task_has_a_name_and_says_what_it_calls(made: task.Task, shown: str, payload: Any) -> None:
    assert repr(made) == shown
    assert made.payload is payload
    assert made.id is None
    assert isinstance(made, Submittable)


def test_a_task_of_ones_own_needs_a_name() -> None:
    class Bare(task.Task):
        pass

    with pytest.raises(TypeError, match="Bare has no name"):
        Bare().name


# Every name that a parameter of simpleflow's own functions has, or had.
NAMES = ("activity", "workflow", "executor", "name", "func", "submittable", "context", "simpleflow_middlewares", "self")


@pytest.mark.parametrize("name", NAMES)
def test_any_keyword_is_free_for_the_authors_own_arguments(name: str) -> None:
    kwargs: dict[str, Any] = {name: 1}
    for made in (
        task.ActivityTask(double, **kwargs),
        task.NonPythonicActivityTask(double, **kwargs),
        task.ChildWorkflowTask(Child, **kwargs),
        task.WorkflowTask(None, Child, **kwargs),
        task.SignalTask("go", **kwargs),
    ):
        assert (made.args, made.kwargs) == ([], {name: 1})
    if name != "self":
        assert task.ContinueAsNewWorkflowTask(**kwargs).kwargs == {name: 1}


def test_tasks_do_not_share_their_arguments() -> None:
    given = {"a": 1}
    first, second = task.ActivityTask(double, 1, **given), task.ActivityTask(double, 1, **given)
    first.args.append(2)
    first.kwargs["b"] = 2
    assert (second.args, second.kwargs, given) == ([1], {"a": 1}, {"a": 1})


@pytest.mark.parametrize("thing", [None, len, Child, double.callable, "double"])
def test_an_activity_task_needs_an_activity(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"expected an activity \(see activity\.with_attributes\)"):
        task.ActivityTask(thing)


def test_idempotent_is_what_the_definition_says() -> None:
    assert [task.ActivityTask(a).idempotent for a in (double, once)] == [False, True]
    assert [task.ChildWorkflowTask(w).idempotent for w in (Child, Picky)] == [False, True]


def test_other_programs_take_one_kind_of_arguments() -> None:
    assert task.NonPythonicActivityTask(double, 1, 2).args == [1, 2]
    assert task.NonPythonicActivityTask(double, a=1).kwargs == {"a": 1}
    with pytest.raises(ValueError, match="positional or keyword arguments, not both"):
        task.NonPythonicActivityTask(double, 1, a=1)


def test_the_task_list_of_a_child() -> None:
    made = task.ChildWorkflowTask(Child, 1, workflow_task_list="elsewhere")
    assert (made.task_list, made.kwargs) == ("elsewhere", {})
    assert task.ChildWorkflowTask(Child, 1).task_list is None


def test_the_task_list_is_the_authors_where_run_has_one() -> None:
    made = task.ChildWorkflowTask(Picky, workflow_task_list="mine")
    assert (made.task_list, made.kwargs) == (None, {"workflow_task_list": "mine"})


def test_a_signal_task() -> None:
    made = task.SignalTask("go", 1, control="free", extra_input=2, name=3, self=4)
    assert (made.name, made.args) == ("go", [1])
    assert made.kwargs == {"control": "free", "extra_input": 2, "name": 3, "self": 4}
    assert (made.workflow_id, made.run_id, made.control, made.extra_input) == (None, None, None, {})


def test_any_keyword_is_free_for_what_is_continued() -> None:
    assert task.ContinueAsNewWorkflowTask(self=1).kwargs == {"self": 1}


def test_a_child_is_a_workflow_class() -> None:
    with pytest.raises(TypeError, match="expected a Workflow class"):
        task.ChildWorkflowTask(object)


def test_arguments_that_are_futures() -> None:
    done: futures.Future[int] = futures.Future()
    done.set_finished(5)
    made = task.ActivityTask(double, done)
    assert made.args == [done]
    assert made.resolve_args(1, done) == [1, 5]
    assert made.resolve_kwargs(a=done, b=2) == {"a": 5, "b": 2}
    assert [task.get_actual_value(x) for x in (done, 3, None)] == [5, 3, None]
    with pytest.raises(ExecutionBlocked):
        made.resolve_args(futures.Future())


# -- failures


Decision = TaskFailureContext.Decision
EVENT = {"type": "activity", "id": "double-1", "state": "failed", "scheduled_id": 5, "failed_id": 7, "retry": 1}


def failure(**more: Any) -> TaskFailureContext:
    fields: dict[str, Any] = {
        "a_task": task.ActivityTask(double, 1),
        "event": EVENT,
        "future": None,
        "exception_class": TaskFailed,
    }
    return TaskFailureContext(**{**fields, **more})


def test_a_context_begins_without_a_decision() -> None:
    context = failure()
    assert context.decision is Decision.none
    assert (context.retry_wait_timeout, context.reason, context.details, context.history) == (None,) * 4
    assert (context.task_error, context.task_message, context.task_error_type) == (None,) * 3


def test_attempts_are_counted_from_one_and_retries_from_zero() -> None:
    assert (failure().retry_count, failure().attempt_number) == (1, 2)
    assert (failure(event={}).retry_count, failure(event={}).attempt_number) == (0, 1)


def test_what_failed() -> None:
    context = failure()
    assert (context.payload, context.task_name, context.exception) == (double, "tests.task.double", None)
    assert failure(a_task=task.ChildWorkflowTask(Child)).task_name == "child"


def test_the_exception_is_that_of_the_future() -> None:
    error = TaskFailed("double", "bad")
    future: futures.Future[Any] = futures.Future()
    future.set_exception(error)
    assert failure(future=future).exception is error


def test_decisions_of_the_history() -> None:
    class History:
        started_decision_id = 9
        completed_decision_id = 4

    told = failure(history=History())
    assert (told.current_started_decision_id, told.last_completed_decision_id) == (9, 4)
    assert (failure().current_started_decision_id, failure().last_completed_decision_id) == (None, None)


@pytest.mark.parametrize(
    ("decide", "decision", "wait"),
    [
        (lambda c: c.decide_abort(), Decision.abort, None),
        (lambda c: c.decide_ignore(), Decision.ignore, None),
        (lambda c: c.decide_cancel(), Decision.cancel, None),
        (lambda c: c.decide_retry(), Decision.retry_now, 0),
        (lambda c: c.decide_retry(None), Decision.retry_now, None),
        (lambda c: c.decide_retry(0.5), Decision.retry_later, 0.5),
        (lambda c: c.decide_retry(retry_wait_timeout=30), Decision.retry_later, 30),
        (lambda c: c.decide_abort().decide_retry(1).decide_ignore(), Decision.ignore, 1),
    ],
)
def test_decisions(decide: Any, decision: TaskFailureContext.Decision, wait: float | None) -> None:
    context = failure()
    assert decide(context) is context
    assert (context.decision, context.retry_wait_timeout) == (decision, wait)


def test_another_task_or_future_takes_over() -> None:
    other = task.ActivityTask(double, 2)
    future: futures.Future[Any] = futures.Future()
    context = failure()
    assert context.decide_handled(other, future) is context
    assert (context.decision, context.a_task, context.future) == (Decision.handled, other, future)
    assert failure(future=future).decide_handled(other).future is None
