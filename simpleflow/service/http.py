"""The HTTP front: AWS JSON 1.0 over one door, `Durable.call`.

It reads a request, lets it in or not, checks it against the model, calls, waits for the commit, and answers. A poll
that finds nothing waits in the waiting room. Everything about SWF itself is behind the door.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.routing import Route

from . import faults, model
from .clock import Clock
from .database import StoreError
from .durable import Durable
from .events import to_json
from .faults import Fault
from .guard import Guard
from .health import health
from .limits import Limits, reached
from .operations import Answer, Request
from .pulse import Pulse
from .tasklists import ListName
from .waiting import Waiter, WaitingRoom

MAX_REQUEST = 1024 * 1024
#: The ASGI extension whose `tell` says whether the client of a request is still there.
CONNECTED = "simpleflow.connected"

_MAX_HINTS = 1000
_POLLS = {"PollForDecisionTask": "decision", "PollForActivityTask": "activity"}
_JSON_10 = b"application/x-amz-json-1.0"
_JSON = b"application/json"

_log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Call:
    operation: str
    request: Request
    region: str


class ClientGone(Exception):
    """Nobody is there any more to read the answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it came in, and the way back."""

    scope: Scope
    receive: Receive
    send: Send
    #: As they came, by lower-case name.
    headers: Mapping[bytes, bytes]

    @classmethod
    def of(cls, scope: Scope, receive: Receive, send: Send) -> Exchange:
        return cls(scope, receive, send, dict(scope["headers"]))

    @property
    def connected(self) -> bool:
        """False once the client is known to have left."""
        extension = self.scope.get("extensions", {}).get(CONNECTED)
        return extension is None or bool(extension["tell"]())

    async def read(self) -> bytes:
        """The body. Raises ClientGone, or a Fault when it is too large."""
        if _content_length(self.headers) > MAX_REQUEST:
            raise _too_large()
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > MAX_REQUEST:
                raise _too_large()
            if not message.get("more_body", False):
                return b"".join(chunks)

    async def answer(self, status: int, body: bytes) -> None:
        amazon = _JSON_10 in self.headers.get(b"content-type", b"")
        headers = [
            (b"x-amzn-requestid", str(uuid.uuid4()).encode()),
            (b"content-type", _JSON_10 if amazon else _JSON),
            (b"content-length", str(len(body)).encode()),
        ]
        if status == 413:
            headers.append((b"connection", b"close"))  # what is left of the body will not be read
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


class Front:
    """What stands behind `POST /` and `GET /health`; to be made within the loop that serves it."""

    def __init__(
        self,
        durable: Durable,
        pulse: Pulse,
        room: WaitingRoom,
        guard: Guard,
        clock: Clock,
        *,
        hold_s: float,
        limits: Limits,
    ) -> None:
        self._durable = durable
        self._pulse = pulse
        self._room = room
        self._guard = guard
        self._clock = clock
        self._hold_s = hold_s
        self._pollers = limits.pollers
        self._started = clock.monotonic()
        self._hinted: set[tuple[str, str]] = set()

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/", _Endpoint(self.swf), methods=["POST"]), Route("/health", _Endpoint(self.health))]
        )

    async def swf(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope, receive, send)
        try:
            status, body = await self._serve(exchange)
        except ClientGone:
            return
        except Fault as fault:
            status, body = fault.status, orjson.dumps(fault.to_wire())
        await exchange.answer(status, body)

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange.of(scope, receive, send)
        told = health(self._durable, self._clock.monotonic() - self._started)
        status = 200 if self._durable.trouble is None else 503
        try:
            self._guard.admit(scope, exchange.headers, b"")
        except Fault as fault:
            # Whoever only cannot sign (a load balancer) may know that the service is alive, and no more.
            told = {"status": told["status"]}
            if fault.status == 403:
                status, told = fault.status, fault.to_wire()
        await exchange.answer(status, orjson.dumps(told))

    # -- calls ---------------------------------------------------------------------------------------

    async def _serve(self, exchange: Exchange) -> tuple[int, bytes]:
        body = await exchange.read()
        region = self._guard.admit(exchange.scope, exchange.headers, body)
        target = exchange.headers.get(b"x-amz-target")
        if target is None:
            raise faults.unknown_operation()
        operation = target.rpartition(b".")[2].decode("latin-1")
        request = _parse(body)
        model.validate(operation, request)
        call = Call(operation, request, region)
        try:
            if operation in _POLLS and not request.get("nextPageToken"):
                return 200, await self._poll(exchange, call)
            return 200, await self._durably(lambda: self._call(call))
        except Fault as fault:
            self._hint(fault, call)
            raise
        except ClientGone:
            raise
        except StoreError as error:
            self._pulse.fail(error)
            raise faults.internal_failure(str(error)) from error
        except Exception as error:
            _log.exception("%s failed; the service was read from its database again", operation)
            raise faults.internal_failure("The service failed; its log says more") from error

    def _call(self, call: Call) -> Answer:
        return self._durable.call(call.operation, call.request, self._clock.now_ms(), call.region)

    async def _durably(self, act: Callable[[], Answer]) -> bytes:
        """Act, and wait until all that the answer has seen is durable; that holds for a Fault too."""
        try:
            body = _write(act())
        except Fault:
            await self._pulse.committed()
            raise
        await self._pulse.committed()
        return body

    def _hint(self, fault: Fault, call: Call) -> None:
        """Log once what a client with the wrong region cannot guess from the fault."""
        domain = call.request.get("domain", "")
        if fault.message != f"Unknown domain: {domain}" or (call.region, domain) in self._hinted:
            return
        regions = self._durable.service.regions_of(domain)
        if regions and len(self._hinted) < _MAX_HINTS:
            self._hinted.add((call.region, domain))
            words = "%s in region %s asks for domain %s, which is registered in %s: check AWS_DEFAULT_REGION"
            _log.warning(words, call.operation, call.region, domain, ", ".join(regions))

    # -- polls ---------------------------------------------------------------------------------------

    async def _poll(self, exchange: Exchange, call: Call) -> bytes:
        name = ListName(_POLLS[call.operation], call.region, call.request["domain"], call.request["taskList"]["name"])
        if reached(self._room.count(name), self._pollers):
            raise faults.too_many_pollers()
        waiter = self._room.enter(name)
        answer: Answer = {}
        try:
            answer = await self._task(exchange, call, waiter)
        except Fault:
            await self._pulse.committed()
            raise
        finally:
            self._room.leave(waiter, served="taskToken" in answer)
        body = await self._durably(lambda: answer)
        if not exchange.connected:
            self._give_back(call, answer)
            raise ClientGone
        return body

    async def _task(self, exchange: Exchange, call: Call, waiter: Waiter) -> Answer:
        """The answer to a poll: a task, or none when the hold time is over. Raises ClientGone."""
        answer = self._look(exchange, call, waiter)
        if _served(answer) or waiter.over:
            return answer
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(self._hold_s, waiter.end)
        # With the body read, the next thing to be received is that the client has left.
        watch = loop.create_task(_receive(exchange))
        watch.add_done_callback(waiter.leave)
        try:
            while not _served(answer) and not waiter.over:
                await waiter.woken()
                answer = self._look(exchange, call, waiter)
            return answer
        finally:
            alarm.cancel()
            watch.remove_done_callback(waiter.leave)
            watch.cancel()

    def _look(self, exchange: Exchange, call: Call, waiter: Waiter) -> Answer:
        if waiter.gone or not exchange.connected:
            raise ClientGone
        waiter.look()
        return self._call(call)

    def _give_back(self, call: Call, answer: Answer) -> None:
        """A decision task whose decider has left can be decided by another at once; an activity may have begun."""
        if _served(answer) and call.operation == "PollForDecisionTask":
            try:
                self._durable.abandon_decision_task(answer["taskToken"], self._clock.now_ms(), call.region)
            except Fault:
                return  # it has ended meanwhile
            self._pulse.ask()


async def _receive(exchange: Exchange) -> None:
    await exchange.receive()


def _served(answer: Answer) -> bool:
    return "taskToken" in answer


class _Endpoint:
    """Starlette takes a function for one of its own kind of endpoints, and an object for an ASGI application."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


# -- bodies --------------------------------------------------------------------------------------


def _parse(body: bytes) -> Request:
    try:
        request: Request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise faults.serialization(f"The body is not JSON: {error}") from None
    return request


def _write(answer: Answer) -> bytes:
    """The body of an answer, empty for an operation that answers nothing."""
    if not answer:
        return b""
    events = answer.get("events")
    if not events:
        return to_json(answer)
    return orjson.dumps({**answer, "events": [orjson.Fragment(event.wire()) for event in events]})


def _content_length(headers: Mapping[bytes, bytes]) -> int:
    text = headers.get(b"content-length", b"")
    return int(text) if text.isdigit() and len(text) < 20 else 0


def _too_large() -> Fault:
    message = f"The request is larger than {MAX_REQUEST} bytes: send less in one call"
    return Fault("com.amazon.coral.service#RequestEntityTooLargeException", message, 413)
