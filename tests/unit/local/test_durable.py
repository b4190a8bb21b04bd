"""Executions that outlive their process; a process that dies is an interrupt here (kills: tests/faults)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group
from simpleflow.local.clock import WallClock
from simpleflow.local.durable import Durability, OtherExecution
from simpleflow.local.outcome import LocalRun
from simpleflow.local.run import execute
from simpleflow.service.clock import VirtualClock
from simpleflow.service.database import Database, StoreFailed, StoreRefused
from simpleflow.service.store import Store

begun: list[int] = []
dies: set[int] = set()


@activity.with_attributes(retry=0, raises_on_failure=True, start_to_close_timeout=1, schedule_to_start_timeout=1)
def inc(x: int) -> int:
    begun.append(x)
    if x in dies:
        dies.discard(x)
        raise KeyboardInterrupt
    return x + 1


class Chain(Workflow):
    name, version, task_list = "chain", "1", "t"

    def run(self, n: int) -> int:
        x = 0
        for _ in range(n):
            x = self.submit(inc, x).result
        return x


class Parent(Workflow):
    name, version, task_list = "parent", "1", "t"

    def run(self, n: int) -> Any:
        self.submit(self.start_timer("pause", 600)).result
        return self.submit(Group((Chain, n), (inc, 100))).result


class Waits(Workflow):
    name, version, task_list = "waits", "1", "t"

    def run(self) -> Any:
        return self.submit(self.wait_signal("go")).result


class Counts(Workflow):
    name, version, task_list = "counts", "1", "t"

    def run(self, i: int = 0) -> int:
        if i < 3:
            self.submit(self.continue_as_new(self.submit(inc, i).result))
        return i


class Kept:
    """Runs workflows in a database; time passes only where somebody waits."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.told: list[str] = []
        self.time = VirtualClock()
        self.pauses: list[float] = []

    def run(self, workflow: type[Workflow], *args: Any, workflow_id: str = "w", check_replay: bool = True) -> LocalRun:
        return execute(
            workflow,
            args,
            check_replay=check_replay,
            clock=WallClock(self.time, self._pause),
            durability=Durability(self.db, self.told.append),
            workflow_id=workflow_id,
        )

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time.advance(seconds)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    begun.clear()
    dies.clear()
    return Kept(tmp_path / "w.db")


def test_a_run_goes_on_where_its_process_died(kept: Kept) -> None:
    dies.add(2)
    with pytest.raises(KeyboardInterrupt):
        kept.run(Chain, 5)
    kept.time.advance(3600)
    assert kept.run(Chain, 5).value == 5
    assert begun == [0, 1, 2, 2, 3, 4]
    assert kept.told == ["the execution 'w' goes on after event 18"]


def test_what_has_ended_is_told_and_not_run_again(kept: Kept) -> None:
    first = kept.run(Chain, 2)
    again = kept.run(Chain, 2)
    assert again == first
    assert begun == [0, 1]
    assert kept.told == [
        "the execution 'w' has ended before (COMPLETED) and is not run again; for another one choose another "
        "--workflow-id"
    ]


def test_a_failure_stays_one(kept: Kept) -> None:
    class Fails(Workflow):
        def run(self) -> None:
            raise ValueError("no")

    first, again = kept.run(Fails), kept.run(Fails)
    assert first.status == again.status == "FAILED"
    assert "ValueError: no" in again.explain()


def test_another_input_is_refused_and_both_are_named(kept: Kept) -> None:
    kept.run(Chain, 2)
    with pytest.raises(OtherExecution, match=r'with the input \{"args":\[2\],"kwargs":\{\}\}, this is \{"args":\[3\]'):
        kept.run(Chain, 3)


def test_another_workflow_is_refused(kept: Kept) -> None:
    kept.run(Chain, 2)
    with pytest.raises(OtherExecution, match="is one of the workflow 'chain', this is 'parent'"):
        kept.run(Parent, 2)


def test_children_and_timers_survive(kept: Kept) -> None:
    dies.update((1, 100))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            kept.run(Parent, 3)
    assert kept.run(Parent, 3).value == [3, 101]
    assert sum(kept.pauses) == 600
    assert max(kept.pauses) == 5
    assert sorted(begun) == [0, 1, 1, 2, 100, 100]


def test_a_timer_goes_on_while_no_process_runs(kept: Kept) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    kept._pause = interrupt  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        kept.run(Parent, 0)
    kept.time.advance(599)
    del kept._pause  # type: ignore[method-assign]
    assert kept.run(Parent, 0).value == [0, 101]
    assert sum(kept.pauses) == 1


def test_runs_that_continue_each_other_are_one_execution(kept: Kept) -> None:
    dies.add(2)
    with pytest.raises(KeyboardInterrupt):
        kept.run(Counts)
    with pytest.raises(OtherExecution):
        kept.run(Counts, 2)
    assert kept.run(Counts).value == 3
    assert kept.run(Counts).value == 3
    assert begun == [0, 1, 2, 2]


def test_executions_in_one_database_do_not_touch_each_other(kept: Kept) -> None:
    dies.update((0, 100))
    with pytest.raises(KeyboardInterrupt):
        kept.run(Chain, 2, workflow_id="one")
    with pytest.raises(KeyboardInterrupt):
        kept.run(Parent, 1, workflow_id="two")
    assert kept.run(Chain, 3, workflow_id="three").value == 3
    assert begun == [0, 100, 0, 1, 2]
    assert kept.run(Parent, 1, workflow_id="two").value == [1, 101]
    assert kept.run(Chain, 2, workflow_id="one").value == 2


def test_a_blocked_run_stays_open(kept: Kept) -> None:
    for _ in range(2):
        blocked = kept.run(Waits)
        assert blocked.status == "BLOCKED"
        assert "waits for signal go" in blocked.explain()
    assert kept.told == ["the execution 'w' goes on after event 4"]


def test_changed_code_is_found_out(kept: Kept) -> None:
    from simpleflow.exceptions import NondeterminismError

    class Changed(Chain):
        def run(self, n: int) -> int:
            return int(self.submit(inc, 50).result)

    dies.add(1)
    with pytest.raises(KeyboardInterrupt):
        kept.run(Chain, 2)
    with pytest.raises(NondeterminismError):
        kept.run(Changed, 2)


def test_a_second_process_is_kept_out(kept: Kept) -> None:
    with Database(kept.db), pytest.raises(StoreRefused, match="is in use by process"):
        kept.run(Chain, 1)


@pytest.mark.parametrize("event_id", [1, 3])
def test_a_damaged_database_is_told_as_that(kept: Kept, event_id: int) -> None:
    kept.run(Chain, 1)
    with closing(sqlite3.connect(kept.db)) as connection, connection:
        connection.execute("UPDATE events SET body = '{' WHERE event_id = ?", (event_id,))
    with pytest.raises(StoreRefused, match=r"w\.db is damaged"):
        kept.run(Chain, 1)


def test_a_chain_costs_a_commit_a_step(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = _commits(monkeypatch)
    kept.run(Chain, 20, check_replay=False)
    assert 20 <= len(commits) <= 22


def test_no_activity_begins_before_its_decision_is_durable(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    @activity.with_attributes()
    def look() -> None:
        with closing(sqlite3.connect(kept.db)) as reader, reader:
            seen.extend(row[0] for row in reader.execute("SELECT body LIKE '%ActivityTaskScheduled%' FROM events"))

    class Looks(Workflow):
        def run(self) -> None:
            futures.wait(self.submit(look), self.submit(look))

    kept.run(Looks)
    assert sum(seen) >= 4


def test_many_activities_share_commits(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    class Many(Workflow):
        def run(self) -> int:
            return sum(futures.wait(*[self.submit(inc, i) for i in range(80)]))

    commits = _commits(monkeypatch)
    assert kept.run(Many, check_replay=False).value == 3240
    assert len(commits) <= 160


def test_a_disk_that_fails_ends_the_run_and_loses_nothing_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = _commits(monkeypatch, 4)
    with pytest.raises(StoreFailed, match="disk I/O error"):
        kept.run(Chain, 8)
    assert len(commits) == 4
    monkeypatch.undo()
    assert kept.run(Chain, 8).value == 8
    assert sorted(set(begun)) == list(range(8))


def _commits(monkeypatch: pytest.MonkeyPatch, at_most: int | None = None) -> list[int]:
    made: list[int] = []
    commit = Store._write_and_commit

    def counted(store: Store) -> None:
        if len(made) == at_most:
            raise sqlite3.OperationalError("disk I/O error")
        made.append(1)
        commit(store)

    monkeypatch.setattr(Store, "_write_and_commit", counted)
    return made
