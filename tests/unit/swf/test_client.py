"""The client over a fake transport: what it sends, what it tries again, what its errors say."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import botocore.exceptions
import pytest

from simpleflow.swf.client import Client, backed_off
from simpleflow.swf.errors import NotConfigured, Refused, Unreachable

URL = "http://127.0.0.1:1"


class Response:
    def __init__(self, status: int, body: Any = b"") -> None:
        self.status_code = status
        self.content = body if isinstance(body, bytes) else json.dumps(body).encode()


class Transport:
    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Any] = []

    def send(self, request: Any) -> Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture(scope="module")
def signing_client() -> Client:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        client = Client("us-east-1", URL, 3)
        client._signer.get_auth_instance("swf", "us-east-1")  # reads the credentials now
    return client


@pytest.fixture
def connect(slept: list[float], signing_client: Client) -> Any:
    def connect(*answers: Any) -> tuple[Client, Transport]:
        client = copy.copy(signing_client)
        client._sleep = slept.append
        transport = Transport(*answers)
        client._http = transport
        return client, transport

    return connect


def test_a_request_is_json_with_its_target_and_a_signature(connect: Any) -> None:
    client, transport = connect(Response(200, {"count": 1, "truncated": False}))
    assert client.call("CountPendingActivityTasks", {"domain": "é"}) == {"count": 1, "truncated": False}
    (request,) = transport.sent
    assert request.headers["X-Amz-Target"] == "SimpleWorkflowService.CountPendingActivityTasks"
    assert request.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert b"/us-east-1/swf/aws4_request" in request.headers["Authorization"].encode()
    assert json.loads(request.body) == {"domain": "é"}


def test_an_empty_answer_is_an_empty_map(connect: Any) -> None:
    client, _ = connect(Response(200))
    assert client.call("DeprecateDomain", {"name": "d"}) == {}


def test_a_fault_keeps_its_code_and_message_and_is_not_tried_again(connect: Any) -> None:
    body = {"__type": "com.amazonaws.swf.base.model#UnknownResourceFault", "message": "Unknown domain: d"}
    client, transport = connect(Response(400, body))
    with pytest.raises(Refused, match="DescribeDomain: UnknownResourceFault: Unknown domain: d") as caught:
        client.call("DescribeDomain", {"name": "d"})
    assert (caught.value.code, caught.value.message, len(transport.sent)) == (
        "UnknownResourceFault",
        "Unknown domain: d",
        1,
    )


@pytest.mark.parametrize(
    "trouble",
    [
        Response(400, {"__type": "com.amazon.coral.availability#ThrottlingException", "message": "Rate exceeded"}),
        Response(500, {"__type": "com.amazon.coral.service#InternalFailure"}),
        Response(502, b"<html>"),
        botocore.exceptions.ReadTimeoutError(endpoint_url=URL),
        botocore.exceptions.EndpointConnectionError(endpoint_url=URL),
    ],
)
def test_trouble_that_may_pass_is_waited_out(connect: Any, slept: list[float], trouble: Any) -> None:
    client, transport = connect(trouble, trouble, Response(200, {"ok": 1}))
    assert client.call("DescribeDomain", {}) == {"ok": 1}
    assert len(transport.sent) == 3
    assert 0 < slept[0] < 0.11
    assert slept[0] < slept[1] * 2


def test_trouble_that_does_not_pass_is_raised(connect: Any) -> None:
    error = botocore.exceptions.EndpointConnectionError(endpoint_url=URL)
    client, transport = connect(error, error, error)
    with pytest.raises(Unreachable, match=f"DescribeDomain: SWF cannot be reached at {URL}"):
        client.call("DescribeDomain", {})
    assert len(transport.sent) == 3


def test_a_poll_is_tried_once_but_its_further_pages_are_not_lost(connect: Any) -> None:
    error = botocore.exceptions.ReadTimeoutError(endpoint_url=URL)
    client, transport = connect(error)
    with pytest.raises(Unreachable):
        client.call("PollForDecisionTask", {"domain": "d"})
    assert len(transport.sent) == 1
    client, transport = connect(error, Response(200, {}))
    client.call("PollForDecisionTask", {"domain": "d", "nextPageToken": "t"})
    assert len(transport.sent) == 2


def test_pages_are_read_as_they_are_asked_for(connect: Any) -> None:
    client, transport = connect(Response(200, {"events": [1, 2], "nextPageToken": "t"}), Response(200, {"events": [3]}))
    pages = client.pages("GetWorkflowExecutionHistory", "events", {"domain": "d"})
    assert [next(pages), next(pages)] == [1, 2]
    assert len(transport.sent) == 1
    assert list(pages) == [3]
    assert json.loads(transport.sent[1].body) == {"domain": "d", "nextPageToken": "t"}


def test_missing_credentials_are_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none either"))
    with pytest.raises(NotConfigured, match=r"AWS_ACCESS_KEY_ID.*--embedded") as caught:
        Client("us-east-1", URL).call("ListDomains", {})
    assert "\n" not in str(caught.value)


def test_a_profile_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(NotConfigured, match="no-such-profile"):
        Client("us-east-1", URL)


def test_the_endpoint_and_region_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:7933")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    client = Client()
    assert (client.endpoint_url, client.region) == ("http://127.0.0.1:7933", "eu-west-1")


def test_another_process_cannot_use_the_client(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = connect()
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(RuntimeError, match="another process"):
        client.call("ListDomains", {})


def test_waits_double_up_to_a_bound() -> None:
    chance = random.Random(1)
    waits = [backed_off(attempt, chance) for attempt in range(1, 60)]
    assert all(wait <= 20 for wait in waits)
    assert min(waits[-5:]) >= 10
