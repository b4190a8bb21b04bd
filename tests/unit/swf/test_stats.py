"""``simpleflow.swf.stats``: where the time of an execution went."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from support.histories import Written

from simpleflow import Workflow, activity
from simpleflow.history import History
from simpleflow.swf.stats import WorkflowStats, pretty


@activity.with_attributes(name="stats.work")
def work() -> None: ...


class Flow(Workflow):
    name, version, task_list = "stats", "1", "decisions"


def at(second: int) -> datetime:
    """When event number ``second`` was written."""
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=1000 + second)


@pytest.fixture
def written() -> Written:
    """Events 5 and 6 schedule two activities, of which the first starts with event 7 and completes with event 8."""
    history = Written(Flow)
    history.begin()
    history.end()
    first = history.scheduled(work, 1, [], taskList={"name": "l"})
    history.scheduled(work, 2, [], taskList={"name": "l"})
    started = history.add("ActivityTaskStarted", scheduledEventId=first, identity="me")
    history.add("ActivityTaskCompleted", scheduledEventId=first, startedEventId=started, result="1")
    return history


def test_timings_of_tasks(written: Written) -> None:
    stats = WorkflowStats(History(written.events))
    assert stats.get_timings() == [
        ("activity-stats.work-1", "completed", at(5), at(7), at(8), 1.0),
        ("activity-stats.work-2", "scheduled", at(6), None, None, None),
    ]
    assert [row[-1] for row in stats.get_timings_with_percentage()] == [14.29, None]
    assert [row[:-1] for row in stats.get_timings_with_percentage()] == stats.get_timings()
    assert [timing.waited for timing in stats.timings()] == [2.0, 2.0]


def test_the_time_of_an_open_execution_runs_to_its_last_event_or_to_now(written: Written) -> None:
    history = History(written.events)
    assert WorkflowStats(history).total_time() == 7.0
    assert WorkflowStats(history, now=at(101)).total_time() == 100.0


def test_the_time_of_a_closed_execution_ends_with_it(written: Written) -> None:
    written.add("WorkflowExecutionTerminated", childPolicy="TERMINATE")
    assert WorkflowStats(History(written.events), now=at(101)).total_time() == 8.0


def test_a_history_as_json(written: Written) -> None:
    (first, told), (second, _) = json.loads(pretty.dump_history_to_json(History(written.events)))
    assert (first, second) == ("activity-stats.work-1", "activity-stats.work-2")
    assert (told["state"], told["result"], told["started_timestamp"]) == ("completed", 1, "1970-01-01T00:16:47Z")
