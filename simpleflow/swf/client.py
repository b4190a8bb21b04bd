"""Calls of SWF: one small path for all operations.

``access`` tells where SWF is, as the AWS configuration says. Requests and answers are JSON as they are: reading a page
of 1,000 events through botocore's model costs 17 ms, reading its JSON 1 ms. ``signing`` and ``transport`` do the rest,
at a tenth of botocore's cost.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson

from .. import __version__, settings
from .access import Access
from .errors import Refused, Unreachable
from .signing import Signer
from .transport import Transport, transport

Answer = dict[str, Any]

_POLLS = frozenset({"PollForDecisionTask", "PollForActivityTask"})
#: Seconds that an answer may take. SWF holds a poll for a minute; another heartbeat will come.
_TIMEOUT = 60.0
_TIMEOUTS = {**dict.fromkeys(_POLLS, 75.0), "RecordActivityTaskHeartbeat": 10.0}
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 20.0
_HEADERS = {"Content-Type": "application/x-amz-json-1.0", "User-Agent": f"simpleflow/{__version__}"}


class Client:
    """``call(operation, request)``: the answer as SWF gives it, or Refused, Unreachable, NotConfigured.

    A call is tried SWF_CONNECTION_RETRIES times if SWF or the way to it fails; a poll once. A client belongs to one
    thread of one process; ``another`` makes one for another thread.
    """

    def __init__(
        self,
        region: str | None = None,
        endpoint_url: str | None = None,
        attempts: int | None = None,
        sleep: Callable[[float], object] | None = None,
        access: Access | None = None,
        carrier: Callable[[str, str | None], Transport] = transport,
    ) -> None:
        self._access = access or Access.configured(region, endpoint_url)
        self._attempts = attempts or max(1, int(settings.SWF_CONNECTION_RETRIES))
        self._sleep = sleep or threading.Event().wait
        self._chance = random.Random()
        self._pid = os.getpid()
        self._carrier = carrier
        self.region = self._access.region
        self.endpoint_url = self._access.endpoint_url
        self._signer = Signer(self.endpoint_url, self._access.signing_region, self._access.signing_name)
        self._transport = carrier(self.endpoint_url, self._access.ca_bundle)

    def another(self, attempts: int | None = None) -> Client:
        """A client for another thread, with the same configuration."""
        return Client(attempts=attempts or self._attempts, access=self._access, carrier=self._carrier)

    @property
    def is_amazon(self) -> bool:
        """Whether this is Amazon's SWF, which loses a task to a poll whose client has gone."""
        return "amazonaws.com" in (urlsplit(self.endpoint_url).hostname or "")

    def call(
        self, operation: str, request: dict[str, Any], carried_out: Callable[[], Answer | None] | None = None
    ) -> Answer:
        """The answer. ``carried_out`` is for what must not be done twice: after an attempt whose answer was lost it
        looks whether SWF has done what was asked, and gives what the answer would have been, or None.
        """
        once = operation in _POLLS and "nextPageToken" not in request
        attempts = 1 if once else self._attempts
        lost = False
        for attempt in range(1, attempts + 1):
            try:
                answer = _seen(carried_out) if lost and carried_out is not None else None
                return self._once(operation, request) if answer is None else answer
            except (Refused, Unreachable) as error:
                again = not isinstance(error, Refused) or error.transient or (lost and carried_out is not None)
                if attempt == attempts or not again:
                    raise
                lost = lost or _may_be_done(error)
            self._sleep(backed_off(attempt, self._chance))
        raise AssertionError("unreachable")

    def hang_up(self) -> None:
        """From now on nothing is asked: a poll comes back at once, with the task that SWF has given it, if any.

        Any thread may call this. The embedded service gives a task to nobody who has hung up; Amazon SWF does.
        """
        self._transport.hang_up()

    def close(self) -> None:
        """Close the connections: before a fork, which would share them."""
        self._transport.close()

    def pages(self, operation: str, member: str, request: dict[str, Any]) -> Iterator[Any]:
        """The items of all pages of a listing, read as they are asked for."""
        token: str | None = None
        while True:
            answer = self.call(operation, request if token is None else {**request, "nextPageToken": token})
            yield from answer[member]
            token = answer.get("nextPageToken")
            if token is None:
                return

    def _once(self, operation: str, request: dict[str, Any]) -> Answer:
        if os.getpid() != self._pid:
            raise RuntimeError("this client belongs to another process; make one here.")
        body = orjson.dumps(request)
        headers = {**_HEADERS, "X-Amz-Target": f"SimpleWorkflowService.{operation}"}
        signed = self._signer.headers(headers, body, self._access.keys())
        try:
            status, told = self._transport.post(signed, body, _TIMEOUTS.get(operation, _TIMEOUT))
        except OSError as error:
            raise Unreachable(f"{operation}: SWF cannot be reached at {self.endpoint_url}: {error}") from error
        if status != 200:
            raise _refused(operation, status, told)
        try:
            return orjson.loads(told) if told else {}
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"{operation}: the answer from {self.endpoint_url} is not SWF's: {error}") from error


def _may_be_done(error: Refused | Unreachable) -> bool:
    if isinstance(error, Refused):
        return error.status >= 500
    return not isinstance(error.__cause__, ConnectionRefusedError)  # by which nothing was sent


def _seen(carried_out: Callable[[], Answer | None]) -> Answer | None:
    try:
        return carried_out()
    except Refused as error:
        if error.transient:
            raise
        return None  # not everybody may look


def backed_off(attempt: int, chance: random.Random) -> float:
    """Seconds to wait after a failed attempt: doubling, with jitter."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (attempt - 1)) * (0.5 + chance.random() / 2)


def _refused(operation: str, status: int, body: bytes) -> Refused:
    try:
        told = orjson.loads(body)
        code = str(told.get("__type", "")).rpartition("#")[2]
        message = str(told.get("message") or told.get("Message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        code, message = "", body[:200].decode("utf-8", "replace")
    return Refused(operation, code or f"HTTP {status}", message, status)
