from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from support.processes import wait_until

from simpleflow.process.outcome import Canceled, Died, Outcome
from simpleflow.process.perform import ActivityCallData, Completed, Failed
from simpleflow.process.pool import Pool, PoolClosed
from simpleflow.replay.state import INTERRUPTED
from simpleflow.swf.activity_work import activity_work
from simpleflow.swf.errors import Refused, Unreachable
from simpleflow.swf.worker import Clients, Worker, response_to

NOTHING: dict[str, Any] = {"startedEventId": 0}


def task(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "taskToken": f"token {number}",
        "activityId": f"id {number}",
        "startedEventId": 7,
        "workflowExecution": {"workflowId": "workflow", "runId": "run"},
        "activityType": {"name": "name", "version": "v"},
        **more,
    }


class Swf:
    """Gives tasks to polls, holding those that find none, and notes the answers."""

    def __init__(self) -> None:
        self.tasks: queue.Queue[Any] = queue.Queue()
        self.answers: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.refusals: queue.SimpleQueue[Exception] = queue.SimpleQueue()
        self.polls: list[dict[str, Any]] = []
        self.waiting = 0
        self.lock = threading.Lock()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "PollForActivityTask":
            return self.poll(request)
        if not self.refusals.empty():
            raise self.refusals.get()
        self.answers.put((operation, request))
        return {}

    def poll(self, request: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.polls.append(request)
            self.waiting += 1
        answer = self.tasks.get(timeout=20)
        with self.lock:
            self.waiting -= 1
        if isinstance(answer, Exception):
            raise answer
        return cast("dict[str, Any]", answer)

    def hang_up(self) -> None:
        """As the embedded service, which then gives no task to a poll that waits."""
        self.tasks.put(Unreachable("hung up"))

    def answer(self) -> tuple[str, dict[str, Any]]:
        return self.answers.get(timeout=20)


class Running:
    details = None

    def __init__(self, outcomes: queue.Queue[Outcome]) -> None:
        self._outcomes = outcomes

    def wait(self, on_heartbeat: Callable[[], object]) -> Outcome:
        return self._outcomes.get(timeout=20)

    def cancel(self) -> None:
        self._outcomes.put(Canceled())


class FakePool:
    def __init__(self, size: int = 1) -> None:
        self.size = size
        self.calls: list[ActivityCallData] = []
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self.closed = False

    def start(self, call: ActivityCallData) -> Running:
        if self.closed:
            raise PoolClosed("closed")
        self.calls.append(call)
        return Running(self.outcomes)


class House:
    """A worker that runs in a thread."""

    def __init__(self, size: int = 1, patient: bool = True) -> None:
        self.swf, self.pool, self.stop = Swf(), FakePool(size), threading.Event()
        self.waits: list[float] = []
        self.worker = Worker(
            lambda attempts=None: cast(Any, self.swf),
            "domain",
            "list",
            cast(Pool, self.pool),
            heartbeat=3600,
            patient=patient,
            wait=lambda stop, seconds: bool(self.waits.append(seconds)),
        )
        self.thread = threading.Thread(target=self.worker.run, args=(self.stop,), daemon=True)

    def start(self) -> None:
        self.thread.start()

    def ended(self) -> bool:
        if self.thread.ident is not None:
            self.thread.join(20)
        return not self.thread.is_alive()

    def close(self) -> None:
        self.stop.set()
        for _ in range(2 * self.pool.size):
            self.swf.tasks.put(NOTHING)
            self.pool.outcomes.put(Completed("null"))
        assert self.ended()


@pytest.fixture
def house() -> Any:
    house = House()
    yield house
    house.close()


# -- what is told


@pytest.mark.parametrize(
    ("outcome", "operation", "fields"),
    [
        (Completed("1"), "RespondActivityTaskCompleted", {"result": "1"}),
        (Failed("r", "d"), "RespondActivityTaskFailed", {"reason": "r", "details": "d"}),
        (Canceled(), "RespondActivityTaskCanceled", {}),
        (Canceled("d"), "RespondActivityTaskCanceled", {"details": "d"}),
    ],
)
def test_each_outcome_has_its_response(outcome: Outcome, operation: str, fields: dict[str, str]) -> None:
    assert response_to(outcome) == (operation, fields)


def test_a_death_is_told_as_a_failure() -> None:
    operation, fields = response_to(Died(4, -11))
    assert operation == "RespondActivityTaskFailed"
    assert fields["reason"] == "process 4 died: exit code -11 (SIGSEGV)"


def test_a_task_is_polled_executed_and_answered(house: House) -> None:
    house.start()
    house.swf.tasks.put(task(input='{"args":[1]}'))
    house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer() == ("RespondActivityTaskCompleted", {"taskToken": "token 1", "result": "2"})
    poll = house.swf.polls[0]
    assert (poll["domain"], poll["taskList"]) == ("domain", {"name": "list"})
    assert {"user", "hostname", "pid", "exe"} <= json.loads(poll["identity"]).keys()
    assert house.pool.calls == [
        ActivityCallData("name", "v", "id 1", '{"args":[1]}', "workflow", "run", "domain", "list", 7)
    ]


# -- answering


def test_an_answer_is_repeated_while_swf_cannot_take_it(house: House) -> None:
    for error in (Unreachable("gone"), Refused("R", "ThrottlingException", "", 400), Refused("R", "Internal", "", 500)):
        house.swf.refusals.put(error)
    house.start()
    house.swf.tasks.put(task())
    house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer()[0] == "RespondActivityTaskCompleted"
    assert len(house.waits) == 3 and house.waits == sorted(house.waits)


def test_an_answer_that_nobody_wants_any_more_is_dropped(house: House) -> None:
    house.swf.refusals.put(Refused("R", "UnknownResourceFault", "Unknown activity", 400))
    house.start()
    for number in (1, 2):
        house.swf.tasks.put(task(number))
        house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer()[1]["taskToken"] == "token 2"


def test_an_answer_that_swf_finds_wrong_becomes_a_failure(house: House) -> None:
    house.swf.refusals.put(Refused("R", "ValidationException", "too long", 400))
    house.start()
    house.swf.tasks.put(task())
    house.pool.outcomes.put(Completed("2"))
    operation, request = house.swf.answer()
    assert operation == "RespondActivityTaskFailed"
    assert request["reason"] == "SWF refuses the outcome of the activity: too long"


def test_a_failure_that_swf_finds_wrong_is_not_told_for_ever(house: House) -> None:
    house.swf.refusals.put(Refused("R", "ValidationException", "no", 400))
    house.start()
    for number in (1, 2):
        house.swf.tasks.put(task(number))
        house.pool.outcomes.put(Failed("r", "d"))
    assert house.swf.answer()[1]["taskToken"] == "token 2"


def test_who_is_to_stop_does_not_try_for_ever() -> None:
    house = House()
    for _ in range(20):
        house.swf.refusals.put(Unreachable("gone"))
    house.start()
    house.swf.tasks.put(task())
    wait_until(lambda: house.pool.calls, "the task")
    house.stop.set()
    house.pool.outcomes.put(Completed("2"))
    house.close()
    assert house.swf.answers.empty()
    assert len(house.waits) == 9


# -- polling


@pytest.mark.parametrize(
    "error",
    [Refused("Poll", "ThrottlingException", "", 400), Unreachable("gone"), ValueError("a defect")],
    ids=lambda error: type(error).__name__,
)
def test_nothing_ends_a_poller(house: House, error: Exception) -> None:
    house.start()
    for _ in range(3):
        house.swf.tasks.put(error)
    house.swf.tasks.put(task())
    house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer()[0] == "RespondActivityTaskCompleted"
    assert len(house.waits) == 3 and house.waits == sorted(house.waits)


def test_there_is_no_poll_while_no_child_is_free(house: House) -> None:
    house.start()
    house.swf.tasks.put(task())
    wait_until(lambda: house.pool.calls, "the task")
    assert (len(house.swf.polls), house.swf.waiting) == (1, 0)
    house.pool.outcomes.put(Completed("2"))
    house.swf.answer()
    wait_until(lambda: house.swf.waiting == 1, "the next poll")


def test_the_next_poll_does_not_wait_for_the_answer(house: House) -> None:
    held = threading.Event()
    house.worker._wait = lambda stop, seconds: held.wait(20)
    house.swf.refusals.put(Unreachable("gone"))
    house.start()
    house.swf.tasks.put(task())
    house.pool.outcomes.put(Completed("2"))
    wait_until(lambda: house.swf.waiting == 1, "the next poll")
    assert house.swf.answers.empty()
    held.set()
    house.swf.answer()


def test_at_most_four_polls_are_outstanding() -> None:
    house = House(size=9)
    house.start()
    for number in range(3):
        house.swf.tasks.put(task(number))
    wait_until(lambda: len(house.pool.calls) == 3 and house.swf.waiting == 4, "four more polls")
    assert len(house.swf.polls) == 7
    house.close()


# -- stopping


def test_a_running_task_is_finished_and_told(house: House) -> None:
    house.start()
    house.swf.tasks.put(task())
    wait_until(lambda: house.pool.calls, "the task")
    house.stop.set()
    assert house.thread.is_alive()
    house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer()[0] == "RespondActivityTaskCompleted"
    assert house.ended()
    assert len(house.swf.polls) == 1


def test_a_patient_worker_executes_what_its_last_poll_brings(house: House) -> None:
    house.start()
    wait_until(lambda: house.swf.waiting == 1, "the poll")
    house.stop.set()
    house.swf.tasks.put(task())
    house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer()[0] == "RespondActivityTaskCompleted"
    assert house.ended()


def test_another_one_hangs_up(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.worker._patient = False
    house.start()
    wait_until(lambda: house.swf.waiting == 1, "the poll")
    house.stop.set()
    assert house.ended()
    assert (house.swf.waiting, len(house.swf.polls)) == (0, 1)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_and_executes_what_was_already_on_its_way(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.swf, "hang_up", lambda: house.swf.tasks.put(task()))
    house.worker._patient = False
    house.start()
    wait_until(lambda: house.swf.waiting == 1, "the poll")
    house.stop.set()
    wait_until(lambda: house.pool.calls, "the task")
    assert house.thread.is_alive()
    house.pool.outcomes.put(Completed("2"))
    assert house.swf.answer()[0] == "RespondActivityTaskCompleted"
    assert house.ended()


def test_and_interrupts_it_if_that_comes_when_the_patience_is_over(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come_late() -> None:
        wait_until(lambda: house.worker._interrupting, "the end of the patience")
        house.swf.tasks.put(task())

    monkeypatch.setattr(house.swf, "hang_up", threading.Thread(target=come_late).start)
    house.worker._patient, house.worker._patience = False, 0
    house.start()
    wait_until(lambda: house.swf.waiting == 1, "the poll")
    house.stop.set()
    operation, told = house.swf.answer()
    assert (operation, told["reason"]) == ("RespondActivityTaskFailed", INTERRUPTED)
    assert house.ended()


def test_a_task_that_comes_when_the_pool_is_closed_is_not_failed(house: House) -> None:
    house.pool.closed = True
    house.start()
    house.swf.tasks.put(task())
    wait_until(lambda: house.swf.waiting == 1 and len(house.swf.polls) == 2, "the next poll")
    assert house.swf.answers.empty()


# -- one task


def test_one_task(house: House) -> None:
    house.swf.tasks.put(NOTHING)
    house.swf.tasks.put(task())
    house.pool.outcomes.put(Completed("2"))
    house.worker.run_one(house.stop)
    assert house.swf.answer()[0] == "RespondActivityTaskCompleted"
    assert len(house.swf.polls) == 2


def test_one_task_that_does_not_come_before_the_stop(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.worker._patient = False
    waiting = threading.Thread(target=house.worker.run_one, args=(house.stop,))
    waiting.start()
    wait_until(lambda: house.swf.waiting == 1, "the poll")
    house.stop.set()
    waiting.join(20)
    assert not waiting.is_alive()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_no_task_after_the_stop(house: House) -> None:
    house.stop.set()
    house.worker.run_one(house.stop)
    assert house.swf.polls == []


@pytest.mark.parametrize("wrong", [{}, {"taskToken": "t"}, {**task(), "activityType": "name"}])
def test_what_is_no_task_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        activity_work("domain", None, wrong)


# -- clients


def test_clients_are_used_again_also_after_errors() -> None:
    made: list[Any] = []

    class Client:
        over = False

        def hang_up(self) -> None:
            self.over = True

        def call(self, operation: str, request: dict[str, Any]) -> Any:
            if operation == "both":
                return [clients.call("a", {}), self]
            if operation == "fail":
                raise Unreachable("gone")
            return self

    def connect(attempts: int | None = None) -> Any:
        made.append(Client())
        return made[-1]

    clients = Clients(connect)
    with pytest.raises(Unreachable):
        clients.call("fail", {})
    first, second = clients.call("both", {})
    assert first is not second
    assert len(made) == 2
    clients.call("a", {})
    assert len(made) == 2
    clients.hang_up()
    assert [client.over for client in (*made, *clients.call("both", {}))] == [True] * 4
    assert all(client.over for client in made)
