from __future__ import annotations

import logging
import math
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simpleflow import logging_context
from simpleflow.process.perform import ActivityCallData
from simpleflow.swf.activity_work import ActivityWork
from simpleflow.swf.errors import Refused, Unreachable
from simpleflow.swf.heartbeats import Heartbeats

SOON = 0.01
LONG = 3600.0


class Swf:
    """Answers heartbeats as a test says, with no request to cancel when it has said nothing."""

    def __init__(self) -> None:
        self.asked: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.SimpleQueue[dict[str, Any] | Exception] = queue.SimpleQueue()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        assert operation == "RecordActivityTaskHeartbeat"
        self.asked.put(request)
        try:
            answer = self.answers.get_nowait()
        except queue.Empty:
            return {"cancelRequested": False}
        if isinstance(answer, Exception):
            raise answer
        return answer

    def next(self) -> dict[str, Any]:
        return self.asked.get(timeout=20)


class Task:
    def __init__(self) -> None:
        self.details: str | None = None
        self.cancelled = threading.Event()

    def cancel(self) -> None:
        self.cancelled.set()


def work(token: str = "token") -> ActivityWork:
    return ActivityWork(token, ActivityCallData("name", "v", "id", workflow_id="workflow", run_id="run"))


@pytest.fixture
def swf() -> Swf:
    return Swf()


@pytest.fixture
def sending(swf: Swf) -> Iterator[Callable[..., Heartbeats]]:
    made: list[Heartbeats] = []

    def make(every: float, **options: Any) -> Heartbeats:
        made.append(Heartbeats(lambda: swf, every, **options))
        return made[-1]

    yield make
    for heartbeats in made:
        heartbeats.close()
        heartbeats._thread.join(20)
        assert not heartbeats._thread.is_alive()


def refused(code: str) -> Refused:
    return Refused("RecordActivityTaskHeartbeat", code, "no", 400)


def test_they_go_on_while_the_task_does(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    task = Task()
    with sending(SOON).watch(work(), task):
        assert [swf.next() for _ in range(3)] == [{"taskToken": "token"}] * 3
        task.details = "half"
        while swf.next() == {"taskToken": "token"}:
            pass
        assert swf.next() == {"taskToken": "token", "details": "half"}
    assert not task.cancelled.is_set()


def test_each_task_has_its_own(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    heartbeats = sending(SOON)
    with heartbeats.watch(work("a"), Task()), heartbeats.watch(work("b"), Task()):
        seen: set[str] = set()
        while seen != {"a", "b"}:
            seen.add(swf.next()["taskToken"])


def test_a_task_that_is_over_gets_none(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    heartbeats = sending(SOON)
    with heartbeats.watch(work("a"), Task()):
        swf.next()
    with heartbeats.watch(work("b"), Task()):
        while swf.next()["taskToken"] != "b":
            pass
        assert {swf.next()["taskToken"] for _ in range(3)} == {"b"}


def test_a_request_to_cancel_is_passed_on_and_heartbeats_go_on(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    task = Task()
    swf.answers.put({"cancelRequested": True})
    with sending(SOON).watch(work(), task):
        assert task.cancelled.wait(20)
        swf.next()
        swf.next()


def test_a_task_that_swf_has_given_up_is_ended_and_gets_no_more(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    heartbeats, task = sending(SOON), Task()
    swf.answers.put(refused("UnknownResourceFault"))
    with heartbeats.watch(work(), task) as watch:
        assert task.cancelled.wait(20)
        assert watch.lost
        watch.hurry()
        assert watch.due == math.inf
    assert swf.asked.qsize() == 1


@pytest.mark.parametrize(
    "error",
    [
        refused("ThrottlingException"),
        refused("AccessDeniedException"),
        Unreachable("gone"),
        ZeroDivisionError("a defect"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_end_nothing(
    swf: Swf,
    sending: Callable[..., Heartbeats],
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = Task()
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr("simpleflow.swf.heartbeats.logger.warning", lambda *words: told.append(words))
    for _ in range(2):
        swf.answers.put(error)
    with sending(SOON).watch(work(), task) as watch:
        for _ in range(4):
            swf.next()
        assert watch.failures == 0
    assert not task.cancelled.is_set()
    assert [words[1:3] for words in told] == [(watch.work, 1), (watch.work, 2)]
    assert str(watch.work) == "workflow run id"


def test_after_an_error_the_next_one_does_not_wait_for_its_time(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    swf.answers.put(Unreachable("gone"))
    with sending(LONG).watch(work(), Task()) as watch:
        watch.hurry()
        swf.next()
        swf.next()


def test_no_connection_yet_is_an_error_like_others(swf: Swf) -> None:
    tries = iter([Unreachable("no"), swf])

    def connect() -> Any:
        made = next(tries)
        if isinstance(made, Exception):
            raise made
        return made

    heartbeats = Heartbeats(connect, SOON)
    with heartbeats.watch(work(), Task()):
        swf.next()
    heartbeats.close()


def test_code_can_ask_for_one_and_gets_it_soon_but_not_at_any_rate(
    swf: Swf, sending: Callable[..., Heartbeats]
) -> None:
    now = 1000.0
    heartbeats = sending(0, clock=lambda: now)
    with heartbeats.watch(work(), Task()) as watch:
        assert watch.due == math.inf
        watch.hurry()
        swf.next()
        now += 0.25
        watch.hurry()
        watch.hurry()
        assert watch.due == 1001.0
        assert swf.asked.empty()
        now += 1
        watch.hurry()
        swf.next()


def test_lines_say_which_task_they_are_about(swf: Swf, sending: Callable[..., Heartbeats]) -> None:
    seen: queue.Queue[dict[str, str]] = queue.Queue()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.put(logging_context.values())

    handler = Handler()
    logger = logging.getLogger("simpleflow.swf.heartbeats")
    logger.addHandler(handler)
    try:
        swf.answers.put(refused("UnknownResourceFault"))
        logger.setLevel(logging.INFO)
        with sending(SOON).watch(work(), Task()):
            about = seen.get(timeout=20)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert (about["workflow_id"], about["run_id"], about["activity_id"]) == ("workflow", "run", "id")
