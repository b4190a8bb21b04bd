"""The front without sockets: commits, waiting polls, clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_kit import LIST, WORKFLOW, Rig, schedule

from simpleflow.service.clock import VirtualClock
from simpleflow.service.connections import Exchange
from simpleflow.service.database import StoreFailed, StoreRefused
from simpleflow.service.guard import Guard
from simpleflow.service.http import Front
from simpleflow.service.limits import Limits
from simpleflow.service.pulse import Pulse
from simpleflow.service.tasklists import ListName
from simpleflow.service.waiting import WaitingRoom

HOST = (b"host", b"localhost")
NAME = ListName("decision", "us-east-1", "domain", "list")
POLL = {"domain": "domain", "taskList": LIST}


class Bench:
    """A front over a rig, to which requests are made as a connection makes them."""

    def __init__(self, rig: Rig, hold_s: float = 30, limits: Limits | None = None) -> None:
        self.rig = rig
        self.room = WaitingRoom()
        self.clock = VirtualClock(rig.now_ms)
        self.fatal: list[StoreRefused] = []
        rig.durable._listener = lambda *name: self.room.wake(ListName(*name))
        rig.durable._service._listener = rig.durable._listener
        self.pulse = Pulse(rig.durable, self.clock, self.fatal.append)
        guard = Guard(None, (), self.clock)
        self.front = Front(
            rig.durable, self.pulse, self.room, guard, self.clock, hold_s=hold_s, limits=limits or Limits()
        )

    def ask(self, operation: str, body: Any, **more: Any) -> Asked:
        asked = Asked(self, operation, body, **more)
        asked.start()
        return asked

    async def call(self, operation: str, body: Any) -> Any:
        return await self.ask(operation, body).result()


class Asked:
    """One request on its way, and what has come back; it is a connection to the front."""

    def __init__(
        self,
        bench: Bench,
        operation: str,
        body: Any,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        path: str = "/",
        method: str = "",
    ) -> None:
        self.status = 0
        self.content_type = ""
        self.body = b""
        self.connected = True
        #: Whether the client has left, which only the system knows so far.
        self.hung_up = False
        self._bench = bench
        self._done = asyncio.Event()
        self.exchange = Exchange(
            method or ("POST" if path == "/" else "GET"),
            path,
            b"",
            dict([HOST, (b"x-amz-target", f"SimpleWorkflowService.{operation}".encode()), *headers]),
            body if isinstance(body, bytes) else json.dumps(body).encode(),
            self,  # type: ignore[arg-type]
        )

    def start(self) -> None:
        self._bench.front.handle(self.exchange)

    def answer(self, exchange: Exchange, status: int, content_type: str, body: bytes) -> None:
        assert not self.answered and exchange is self.exchange
        self.status, self.content_type, self.body = status, content_type, body
        self._done.set()

    def leave(self) -> None:
        """As when the loop tells that the client has left."""
        self.connected = False
        if self.exchange.on_leave is not None:
            self.exchange.on_leave()

    def listened_to(self) -> bool:
        return self.connected and not self.hung_up

    @property
    def answered(self) -> bool:
        return self._done.is_set()

    async def result(self) -> Any:
        await self._done.wait()
        return json.loads(self.body or b"{}")


async def turns(count: int = 10) -> None:
    """Let the loop turn until everything that can happen by itself has happened."""
    for _ in range(count):
        await asyncio.sleep(0)


def drive(rig: Rig, act: Callable[[Bench], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        bench = Bench(rig, **settings)
        try:
            await act(bench)
        finally:
            bench.pulse.stop()

    asyncio.run(run())


COUNT = {"domain": "domain", "startTimeFilter": {"oldestDate": 0}}
START = {"domain": "domain", "workflowId": "w", "workflowType": WORKFLOW}


@pytest.fixture
def ready(rig: Rig) -> Rig:
    rig.register()
    return rig


# -- commits -------------------------------------------------------------------------------------


def test_calls_of_one_turn_share_a_commit_and_are_answered_behind_it(
    ready: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(bench: Bench) -> None:
        asked: list[Asked] = []
        answered_before: list[int] = []
        store = ready.durable._store
        flush = store.flush

        def watched() -> None:
            answered_before.append(sum(1 for one in asked if one.answered))
            flush()

        monkeypatch.setattr(store, "flush", watched)
        asked += [bench.ask("StartWorkflowExecution", {**START, "workflowId": f"w{index}"}) for index in range(20)]
        # It reads what is not durable yet, and so does one that is refused because of it.
        asked.append(bench.ask("CountOpenWorkflowExecutions", COUNT))
        asked.append(bench.ask("StartWorkflowExecution", {**START, "workflowId": "w0"}))
        results = [await one.result() for one in asked]
        assert answered_before == [0]
        assert len({result["runId"] for result in results[:20]}) == 20
        assert results[20]["count"] == 20
        assert results[21]["message"] == "Already Started"

    drive(ready, act)


def test_a_read_with_nothing_to_commit_commits_nothing(ready: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(bench: Bench) -> None:
        monkeypatch.setattr(ready.durable, "flush", None)
        assert (await bench.call("DescribeDomain", {"name": "domain"}))["domainInfo"]["name"] == "domain"

    drive(ready, act)


def test_a_failed_commit_fails_all_that_waited_for_it(ready: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(bench: Bench) -> None:
        def full() -> None:
            raise StoreFailed("the disk is full: see to it")

        monkeypatch.setattr(ready.durable._store, "flush", full)
        asked = [bench.ask("StartWorkflowExecution", {**START, "workflowId": f"w{index}"}) for index in range(3)]
        asked.append(bench.ask("CountOpenWorkflowExecutions", COUNT))
        results = [await one.result() for one in asked]
        assert [one.status for one in asked] == [500] * 4
        assert {result["__type"] for result in results} == {"com.amazon.coral.service#InternalFailure"}
        assert {result["message"] for result in results} == {"the disk is full: see to it"}
        health = bench.ask("", b"", path="/health")
        assert (await health.result())["reason"] == "the disk is full: see to it"
        assert health.status == 503
        bench.clock.advance(1)
        assert "runId" in await bench.call("StartWorkflowExecution", START)
        health = bench.ask("", b"", path="/health")
        assert (await health.result())["status"] == "ok"
        assert health.status == 200
        assert not bench.fatal

    drive(ready, act)


def test_a_damaged_database_ends_the_server(ready: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(bench: Bench) -> None:
        def damaged() -> None:
            raise StoreRefused("damaged")

        monkeypatch.setattr(ready.durable._store, "flush", damaged)
        asked = bench.ask("StartWorkflowExecution", START)
        await asked.result()
        assert asked.status == 500
        assert [str(error) for error in bench.fatal][:1] == ["damaged"]

    drive(ready, act)


def test_a_bug_is_one_500(ready: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def act(bench: Bench) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(ready.durable, "call", lambda *arguments: 1 / 0)
            asked = bench.ask("StartWorkflowExecution", START)
            assert (await asked.result())["message"] == "The service failed; its log says more"
            assert asked.status == 500
        assert "ZeroDivisionError" in caplog.text
        assert "runId" in await bench.call("StartWorkflowExecution", START)

    drive(ready, act)


def test_what_falls_due_is_committed(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        ready.start("w")
        bench.clock.advance(3600)
        bench.pulse._rise()
        await turns()

    drive(ready, act)
    ready.restart()
    assert ready.snapshot().states == {}


# -- polls ---------------------------------------------------------------------------------------


def test_a_waiting_poll_gets_the_task(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        poll = bench.ask("PollForDecisionTask", POLL)
        await turns()
        assert not poll.answered and bench.room.count(NAME) == 1
        await bench.call("StartWorkflowExecution", START)
        task = await poll.result()
        assert [event["eventType"] for event in task["events"]][-1] == "DecisionTaskStarted"
        assert bench.room.count(NAME) == 0
        answer = {"taskToken": task["taskToken"], "decisions": [schedule("a")]}
        activity = bench.ask("PollForActivityTask", POLL)
        await turns()
        await bench.call("RespondDecisionTaskCompleted", answer)
        assert (await activity.result())["activityId"] == "a"

    drive(ready, act)


def test_one_task_for_ten_polls(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        polls = [bench.ask("PollForDecisionTask", POLL) for _ in range(10)]
        await turns()
        await bench.call("StartWorkflowExecution", START)
        await turns()
        assert [poll.answered for poll in polls] == [True] + [False] * 9
        bench.room.close()
        tasks = [await poll.result() for poll in polls]
        assert sum("taskToken" in task for task in tasks) == 1

    drive(ready, act)


@pytest.mark.parametrize(
    "operation, empty",
    [
        ("PollForDecisionTask", b'{"previousStartedEventId":0,"startedEventId":0}'),
        ("PollForActivityTask", b'{"startedEventId":0}'),
    ],
)
def test_when_the_hold_time_is_over(ready: Rig, operation: str, empty: bytes) -> None:
    async def act(bench: Bench) -> None:
        poll = bench.ask(operation, POLL)
        await poll.result()
        assert (poll.status, poll.body) == (200, empty)

    drive(ready, act, hold_s=0)


def test_a_drain_ends_the_waiting_polls(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        waiting = bench.ask("PollForDecisionTask", POLL)
        await turns()
        bench.room.close()
        late = bench.ask("PollForDecisionTask", POLL)
        assert [await poll.result() for poll in (waiting, late)] == [
            {"previousStartedEventId": 0, "startedEventId": 0}
        ] * 2

    drive(ready, act)


@pytest.mark.parametrize("told", [True, False])
def test_a_client_that_has_left_takes_no_task(ready: Rig, told: bool) -> None:
    """`told`: whether the loop has had the time to tell the poll."""

    async def act(bench: Bench) -> None:
        gone, there = bench.ask("PollForDecisionTask", POLL), bench.ask("PollForDecisionTask", POLL)
        await turns()
        if told:
            gone.leave()
            await turns()
        else:
            gone.hung_up = True
        await bench.call("StartWorkflowExecution", START)
        task = await there.result()
        assert task["startedEventId"] == 3
        assert not gone.answered and bench.room.count(NAME) == 0

    drive(ready, act)


def test_a_client_that_left_before_its_poll_was_looked_at(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        gone = Asked(bench, "PollForDecisionTask", POLL)
        gone.hung_up = True
        gone.start()
        await turns()
        assert not gone.answered
        assert (await bench.call("PollForDecisionTask", POLL))["startedEventId"] == 3

    drive(ready, act)


def test_a_decision_task_is_given_to_another_when_the_answer_finds_nobody(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        gone = bench.ask("PollForDecisionTask", POLL)
        gone.hung_up = True
        await turns()
        task = await bench.call("PollForDecisionTask", POLL)
        types = [event["eventType"] for event in task["events"]][2:]
        assert types == ["DecisionTaskStarted", "DecisionTaskTimedOut", "DecisionTaskScheduled", "DecisionTaskStarted"]
        assert not gone.answered

    drive(ready, act)


@pytest.mark.parametrize("waits", [True, False])
def test_an_activity_task_is_given_to_a_worker_that_hangs_up_meanwhile(ready: Rig, waits: bool) -> None:
    """It takes what it still gets; nobody else could, until the timeout of the task."""

    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        decision = await bench.call("PollForDecisionTask", POLL)
        answer = {"taskToken": decision["taskToken"], "decisions": [schedule("a")]}
        if waits:
            worker = bench.ask("PollForActivityTask", POLL)
            bench.ask("RespondDecisionTaskCompleted", answer)
        else:
            await bench.call("RespondDecisionTaskCompleted", answer)
            worker = bench.ask("PollForActivityTask", POLL)
        while bench.room.count(NAME._replace(kind="activity")):
            await asyncio.sleep(0)
        worker.hung_up = True
        assert worker.exchange.on_leave is None and not worker.answered
        await turns()
        assert json.loads(worker.body)["activityId"] == "a"

    drive(ready, act)


def test_a_decision_task_stays_with_a_decider_that_lost_a_further_page_of_it(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        page = {**POLL, "maximumPageSize": 2}
        first = await bench.call("PollForDecisionTask", page)
        bench.ask("SignalWorkflowExecution", {"domain": "domain", "workflowId": "w", "signalName": "s"})
        lost = bench.ask("PollForDecisionTask", {**page, "nextPageToken": first["nextPageToken"]})
        lost.leave()
        await turns()
        assert await bench.call("RespondDecisionTaskCompleted", {"taskToken": first["taskToken"]}) == {}

    drive(ready, act)


def test_too_many_polls(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        polls = [bench.ask("PollForDecisionTask", POLL) for _ in range(2)]
        await turns()
        refused = await bench.call("PollForDecisionTask", POLL)
        assert refused["message"] == "Limit on maximum concurrent poll requests per task list reached"
        other = bench.ask("PollForActivityTask", POLL)
        await turns()
        assert not other.answered
        bench.room.close()
        for poll in (*polls, other):
            await poll.result()

    drive(ready, act, limits=Limits(pollers=2))


def test_further_pages_do_not_wait(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        first = await bench.call("PollForDecisionTask", {**POLL, "maximumPageSize": 2})
        second = await bench.call(
            "PollForDecisionTask", {**POLL, "maximumPageSize": 2, "nextPageToken": first["nextPageToken"]}
        )
        assert [event["eventId"] for event in second["events"]] == [3]
        assert second["taskToken"] == first["taskToken"]

    drive(ready, act)


def test_a_poll_in_the_wrong_region_is_explained_in_the_log(ready: Rig, caplog: pytest.LogCaptureFixture) -> None:
    async def act(bench: Bench) -> None:
        credential = b"AWS4-HMAC-SHA256 Credential=k/20200101/eu-west-1/swf/aws4_request, SignedHeaders=h, Signature=0"
        for _ in range(2):
            poll = bench.ask("PollForDecisionTask", POLL, headers=((b"authorization", credential),))
            assert (await poll.result())["message"] == "Unknown domain: domain"
        words = "in region eu-west-1 asks for domain domain, which is registered in us-east-1"
        assert [words in record.message for record in caplog.records] == [True]

    drive(ready, act)


# -- requests and answers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent, given",
    [
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/json; charset=UTF-8", "application/json"),
        (None, "application/json"),
    ],
)
@pytest.mark.parametrize("domain", ["domain", "unknown"])
def test_the_content_type_is_that_of_the_request(ready: Rig, sent: str | None, given: str, domain: str) -> None:
    async def act(bench: Bench) -> None:
        headers = () if sent is None else ((b"content-type", sent.encode()),)
        asked = bench.ask("DescribeDomain", {"name": domain}, headers=headers)
        await asked.result()
        assert asked.content_type == given

    drive(ready, act)


def test_void_answers_are_empty(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        asked = [bench.ask("DeprecateDomain", {"name": "domain"}) for _ in range(5)]
        await asyncio.gather(*(one.result() for one in asked))
        assert (asked[0].status, asked[0].body) == (200, b"")
        assert {one.status for one in asked[1:]} == {400}

    drive(ready, act)


@pytest.mark.parametrize(
    "body, code",
    [
        (b"", "SerializationException"),
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"\xff", "SerializationException"),
        (b'{"name":"\\ud800"}', "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"name":1}', "SerializationException"),
        (b'{"x":' + b"9" * 5000 + b"}", "SerializationException"),
        (b'{"x":' + b"9" * 50 + b"}", "ValidationException"),
        (b"{}", "ValidationException"),
    ],
)
def test_bad_bodies(rig: Rig, body: bytes, code: str) -> None:
    async def act(bench: Bench) -> None:
        asked = bench.ask("DescribeDomain", body)
        assert (await asked.result())["__type"].endswith("#" + code)
        assert asked.status == 400

    drive(rig, act)


@pytest.mark.parametrize(
    "status, told",
    [
        (400, {}),
        (431, {}),
        (
            413,
            {
                "__type": "com.amazon.coral.service#RequestEntityTooLargeException",
                "message": "The request is larger than 1048576 bytes: send less in one call",
            },
        ),
    ],
)
def test_what_is_no_request_is_refused(rig: Rig, status: int, told: dict[str, str]) -> None:
    async def act(bench: Bench) -> None:
        asked = Asked(bench, "", b"")
        asked.exchange.refusal = status
        asked.start()
        assert await asked.result() == told
        assert asked.status == status

    drive(rig, act)


@pytest.mark.parametrize("target", ["Nonsense", "", "DescribeDomain.Nope"])
def test_unknown_operations(rig: Rig, target: str) -> None:
    async def act(bench: Bench) -> None:
        assert (await bench.call(target, {}))["__type"] == "com.amazon.coral.service#UnknownOperationException"

    drive(rig, act)


def test_strangers_are_sent_away(rig: Rig) -> None:
    async def act(bench: Bench) -> None:
        for path in ("/", "/health"):
            asked = bench.ask("DescribeDomain", {"name": "d"}, headers=((b"host", b"evil.example"),), path=path)
            assert "AccessDeniedException" in (await asked.result())["__type"]
            assert asked.status == 403

    drive(rig, act)


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("POST", "/nowhere", 404),
        ("POST", "", 404),
        ("GET", "/", 405),
        ("PUT", "/health", 405),
        ("HEAD", "/health", 200),
    ],
)
def test_other_paths_and_methods(rig: Rig, method: str, path: str, status: int) -> None:
    async def act(bench: Bench) -> None:
        asked = bench.ask("DescribeDomain", {}, path=path, method=method)
        await asked.result()
        assert asked.status == status

    drive(rig, act)


def test_health(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        ready.start("w1")
        ready.start("w2")
        bench.clock.advance(5)
        told = await bench.ask("", b"", path="/health").result()
        backlog = [{"kind": "decision", "domain": "domain", "taskList": "list", "tasks": 2}]
        assert told["regions"] == {"us-east-1": {"openExecutions": 2, "backlog": backlog}}
        assert (told["status"], told["uptime"]) == ("ok", 5.0)
        assert told["version"]

    drive(ready, act)
