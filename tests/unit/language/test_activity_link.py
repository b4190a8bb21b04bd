from __future__ import annotations

import contextvars
from typing import Any

from simpleflow import activity


class Told:
    def __init__(self) -> None:
        self.details: list[Any] = []
        self.cancelled = False

    def heartbeat(self, details: Any) -> None:
        self.details.append(details)

    def is_cancelled(self) -> bool:
        return self.cancelled


def test_heartbeats_and_cancellation_go_through_the_link_of_the_task() -> None:
    told = Told()
    context = contextvars.copy_context()
    context.run(activity.current_link.set, told)
    context.run(activity.heartbeat)
    context.run(activity.heartbeat, {"done": 1})
    assert told.details == [None, {"done": 1}]
    assert context.run(activity.is_cancelled) is False
    told.cancelled = True
    assert context.run(activity.is_cancelled) is True
    assert activity.is_cancelled() is False


def test_without_a_task_nothing_happens() -> None:
    activity.heartbeat("nobody listens")
    assert activity.is_cancelled() is False
