"""The front as an ASGI application, without sockets: commits, waiting polls, clients that leave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from store_kit import LIST, WORKFLOW, Rig, schedule

from simpleflow.service.clock import VirtualClock
from simpleflow.service.database import StoreFailed, StoreRefused
from simpleflow.service.guard import Guard
from simpleflow.service.http import CONNECTED, Front
from simpleflow.service.limits import Limits
from simpleflow.service.pulse import Pulse
from simpleflow.service.tasklists import ListName
from simpleflow.service.waiting import WaitingRoom

HOST = (b"host", b"localhost")
POLL = {"domain": "domain", "taskList": LIST}


class Bench:
    """A front over a rig, to which requests are made as uvicorn makes them."""

    def __init__(self, rig: Rig, hold_s: float = 30, limits: Limits | None = None) -> None:
        self.rig = rig
        self.room = WaitingRoom()
        self.clock = VirtualClock(rig.now_ms)
        self.fatal: list[StoreRefused] = []
        rig.durable._listener = lambda *name: self.room.wake(ListName(*name))
        rig.durable._service._listener = rig.durable._listener
        self.pulse = Pulse(rig.durable, self.clock, self.fatal.append)
        guard = Guard(None, (), self.clock)
        front = Front(rig.durable, self.pulse, self.room, guard, self.clock, hold_s=hold_s, limits=limits or Limits())
        self.app = front.app()

    def ask(self, operation: str, body: Any, **more: Any) -> Asked:
        asked = Asked(self, operation, body, **more)
        asked.start()
        return asked

    async def call(self, operation: str, body: Any) -> Any:
        return await self.ask(operation, body).result()


class Asked:
    """One request on its way, and what has come back."""

    def __init__(
        self, bench: Bench, operation: str, body: Any, headers: tuple[tuple[bytes, bytes], ...] = (), path: str = "/"
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.connected = True
        self._left = asyncio.Event()
        self._bench = bench
        self._body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._read = False
        self._scope = {
            "type": "http",
            "method": "POST" if path == "/" else "GET",
            "path": path,
            "query_string": b"",
            "headers": [HOST, (b"x-amz-target", f"SimpleWorkflowService.{operation}".encode()), *headers],
            "extensions": {CONNECTED: {"tell": lambda: self.connected}},
        }

    def start(self) -> None:
        self.task = asyncio.ensure_future(self._bench.app(self._scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def leave(self) -> None:
        self.connected = False
        self._left.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return bytes(self.sent[1]["body"])

    async def result(self) -> Any:
        await self.task
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
            answered_before.append(sum(1 for one in asked if one.sent))
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
        assert not poll.sent and bench.room.count(ListName("decision", "us-east-1", "domain", "list")) == 1
        await bench.call("StartWorkflowExecution", START)
        task = await poll.result()
        assert [event["eventType"] for event in task["events"]][-1] == "DecisionTaskStarted"
        assert bench.room.count(ListName("decision", "us-east-1", "domain", "list")) == 0
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
        assert [len(poll.sent) for poll in polls] == [2] + [0] * 9
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
        await poll.task
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
            gone.connected = False
        await bench.call("StartWorkflowExecution", START)
        task = await there.result()
        assert task["startedEventId"] == 3
        assert not gone.sent and gone.task.done()

    drive(ready, act)


def test_a_client_that_left_before_its_poll_was_looked_at(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        gone = bench.ask("PollForDecisionTask", POLL)
        gone.connected = False
        await gone.task
        assert not gone.sent
        assert (await bench.call("PollForDecisionTask", POLL))["startedEventId"] == 3

    drive(ready, act)


def test_a_decision_task_is_given_to_another_when_the_answer_finds_nobody(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        await bench.call("StartWorkflowExecution", START)
        gone = bench.ask("PollForDecisionTask", POLL)
        committed = bench.pulse.committed

        async def leave_meanwhile() -> None:
            gone.leave()
            await committed()

        bench.pulse.committed = leave_meanwhile  # type: ignore[method-assign]
        await gone.task
        bench.pulse.committed = committed  # type: ignore[method-assign]
        task = await bench.call("PollForDecisionTask", POLL)
        types = [event["eventType"] for event in task["events"]][2:]
        assert types == ["DecisionTaskStarted", "DecisionTaskTimedOut", "DecisionTaskScheduled", "DecisionTaskStarted"]
        assert not gone.sent

    drive(ready, act)


def test_too_many_polls(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        polls = [bench.ask("PollForDecisionTask", POLL) for _ in range(2)]
        await turns()
        refused = await bench.call("PollForDecisionTask", POLL)
        assert refused["message"] == "Limit on maximum concurrent poll requests per task list reached"
        other = bench.ask("PollForActivityTask", POLL)
        await turns()
        assert not other.sent
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
        await asked.task
        assert asked.headers[b"content-type"].decode() == given
        assert int(asked.headers[b"content-length"]) == len(asked.body)

    drive(ready, act)


def test_void_answers_are_empty_and_request_ids_unique(ready: Rig) -> None:
    async def act(bench: Bench) -> None:
        asked = [bench.ask("DeprecateDomain", {"name": "domain"}) for _ in range(5)]
        await asyncio.gather(*(one.task for one in asked))
        assert (asked[0].status, asked[0].body, asked[0].headers[b"content-length"]) == (200, b"", b"0")
        assert {one.status for one in asked[1:]} == {400}
        assert len({one.headers[b"x-amzn-requestid"] for one in asked}) == 5

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


@pytest.mark.parametrize("length", [True, False])
def test_a_body_that_is_too_large(rig: Rig, length: bool) -> None:
    async def act(bench: Bench) -> None:
        headers = ((b"content-length", b"1048577"),) if length else ()
        asked = bench.ask("DescribeDomain", b" " * (1024 * 1024 + 1), headers=headers)
        await asked.result()
        assert (asked.status, asked.headers[b"connection"]) == (413, b"close")

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


def test_other_paths_and_methods(rig: Rig) -> None:
    async def act(bench: Bench) -> None:
        nowhere = bench.ask("DescribeDomain", {}, path="/nowhere")
        await nowhere.task
        assert nowhere.status == 404
        get = Asked(bench, "DescribeDomain", {})
        get._scope["method"] = "GET"
        get.start()
        await get.task
        assert get.status == 405

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
