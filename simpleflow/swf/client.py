"""Calls of SWF: one small path for all operations, over what botocore knows of the endpoint.

boto3 gives the configuration as its users know it: region, credentials, profiles, proxies, certificates and
AWS_ENDPOINT_URL_SWF, and it signs. Requests and answers are JSON as they are: reading a page of 1,000 events through
botocore's model costs 17 ms, reading its JSON 1 ms.

A client belongs to the process and the thread that made it: ``get`` makes one for each.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions
import orjson
from botocore.awsrequest import AWSRequest

from .. import settings
from .errors import NotConfigured, Refused, Unreachable

Answer = dict[str, Any]

#: Seconds that an answer may take: more than the minute for which SWF holds a poll.
_READ_TIMEOUT = 75
_CONNECT_TIMEOUT = 10
_DEFAULT_REGION = "us-east-1"
_POLLS = frozenset({"PollForDecisionTask", "PollForActivityTask"})
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 20.0


class Client:
    """``call(operation, request)``: the answer as SWF gives it, or Refused, Unreachable, NotConfigured.

    A call is tried SWF_CONNECTION_RETRIES times if SWF or the way to it fails; a poll once.
    """

    def __init__(
        self,
        region: str | None = None,
        endpoint_url: str | None = None,
        attempts: int | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._attempts = attempts or int(settings.SWF_CONNECTION_RETRIES)
        self._sleep = sleep or threading.Event().wait
        self._chance = random.Random()
        self._pid = os.getpid()
        client = _boto3_client(region, endpoint_url)
        self.region: str = client.meta.region_name
        self.endpoint_url: str = client.meta.endpoint_url
        self._client = client  # its parts refer to it weakly
        self._signer = client._request_signer
        self._http = client._endpoint.http_session

    @staticmethod
    def has_credentials() -> bool:
        """Whether boto3 finds credentials."""
        try:
            return boto3.session.Session().get_credentials() is not None
        except botocore.exceptions.BotoCoreError:
            return False

    @property
    def is_amazon(self) -> bool:
        """Whether this is Amazon's SWF, which loses a task to a poll whose client has gone."""
        return "amazonaws.com" in (urlsplit(self.endpoint_url).hostname or "")

    def call(self, operation: str, request: dict[str, Any]) -> Answer:
        once = operation in _POLLS and "nextPageToken" not in request
        attempts = 1 if once else self._attempts
        for attempt in range(1, attempts + 1):
            try:
                return self._once(operation, request)
            except (Refused, Unreachable) as error:
                if attempt == attempts or (isinstance(error, Refused) and not error.transient):
                    raise
            self._sleep(backed_off(attempt, self._chance))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close the connections: before a fork, which would share them."""
        self._http.close()

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
            raise RuntimeError("this client belongs to another process; make one here with client.get()")
        signed = AWSRequest(
            "POST",
            self.endpoint_url,
            headers={
                "X-Amz-Target": f"SimpleWorkflowService.{operation}",
                "Content-Type": "application/x-amz-json-1.0",
            },
            data=orjson.dumps(request),
        )
        try:
            self._signer.sign(operation, signed)
            response = self._http.send(signed.prepare())
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
            raise NotConfigured(
                f"no AWS credentials for {self.endpoint_url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a "
                "profile (AWS_PROFILE), or use the embedded service (`simpleflow standalone --embedded`)."
            ) from error
        except botocore.exceptions.BotoCoreError as error:
            raise Unreachable(f"{operation}: SWF cannot be reached at {self.endpoint_url}: {error}") from error
        body = response.content
        if response.status_code == 200:
            return orjson.loads(body) if body else {}
        raise _refused(operation, response.status_code, body)


_mine: dict[tuple[int, int, str | None, str | None], Client] = {}
_lock = threading.Lock()


def get(region: str | None = None, endpoint_url: str | None = None) -> Client:
    """The client of this thread of this process."""
    key = (os.getpid(), threading.get_ident(), region, endpoint_url)
    with _lock:
        if key not in _mine:
            _mine[key] = Client(region, endpoint_url)
        return _mine[key]


def backed_off(attempt: int, chance: random.Random) -> float:
    """Seconds to wait after a failed attempt: doubling, with jitter."""
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (attempt - 1)) * (0.5 + chance.random() / 2)


def _boto3_client(region: str | None, endpoint_url: str | None) -> Any:
    config = botocore.config.Config(
        read_timeout=_READ_TIMEOUT,
        connect_timeout=_CONNECT_TIMEOUT,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
    )
    try:
        session = boto3.session.Session()
        region = region or session.region_name or _DEFAULT_REGION
        return session.client("swf", region_name=region, endpoint_url=endpoint_url, config=config)
    except botocore.exceptions.BotoCoreError as error:
        raise NotConfigured(f"the AWS configuration cannot be used: {error}") from error


def _refused(operation: str, status: int, body: bytes) -> Refused:
    try:
        told = orjson.loads(body)
        code = str(told.get("__type", "")).rpartition("#")[2]
        message = str(told.get("message") or told.get("Message") or "")
    except (orjson.JSONDecodeError, AttributeError):
        code, message = "", body[:200].decode("utf-8", "replace")
    return Refused(operation, code or f"HTTP {status}", message, status)
