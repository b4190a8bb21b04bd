"""Rules 1 to 10: batches, order, ids, claims, and what happens when the code does not fit the history."""

from __future__ import annotations

import json
import logging
import random
from typing import Any

import pytest
from support.driver import World
from support.histories import KEY, Written, given, kinds

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import DuplicateTaskId, InvalidTask, NondeterminismError, TaskFailed
from simpleflow.logging_context import ReplayFilter
from simpleflow.replay.engine import answer_nondeterminism
from simpleflow.replay.events import ATTRIBUTES, EVENT_TYPES, split
from simpleflow.replay.fold import APPLY, IGNORED
from simpleflow.task import ActivityTask, ChildWorkflowTask


@activity.with_attributes(name="rules.a")
def a(*args: Any, **kwargs: Any) -> Any: ...


@activity.with_attributes(name="rules.b")
def b(*args: Any, **kwargs: Any) -> Any: ...


class Base(Workflow):
    name, version, task_list = "rules", "1", "decisions"


def of(run: Any, **members: Any) -> type[Workflow]:
    return type("Rules", (Base,), {"run": run, **members})


def world_of(run: Any, **options: Any) -> World:
    return World(of(run), activities=(a, b), **options)


# -- batches and order


def test_every_event_type_is_applied_or_ignored() -> None:
    assert len(EVENT_TYPES) == 54
    assert set(EVENT_TYPES) == set(APPLY) | IGNORED
    assert not set(APPLY) & IGNORED


def test_a_batch_ends_where_its_decision_started() -> None:
    history = Written(of(None))
    first = history.begin()
    late = history.add("WorkflowExecutionSignaled", signalName="s", externalInitiatedEventId=0)
    history.end()
    second = history.begin()
    batches = split(history.events, second)
    assert [[event["eventId"] for event in batch.events] for batch in batches] == [[1, 2, 3], [4, 5, 6, 7]]
    assert [batch.started for batch in batches] == [first, second] == [3, 7]
    assert late == 4
    assert [batch.time for batch in batches] == [1003.0, 1007.0]


@pytest.mark.parametrize("started", [0, 3])
def test_a_decision_task_that_timed_out_cuts_nothing(started: int) -> None:
    history = Written(of(None))
    if started:
        history.begin()
    history.add("DecisionTaskTimedOut", scheduledEventId=2, startedEventId=started, timeoutType="START_TO_CLOSE")
    (batch,) = split(history.events, history.begin())
    assert len(batch.events) == len(history.events)


def test_what_comes_while_a_decision_is_made_is_seen_by_the_next() -> None:
    def run(self: Workflow) -> Any:
        fs = [self.submit(a, 1), self.submit(b, 2)]
        futures.wait(*fs, return_when=futures.FIRST_COMPLETED)
        seen = [f.done for f in fs]
        return [seen, [f.result for f in fs]]

    world = world_of(run)
    key = world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-1"))
    task = world.poll()
    assert task is not None
    world.finish(world.named("b-1"))
    world.answer(task, world.decide(task))
    world.evict(key)
    world.drive()
    assert world.result(key) == [[True, False], [[1], [2]]]


def test_futures_finish_in_the_order_of_the_events() -> None:
    def run(self: Workflow) -> Any:
        fs = [self.submit(a, n) for n in range(4)]
        return [f.result[0] for f in futures.as_completed(*fs)]

    world = world_of(run)
    key = world.start(of(run))
    world.decide_once()
    world.start_activities()
    for number in (3, 1, 4, 2):
        world.finish(world.named(f"a-{number}"))
    world.drive()
    assert world.result(key) == [2, 0, 3, 1]


def test_what_waits_starts_in_the_order_in_which_it_was_submitted() -> None:
    def run(self: Workflow) -> Any:
        first, second = self.submit(a, 1), self.submit(a, 2)
        for number, dependencies in enumerate([(second,), (first,), (first,), (second, first)]):
            self.submit(b, number, *dependencies)
        return futures.wait(first, second)

    world = world_of(run, compare=False)
    world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-1"))
    world.finish(world.named("a-2"))
    task = world.poll()
    assert task is not None
    run_is_over = world.decide(task)
    assert kinds(run_is_over) == ["CompleteWorkflowExecution"]


def test_dependents_leave_in_the_order_in_which_their_arguments_came() -> None:
    def run(self: Workflow) -> Any:
        first, second = self.submit(a, 1), self.submit(a, 2)
        return futures.wait(*(self.submit(b, n, f) for n, f in enumerate((first, second, first, second))))

    world = world_of(run)
    world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("a-2"))
    world.finish(world.named("a-1"))
    decisions = world.decide_once()
    assert decisions is not None
    assert [json.loads(given(wire)["input"])["args"][0] for wire in decisions.decisions] == [1, 3, 0, 2]


def test_failures_are_judged_in_event_order_before_any_future_finishes() -> None:
    told: list[str] = []

    def run(self: Workflow) -> Any:
        fs = [self.submit(a, n) for n in range(3)]
        fs[1].add_callback(lambda _: told.append("finished"))
        return futures.wait(*fs)

    def on_task_failure(self: Workflow, context: Any) -> Any:
        told.append(context.a_task.id)
        return context.decide_ignore()

    history = Written(of(run, on_task_failure=on_task_failure))
    history.begin()
    history.end()
    scheduled = [history.scheduled(a, n + 1, [n]) for n in range(3)]
    history.failed(scheduled[2])
    history.completed(scheduled[1])
    history.failed(scheduled[0])
    history.decide()
    assert told == ["activity-rules.a-3", "activity-rules.a-1", "finished"]


# -- time and chance


def test_now_is_the_time_at_which_the_decision_started() -> None:
    def run(self: Workflow) -> Any:
        times = [self.now().timestamp()]
        self.submit(a).result
        return [*times, self.now().timestamp()]

    world = world_of(run, live=False)
    result = world.run(of(run))
    started = [e["eventTimestamp"] for e in world.events(world.last_run()) if e["eventType"] == "DecisionTaskStarted"]
    assert result == started
    assert len(set(started)) == 2


def test_chance_is_seeded_by_the_run() -> None:
    def run(self: Workflow) -> Any:
        return [self.random.random(), str(self.uuid4()), self.random.random(), str(self.uuid4())]

    results = [world_of(run).run(of(run))]
    world = world_of(run)
    for name in ("one", "two"):
        key = world.start(of(run), workflow_id=name)
        world.drive()
        results.append(world.result(key))
    assert results[0] == results[1] != results[2]
    assert len({str(value) for result in results[1:] for value in result}) == 8
    assert results[0][0] != random.Random(0).random()


def test_a_replay_is_told_and_silent() -> None:
    told: list[bool] = []
    said: list[str] = []
    logger = logging.getLogger("rules.silent")
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    handler.addFilter(ReplayFilter())

    def run(self: Workflow) -> Any:
        told.append(self.replaying)
        logger.warning("begin")
        self.submit(a).result
        logger.warning("end")
        return told.append(self.replaying)

    logger.addHandler(handler)
    try:
        world_of(run, compare=False, live=False).run(of(run))
    finally:
        logger.removeHandler(handler)
    assert told == [False, True, False]
    assert said == ["begin", "end"]


# -- ids


def test_members_are_numbered_in_tree_order_before_any_starts() -> None:
    def run(self: Workflow) -> Any:
        chain = Chain((a, 1), Group((a, 2), Chain((a, 3), (a, 4))), (a, 5))
        futures.wait(self.submit(chain), self.submit(a, 6))

    world = world_of(run)
    world.run(of(run))
    assert sorted(world.scheduled()) == [(f"activity-rules.a-{n}", [n]) for n in range(1, 7)]


def test_the_products_of_a_function_are_numbered_below_its_own_number() -> None:
    def run(self: Workflow) -> Any:
        def produce(value: Any) -> Any:
            return Group((a, value), (a, 20))

        group = Group(Chain((b, 1), FuncGroup(produce, 10)), Chain((b, 2), FuncGroup(produce, 11)), (a, 3))
        self.submit(group).result

    world = world_of(run)
    world.run(of(run))
    assert sorted(world.scheduled()) == [
        ("activity-rules.a-1", [3]),
        ("activity-rules.a-1.1", [10]),
        ("activity-rules.a-1.2", [20]),
        ("activity-rules.a-2.1", [11]),
        ("activity-rules.a-2.2", [20]),
        ("activity-rules.b-1", [1]),
        ("activity-rules.b-2", [2]),
    ]


def test_a_function_in_a_group_waits_without_keeping_run() -> None:
    def run(self: Workflow) -> Any:
        latch = self.submit(self.wait_signal("go"))
        group = self.submit(Group(FuncGroup(lambda: a.options() and Group((a, latch.result["args"][0]))), (b, 2)))
        self.submit(self.signal("go", 1, propagate=False))
        return group.result

    assert world_of(run).run(of(run)) == [[[1]], [2]]


def test_a_function_in_a_group_that_fails_does_so_at_the_result() -> None:
    def run(self: Workflow) -> Any:
        def fail() -> Any:
            raise KeyError("in the function")

        group = self.submit(Group(FuncGroup(fail), (b, 2)))
        try:
            return group.result
        except KeyError as error:
            return str(error)

    assert world_of(run).run(of(run)) == "'in the function'"


def test_two_calls_with_one_computed_id_must_be_one_call() -> None:
    class Named:
        @staticmethod
        def get_task_id(workflow: Any, *args: Any) -> str:
            return "same"

    named = activity.with_attributes(name="rules.named")(Named)

    def run(self: Workflow) -> Any:
        first, twin = self.submit(named, 1), self.submit(named, 1)
        try:
            self.submit(named, 2)
        except DuplicateTaskId as error:
            return [first.result, twin.result, "same" in str(error) and "[1]" in str(error) and "[2]" in str(error)]

    world = World(of(run), activities=[named])
    assert world.run(of(run)) == [[1], [1], True]
    assert len(world.scheduled()) == 1


@pytest.mark.parametrize(
    "submit",
    [
        lambda self: self.start_timer("_simpleflow_x", 1),
        lambda self: self.start_timer("__simpleflow_x", 1),
        lambda self: self.start_timer("a:b", 1),
        lambda self: self.start_timer("x" * 257, 1),
        lambda self: self.start_timer("", 1),
        lambda self: self.start_timer("t", -1),
        lambda self: self.record_marker("_simpleflow_m"),
        lambda self: self.signal("_simpleflow_s"),
    ],
)
def test_names_are_checked_at_submit(submit: Any) -> None:
    def run(self: Workflow) -> Any:
        try:
            self.submit(submit(self))
        except InvalidTask:
            return "refused"

    assert world_of(run).run(of(run)) == "refused"


# -- claims


def changed(before: Any, after: Any, *, live: bool = False) -> Any:
    """Start with the code ``before``, decide on with ``after``; what the second decision says or raises."""
    code = {"now": before}

    def run(self: Workflow) -> Any:
        return code["now"](self)

    world = world_of(run, compare=False, live=live)
    world.start(of(run))
    world.decide_once()
    world.start_activities()
    for task in list(world.started):
        world.finish(task)
    code["now"] = after
    task = world.poll()
    assert task is not None
    return world.decide(task)


def test_another_input_is_a_difference() -> None:
    with pytest.raises(NondeterminismError) as caught:
        changed(lambda self: self.submit(a, 1).result, lambda self: self.submit(a, 2).result)
    text = str(caught.value)
    assert caught.value.event_id == 5
    assert "event 5" in text and "[1]" in text and "[2]" in text and "workflow.replay" in text


def test_another_activity_under_one_id_is_a_difference() -> None:
    def renamed(self: Workflow) -> Any:
        return self.submit(b, 1).result

    with pytest.raises(NondeterminismError, match=r"rules\.a.*rules\.b|rules\.b.*rules\.a"):
        history = Written(of(renamed))
        history.begin()
        history.end()
        history.add(
            "ActivityTaskScheduled",
            activityId="activity-rules.b-1",
            activityType={"name": "rules.a", "version": "default"},
            input='{"args":[1],"kwargs":{}}',
        )
        history.decide()


def test_the_same_activity_asked_for_otherwise_is_a_difference() -> None:
    with pytest.raises(NondeterminismError, match="event 5"):
        changed(
            lambda self: self.submit(a.options(idempotent=True), 1).result,
            lambda self: self.submit(a.options(idempotent=True), 2).result,
        )


@pytest.mark.parametrize(
    "after",
    [
        lambda self: self.submit(a.options(version="2", task_list="x", heartbeat_timeout=3), 1).result,
        lambda self: self.submit(a.options(task_priority=4, retry=3), 1).result,
        lambda self: self.submit(a.options(meta={"binaries": {}}), 1).result,
    ],
)
def test_how_a_task_is_scheduled_may_change(after: Any) -> None:
    assert kinds(changed(lambda self: self.submit(a, 1).result, after)) == ["CompleteWorkflowExecution"]


@pytest.mark.parametrize(
    "recorded", ['{"kwargs": {}, "args": [1, {"b": 1, "a": 2}]}', ' {"args":[1,{"a":2,"b":1}],"kwargs":{}} ']
)
def test_the_value_of_an_input_counts_and_not_its_text(recorded: str) -> None:
    def run(self: Workflow) -> Any:
        return self.submit(a, 1, {"a": 2, "b": 1}).result

    history = Written(of(run))
    history.begin()
    history.end()
    history.completed(history.scheduled(a, 1, recorded), 5)
    assert kinds(history.decide()) == ["CompleteWorkflowExecution"]


@pytest.mark.parametrize("recorded", ["[1.0]", "[true]", '["1"]', "[1, null]"])
def test_values_of_other_types_differ(recorded: str) -> None:
    def run(self: Workflow) -> Any:
        return self.submit(a, 1).result

    history = Written(of(run))
    history.begin()
    history.end()
    history.completed(history.scheduled(a, 1, f'{{"args":{recorded},"kwargs":{{}}}}'), 5)
    with pytest.raises(NondeterminismError):
        history.decide()


@pytest.mark.parametrize(
    "before, after",
    [
        (lambda s: s.record_marker("m", 1), lambda s: s.record_marker("m", 2)),
        (lambda s: s.signal("m", 1, workflow_id="x"), lambda s: s.signal("m", 2, workflow_id="x")),
    ],
)
def test_markers_and_signals_are_claimed_by_name_and_position(before: Any, after: Any) -> None:
    with pytest.raises(NondeterminismError):
        changed(
            lambda self: [self.submit(before(self)), self.submit(a).result],
            lambda self: [self.submit(after(self)), self.submit(a).result],
        )


def test_side_effects_are_claimed_by_position_and_name() -> None:
    with pytest.raises(NondeterminismError, match="side effect"):
        changed(
            lambda self: [self.side_effect(lambda: 1, "one"), self.submit(a).result],
            lambda self: [self.side_effect(lambda: 1, "two"), self.submit(a).result],
        )


def test_a_side_effect_that_swf_does_not_record_fails_the_execution() -> None:
    history = Written(of(lambda self: [self.side_effect(lambda: 1, "one"), self.submit(a).result]))
    history.begin()
    decided = history.end()
    history.add(
        "RecordMarkerFailed",
        markerName="simpleflow.side_effect",
        cause="OPERATION_NOT_PERMITTED",
        decisionTaskCompletedEventId=decided,
    )
    history.scheduled(a, 1, [])
    (wire,) = history.decide().decisions
    assert given(wire)["reason"] == "the side effect 'one' could not be recorded: OPERATION_NOT_PERMITTED"


def effects(*values: Any) -> Any:
    """Code that takes side effects and waits in between: 0 is a wait, a text a side effect of that name."""

    def run(self: Workflow) -> Any:
        return [self.side_effect(lambda: 1, value) if value else self.submit(a).result for value in values]

    return run


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        (("x", 0, 0), ("x", "x", 0, 0), "which one is new"),
        ((0, "x", 0, 0), ("x", 0, "x", 0, 0), "which one is new"),
        (("x", "x", 0, 0), ("x", 0, 0), "which one is gone"),
        (("x", 0, "x", 0), (0, "x", 0), "whether it is the same"),
        (("x", 0, 0, 0), (0, "x", 0, 0), "whether it is the same"),
        (("x", 0, 0), ("x", "y", 0, 0), None),
        (("x", "y", 0, 0), ("x", 0, 0), None),
        ((0, 0, 0), ("x", 0, "x", 0, 0), None),
        (("x", 0, "y", 0, "x", 0), ("x", 0, "y", 0, "x", 0), None),
    ],
)
def test_side_effects_that_may_have_changed_places_are_a_difference(before: Any, after: Any, difference: Any) -> None:
    code = {"now": effects(*before)}

    def run(self: Workflow) -> Any:
        return code["now"](self)

    world = world_of(run, compare=False, live=False)
    world.start(of(run))
    for _ in range(2):
        world.decide_once()
        world.start_activities()
        for started in list(world.started):
            world.finish(started)
    code["now"] = effects(*after)
    if difference is None:
        world.drive()
    else:
        with pytest.raises(NondeterminismError, match=difference):
            world.drive()


@pytest.mark.parametrize(
    "trace",
    [
        lambda self: self.submit(a).result,
        lambda self: futures.wait(self.submitted, timeout=1),
        lambda self: self.submitted.result,
        lambda self: self.random.random(),
        lambda self: str(self.uuid4()),
        lambda self: self.side_effect(lambda: 1),
    ],
)
def test_a_side_effect_leaves_no_trace_in_the_run(trace: Any) -> None:
    """What it did to the run, a replay would not do again: ids and chance would differ."""

    def run(self: Any) -> Any:
        self.submitted = self.submit(a)
        with pytest.raises(TaskFailed, match="has no part in the run"):
            self.side_effect(lambda: trace(self), "odd")
        return [self.submit(a).result, self.random.random(), self.side_effect(lambda: 1), self.submitted.result]

    result = World(of(run), activities=[a], live=False).run(of(run))
    assert result == World(of(run), activities=[a]).run(of(run))


def test_new_tasks_in_new_code_are_scheduled() -> None:
    def before(self: Workflow) -> Any:
        return self.submit(a, 1).result

    decisions = changed(before, lambda self: [self.submit(b, 1), self.submit(a, 1).result])
    assert kinds(decisions) == ["ScheduleActivityTask"]
    decisions = changed(before, lambda self: [self.submit(a, 1).result, self.submit(b, 1).result])
    assert kinds(decisions) == ["ScheduleActivityTask"]


def test_records_that_nobody_claimed_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    changed(lambda self: self.submit(a, 1).result, lambda self: None)
    assert "event 5" in caplog.text and "activity-rules.a-1" in caplog.text


def test_code_that_asks_later_finds_its_record() -> None:
    def later(self: Workflow) -> Any:
        self.submit(b, 0).result
        return self.submit(a, 1).result

    history = Written(of(later))
    history.begin()
    history.end()
    history.completed(history.scheduled(a, 1, [1]), 5)
    assert kinds(history.decide()) == ["ScheduleActivityTask"]
    history.end()
    history.completed(history.scheduled(b, 1, [0]), 6)
    decisions = history.decide()
    assert given(decisions.decisions[0])["result"] == "5"


@pytest.mark.parametrize(
    "sleep",
    [
        lambda self, seconds: self.submit(self.start_timer("t", seconds)).result,
        lambda self, seconds: futures.wait(self.submit(self.wait_signal("never")), timeout=seconds),
    ],
)
def test_a_timer_that_new_code_asks_for_later_takes_its_time(sleep: Any) -> None:
    code: dict[str, Any] = {}

    def before(self: Workflow) -> Any:
        sleep(self, 10)
        self.submit(a, 1).result
        sleep(self, 5000)

    def after(self: Workflow) -> Any:
        self.submit(a, 1).result
        begun = self.now()
        sleep(self, 5000)
        return (self.now() - begun).total_seconds() >= 5000

    def run(self: Workflow) -> Any:
        return code["now"](self)

    code["now"] = before
    world = world_of(run, compare=False, live=False)
    key = world.start(of(run))
    while not world.scheduled(key):
        world.step()
    code["now"] = after
    world.drive()
    assert world.result(key) is True
    assert [given["startToFireTimeout"] for given in world.of_type("TimerStarted")] == ["10", "5000"]


def no_longer_cancelled(task: Any) -> World:
    """The history of code that cancels a task, and the code that waits for the task instead."""
    code: dict[str, Any] = {}

    def before(self: Workflow) -> Any:
        future = self.submit(task(self))
        self.submit(b, 1).result
        future.cancel()
        self.submit(b, 2).result

    def after(self: Workflow) -> Any:
        future = self.submit(task(self))
        self.submit(b, 1).result
        self.submit(b, 2)
        return future.exception

    def run(self: Workflow) -> Any:
        return code["now"](self)

    code["now"] = before
    world = World(of(run), Waiting, activities=(a, b), compare=False, live=False)
    world.start(of(run))
    world.decide_once()
    world.start_activities()
    world.finish(world.named("b-1"))
    while world.decide_once():
        pass
    code["now"] = after
    return world


class Waiting(Base):
    name = "rules.waiting"

    def run(self) -> None:
        self.submit(self.wait_signal("never")).result


@pytest.mark.parametrize(
    ("task", "record"),
    [
        (lambda self: self.start_timer("t", 100), "cancellation of the timer 't'"),
        (lambda self: ActivityTask(a), "cancellation of the activity 'activity-rules.a-1'"),
        (lambda self: ChildWorkflowTask(Waiting), "cancellation of the child workflow"),
    ],
)
def test_what_the_history_cancelled_and_the_code_waits_for_is_a_difference(task: Any, record: str) -> None:
    world = no_longer_cancelled(task)
    with pytest.raises(NondeterminismError, match=f"records {record}.* to its end"):
        world.start_activities()
        for started in list(world.started):
            world.cancel(started) if started.type == "rules.a" else world.finish(started)
        world.drive()


def test_what_ended_by_itself_although_its_cancellation_was_asked_for_is_none() -> None:
    world = no_longer_cancelled(lambda self: ActivityTask(a))
    world.drive()


def test_the_error_never_passes_through_the_authors_code() -> None:
    seen: list[BaseException] = []

    def careful(self: Workflow) -> Any:
        try:
            return self.submit(a, 2).result
        except BaseException as error:
            seen.append(error)
            raise

    with pytest.raises(NondeterminismError):
        changed(lambda self: self.submit(a, 1).result, careful)
    assert not any(isinstance(error, NondeterminismError) for error in seen)


# -- what a decider answers


def different() -> Written:
    history = Written(of(lambda self: self.submit(a, 2).result))
    history.begin()
    history.end()
    history.completed(history.scheduled(a, 1, [1]), 5)
    history.begin()
    return history


def answered(history: Written, fails: bool = False) -> Any:
    with pytest.raises(NondeterminismError) as caught:
        history.engine().decide(history.work())
    return answer_nondeterminism(caught.value, history.work(), fails)


def test_a_decider_waits_for_a_roll_back() -> None:
    history = different()
    waits = []
    for _ in range(9):
        decisions = answered(history)
        (wire,) = decisions.decisions
        waits.append(given(wire)["startToFireTimeout"])
        assert json.loads(decisions.execution_context)["event"] == 5
        assert "nondeterminism" in decisions.execution_context and decisions.shared_task_list
        history.end(executionContext=decisions.execution_context)
        timer = history.add("TimerStarted", decisionTaskCompletedEventId=0, **given(wire))
        history.add("TimerFired", timerId=given(wire)["timerId"], startedEventId=timer)
        history.begin()
    assert waits == ["60", "120", "240", "480", "960", "1920", "3600", "3600", "3600"]


def test_a_decider_does_not_start_the_timer_twice() -> None:
    history = different()
    decisions = answered(history)
    history.end()
    history.add("TimerStarted", decisionTaskCompletedEventId=0, **given(decisions.decisions[0]))
    history.add("WorkflowExecutionSignaled", signalName="s", externalInitiatedEventId=0)
    history.begin()
    assert kinds(answered(history)) == []


def test_a_healed_run_does_not_wait_for_the_timer_of_the_roll_back() -> None:
    history = different()
    decisions = answered(history)
    history.end()
    history.add("TimerStarted", decisionTaskCompletedEventId=0, **given(decisions.decisions[0]))
    history.add("WorkflowExecutionSignaled", signalName="s", externalInitiatedEventId=0)
    history.begin()
    history.workflow = of(lambda self: [self.submit(a, 1).result, *(f.result for f in self.map(a, range(2, 200)))])
    sent = kinds(history.engine().decide(history.work()))
    assert sent[-1] == "StartTimer"
    assert set(sent[:-1]) == {"ScheduleActivityTask"}


def test_an_execution_may_ask_to_fail_instead() -> None:
    decisions = answered(different(), fails=True)
    assert kinds(decisions) == ["FailWorkflowExecution"] and decisions.closes


def test_a_roll_back_heals() -> None:
    history = different()
    answered(history)
    history.workflow = of(lambda self: self.submit(a, 1).result)
    assert kinds(history.engine().decide(history.work())) == ["CompleteWorkflowExecution"]


def test_attributes_are_named_after_the_event() -> None:
    assert ATTRIBUTES["TimerFired"] == "timerFiredEventAttributes"
    assert KEY.domain == "test"
