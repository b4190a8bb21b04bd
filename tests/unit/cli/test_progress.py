"""What is told of an execution while it runs, from events as they come."""

from __future__ import annotations

from typing import Any

import pytest

from simpleflow.cli.progress import Progress, duration, picture
from simpleflow.replay.events import ATTRIBUTES


class Events:
    """Events of a run, a second apart."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, kind: str, **attributes: Any) -> dict[str, Any]:
        self.count += 1
        return {
            "eventId": self.count,
            "eventTimestamp": 1000.0 + self.count,
            "eventType": kind,
            ATTRIBUTES[kind]: attributes,
        }


@pytest.fixture
def progress() -> Progress:
    event, progress = Events(), Progress("w")
    progress.take(
        [
            event("WorkflowExecutionStarted"),
            *(event("ActivityTaskScheduled", activityId=f"activity-m.f-{n}") for n in range(1, 5)),
            event("ActivityTaskStarted", scheduledEventId=2),
            event("ActivityTaskStarted", scheduledEventId=3),
            event("ActivityTaskStarted", scheduledEventId=4),
            event("ActivityTaskCompleted", scheduledEventId=2),
            event("ActivityTaskFailed", scheduledEventId=3),
            event("StartChildWorkflowExecutionInitiated", workflowId="child"),
            event("ChildWorkflowExecutionStarted", initiatedEventId=11),
            event("TimerStarted", timerId="t"),
            event("TimerStarted", timerId="u"),
            event("TimerFired", startedEventId=13),
        ]
    )
    return progress


def test_in_one_line(progress: Progress) -> None:
    assert progress.told() == "1 waiting, 1 running, 1 completed, 1 failed; 1 child; 1 timer"
    assert progress.last_event_id == 15


def test_a_retry_waits_again(progress: Progress) -> None:
    event = Events()
    event.count = 15
    progress.take([event("ActivityTaskScheduled", activityId="activity-m.f-2")])
    assert progress.told().startswith("2 waiting, 1 running, 1 completed;")


def test_what_runs_is_shown_with_its_time(progress: Progress) -> None:
    lines = picture(progress, 1100.0, 80, 10, color=False)
    assert [line.split() for line in lines] == [
        ["w", *progress.told().split(), "1:39"],
        ["m.f-3", "1:32"],
        ["child", "1:28"],
    ]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(("width", "height"), [(80, 5), (160, 5), (20, 3), (80, 2)])
def test_the_picture_fits(width: int, height: int) -> None:
    event, progress = Events(), Progress("a workflow id that is long")
    for number in range(30):
        name = "f" * 100
        progress.take([event("ActivityTaskScheduled", activityId=f"activity-{name}-{number}")])
        progress.take([event("ActivityTaskStarted", scheduledEventId=event.count)])
    lines = picture(progress, 2000.0, width, height, color=False)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)
    assert lines[-1].split()[:2] == ["and", str(30 - (height - 2))]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1.0, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (62.0, "1:02"),
        (754.0, "12:34"),
        (3723.0, "1:02:03"),
        (36000.0, "10:00:00"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told
