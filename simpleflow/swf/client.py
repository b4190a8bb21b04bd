"""Calls of SWF: one small path for all operations, over what botocore knows of the endpoint.

botocore gives the configuration as its users know it: region, credentials, profiles, proxies, certificates and
AWS_ENDPOINT_URL_SWF. Requests and answers are JSON as they are: reading a page of 1,000 events through botocore's
model costs 17 ms, reading its JSON 1 ms. ``signing`` and ``transport`` do the rest, at a tenth of botocore's cost.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import botocore.session
import orjson

from .. import __version__, settings
from .errors import NotConfigured, Refused, Unreachable
from .signing import Keys, Signer
from .transport import Transport, transport

Answer = dict[str, Any]

_DEFAULT_REGION = "us-east-1"
_POLLS = frozenset({"PollForDecisionTask", "PollForActivityTask"})
#: Seconds that an answer may take. SWF holds a poll for a minute; another heartbeat will come.
_TIMEOUT = 60.0
_TIMEOUTS = {**dict.fromkeys(_POLLS, 75.0), "RecordActivityTaskHeartbeat": 10.0}
_FIRST_WAIT = 0.1
_LONGEST_WAIT = 20.0
_HEADERS = {"Content-Type": "application/x-amz-json-1.0", "User-Agent": f"simpleflow/{__version__}"}


@dataclass(frozen=True, slots=True)
class Access:
    """Where SWF is and who calls it. ``credentials`` are botocore's, which renew themselves; threads may share them."""

    endpoint_url: str
    region: str
    signing_region: str
    signing_name: str
    credentials: Any
    ca_bundle: str | None

    @classmethod
    def configured(cls, region: str | None, endpoint_url: str | None) -> Access:
        """As the AWS configuration says. Raises NotConfigured."""
        try:
            session = botocore.session.Session()
            region = region or session.get_config_variable("region") or _DEFAULT_REGION
            return cls(
                *_place(session, region, endpoint_url or _endpoint_of_environment(session)),
                session.get_credentials(),
                session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE"),
            )
        except botocore.exceptions.BotoCoreError as error:
            raise NotConfigured(f"the AWS configuration cannot be used: {error}") from error

    def keys(self) -> Keys:
        """Raises NotConfigured, Unreachable."""
        if self.credentials is None:
            raise NotConfigured(
                f"no AWS credentials for {self.endpoint_url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a "
                "profile (AWS_PROFILE), or use the embedded service (`simpleflow standalone --embedded`)."
            )
        try:
            keys: Keys = self.credentials.get_frozen_credentials()
        except botocore.exceptions.BotoCoreError as error:
            raise Unreachable(f"the AWS credentials cannot be renewed: {error}") from error
        return keys


def _endpoint_of_environment(session: botocore.session.Session) -> str | None:
    ignored = session.get_config_variable("ignore_configured_endpoint_urls")
    return None if ignored else os.environ.get("AWS_ENDPOINT_URL_SWF")


def _place(session: botocore.session.Session, region: str, endpoint_url: str | None) -> tuple[str, str, str, str]:
    """Endpoint, region, and the region and the name to sign for. Raises NotConfigured, BotoCoreError."""
    if endpoint_url is None:  # botocore's maps of the world and of SWF take 80 ms to read
        client = session.create_client("swf", region_name=region)
        signer = client._request_signer
        return client.meta.endpoint_url, client.meta.region_name, signer.region_name, signer.signing_name
    parts = urlsplit(endpoint_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfigured(f"the endpoint {endpoint_url!r} is no address; expected one as in http://127.0.0.1:7933.")
    return endpoint_url, region, region, "swf"


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
        self._attempts = attempts or int(settings.SWF_CONNECTION_RETRIES)
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

    @staticmethod
    def has_credentials() -> bool:
        """Whether botocore finds credentials."""
        try:
            return botocore.session.Session().get_credentials() is not None
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
