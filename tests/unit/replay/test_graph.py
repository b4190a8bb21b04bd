"""Which task follows which: as a replay of the code tells, and as the order of the history does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import NondeterminismError
from simpleflow.replay.graph import Task, reduced, watched
from simpleflow.replay.order import ordered
from simpleflow.replay.work import Event, RunKey
from simpleflow.testing import WorkflowEnvironment


@activity.with_attributes(name="graph.a")
def a(*args: Any) -> Any:
    return args[0] if args else 1


@activity.with_attributes(name="graph.b", idempotent=True)
def b(*args: Any) -> Any:
    return 2


@activity.with_attributes(name="graph.c")
def c(*args: Any) -> Any:
    raise ValueError("c")


class Child(Workflow):
    name, version, task_list = "graph.child", "1", "decisions"

    def run(self) -> int:
        return 1


class Base(Workflow):
    name, version, task_list = "graph", "1", "decisions"


def played(run: Any, signal: str | None = None) -> tuple[type[Workflow], RunKey, list[Event]]:
    workflow = type("Flow", (Base,), {"run": run})
    execution = WorkflowEnvironment().start(workflow, [])
    if signal is not None:
        execution.signal(signal)
    assert execution.exception is None
    return workflow, execution.runs[0], execution.events


def by_replay(run: Any, signal: str | None = None) -> dict[str, set[str]]:
    workflow, key, events = played(run, signal)
    return edges(watched(key, workflow.name, events, lambda *_: workflow))


def by_order(run: Any, signal: str | None = None) -> dict[str, set[str]]:
    return edges(ordered(played(run, signal)[2]))


def edges(tasks: list[Task]) -> dict[str, set[str]]:
    """Activities go by their letter and number."""
    names = [re.sub(r"^activity-graph\.(\w)-(\d+$)?.*", r"\1\2", task.id) for task in tasks]
    return {name: {names[place] for place in task.after} for name, task in zip(names, tasks, strict=True)}


# -- by a replay


def test_futures_among_the_arguments() -> None:
    def run(self: Any) -> None:
        first = self.submit(a, [1])
        second = self.submit(a, {"deep": [first]})
        other = self.submit(a)
        futures.wait(self.submit(a, second, other), self.submit(b, first[0]))

    assert by_replay(run) == {"a1": set(), "a2": {"a1"}, "a3": set(), "a4": {"a2", "a3"}, "b": {"a1"}}


def test_results_that_the_code_had_seen() -> None:
    def run(self: Any) -> None:
        first, second = self.submit(a), self.submit(a)
        futures.wait(first, second)
        third = self.submit(a)
        beside = self.submit(a, 1)
        self.submit(a, third.result).result
        beside.result

    assert by_replay(run) == {"a1": set(), "a2": set(), "a3": {"a1", "a2"}, "a4": {"a1", "a2"}, "a5": {"a3"}}


def test_a_failure_that_was_seen_counts_too() -> None:
    def run(self: Any) -> None:
        if self.submit(c).exception:
            self.submit(a).result

    assert by_replay(run) == {"c1": set(), "a1": {"c1"}}


def test_the_first_of_several() -> None:
    def run(self: Any) -> None:
        timer, work = self.submit(self.start_timer("long", 60)), self.submit(a)
        done, _ = futures.wait(timer, work, return_when=futures.FIRST_COMPLETED)
        assert done == [work]
        self.submit(a, done[0].result).result
        timer.result

    assert by_replay(run) == {"long": set(), "a1": set(), "a2": {"a1"}}


def test_chains_and_groups() -> None:
    def run(self: Any) -> None:
        pair = Group((a, 1), (a, 2))
        self.submit(Chain(a, pair, Chain(b, (a, 3)), send_result=True)).result
        self.submit(a).result

    assert by_replay(run) == {
        "a1": set(),
        "a2": {"a1"},
        "a3": {"a1"},
        "b": {"a2", "a3"},
        "a4": {"b"},
        "a5": {"a4"},
    }


def test_a_function_in_a_chain() -> None:
    def run(self: Any) -> None:
        seen = self.submit(self.start_timer("t", 1))
        seen.result

        def then() -> Any:
            self.submit(self.record_marker("inside")).result
            return Group(self.record_marker("product"))

        self.submit(Chain(a, Group(FuncGroup(then)), b)).result

    assert by_replay(run) == {"t": set(), "a1": {"t"}, "b": {"product"}, "inside": {"a1"}, "product": {"inside"}}


def test_kinds_of_tasks() -> None:
    def run(self: Any) -> None:
        go = self.submit(self.wait_signal("go"))
        child = self.submit(Child)
        marker = self.submit(self.record_marker("m", [child]))
        futures.wait(go, marker)
        timer = self.submit(self.start_timer("t", 1))
        self.submit(a, timer).result

    workflow, key, events = played(run, signal="go")
    tasks = watched(key, workflow.name, events, lambda *_: workflow)
    assert [task.kind for task in tasks] == [
        "received signal",
        "child workflow",
        "marker",
        "timer",
        "activity",
    ]
    assert [task.after for task in tasks] == [(), (), (1,), (0, 2), (3,)]
    assert [task.ended for task in tasks] == [True] * 5
    assert tasks[1].name.endswith("Child") and tasks[4].name == "graph.a"


def test_what_waits_for_its_arguments_is_there() -> None:
    def run(self: Any) -> None:
        self.submit(b, self.submit(a, self.submit(self.wait_signal("go")))).result

    workflow = type("Flow", (Base,), {"run": run})
    environment = WorkflowEnvironment()
    execution = environment.start(workflow, [])
    environment.settle()
    tasks = watched(execution.runs[0], workflow.name, execution.events, lambda *_: workflow)
    assert [(task.kind, task.after) for task in tasks] == [
        ("received signal", ()),
        ("activity", (0,)),
        ("activity", (1,)),
    ]
    assert tasks[2].id == "activity-graph.b-…"
    assert not tasks[2].ended


def test_nothing_is_decided_yet() -> None:
    def run(self: Any) -> None: ...

    workflow, key, events = played(run)
    assert watched(key, workflow.name, events[:2], lambda *_: workflow) == []


def test_code_that_does_not_fit() -> None:
    def run(self: Any) -> None:
        self.submit(a).result

    _, key, events = played(run)
    other = type("Other", (Base,), {"run": lambda self: self.submit(a, "other").result})
    with pytest.raises(NondeterminismError):
        watched(key, "graph", events, lambda *_: other)


# -- by the order of the history


def test_what_ended_just_before() -> None:
    def run(self: Any) -> None:
        first = self.submit(a)
        second = self.submit(a, first)
        self.submit(self.record_marker("m"))
        self.submit(a, second.result).result

    assert by_order(run) == {"a1": set(), "m": set(), "a2": {"a1"}, "a3": {"a2"}}


def test_what_was_tried_again_is_one_task() -> None:
    def run(self: Any) -> None:
        again = self.submit(activity.with_attributes(name="graph.c", retry=2)(c.callable))
        again.exception
        self.submit(a).result

    assert by_order(run) == {"c1": set(), "a1": {"c1"}}


def test_signals_and_children() -> None:
    def run(self: Any) -> None:
        self.submit(self.wait_signal("go")).result
        self.submit(Child).result
        self.submit(self.start_timer("t", 1)).result

    tasks = ordered(played(run, signal="go")[2])
    assert [(task.kind, task.after, task.ended) for task in tasks] == [
        ("received signal", (), True),
        ("child workflow", (0,), True),
        ("timer", (1,), True),
    ]


# -- without what follows


def test_what_follows_from_the_rest_is_left_out() -> None:
    tasks = [Task("t", str(number), "", after) for number, after in enumerate([(), (0,), (0, 1), (0, 1, 2), (0,)])]
    assert [task.after for task in reduced(tasks)] == [(), (0,), (1,), (2,), (0,)]


def test_a_circle_is_left_as_it_is() -> None:
    tasks = [Task("t", "0", "", (1,)), Task("t", "1", "", (0,))]
    assert reduced(tasks) == tasks
