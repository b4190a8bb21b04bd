"""Rules 23 to 30: waiting, arguments, async, threads, live runs."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from support.driver import World
from support.histories import KEY, Written, given, kinds

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import DecisionAbandoned, NondeterminismError, PayloadUnavailable
from simpleflow.payloads.fields import Fields
from simpleflow.replay.engine import Engine, HistoryNeeded
from simpleflow.replay.signals import Signals
from simpleflow.replay.state import Signal
from simpleflow.replay.work import DecisionWork, RunKey


@activity.with_attributes(name="runs.a")
def a(*args: Any, **kwargs: Any) -> Any: ...


class Base(Workflow):
    name, version, task_list = "runs", "1", "decisions"


def of(run: Any, **members: Any) -> type[Workflow]:
    return type("Runs", (Base,), {"run": run, **members})


def result_of(run: Any, *others: type[Workflow], **options: Any) -> Any:
    return World(of(run), *others, activities=[a], **options).run(of(run))


# -- signals


def test_a_latch_keeps_the_latest_signal_of_the_batch_in_which_it_finished() -> None:
    def run(self: Workflow) -> Any:
        latch = self.submit(self.wait_signal("s"))
        first = latch.result
        self.submit(self.wait_signal("more")).result
        return [first, latch.result, self.submit(self.wait_signal("s")).result]

    world = World(of(run), live=False)
    key = world.start(of(run))
    world.decide_once()
    world.signal("s", 1)
    world.signal("s", 2)
    world.decide_once()
    world.signal("s", 3)
    world.decide_once()
    world.signal("more")
    world.drive()
    assert world.result(key) == [2, 2, 3]


def test_signals_are_taken_one_by_one() -> None:
    def run(self: Workflow) -> Any:
        taken = [self.submit(self.next_signal("s")) for _ in range(3)]
        return [f.result for f in taken] + [self.submit(self.next_signal("s")).result]

    world = World(of(run))
    key = world.start(of(run))
    world.decide_once()
    for number in range(4):
        world.signal("s", number)
        if number % 2:
            world.decide_once()
    world.drive()
    assert world.result(key) == [0, 1, 2, 3]


def test_a_wait_for_the_next_signal_that_is_given_up_takes_none() -> None:
    def run(self: Workflow) -> Any:
        given_up = self.submit(self.next_signal("s"))
        kept = self.submit(self.next_signal("s"))
        futures.wait(given_up, timeout=1)
        given_up.cancel()
        return [kept.result, self.submit(self.next_signal("s")).result]

    world = World(of(run))
    key = world.start(of(run))
    world.decide_once()
    world.advance()
    world.decide_once()
    for number in range(2):
        world.signal("s", number)
    world.drive()
    world.audit()
    assert world.result(key) == [0, 1]


def test_who_waits_for_many_signals_is_not_looked_at_for_each() -> None:
    class Received(dict[str, list[Signal]]):
        """Signals that count how often somebody asks how many there are."""

        asked = 0

        class Many(list[Signal]):
            def __len__(self) -> int:
                Received.asked += 1
                return super().__len__()

        def get(self, name: str) -> Any:  # type: ignore[override]
            return self.setdefault(name, self.Many())

    run = SimpleNamespace(state=SimpleNamespace(signals=Received()))
    signals = Signals(run)
    waiting: list[futures.Future[Any]] = [futures.Future() for _ in range(100)]
    for future in waiting:
        signals.next("s", future)
    for number in range(100):
        run.state.signals.get("s").append(Signal("s", number, 0, str(number), None, {}))
        signals.receive("s")
    assert all(future.done for future in waiting)
    assert Received.asked < 1000


def test_a_failed_send_is_a_failed_future_and_sent_once() -> None:
    def run(self: Workflow) -> Any:
        sent = self.submit(self.signal("s", 1, workflow_id="nobody"))
        error = sent.exception
        return [sent.result, error.reason, self.submit(a, 1).result]

    world = World(of(run), activities=[a])
    assert world.run(of(run)) == [None, "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION", [1]]
    assert len(world.of_type("SignalExternalWorkflowExecutionInitiated")) == 1


class Listener(Base):
    name, execution_timeout = "listener", 1000

    def run(self, n: int) -> Any:
        return [n, self.submit(self.wait_signal("s")).result["args"]]


def test_signals_are_passed_to_children_that_start_later_and_not_back() -> None:
    def run(self: Workflow) -> Any:
        early = self.submit(Listener, 1)
        self.submit(self.wait_signal("s")).result
        return [early.result, self.submit(Listener, 2).result]

    world = World(of(run), Listener)
    key = world.start(of(run))
    while not any(k.workflow_id != "root" for k in world.runs):
        world.step()
    world.signal("s", {"args": [7], "kwargs": {}, "__propagate": True})
    world.drive()
    assert world.result(key) == [[1, [7]], [2, [7]]]
    assert len(world.of_type("SignalExternalWorkflowExecutionInitiated")) == 2
    for child in world.runs:
        if child.workflow_id != "root":
            assert len(world.of_type("WorkflowExecutionSignaled", key=child)) == 1
            assert not world.of_type("SignalExternalWorkflowExecutionInitiated", key=child)


def test_a_child_passes_a_signal_up_and_it_does_not_come_back() -> None:
    class Speaker(Base):
        name, execution_timeout = "speaker", 1000

        def run(self) -> Any:
            self.submit(self.signal("s", 1)).result
            return self.submit(a, 1).result

    def run(self: Workflow) -> Any:
        child = self.submit(Speaker)
        return [self.submit(self.wait_signal("s")).result["args"], child.result]

    world = World(of(run), Speaker, activities=[a])
    assert world.run(of(run)) == [[1], [1]]
    (child,) = {key for key in world.runs if key.workflow_id != "root"}
    assert len(world.of_type("WorkflowExecutionSignaled", key=child)) == 1
    assert len(world.of_type("WorkflowExecutionSignaled")) == 1
    assert not world.of_type("SignalExternalWorkflowExecutionInitiated")


# -- arguments


def test_changing_a_list_after_submit_changes_nothing() -> None:
    def run(self: Workflow) -> Any:
        first = self.submit(a, 1)
        shared: list[Any] = [1, first]
        ready, waiting = self.submit(a, [5], shared[:1]), self.submit(a, shared)
        shared.append("later")
        shared[0] = "changed"
        return [ready.result, waiting.result]

    assert result_of(run) == [[[5], [1]], [[1, [1]]]]


def test_what_is_passed_on_is_what_was_recorded() -> None:
    def run(self: Workflow) -> Any:
        first = self.submit(a, 1)
        waiting = self.submit(a, first)
        first.result.append("changed")
        return [self.submit(a, first).result, waiting.result, self.submit(a, first[0]).result]

    assert result_of(run) == [[[1]], [[1]], [1]]


def test_what_is_passed_on_later_is_what_was_recorded() -> None:
    def run(self: Workflow) -> Any:
        first, second = self.submit(a, 1), self.submit(a, 2)
        both = self.submit(a, first, second)
        first.result.append("changed")
        return both.result

    world = World(of(run), activities=[a])
    key = world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-1"))
    world.decide_once()
    world.drive()
    assert world.result(key) == [[1], [2]]


def test_a_task_starts_when_its_last_argument_is_there() -> None:
    def run(self: Workflow) -> Any:
        first, second = self.submit(a, 1), self.submit(a, 2)
        return self.submit(a, {"x": [first, {"y": second}]}).result

    world = World(of(run), activities=[a])
    key = world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-2"))
    decisions = world.decide_once()
    assert decisions is not None and decisions.decisions == ()
    world.drive()
    assert world.result(key) == [{"x": [[1], {"y": [2]}]}]


def test_group_futures_and_results_of_chains_as_arguments() -> None:
    def run(self: Workflow) -> Any:
        group = self.submit(Group((a, 1), Chain((a, 2), (a, 3), send_result=True)))
        return [self.submit(a, group, x=1).result, self.submit(a, group[1]).result]

    assert result_of(run) == [[[[1], [[2], [3, [2]]]]], [[[2], [3, [2]]]]]


# -- async


def test_async_run() -> None:
    async def run(self: Workflow) -> Any:
        first, second = self.submit(a, 1), self.submit(a, 2)
        both = await futures.wait(first, second)
        done, _ = await futures.wait(first, second, return_when=futures.FIRST_COMPLETED)
        return [await first, both, len(done)]

    assert result_of(run) == [[1], [[1], [2]], 2]


def test_async_run_knows_no_other_awaitables() -> None:
    async def run(self: Workflow) -> Any:
        try:
            await asyncio.sleep(0)
        except TypeError as error:
            return "futures.wait" in str(error)

    assert result_of(run) is True


def test_what_asks_for_an_event_loop_is_told_the_same() -> None:
    async def run(self: Workflow) -> None:
        await asyncio.sleep(1)

    world = World(of(run))
    key = world.start(of(run))
    world.drive()
    kind, closing = world.close_event(key)
    assert kind == "WorkflowExecutionFailed"
    assert "TypeError" in closing["reason"] and "futures.wait" in closing["reason"]
    assert "await asyncio.sleep(1)" in closing["details"]


# -- threads


def test_other_threads_have_no_part_in_a_run() -> None:
    def run(self: Workflow) -> Any:
        pending = self.submit(a, 1)
        errors: list[str] = []
        attempts: list[Any] = [
            lambda: self.submit(a, 2),
            lambda: pending.result,
            lambda: futures.wait(pending, timeout=1),
            pending.cancel,
            lambda: self.random,
            self.uuid4,
            lambda: self.side_effect(lambda: 1),
            lambda: self.fail("elsewhere"),
        ]

        def elsewhere() -> None:
            for attempt in attempts:
                try:
                    attempt()
                except RuntimeError as error:
                    errors.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return [len(attempts) - sum("another thread" in text for text in errors), pending.result]

    assert result_of(run) == [0, [1]]


# -- live runs


def counted(starts: list[int]) -> Any:
    def run(self: Workflow) -> Any:
        starts.append(1)
        return [self.submit(a, n).result for n in range(4)]

    return run


def test_a_live_run_starts_once_and_a_fresh_one_at_each_decision() -> None:
    for live, wanted in ((True, 1), (False, 5)):
        starts: list[int] = []
        result_of(counted(starts), live=live, compare=False)
        assert len(starts) == wanted


def test_a_live_run_takes_new_events_alone() -> None:
    starts: list[int] = []
    history = Written(of(counted(starts)))
    engine = history.engine()
    history.decide(engine)
    history.end()
    history.completed(history.scheduled(a, 1, [0]), 1)
    history.begin()
    assert engine.seen(KEY) == 3
    assert kinds(engine.decide(history.work(first=3))) == ["ScheduleActivityTask"]
    assert engine.seen(KEY) == 8
    assert len(starts) == 1


def test_a_run_that_is_not_live_needs_its_whole_history() -> None:
    history = Written(of(counted([])))
    history.begin()
    history.end()
    history.completed(history.scheduled(a, 1, [0]), 1)
    history.begin()
    with pytest.raises(HistoryNeeded):
        history.engine().decide(history.work(first=3))


@pytest.mark.parametrize("what", ["lost", "gap", "other previous"])
def test_a_live_run_that_does_not_fit_is_built_again(what: str) -> None:
    starts: list[int] = []
    history = Written(of(counted(starts)))
    engine = history.engine()
    history.decide(engine)
    if what == "lost":
        history.add("DecisionTaskTimedOut", scheduledEventId=2, startedEventId=3, timeoutType="START_TO_CLOSE")
        history.started = 0
    else:
        history.end()
        history.completed(history.scheduled(a, 1, [0]), 1)
    history.begin()
    if what == "other previous":
        history.previous = 1
    first = 5 if what == "gap" else 3
    with pytest.raises(HistoryNeeded):
        engine.decide(history.work(first=first))
    assert engine.seen(KEY) == 0
    engine.decide(history.work())
    assert len(starts) == 2


def test_what_decide_raises_drops_the_run() -> None:
    history = Written(of(lambda self: self.submit(a, 1).result))
    engine = history.engine()
    history.decide(engine)
    history.end()
    history.completed(history.scheduled(a, 1, [2]), 1)
    with pytest.raises(Exception, match="event 5"):
        history.decide(engine)
    assert engine.seen(KEY) == 0


def test_a_difference_after_the_end_of_the_code_is_told_as_one() -> None:
    """The code ends where the old code went on, so the run is over when the difference is met."""
    history = Written(of(lambda self: [self.submit(self.record_marker("m", 1)), None][1]))
    history.begin()
    history.add("MarkerRecorded", markerName="m", details="2", decisionTaskCompletedEventId=history.end())
    with pytest.raises(NondeterminismError, match="marker 'm' with input 2"):
        history.decide()


def test_trouble_of_the_world_while_the_response_is_made_gives_the_decision_up() -> None:
    class Broken(Fields):
        def name(self, field: str, text: str, limit: int | None = None) -> str:
            if field == "execution_context":
                raise PayloadUnavailable("the store is away")
            return super().name(field, text, limit)

    ended: list[str] = []

    def run(self: Workflow) -> Any:
        try:
            self.submit(self.wait_signal("s")).result
        finally:
            ended.append("cleaned up")

    history = Written(of(run))
    with pytest.raises(DecisionAbandoned, match="the store is away"):
        history.decide(Engine(lambda *_: of(run), fields=Broken()))
    assert ended == ["cleaned up"]


@pytest.mark.parametrize("name", ["before_replay", "after_replay"])
def test_trouble_of_the_world_in_a_hook_changes_nothing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It gives up neither this decision nor the next one of the live run."""

    class Away(Fields):
        def fetch(self, text: str | None) -> str | None:
            raise PayloadUnavailable("the store is away")

    def look(self: Workflow, history: Any) -> None:
        self.executor.decode("simpleflow+s3://away 1")

    workflow = of(lambda self: self.submit(self.wait_signal("s")).result, **{name: look})
    history = Written(workflow)
    engine = Engine(lambda *_: workflow, fields=Away())
    assert history.decide(engine).decisions == ()
    history.end()
    history.add("WorkflowExecutionSignaled", signalName="s", input="1")
    history.begin()
    (ended,) = engine.decide(history.work(first=4)).decisions
    assert given(ended)["result"] == "1"
    assert caplog.text.count(f"{name} of") == 2


def works(history: Written, count: int, filler: str = "") -> list[DecisionWork]:
    history.events[0]["workflowExecutionStartedEventAttributes"]["input"] = json.dumps({"args": [], "kwargs": {}})
    history.begin()
    work = history.work()
    return [
        DecisionWork(RunKey("test", f"w{n}", "run"), work.workflow_type, work.events, work.started_event_id)
        for n in range(count)
    ]


def test_live_runs_are_bounded_by_number_and_the_oldest_goes() -> None:
    history = Written(of(counted([])))
    engine = Engine(lambda *_: history.workflow, capacity=2)
    tasks = works(history, 3)
    for work in tasks:
        engine.decide(work)
    assert [engine.seen(work.key) > 0 for work in tasks] == [False, True, True]
    engine.close()
    assert [engine.seen(work.key) for work in tasks] == [0, 0, 0]


def test_live_runs_are_bounded_by_bytes() -> None:
    history = Written(of(counted([])))
    engine = Engine(lambda *_: history.workflow, capacity_bytes=1)
    tasks = works(history, 3)
    for work in tasks:
        engine.decide(work)
    assert [engine.seen(work.key) > 0 for work in tasks] == [False, False, True]


def test_dropping_a_run_runs_its_clean_up() -> None:
    told: list[str] = []

    def run(self: Workflow) -> Any:
        try:
            self.submit(a, 1).result
        finally:
            told.append("clean")

    history = Written(of(run))
    engine = history.engine()
    history.decide(engine)
    assert told == []
    engine.drop(KEY)
    assert told == ["clean"]


def test_the_result_is_what_run_returned() -> None:
    history = Written(of(lambda self: {"b": [1, None], "a": self.submit(Group())}))
    assert given(history.decide().decisions[0]) == {"result": '{"a":[],"b":[1,null]}'}
