"""Groups, chains and function groups: what they are made of, and how their futures go from member to member.

The engine is a stand-in: a member is a label, and the test says when it ends.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from simpleflow import task
from simpleflow.activity import with_attributes
from simpleflow.base import Submittable
from simpleflow.canvas import Chain, ChainFuture, FuncGroup, Group, GroupFuture, as_member
from simpleflow.exceptions import AggregateException, ExecutionBlocked, TaskException, TaskFailed
from simpleflow.futures import Failure, Future, Ripples, wait
from simpleflow.signal import WaitForSignal
from simpleflow.workflow import Workflow


@with_attributes(name="tests.canvas.double")
def double(x: int) -> int:
    return x * 2


class Child(Workflow):
    name = "child"

    def run(self, *args: Any) -> None: ...


class Label(Submittable):
    """A member of which only the name counts."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


class Started:
    def __init__(self, executor: FakeExecutor, label: Label, raises: bool) -> None:
        self.future: Future[Any] = Future()
        self.raises = raises
        self._executor = executor
        self._label = label

    def start(self, *extra: Any) -> None:
        self._executor.started.append((self._label.name, *extra))
        self._executor.running[self._label.name] = self
        if self._label.name in self._executor.at_once:
            self.future.set_finished(self._label.name)


class FakeExecutor:
    """Members in the order in which they are numbered and started."""

    def __init__(self, at_once: tuple[str, ...] = ()) -> None:
        self.at_once = at_once
        self.numbered: list[str] = []
        self.started: list[tuple[Any, ...]] = []
        self.running: dict[str, Started] = {}
        self.failed: list[tuple[Future[Any], Exception]] = []
        self.ripples = Ripples()
        self._numbers = itertools.count(1)
        self._scopes = itertools.count(1)
        self._scope = ""
        self._raises: bool | None = None

    @property
    def executor(self) -> FakeExecutor:
        return self

    @property
    def workflow(self) -> FakeExecutor:
        return self

    def next_number(self) -> int:
        return next(self._numbers)

    def block(self, waiter: Any) -> None:
        raise ExecutionBlocked

    def prepare(self, member: Any) -> Any:
        if not isinstance(member, Label):
            return member.prepare(self)
        self.numbered.append(f"{self._scope}{member.name}")
        return Started(self, member, bool(self._raises))

    @contextmanager
    def raising(self, raises: bool | None) -> Iterator[bool | None]:
        outer = self._raises
        if outer is None:
            self._raises = raises
        yield self._raises
        self._raises = outer

    def scope(self) -> str:
        return f"{self._scope}{next(self._scopes)}."

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        outer, self._scope = self._scope, scope
        yield
        self._scope = outer

    def fail_future(self, future: Future[Any], error: Exception) -> None:
        self.failed.append((future, error))
        future.set_exception(error, Failure(error))

    def call_author(self, function: Callable[[], None]) -> None:
        function()

    # -- what the test does

    def submit(self, container: Any) -> Any:
        startable = container.prepare(self)
        startable.start()
        return startable.future

    def end(self, *names: str) -> None:
        for name in names:
            self.running.pop(name).future.set_finished(name)

    def fail(self, name: str) -> TaskFailed:
        error = TaskFailed(name)
        member = self.running.pop(name)
        member.future.set_exception(error, Failure(TaskException(name, error)) if member.raises else None)
        return error

    @property
    def order(self) -> str:
        return " ".join(name for name, *_ in self.started)


def labels(names: str) -> list[Label]:
    return [Label(name) for name in names]


# -- members


def test_what_can_be_a_member() -> None:
    ready: list[Any] = [
        task.ActivityTask(double, 1),
        task.TimerTask("t", 1),
        WaitForSignal("s"),
        Group(),
        FuncGroup(Group),
    ]
    for thing in ready:
        assert as_member(thing) is thing
    called = as_member(double, 1, key=2)
    assert isinstance(called, task.ActivityTask) and (called.args, called.kwargs) == ([1], {"key": 2})
    child = as_member(Child, 1, workflow_task_list="list")
    assert isinstance(child, task.ChildWorkflowTask) and (child.workflow, child.task_list) == (Child, "list")


@pytest.mark.parametrize("thing", [None, 1, "double", double.callable, int, object(), [double]])
def test_what_cannot_be_a_member(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"expected an activity, a Workflow class, a task, a group or a chain"):
        Group(thing)
    with pytest.raises(TypeError, match="cannot submit"):
        as_member(thing)


@pytest.mark.parametrize("container", [Group, Chain])
def test_the_ways_to_add_members(container: Any) -> None:
    made = container((double, 1), double)
    made.append(double, 2, submittable=3)
    made.append((double, 3), 4)
    made.extend(iter([(double, 5), Group()]))
    same = made
    made += [(Child, 6)]
    assert made is same
    assert [getattr(m, "args", m.__class__) for m in made.activities] == [[1], [], [2], [3, 4], [5], Group, [6]]
    assert made.activities[2].kwargs == {"submittable": 3}
    assert repr(made) == f"<{container.__name__} of 7>"


@pytest.mark.parametrize("ready", [task.ActivityTask(double, 1), task.TimerTask("t", 1), Group(), FuncGroup(Group)])
def test_what_has_its_arguments_takes_no_others(ready: Any) -> None:
    for add in (
        lambda: Group((ready, 1)),
        lambda: Chain().append(ready, 1),
        lambda: Group().append(ready, key=1),
        lambda: Group().extend([(ready, 1)]),
    ):
        with pytest.raises(ValueError, match="has its arguments already"):
            add()


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_group_in_which_nothing_may_run(wrong: int) -> None:
    with pytest.raises(ValueError, match=f"max_parallel is {wrong}; it is a number from 1 up"):
        Group(max_parallel=wrong)


def test_a_chain_cannot_send_what_a_failed_member_has_not() -> None:
    with pytest.raises(ValueError, match="no result to send"):
        Chain(double, send_result=True, break_on_failure=False)


@pytest.mark.parametrize(
    ("arguments", "bubbles"),
    [
        ({}, True),
        ({"raises_on_failure": True}, True),
        ({"raises_on_failure": False}, False),
        ({"raises_on_failure": False, "bubbles_exception_on_failure": True}, True),
        ({"bubbles_exception_on_failure": False}, False),
    ],
)
def test_when_a_chain_bubbles(arguments: dict[str, Any], bubbles: bool) -> None:
    assert Chain(**arguments).bubbles_exception_on_failure is bubbles


def test_submitting_changes_no_definition() -> None:
    group = Group(*labels("ab"), raises_on_failure=True)
    definition = Group((double, 1), raises_on_failure=True).activities[0].activity
    executor = FakeExecutor()
    first, second = executor.submit(group), executor.submit(group)
    executor.end("a", "b")
    assert (first.done, second.done) == (False, True)
    assert definition is double and not double.raises_on_failure
    assert len(group.activities) == 2
    group.append(double)
    assert len(first.activities) == 2


# -- groups


def test_a_group_starts_all_and_ends_with_the_last() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("abc")))
    assert (executor.numbered, executor.order) == (["a", "b", "c"], "a b c")
    executor.end("c", "a")
    assert not future.done
    assert (future._result, future.count_finished_activities) == (["a", None, "c"], 2)
    executor.end("b")
    assert future.finished and future.result == future.payload() == ["a", "b", "c"]


@pytest.mark.parametrize("container", [Group(), Chain(), Group(max_parallel=2), Chain(send_result=True)])
def test_an_empty_container_is_finished(container: Any) -> None:
    future = FakeExecutor().submit(container)
    assert future.finished and future.result == [] and future.exception is None


def test_members_that_end_at_once() -> None:
    executor = FakeExecutor(at_once=("a", "b", "c"))
    assert executor.submit(Group(*labels("abc"), max_parallel=1)).result == ["a", "b", "c"]
    assert executor.submit(Chain(*labels("abc"), send_result=True)).result == ["a", "b", "c"]


def test_max_parallel() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("abcd"), max_parallel=2))
    assert executor.numbered == ["a", "b", "c", "d"]
    seen = [executor.order]
    for name in "bcad":
        executor.end(name)
        seen.append(executor.order)
    assert seen == ["a b", "a b c", "a b c d", "a b c d", "a b c d"]
    assert future.result == ["a", "b", "c", "d"]


def test_the_state_of_a_group() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("ab")))
    states = [future.state]
    executor.running["b"].future.set_running()
    states.append(future.state)
    executor.end("b")
    states.append(future.state)
    executor.end("a")
    states.append(future.state)
    assert states == ["PENDING", "RUNNING", "PENDING", "FINISHED"]


@pytest.mark.parametrize("bubbles", [True, False])
def test_failures_of_a_group(bubbles: bool) -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("abc"), bubbles_exception_on_failure=bubbles))
    executor.end("a")
    error = executor.fail("b")
    assert not future.done
    executor.end("c")
    assert future.result == ["a", None, "c"]
    assert future.exception == (AggregateException([None, error, None]) if bubbles else None)


def test_a_failure_that_raises_does_not_wait_for_the_others() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(Label("a"), Chain(*labels("bc")), raises_on_failure=True))
    executor.fail("b")
    assert not future.done and future.failure is not None
    with pytest.raises(TaskException):
        future.result
    executor.end("a")
    assert future.finished and executor.order == "a b"
    assert isinstance(future.exception, AggregateException)


def test_the_outermost_raises_on_failure_counts() -> None:
    executor = FakeExecutor()
    executor.submit(Group(Label("a"), Chain(Label("b"), raises_on_failure=True), raises_on_failure=False))
    executor.submit(Group(Label("c"), Chain(Label("d"), raises_on_failure=True)))
    assert {name: member.raises for name, member in executor.running.items()} == {
        "a": False,
        "b": False,
        "c": False,
        "d": True,
    }


def test_a_cancelled_member_cancels_the_group() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("ab")))
    executor.running["a"].future.cancel()
    assert (future.state, future.result) == ("CANCELLED", None)


def test_cancelling_a_group_cancels_its_members_and_starts_no_others() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("abc"), max_parallel=2))
    executor.end("a")
    assert future.cancel() is True
    assert [f.state for f in future.futures] == ["FINISHED", "CANCELLED", "CANCELLED"]
    assert (future.state, executor.order) == ("CANCELLED", "a b c")
    finished = executor.submit(Group())
    assert finished.cancel() is False


def test_who_asks_the_group_has_asked_its_members() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(*labels("ab"), raises_on_failure=True))
    first, second = (member.future for member in executor.running.values())
    executor.fail("a")
    with pytest.raises(TaskException):
        future.result
    executor.fail("b")
    assert first.failure.asked and second.failure.asked


# -- chains


def test_a_chain_starts_one_after_the_other() -> None:
    executor = FakeExecutor()
    future = executor.submit(Chain(*labels("abc")))
    assert (executor.numbered, executor.order) == (["a", "b", "c"], "a")
    executor.end("a")
    assert (executor.order, future._result) == ("a b", ["a", None])
    executor.end("b", "c")
    assert (executor.order, future.result) == ("a b c", ["a", "b", "c"])


@pytest.mark.parametrize(
    ("breaks", "result", "order"), [(True, ["a", None], "a b"), (False, ["a", None, "c"], "a b c")]
)
def test_a_chain_with_a_failed_member(breaks: bool, result: list[Any], order: str) -> None:
    executor = FakeExecutor()
    future = executor.submit(Chain(*labels("abc"), break_on_failure=breaks))
    executor.end("a")
    error = executor.fail("b")
    if not breaks:
        executor.end("c")
    assert (future.result, executor.order) == (result, order)
    assert future.exception == AggregateException([None, error, None][: len(result)])


@pytest.mark.parametrize(
    ("inner", "outer", "result"),
    [
        ({}, {}, [[None]]),
        ({"raises_on_failure": False}, {}, [[None], "b"]),
        ({"raises_on_failure": False, "bubbles_exception_on_failure": True}, {}, [[None]]),
        ({}, {"break_on_failure": False}, [[None], "b"]),
    ],
)
def test_a_chain_in_a_chain(inner: dict[str, Any], outer: dict[str, Any], result: list[Any]) -> None:
    executor = FakeExecutor()
    future = executor.submit(Chain(Chain(*labels("ax"), **inner), Label("b"), **outer))
    executor.fail("a")
    if "b" in executor.running:
        executor.end("b")
    assert future.result == result


def test_send_result() -> None:
    executor = FakeExecutor()
    executor.submit(Chain(Label("a"), Group(*labels("bc")), Chain(*labels("de")), send_result=True))
    executor.end("a", "b", "c", "d")
    extra = {name: [f.result for f in rest] for name, *rest in executor.started}
    assert extra == {"a": [], "b": ["a"], "c": ["a"], "d": [["b", "c"]], "e": []}


def test_numbers_go_in_tree_order() -> None:
    executor = FakeExecutor()
    executor.submit(Group(Chain(*labels("ab")), Label("c"), Chain(Group(*labels("de")), Label("f"))))
    assert executor.numbered == list("abcdef")
    assert executor.order == "a c d e"


def test_a_cancelled_member_ends_the_chain() -> None:
    executor = FakeExecutor()
    future = executor.submit(Chain(*labels("ab")))
    executor.running["a"].future.cancel()
    assert (future.state, executor.order) == ("CANCELLED", "a")


def test_cancelling_a_chain() -> None:
    executor = FakeExecutor()
    future = executor.submit(Chain(*labels("abc")))
    executor.end("a")
    assert future.cancel() is True
    assert ([f.state for f in future.futures], executor.order) == (["FINISHED", "CANCELLED"], "a b")
    assert (future.state, future.payload()) == ("CANCELLED", None)


# -- futures of ones own


def test_a_group_with_its_own_future() -> None:
    class Sum(GroupFuture):
        calls = 0

        def sync_result(self) -> Any:
            Sum.calls += 1
            return "+".join(self._result)

    class SumGroup(Group):
        default_future_class = Sum

    for group in (SumGroup(*labels("ab")), Group(*labels("ab"), future_class=Sum)):
        executor, before = FakeExecutor(), Sum.calls
        future = executor.submit(group)
        executor.end("a")
        assert future.payload() is None
        executor.end("b")
        assert (future.result, future.result, future.payload()) == ("a+b",) * 3
        assert Sum.calls == before + 1


def test_a_chain_with_its_own_future() -> None:
    class Last(ChainFuture):
        def sync_result(self) -> Any:
            return self._result[-1]

    executor = FakeExecutor()
    future = executor.submit(Chain(*labels("ab"), future_class=Last))
    executor.end("a", "b")
    assert future.result == "b"


def test_futures_of_old_code() -> None:
    """They override ``result``, or assign ``_result``, and take their arguments by position."""

    class Told(GroupFuture):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)

        @property
        def result(self) -> Any:
            return "+".join(super().result)

    class Assigned(GroupFuture):
        def sync_result(self) -> None:
            super().sync_result()
            self._result = "+".join(self._result)

    for future_class in (Told, Assigned):
        executor = FakeExecutor()
        future = executor.submit(Group(*labels("ab"), future_class=future_class))
        executor.end("a", "b")
        assert (future.result, future.payload(), wait(future)) == ("a+b", "a+b", ["a+b"])


def test_the_result_of_ones_own_goes_wherever_the_future_goes() -> None:
    class Told(GroupFuture):
        @property
        def result(self) -> Any:
            return "+".join(super().result)

    executor = FakeExecutor()
    group = Group(*labels("ab"), future_class=Told)
    future = executor.submit(Chain(FuncGroup(lambda: group), Label("z"), send_result=True))
    executor.end("a", "b")
    sent = executor.started[-1][1]
    assert (sent.result, sent.payload()) == ("a+b", "a+b")
    executor.end("z")
    assert (future.result, future.payload()) == (["a+b", "z"], ["a+b", "z"])


def test_a_chain_is_a_group() -> None:
    assert issubclass(Chain, Group) and issubclass(ChainFuture, GroupFuture)


# -- function groups


def test_a_function_is_called_when_its_turn_comes() -> None:
    called: list[Any] = []

    def make(*args: Any, **kwargs: Any) -> Group:
        called.append((args, kwargs))
        return Group(*labels("xy"))

    executor = FakeExecutor()
    group = FuncGroup(make, 1, key=2)
    future = executor.submit(Chain(Label("a"), group, Label("z"), send_result=True))
    assert called == [] and executor.numbered == ["a", "z"]
    executor.end("a")
    assert called == [((1, "a"), {"key": 2})]
    assert executor.numbered == ["a", "z", "1.x", "1.y"]
    assert repr(group.activities) == "<Group of 2>"
    executor.end("x", "y", "z")
    assert future.result == ["a", ["x", "y"], "z"]
    assert executor.started[-1][1].result == ["x", "y"]


def test_a_function_group_can_be_submitted_again() -> None:
    seen: list[Any] = []
    group = FuncGroup(lambda *args: seen.append(args) or Label("x"), 1)
    for _ in range(2):
        executor = FakeExecutor()
        executor.submit(Chain(Label("a"), group, send_result=True))
        executor.end("a")
    assert seen == [(1, "a"), (1, "a")] and group.args == (1,)


@pytest.mark.parametrize("product", [1, "x", double, Child, [Group()]])
def test_a_function_that_makes_something_else(product: Any) -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(FuncGroup(lambda: product)))
    with pytest.raises(TypeError, match="the function of a FuncGroup returns a task, a group or a chain, not"):
        future.result
    ((failed, error),) = executor.failed
    assert failed is future.futures[0] and isinstance(error, TypeError)


def test_a_function_may_make_nothing_where_that_was_said() -> None:
    assert FakeExecutor().submit(Group(FuncGroup(lambda: None, _allow_none=True))).result == [None]
    with pytest.raises(TypeError, match="not None"):
        FakeExecutor().submit(Group(FuncGroup(lambda: None))).result


def test_what_a_function_raises_is_raised_where_the_result_is_asked_for() -> None:
    def broken() -> None:
        raise KeyError("mine")

    executor = FakeExecutor()
    future = executor.submit(Chain(FuncGroup(broken), Label("b")))
    assert executor.order == ""
    with pytest.raises(KeyError, match="mine"):
        future.result
    assert future._result == [None]


def test_raises_on_failure_of_a_function_group() -> None:
    executor = FakeExecutor()
    executor.submit(Group(FuncGroup(lambda: Label("x"), raises_on_failure=True), FuncGroup(lambda: Label("y"))))
    assert [executor.running[name].raises for name in "xy"] == [True, False]


def test_cancelling_what_a_function_made() -> None:
    executor = FakeExecutor()
    future = executor.submit(Group(FuncGroup(lambda: Label("x"))))
    assert future.cancel() is True
    assert executor.running["x"].future.cancelled and future.futures[0].cancelled


def test_the_names_of_function_groups() -> None:
    def make() -> Group:
        return Group()

    assert repr(FuncGroup(make)) == "<FuncGroup make>"
    assert "lambda" in repr(FuncGroup(lambda: Group()))


@pytest.mark.parametrize("name", ["func", "activities", "args", "executor"])
def test_keywords_of_the_function_are_free(name: str) -> None:
    assert FuncGroup(Group, **{name: 1}).kwargs == {name: 1}


def test_a_function_of_a_cancelled_chain_is_not_called() -> None:
    calls: list[str] = []
    executor = FakeExecutor()
    later: list[Any] = []
    executor.call_author = later.append  # type: ignore[method-assign]
    future = executor.submit(Chain(FuncGroup(lambda: calls.append("called"))))
    future.cancel()
    later[0]()
    assert calls == []
