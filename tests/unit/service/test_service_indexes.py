"""Deadlines, task lists and shelves: the indexes of what is open and closed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.service.deadlines import ACTIVITY, DECISION, EXECUTION, TIMER, Deadlines
from simpleflow.service.tasklists import ListName, TaskLists
from simpleflow.service.visibility import Query, Shelf

LIST = ListName("decision", "r", "d", "l")
OTHER = ListName("activity", "r", "d", "l")


# -- deadlines ---------------------------------------------------------------------------------------


def drained(deadlines: Deadlines[str], now_ms: int) -> list[tuple[str, int, int]]:
    found = []
    while (due := deadlines.pop_due(now_ms)) is not None:
        found.append(due)
    return found


def test_deadlines_come_in_order_and_not_too_early() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.next_due() is None
    deadlines.set(TIMER, 1, 7, 30, "c")
    deadlines.set(TIMER, 1, 8, 10, "a")
    deadlines.set(TIMER, 2, 7, 20, "b")
    assert deadlines.next_due() == 10
    assert deadlines.pop_due(9) is None
    assert drained(deadlines, 20) == [("a", TIMER, 8), ("b", TIMER, 7)]
    assert deadlines.next_due() == 30


def test_ties_go_by_kind_then_run_then_event() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for rank in (DECISION, ACTIVITY, TIMER, EXECUTION):
        for serial in (2, 1):
            for ref in (9, 3):
                deadlines.set(rank, serial, ref, 5, f"{serial}")
    expected = [
        (str(serial), rank, ref)
        for rank in (EXECUTION, TIMER, ACTIVITY, DECISION)
        for serial in (1, 2)
        for ref in (3, 9)
    ]
    assert drained(deadlines, 5) == expected


def test_a_deadline_is_moved_and_dropped() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set(ACTIVITY, 1, 5, 10, "a")
    deadlines.set(ACTIVITY, 1, 5, 20, "a")
    assert deadlines.next_due() == 20
    deadlines.set(ACTIVITY, 1, 5, 15, "a")
    assert drained(deadlines, 30) == [("a", ACTIVITY, 5)]
    deadlines.set(ACTIVITY, 1, 5, 10, "a")
    deadlines.drop(ACTIVITY, 1, 5)
    deadlines.drop(ACTIVITY, 1, 5)
    assert deadlines.next_due() is None and drained(deadlines, 99) == []


def test_leftovers_are_swept() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for ref in range(10_000):
        deadlines.set(TIMER, 1, ref, 10**9, "a")
        if ref % 100:
            deadlines.drop(TIMER, 1, ref)
    assert len(deadlines.entries()) == 100
    assert len(deadlines._heap) <= 2 * 100 + 64


def test_sweeping_does_not_change_the_order() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for ref in range(300):
        deadlines.set(TIMER, 1, ref, 1000 - ref, "a")
    for ref in range(300, 1300):
        deadlines.set(TIMER, 1, ref, 5, "a")
        deadlines.drop(TIMER, 1, ref)
        if ref % 100 == 0:
            deadlines.set(TIMER, 1, ref, 2000 - ref, "a")
    order = drained(deadlines, 10_000)
    assert len(order) == 310
    dues = [1000 - ref if ref < 300 else 2000 - ref for _, _, ref in order]
    assert dues == sorted(dues)


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 20)))), st.integers(0, 20))
def test_deadlines_are_like_a_sorted_dict(steps: list[tuple[int, int | None]], now_ms: int) -> None:
    deadlines: Deadlines[str] = Deadlines()
    expected: dict[int, int] = {}
    for ref, due in steps:
        if due is None:
            deadlines.drop(TIMER, 1, ref)
            expected.pop(ref, None)
        else:
            deadlines.set(TIMER, 1, ref, due, "a")
            expected[ref] = due
    assert deadlines.next_due() == min(expected.values(), default=None)
    due_now = sorted((due, ref) for ref, due in expected.items() if due <= now_ms)
    assert [ref for _, _, ref in drained(deadlines, now_ms)] == [ref for _, ref in due_now]


# -- task lists --------------------------------------------------------------------------------------


def lists() -> tuple[TaskLists[str], list[ListName]]:
    heard: list[ListName] = []
    return TaskLists(heard.append), heard


def add(tasks: TaskLists[str], ref: int, **more: Any) -> None:
    given = {"priority": 0, "scheduled_ms": 0, "ready": True, **more}
    tasks.add(given.pop("name", LIST), (1, ref), f"run of {ref}", **given)


def taken(tasks: TaskLists[str], name: ListName = LIST) -> list[int]:
    found = []
    while (task := tasks.take(name)) is not None:
        assert task[0] == f"run of {task[1]}"
        found.append(task[1])
    return found


def test_tasks_leave_by_priority_age_and_arrival() -> None:
    tasks, _ = lists()
    for ref, priority, scheduled_ms in ((1, 0, 5), (2, 1, 9), (3, 0, 4), (4, -1, 0), (5, 1, 9), (6, 0, 5)):
        add(tasks, ref, priority=priority, scheduled_ms=scheduled_ms)
    assert taken(tasks) == [2, 5, 3, 1, 6, 4]
    assert tasks.take(LIST) is None and tasks.take(OTHER) is None


def test_a_task_that_is_not_ready_counts_and_stays() -> None:
    tasks, heard = lists()
    add(tasks, 1, ready=False)
    add(tasks, 2, scheduled_ms=1)
    assert heard == [LIST]
    assert tasks.count(LIST) == 2
    assert tasks.waiting() == {LIST: [((1, 1), False), ((1, 2), True)]}
    tasks.release((1, 1))
    assert heard == [LIST, LIST]
    assert taken(tasks) == [1, 2]
    assert tasks.count(LIST) == 0 and tasks.backlog() == {}


def test_a_task_that_is_dropped_is_not_given_out() -> None:
    tasks, _ = lists()
    add(tasks, 1)
    add(tasks, 2, name=OTHER)
    add(tasks, 3, ready=False)
    assert tasks.backlog() == {LIST: 2, OTHER: 1}
    tasks.drop((1, 1))
    tasks.drop((1, 1))
    tasks.drop((1, 3))
    assert tasks.backlog() == {OTHER: 1}
    assert tasks.take(LIST) is None and taken(tasks, OTHER) == [2]


def test_a_list_does_not_keep_what_has_left() -> None:
    tasks, _ = lists()
    add(tasks, 0)
    for ref in range(1, 10_000):
        add(tasks, ref)
        tasks.drop((1, ref))
    assert len(tasks._queues[LIST].heap) <= 2 + 64
    assert taken(tasks) == [0]


def test_tasks_keep_their_order_when_leftovers_are_swept() -> None:
    tasks, _ = lists()
    for ref in range(100):
        add(tasks, ref, priority=ref % 7, scheduled_ms=100 - ref)
    add(tasks, 100, priority=99, ready=False)
    for ref in range(1000, 2000):
        add(tasks, ref, priority=50)
        tasks.drop((1, ref))
    add(tasks, 2000, priority=-1)
    expected = sorted(range(100), key=lambda ref: (-(ref % 7), 100 - ref))
    assert taken(tasks) == [*expected, 2000]
    assert tasks.count(LIST) == 1


# -- shelves -----------------------------------------------------------------------------------------


def query(oldest_ms: int, latest_ms: int, filter: tuple[str, ...] = (), ascending: bool = False) -> Query:
    return Query("r", "d", "start", oldest_ms, latest_ms, filter, ascending)


@given(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from("xyz"), st.booleans()), max_size=30),
    st.integers(-1, 9),
    st.integers(-1, 9),
    st.booleans(),
    st.sampled_from([(), ("tag", "x")]),
    st.integers(1, 4),
)
def test_a_shelf_is_like_a_sorted_list(
    rows: list[tuple[int, str, bool]], low: int, high: int, ascending: bool, filter: tuple[str, ...], size: int
) -> None:
    shelf: Shelf[int] = Shelf()
    expected = []
    for serial, (ms, tag, _) in enumerate(rows):
        shelf.add([(), ("tag", tag)], ms, serial, serial)
    for serial, (ms, tag, removed) in enumerate(rows):
        if removed:
            shelf.remove([(), ("tag", tag)], ms, serial)
        elif low <= ms <= high and filter in ((), ("tag", tag)):
            expected.append((ms, serial))
    expected.sort(reverse=not ascending)
    wanted = query(low, high, filter, ascending)
    assert shelf.count(wanted) == len(expected)
    assert [position for position, _ in shelf.find(wanted)] == expected
    after, pages = None, []
    while page := list(shelf.find(wanted, after))[:size]:
        pages += [item for _, item in page]
        after = page[-1][0]
    assert pages == [serial for _, serial in expected]


def test_a_shelf_forgets_values_that_nobody_has() -> None:
    shelf: Shelf[str] = Shelf()
    shelf.add([(), ("tag", "x")], 1, 1, "a")
    shelf.remove([(), ("tag", "x")], 1, 1)
    assert shelf._rows == {}
    with pytest.raises(KeyError):
        shelf.remove([()], 1, 1)
