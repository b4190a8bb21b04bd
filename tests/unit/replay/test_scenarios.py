"""Small programs in every order in which things can happen, each decision taken by a live and by a fresh engine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.driver import ActivityTask, Completed, Failed, Option, Outcome, World, attributes
from support.schedules import First, Schedule, every

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import ExecutionBlocked, RunEvicted
from simpleflow.replay import fibers


@activity.with_attributes(name="scenario.a")
def a(x: Any) -> Any: ...


@activity.with_attributes(name="scenario.b")
def b(x: Any) -> Any: ...


@activity.with_attributes(name="scenario.inc")
def inc(x: Any) -> Any: ...


@activity.with_attributes(name="scenario.bad", retry=1, raises_on_failure=True)
def bad(x: Any) -> Any: ...


FUNCTIONS = {"scenario.a": lambda x: x + 1, "scenario.b": lambda x: x * 2, "scenario.inc": lambda x: x + 1}


def work(task: ActivityTask) -> Outcome:
    if task.type == "scenario.bad":
        return Failed("bad")
    return Completed(json.dumps(FUNCTIONS[task.type](*task.args)))


class Base(Workflow):
    name, version, task_list = "scenario", "1", "decisions"


def of(run: Any, **members: Any) -> type[Workflow]:
    """A workflow with this ``run``."""
    return type("Scenario", (Base,), {"run": run, **members})


@pytest.fixture(params=[True, False], ids=["live", "fresh"])
def live(request: Any) -> bool:
    return bool(request.param)


def world_of(workflow: type[Workflow], schedule: Schedule | None = None, **options: Any) -> World:
    options = {"activities": (a, b, inc, bad), "work": work, "eager": True, **options}
    return World(workflow, schedule=schedule, **options)


def test_numbers_do_not_depend_on_readiness(live: bool) -> None:
    def run(self: Workflow) -> Any:
        y = self.submit(a, 10)
        z = self.submit(b, y)
        w = self.submit(b, 5)
        return [y.result, z.result, w.result]

    def play(schedule: Schedule) -> tuple[str, ...]:
        world = world_of(of(run), schedule, live=live, eager=False)
        assert world.run(of(run)) == [11, 22, 10]
        assert sorted(world.scheduled()) == [
            ("activity-scenario.a-1", [10]),
            ("activity-scenario.b-1", [11]),
            ("activity-scenario.b-2", [5]),
        ]
        return tuple(world.trace)

    traces = list(every(play))
    assert len(set(traces)) == len(traces) > 50


def test_members_of_chains_in_a_group_run_once_with_their_own_arguments(live: bool) -> None:
    def run(self: Workflow) -> Any:
        return self.submit(Group(Chain((inc, 1), (inc, 100)), Chain((inc, 1000), (inc, 10000)))).result

    def play(schedule: Schedule) -> None:
        world = world_of(of(run), schedule, live=live)
        assert world.run(of(run)) == [[2, 101], [1001, 10001]]
        assert sorted(world.scheduled()) == [
            ("activity-scenario.inc-1", [1]),
            ("activity-scenario.inc-2", [100]),
            ("activity-scenario.inc-3", [1000]),
            ("activity-scenario.inc-4", [10000]),
        ]

    assert len(list(every(play))) > 50


def test_two_sends_and_two_signals_before_the_wait(live: bool) -> None:
    def run(self: Workflow) -> Any:
        self.submit(self.signal("s", 1, propagate=False))
        self.submit(self.signal("s", 2, propagate=False))
        y = self.submit(a, 0).result
        first, second = self.submit(self.next_signal("s")), self.submit(self.next_signal("s"))
        latch = self.submit(self.wait_signal("s"))
        return [y, first.result["args"], second.result["args"], latch.result["args"]]

    def play(schedule: Schedule) -> None:
        world = world_of(of(run), schedule, live=live)
        assert world.run(of(run)) == [1, [1], [2], [2]]
        assert len(world.of_type("SignalExternalWorkflowExecutionInitiated")) == 2
        assert len(world.of_type("WorkflowExecutionSignaled")) == 2

    assert len(list(every(play))) > 2


def test_a_close_that_a_late_signal_refuses_is_sent_again_unchanged(live: bool) -> None:
    def run(self: Workflow) -> Any:
        seen = self.get_event_details("signal", "late") is not None
        return [seen, self.submit(a, 1).result, self.submit(self.wait_signal("never")).done]

    def play(schedule: Schedule) -> int:
        world = world_of(of(run), schedule, live=live)
        world.outside.append(Option(1, "late", lambda: open_signal(world)))
        result = world.run(of(run))
        refused = world.of_type("CompleteWorkflowExecutionFailed")
        order = [event["eventType"] for event in world.events(world.last_run())]
        seen = "WorkflowExecutionSignaled" in order[: order.index("DecisionTaskStarted")]
        assert result == [seen, 2, False]
        return len(refused)

    refusals = list(every(play))
    assert set(refusals) == {0, 1}


def open_signal(world: World) -> None:
    if not world.runs or world.status(world.last_run()) == "OPEN":
        world.signal("late")


def test_execution_blocked_starts_run_again_at_every_event(live: bool, caplog: pytest.LogCaptureFixture) -> None:
    starts: list[int] = []

    def run(self: Workflow) -> Any:
        starts.append(1)
        fs = [self.submit(a, 1), self.submit(b, 2)]
        if not any(f.done for f in fs):
            raise ExecutionBlocked()
        self.submit(inc, 7)
        if not all(f.done for f in fs):
            raise ExecutionBlocked()
        return [f.result for f in fs]

    def play(schedule: Schedule) -> None:
        world = world_of(of(run), schedule, live=live)
        assert world.run(of(run)) == [2, 4]
        ids = [name for name, _ in world.scheduled()]
        assert sorted(set(ids)) == sorted(ids)

    assert len(list(every(play))) > 5
    assert "futures.wait" in caplog.text
    assert len(starts) > 10


def test_a_latch_keeps_its_signal_in_a_run_that_starts_again(live: bool) -> None:
    def run(self: Workflow) -> Any:
        go = self.submit(self.wait_signal("go"))
        if not go.done:
            raise ExecutionBlocked()
        done = self.submit(a, go.result)
        if not self.submit(self.wait_signal("more")).done or not done.done:
            raise ExecutionBlocked()
        return [done.result, go.result]

    world = world_of(of(run), First(), live=live)
    key = world.start(of(run))
    world.decide_once()
    for number in range(3):
        world.signal("go", number)
        world.decide_once()
    world.signal("more")
    world.drive()
    assert world.result(key) == [1, 0]


def test_a_run_that_starts_again_may_ask_for_less_in_the_end(live: bool, caplog: pytest.LogCaptureFixture) -> None:
    def run(self: Workflow) -> Any:
        first, second = self.submit(a, 1), self.submit(b, 2)
        futures.wait(first, timeout=100)
        if not second.done:
            raise ExecutionBlocked()
        return [first.result, second.result]

    world = world_of(of(run), First(), live=live)
    assert world.run(of(run)) == [2, 4]
    assert len(world.of_type("TimerStarted")) == 1
    world.audit()
    assert "has not asked for everything" not in caplog.text


@pytest.mark.parametrize("evicted", [False, True])
def test_250_side_effects_are_cut_and_none_runs_twice_once_recorded(live: bool, evicted: bool) -> None:
    world: World

    def run(self: Workflow) -> Any:
        values = [self.side_effect(lambda n=n: world.tape.value(str(n)), str(n)) for n in range(250)]
        return [values, self.submit(b, values[200]).result == 2 * values[200]]

    world = world_of(of(run), live=live)
    key = world.start(of(run))
    while world.status(key) == "OPEN":
        if evicted:
            world.evict(key)
        world.step()
    values, right = world.result(key)
    recorded = [json.loads(marker["details"]) for marker in world.of_type("MarkerRecorded")]
    assert [effect["value"] for effect in recorded] == values
    assert [effect["name"] for effect in recorded] == [str(n) for n in range(250)]
    assert right
    assert [len(answer.decisions) for answer in world.answers][:3] == [100, 100, 53]


def test_a_side_effect_runs_once_in_a_live_run() -> None:
    calls: list[int] = []

    def run(self: Workflow) -> Any:
        first = self.side_effect(lambda: calls.append(1) or len(calls))
        self.submit(a, 1).result
        return [first, self.side_effect(lambda: calls.append(1) or len(calls))]

    assert world_of(of(run), compare=False).run(of(run)) == [1, 2]
    assert len(calls) == 2


def test_clean_up_at_eviction_can_do_nothing(live: bool) -> None:
    refused: list[type[BaseException]] = []

    def run(self: Workflow) -> Any:
        try:
            try:
                return self.submit(a, 1).result
            except:  # noqa: E722 - what an author may write
                refused.append(RunEvicted)
                return self.submit(b, 1).result
        finally:
            try:
                self.submit(b, 2)
            except RunEvicted as error:
                refused.append(type(error))
                raise

    def play(schedule: Schedule) -> None:
        world = world_of(of(run), schedule, live=live)
        key = world.start(of(run))
        while world.status(key) == "OPEN":
            if schedule.pick([1, 1]):
                world.evict(key)
            world.step()
        assert world.result(key) == 2
        assert [args for _, args in world.scheduled()] in ([[1]], [[1], [2]])

    assert len(list(every(play))) > 1
    assert RunEvicted in refused


def test_a_run_that_would_not_end_is_leaked(caplog: pytest.LogCaptureFixture) -> None:
    def run(self: Workflow) -> Any:
        while True:
            try:
                self.submit(a, 1).result
                return None
            except BaseException:
                pass

    world = world_of(of(run), compare=False)
    key = world.start(of(run))
    world.decide_once()
    before = len(fibers.leaked)
    world.evict(key)
    assert len(fibers.leaked) == before + 1
    assert "would not end" in caplog.text


def test_the_version_of_an_activity_is_raised_while_it_runs(live: bool) -> None:
    versions = {"version": "1"}

    def run(self: Workflow) -> Any:
        first = self.submit(a.options(version=versions["version"], task_list="other"), 1)
        return [first.result, self.submit(a.options(version=versions["version"]), first).result]

    def play(schedule: Schedule) -> None:
        versions["version"] = "1"
        world = world_of(of(run), schedule, live=live, activities=[a.options(version="1")])
        world.outside.append(Option(1, "deploy", lambda: versions.update(version="2")))
        world.start(of(run))
        world.drive()
        assert world.result(world.last_run()) == [2, 3]
        scheduled = world.of_type("ActivityTaskScheduled")
        assert [task["activityId"] for task in scheduled] == ["activity-scenario.a-1", "activity-scenario.a-2"]

    assert len(list(every(play))) > 5


def test_peeks_at_done_see_what_was_there_at_the_time(live: bool) -> None:
    def run(self: Workflow) -> Any:
        fs = [self.submit(a, 1), self.submit(b, 2)]
        done, _ = futures.wait(*fs, return_when=futures.FIRST_COMPLETED)
        first = [f.done for f in fs]
        self.submit(inc, first).result
        return [first, [f.done for f in fs], len(done), [f.result for f in fs]]

    def answer(task: ActivityTask) -> Outcome:
        return Completed("0") if task.type == "scenario.inc" else work(task)

    def play(schedule: Schedule) -> str:
        world = world_of(of(run), schedule, live=live, work=answer)
        first, later, count, values = world.run(of(run))
        assert values == [2, 4]
        assert sum(first) == count >= 1
        assert all(now or not before for before, now in zip(first, later, strict=True))
        return str((first, later))

    assert len(set(every(play))) >= 5


def test_failures_and_retries_in_every_order(live: bool) -> None:
    def run(self: Workflow) -> Any:
        group = self.submit(Group((bad, 1), (inc, 1)))
        other = self.submit(inc, group)
        try:
            group.result
        except Exception as error:
            return [type(error).__name__, other.exception is not None]

    def play(schedule: Schedule) -> None:
        world = world_of(of(run), schedule, live=live)
        assert world.run(of(run)) == ["TaskException", True]
        counts = [name for name, _ in world.scheduled()]
        assert counts.count("activity-scenario.inc-1") == 1
        assert "activity-scenario.inc-2" not in counts
        assert counts.count("activity-scenario.bad-1") == 2

    assert len(list(every(play))) > 10


def test_a_decision_that_is_lost_is_taken_again(live: bool) -> None:
    def run(self: Workflow) -> Any:
        return [self.submit(a, 1).result, self.submit(b, 1).result]

    def play(schedule: Schedule) -> None:
        world = world_of(of(run), live=live)
        key = world.start(of(run))
        lost = 0
        while world.status(key) == "OPEN":
            for task in list(world.tasks):
                if lost < 2 and schedule.pick([1, 1]):
                    lost += 1
                    world.lose(task)
            world.step()
        assert world.result(key) == [2, 2]
        assert len(world.scheduled()) == 2
        assert len([e for e in world.events(key) if e["eventType"] == "DecisionTaskTimedOut"]) == lost
        assert all(attributes(e)["scheduledEventId"] for e in world.events(key) if "TimedOut" in e["eventType"])

    assert len(list(every(play))) > 3
