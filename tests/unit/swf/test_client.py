"""The client over a fake transport: what it sends, what it tries again, what its errors say."""

from __future__ import annotations

import json
import random
from typing import Any, NamedTuple

import botocore.exceptions
import pytest
from botocore.credentials import ReadOnlyCredentials

from simpleflow.swf.access import Access
from simpleflow.swf.aws import Renewing
from simpleflow.swf.client import Client, backed_off
from simpleflow.swf.errors import NotConfigured, Refused, Unreachable

URL = "http://127.0.0.1:1"


class Response:
    def __init__(self, status: int, body: Any = b"") -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


TAKEN = Response(400, {"__type": "com.amazonaws.swf.base.model#WorkflowExecutionAlreadyStartedFault"})


class Sent(NamedTuple):
    headers: dict[str, str]
    body: bytes
    timeout: float


class Transport:
    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Sent] = []

    def post(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, bytes]:
        self.sent.append(Sent(headers, body, timeout))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer.status, answer.body

    def close(self) -> None:
        pass


class Credentials:
    """As botocore's that renew themselves."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)

    def get_frozen_credentials(self) -> Any:
        key = self.keys.pop(0)
        if isinstance(key, Exception):
            raise key
        return ReadOnlyCredentials(key, "secret", None)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def connect(slept: list[float]) -> Any:
    def connect(*answers: Any, keys: Any = ("key",) * 9) -> tuple[Client, Transport]:
        access = Access(URL, "us-east-1", "us-east-1", "swf", Renewing(Credentials(*keys)), None)
        transport = Transport(*answers)
        return Client(attempts=3, sleep=slept.append, access=access, carrier=lambda url, bundle: transport), transport

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
        Response(200, b"<html>"),
        TimeoutError("timed out"),
        ConnectionResetError("reset"),
    ],
)
def test_trouble_that_may_pass_is_waited_out(connect: Any, slept: list[float], trouble: Any) -> None:
    client, transport = connect(trouble, trouble, Response(200, {"ok": 1}))
    assert client.call("DescribeDomain", {}) == {"ok": 1}
    assert len(transport.sent) == 3
    assert 0 < slept[0] < 0.11
    assert slept[0] < slept[1] * 2


def test_trouble_that_does_not_pass_is_raised(connect: Any) -> None:
    error = ConnectionRefusedError("refused")
    client, transport = connect(error, error, error)
    with pytest.raises(Unreachable, match=f"DescribeDomain: SWF cannot be reached at {URL}"):
        client.call("DescribeDomain", {})
    assert len(transport.sent) == 3


def test_the_setting_says_how_often_a_call_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "7")
    transport = Transport(*[ConnectionRefusedError("refused")] * 7)
    access = Access(URL, "us-east-1", "us-east-1", "swf", Renewing(Credentials(*["key"] * 7)), None)
    slept: list[float] = []
    client = Client(sleep=slept.append, access=access, carrier=lambda url, bundle: transport)
    with pytest.raises(Unreachable):
        client.call("DescribeDomain", {})
    assert (len(transport.sent), len(slept)) == (7, 6)


def test_a_poll_is_tried_once_but_its_further_pages_are_not_lost(connect: Any) -> None:
    error = TimeoutError("timed out")
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


def test_a_poll_may_take_longer_than_a_minute_and_a_heartbeat_must_not(connect: Any) -> None:
    client, transport = connect(*[Response(200)] * 4)
    for operation in ("PollForDecisionTask", "PollForActivityTask", "RecordActivityTaskHeartbeat", "ListDomains"):
        client.call(operation, {})
    assert [sent.timeout for sent in transport.sent] == [75, 75, 10, 60]


def test_each_request_is_signed_with_the_keys_of_the_moment(connect: Any) -> None:
    client, transport = connect(Response(200), Response(200), keys=["first", "second"])
    client.call("ListDomains", {})
    client.call("ListDomains", {})
    first, second = (sent.headers["Authorization"] for sent in transport.sent)
    assert "Credential=first/" in first
    assert "Credential=second/" in second


def test_keys_that_cannot_be_renewed_are_tried_again(connect: Any) -> None:
    error = botocore.exceptions.CredentialRetrievalError(provider="iam-role", error_msg="gone")
    client, _ = connect(Response(200, {"ok": 1}), keys=[error, "key"])
    assert client.call("ListDomains", {}) == {"ok": 1}
    client, _ = connect(keys=[error] * 3)
    with pytest.raises(Unreachable, match=r"the AWS credentials cannot be renewed: .*iam-role"):
        client.call("ListDomains", {})


def test_another_client_is_like_this_one_and_may_have_attempts_of_its_own(connect: Any) -> None:
    refused = ConnectionRefusedError("refused")
    client, transport = connect(refused)
    other = client.another(attempts=1)
    with pytest.raises(Unreachable):
        other.call("ListDomains", {})
    assert (other.endpoint_url, other.region, len(transport.sent)) == (URL, "us-east-1", 1)


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


def test_a_service_of_the_configuration_file_and_amazon(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[default]\nservices = here\n[services here]\nswf =\n  endpoint_url = http://127.0.0.1:7000\n[profile far]\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:7933")
    assert Client("eu-west-1").endpoint_url == "http://127.0.0.1:7933"
    assert Client("eu-west-1", "http://127.0.0.1:7934").endpoint_url == "http://127.0.0.1:7934"
    monkeypatch.delenv("AWS_ENDPOINT_URL_SWF")
    assert Client("eu-west-1").endpoint_url == "http://127.0.0.1:7000"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", "http://127.0.0.1:7933")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert Client("eu-west-1").endpoint_url == "https://swf.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://", "127.0.0.1:7933"])
def test_an_endpoint_that_is_no_address_is_named(url: str) -> None:
    with pytest.raises(NotConfigured, match=r"no address; expected one as in http://127\.0\.0\.1:7933\.$"):
        Client("us-east-1", url)


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


def test_what_must_not_be_done_twice_is_looked_for_before_it_is_repeated(connect: Any, slept: list[float]) -> None:
    seen = iter([None, {"runId": "r"}])
    client, transport = connect(ConnectionResetError("gone"), TAKEN)
    assert client.call("StartWorkflowExecution", {}, lambda: next(seen)) == {"runId": "r"}
    assert (len(transport.sent), len(slept)) == (2, 2)


@pytest.mark.parametrize(
    "answers",
    [[TAKEN], [Response(400, {"__type": "x#ThrottlingException"}), TAKEN], [ConnectionRefusedError("nobody"), TAKEN]],
)
def test_nothing_is_looked_for_while_no_answer_was_lost(connect: Any, answers: list[Any]) -> None:
    client, transport = connect(*answers)
    with pytest.raises(Refused, match="AlreadyStarted"):
        client.call("StartWorkflowExecution", {}, pytest.fail)
    assert not transport.answers


def test_who_may_not_look_repeats_the_call(connect: Any) -> None:
    def denied() -> Any:
        raise Refused("ListOpenWorkflowExecutions", "AccessDeniedException", "no", 400)

    client, _ = connect(ConnectionResetError("gone"), Response(200, {"runId": "r"}))
    assert client.call("StartWorkflowExecution", {}, denied) == {"runId": "r"}


@pytest.mark.parametrize("attempts", ["0", "-3"])
def test_a_call_is_tried_once_at_least(monkeypatch: pytest.MonkeyPatch, attempts: str) -> None:
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", attempts)
    access = Access(URL, "us-east-1", "us-east-1", "swf", Renewing(Credentials("key")), None)
    transport = Transport(Response(200, {}))
    assert Client(access=access, carrier=lambda url, bundle: transport).call("ListDomains", {}) == {}
