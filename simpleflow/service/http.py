"""The HTTP front: AWS JSON 1.0 over one door, `Durable.call`.

It takes a request, lets it in or not, checks it against the model, calls, and answers behind the commit. A poll that
finds nothing waits in the waiting room. Everything about SWF itself is behind the door, everything about HTTP itself in
`connections`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import orjson

from . import faults, model
from .clock import Clock
from .connections import MAX_REQUEST, Exchange
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

_MAX_HINTS = 1000
_POLLS = {"PollForDecisionTask": "decision", "PollForActivityTask": "activity"}
_JSON_10 = "application/x-amz-json-1.0"
_JSON = "application/json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """An operation that was asked for, and the way back."""

    exchange: Exchange
    operation: str
    request: Request
    region: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be answered once it is durable; `task` is the token of a task that was handed out."""

    status: int
    body: bytes
    task: str | None = None


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

    def handle(self, exchange: Exchange) -> None:
        """Answer a request, now or later."""
        if exchange.refusal:
            fault = _too_large() if exchange.refusal == 413 else None
            _answer(exchange, exchange.refusal, b"" if fault is None else orjson.dumps(fault.to_wire()))
            return
        serve, methods = self._place(exchange.path)
        if exchange.method not in methods:
            _answer(exchange, 405 if methods else 404, b"")
            return
        try:
            serve(exchange)
        except Fault as fault:
            _answer(exchange, fault.status, orjson.dumps(fault.to_wire()))

    def _place(self, path: str) -> tuple[Callable[[Exchange], None], tuple[str, ...]]:
        if path == "/":
            return self._swf, ("POST",)
        return self._health, ("GET", "HEAD") if path == "/health" else ()

    def _health(self, exchange: Exchange) -> None:
        told = health(self._durable, self._clock.monotonic() - self._started)
        status = 200 if self._durable.trouble is None else 503
        try:
            self._guard.admit(exchange)
        except Fault as fault:
            if fault.status == 403:
                raise
            # Whoever only cannot sign (a load balancer) may know that the service is alive, and no more.
            told = {"status": told["status"]}
        _answer(exchange, status, orjson.dumps(told))

    # -- calls ---------------------------------------------------------------------------------------

    def _swf(self, exchange: Exchange) -> None:
        """Raises a Fault for what the service need not be asked."""
        region = self._guard.admit(exchange)
        target = exchange.headers.get(b"x-amz-target")
        if target is None:
            raise faults.unknown_operation()
        operation = target.rpartition(b".")[2].decode("latin-1")
        request = _parse(exchange.body)
        model.validate(operation, request)
        call = Call(exchange, operation, request, region)
        if operation in _POLLS and not request.get("nextPageToken"):
            self._poll(call)
        else:
            self._finish(call, self._call(call))

    def _call(self, call: Call) -> Outcome:
        try:
            answer = self._durable.call(call.operation, call.request, self._clock.now_ms(), call.region)
            task = None if call.request.get("nextPageToken") else answer.get("taskToken")
            return Outcome(200, _write(answer), task)
        except Fault as fault:
            self._hint(fault, call)
            return _failed(fault)
        except Exception as error:
            return _failed(self._internal(error, call))

    def _internal(self, error: Exception, call: Call) -> Fault:
        if isinstance(error, StoreError):
            self._pulse.fail(error)
            return faults.internal_failure(str(error))
        _log.error("%s failed; the service was read from its database again", call.operation, exc_info=error)
        return faults.internal_failure("The service failed; its log says more")

    def _finish(self, call: Call, outcome: Outcome) -> None:
        """Answer as soon as all that the outcome has seen is durable; that holds for a Fault too."""
        self._pulse.behind_commit(partial(self._deliver, call, outcome))

    def _deliver(self, call: Call, outcome: Outcome, lost: StoreError | None) -> None:
        if lost is not None:
            outcome = _failed(faults.internal_failure(str(lost)))
        taken_back = outcome.task if call.operation == "PollForDecisionTask" else None
        if taken_back is None or call.exchange.listened_to():
            _answer(call.exchange, outcome.status, outcome.body)
        else:
            self._give_back(call, taken_back)

    def _give_back(self, call: Call, token: str) -> None:
        """A decision task whose decider has left can be decided by another at once."""
        try:
            self._durable.abandon_decision_task(token, self._clock.now_ms(), call.region)
        except Fault:
            return  # it has ended meanwhile
        except Exception as error:
            self._internal(error, call)
        self._pulse.ask()

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

    def _poll(self, call: Call) -> None:
        name = ListName(_POLLS[call.operation], call.region, call.request["domain"], call.request["taskList"]["name"])
        if reached(self._room.count(name), self._pollers):
            raise faults.too_many_pollers()
        self._look(call, self._room.enter(name, partial(self._look, call)))

    def _look(self, call: Call, waiter: Waiter) -> None:
        """Answer a poll if there is a task for it or its time is over; else it waits, or has left."""
        exchange = call.exchange
        if not exchange.listened_to():
            self._room.leave(waiter, served=False)
            return
        waiter.doze()
        outcome = self._call(call)
        if outcome.status == 200 and outcome.task is None and not waiter.over:
            exchange.on_leave = waiter.wake
            waiter.wait(self._hold_s)
            return
        self._room.leave(waiter, served=outcome.task is not None)
        exchange.on_leave = None  # a worker that stops says no more, and still takes the task that it gets
        self._finish(call, outcome)


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
    page = b",".join([event.wire() for event in events])
    return orjson.dumps({**answer, "events": orjson.Fragment(b"[%b]" % page)})


def _answer(exchange: Exchange, status: int, body: bytes) -> None:
    amazon = _JSON_10.encode() in exchange.headers.get(b"content-type", b"")
    exchange.answer(status, _JSON_10 if amazon else _JSON, body)


def _failed(fault: Fault) -> Outcome:
    return Outcome(fault.status, orjson.dumps(fault.to_wire()))


def _too_large() -> Fault:
    message = f"The request is larger than {MAX_REQUEST} bytes: send less in one call"
    return Fault("com.amazon.coral.service#RequestEntityTooLargeException", message, 413)
