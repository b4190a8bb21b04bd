"""The exceptions: their tree, their texts, and that they survive a trip to another process."""

from __future__ import annotations

import inspect
import pickle
import re
from typing import Any

import pytest

from simpleflow import exceptions
from simpleflow.exceptions import (
    AggregateException,
    DuplicateTaskId,
    ExecutionBlocked,
    ExecutionError,
    ExecutionTimeoutError,
    InvalidTask,
    NondeterminismError,
    TaskCanceled,
    TaskException,
    TaskFailed,
    TaskTerminated,
    TimeoutError,
    WorkflowException,
)

CLASSES = [
    thing
    for _, thing in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(thing, BaseException) and thing.__module__ == exceptions.__name__
]


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    """Each class stands indented below the one that it derives from."""
    drawn: dict[str, str | None] = {}
    above: list[str] = []
    for spaces, name in re.findall(r"^( *)([A-Z]\w+)\b", exceptions.__doc__ or "", re.MULTILINE):
        depth = len(spaces) // 2
        if name == "Every":
            continue
        above[depth:] = [name]
        drawn[name] = above[depth - 1] if depth else None
    assert drawn.pop("BaseException") is None and drawn.pop("Exception") == "BaseException"
    bases = {c.__name__: c.__base__.__name__ for c in CLASSES if c.__base__ is not None}
    assert drawn == {**bases, "InvalidTask": "Exception", "WrongArguments": "Exception"}


def test_what_is_wrong_with_a_task_is_a_value_error_too() -> None:
    assert issubclass(InvalidTask, ValueError)


def test_an_author_does_not_catch_the_end_of_a_run_by_accident() -> None:
    for gone in (exceptions.RunEvicted, exceptions.DecisionDeadlock):
        assert not issubclass(gone, Exception)
    assert issubclass(ExecutionBlocked, Exception)


def test_a_timeout_of_ours_is_not_pythons() -> None:
    import builtins

    assert not issubclass(TimeoutError, builtins.TimeoutError)


class FakeTask:
    name = "activity-double"
    payload = "the activity"

    def __repr__(self) -> str:
        return "<FakeTask>"


@pytest.mark.parametrize(
    ("exception", "text", "shown"),
    [
        (
            TaskException(FakeTask(), TaskFailed("a", "bad")),
            'activity-double: TaskFailed (a, "bad")',
            'TaskException(task=<FakeTask>, exception=TaskFailed (a, "bad"))',
        ),
        (
            WorkflowException("child"),
            "child: None",
            "WorkflowException(task='child', exception=None)",
        ),
        (TaskFailed("message"), "('message', None, None)", 'TaskFailed (message, "None")'),
        (TaskFailed("a", "bad", {"b": 1}), "('a', 'bad', {'b': 1})", 'TaskFailed (a, "bad")'),
        (TimeoutError("HEARTBEAT", "60"), "('HEARTBEAT', '60')", "TimeoutError(HEARTBEAT)"),
        (TimeoutError(), "('unknown timeout', None)", "TimeoutError(unknown timeout)"),
        (TaskCanceled(), "", "TaskCanceled()"),
        (TaskCanceled("half"), "half", "TaskCanceled(half)"),
        (TaskTerminated(), "", "TaskTerminated()"),
        (AggregateException([None]), "[None]", "AggregateException([None])"),
        (ExecutionTimeoutError("sleep 9", 3), "sleep 9 did not end within 3 s", None),
    ],
)
def test_texts(exception: Exception, text: str, shown: str | None) -> None:
    assert str(exception) == text
    if shown is not None:
        assert repr(exception) == shown


def test_what_a_task_exception_tells() -> None:
    error = TaskFailed("a", "bad")
    raised = TaskException(FakeTask(), error)
    assert (raised.payload, raised.exception) == ("the activity", error)
    assert TaskException("no task at all").payload == "no task at all"
    child = WorkflowException(FakeTask(), error)
    assert child.workflow == child.payload == "the activity"
    assert isinstance(child, TaskException)


def test_what_a_failure_tells() -> None:
    failed = TaskFailed("a", "bad", {"b": 1})
    assert (failed.name, failed.reason, failed.details) == ("a", "bad", {"b": 1})
    late = TimeoutError("HEARTBEAT", "60")
    assert (late.timeout_type, late.timeout_value) == ("HEARTBEAT", "60")
    assert ExecutionTimeoutError().command == "unknown"
    assert issubclass(ExecutionTimeoutError, ExecutionError)


def test_an_error_of_two_calls_names_both_and_says_what_to_do() -> None:
    error = DuplicateTaskId("x-1", "double(1)", "double(2)")
    assert error.task_id == "x-1"
    assert all(part in str(error) for part in ("'x-1'", "double(1)", "double(2)", "get_task_id", "get_workflow_id"))


def test_an_error_of_changed_code_names_both_meanings_and_says_what_to_do() -> None:
    error = NondeterminismError(7, "activity 'a'", "activity 'b'")
    assert (error.event_id, error.recorded, error.submitted) == (7, "activity 'a'", "activity 'b'")
    assert all(part in str(error) for part in ("event 7", "activity 'a'", "activity 'b'", "workflow.replay"))
    assert NondeterminismError.REMEDY in str(error)


@pytest.mark.parametrize(
    "exception",
    [
        ExecutionBlocked("why"),
        TaskException("task", TaskFailed("a", "bad")),
        WorkflowException("child", TaskTerminated()),
        TaskFailed("a", "bad", {"b": 1}),
        TimeoutError("HEARTBEAT", "60"),
        TaskCanceled("half"),
        TaskTerminated(),
        AggregateException([None, TaskFailed("a")]),
        ExecutionError("{}"),
        ExecutionTimeoutError("sleep 9", 3),
        InvalidTask("too long"),
    ],
)
def test_a_trip_to_another_process(exception: Exception) -> None:
    back = pickle.loads(pickle.dumps(exception))
    assert (type(back), repr(back), str(back)) == (type(exception), repr(exception), str(exception))


# -- what several members failed with


def test_members_are_kept_in_order_with_their_gaps() -> None:
    failed = TaskFailed("a")
    aggregate = AggregateException(e for e in (None, failed))
    assert aggregate.exceptions == [None, failed]
    aggregate.append(None)
    assert aggregate.exceptions == [None, failed, None]


def test_flattening_leaves_the_nested_one_alone() -> None:
    a, b, c = TaskFailed("a"), TaskCanceled(), TaskTerminated()
    inner = AggregateException([None, b, AggregateException([c, None])])
    outer = AggregateException([a, None, inner])
    assert outer.flatten().exceptions == [a, b, c]
    assert outer.exceptions == [a, None, inner] and len(inner.exceptions) == 3
    assert AggregateException([None, AggregateException([])]).flatten().exceptions == []


def test_what_is_handled_is_not_raised() -> None:
    a, b = TaskFailed("a"), TaskCanceled()
    asked: list[Any] = []

    def predicate(exception: BaseException, *args: Any, **kwargs: Any) -> bool:
        asked.append((exception, args, kwargs))
        return exception is a

    with pytest.raises(AggregateException) as caught:
        AggregateException([None, a, b]).handle(predicate, 1, key=2)
    assert caught.value.exceptions == [b]
    assert asked == [(a, (1,), {"key": 2}), (b, (1,), {"key": 2})]
    AggregateException([None, a]).handle(predicate)
    AggregateException([None]).handle(lambda e: False)


def test_equal_aggregates_hold_the_same_exceptions() -> None:
    a = TaskFailed("a")
    assert AggregateException([a, None]) == AggregateException([a, None])
    assert AggregateException([a]) != AggregateException([a, None])
    assert AggregateException([a]) != [a]
    assert AggregateException([a]) != AggregateException([TaskFailed("a")])


@pytest.mark.parametrize(
    ("recorded", "submitted", "told"),
    [
        (
            "activity 'a' with input [1]",
            "activity 'a' with input [2]",
            "activity 'a', but the code now gives it another",
        ),
        ("activity 'a' with input [1]", "activity 'b' with input [1]", "'a', but the code now asks for activity 'b'."),
        ("timer 't'", "activity 'b' with input [1]", "timer 't', but the code now asks for activity 'b'."),
    ],
)
def test_nondeterminism_without_payloads(recorded: str, submitted: str, told: str) -> None:
    text = NondeterminismError(5, recorded, submitted).without_inputs()
    assert told in text and text.startswith("event 5 of the history records ")
    assert "[" not in text and NondeterminismError.REMEDY in text
