"""The critical path: from what ended last back to what nothing is known to have caused."""

from __future__ import annotations

from typing import Any

import pytest
from support.histories import Written

from simpleflow import Workflow, activity
from simpleflow.history import History
from simpleflow.swf.stats.path import spans


@activity.with_attributes(name="path.work")
def work() -> None: ...


class Flow(Workflow):
    name, version, task_list = "path", "1", "decisions"


class Told(Written):
    """Activities by their numbers; ``decide`` is a decision task from its start to its end."""

    def __init__(self) -> None:
        super().__init__(Flow)
        self.decided = 0
        self.events_of: dict[int, int] = {}

    def decide(self, *numbers: int) -> None:  # type: ignore[override]
        self.begin()
        self.decided = self.end()
        for number in numbers:
            self.events_of[number] = self.scheduled(work, number, [], taskList={"name": "l"})

    def done(self, *numbers: int, end: Any = "Completed") -> None:
        for number in numbers:
            at = self.events_of[number]
            started = self.add("ActivityTaskStarted", scheduledEventId=at)
            self.add(f"ActivityTask{end}", scheduledEventId=at, startedEventId=started)


def critical(history: Written) -> list[str]:
    return [span.id.rpartition("-")[2] for span in spans(History(history.events)) if span.critical]


@pytest.fixture
def told() -> Told:
    return Told()


def test_it_leads_back_from_what_ended_last(told: Told) -> None:
    told.decide(1, 2)
    told.done(1)
    told.decide(3)
    told.done(3, 2)
    told.decide(4)
    told.done(4)
    assert critical(told) == ["2", "4"]


def test_a_failure_is_a_cause_like_any_other(told: Told) -> None:
    told.decide(1, 2)
    told.done(2)
    told.done(1, end="Failed")
    told.decide(3)
    told.done(3)
    assert critical(told) == ["1", "3"]


def test_of_what_still_runs_it_takes_what_was_scheduled_first(told: Told) -> None:
    told.decide(1)
    told.done(1)
    told.decide(2, 3)
    assert critical(told) == ["1", "2"]


def test_timers_are_on_it_and_those_of_the_library_are_not(told: Told) -> None:
    told.decide()
    for name in ("theirs", "_simpleflow_wake_up_timer"):
        at = told.add("TimerStarted", timerId=name, startToFireTimeout="1", decisionTaskCompletedEventId=told.decided)
        told.add("TimerFired", timerId=name, startedEventId=at)
    told.decide(1)
    told.done(1)
    timer, task = spans(History(told.events))
    assert (timer.id, timer.kind, timer.critical, task.critical) == ("theirs", "timer", True, True)
    assert timer.started == timer.scheduled


def test_a_decision_that_nothing_has_caused_goes_on_for_the_one_before(told: Told) -> None:
    """As where a response was cut, and a timer of the library brings the rest."""
    told.decide(1)
    told.done(1)
    told.decide(2)
    told.decide(3)
    told.done(2, 3)
    assert critical(told) == ["1", "3"]


def test_no_task_and_no_path(told: Told) -> None:
    assert spans(History(told.events)) == []
