"""Our signatures beside those of botocore."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from simpleflow.swf.signing import Signer

MOMENT = 1_700_000_000
HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "User-Agent": "simpleflow/1",
    "X-Amz-Target": "SimpleWorkflowService.ListDomains",
}


@pytest.fixture(autouse=True)
def botocore_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    moment = datetime.datetime.fromtimestamp(MOMENT, datetime.timezone.utc)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *args, **kwargs: moment.replace(tzinfo=None))
    yield


def theirs(url: str, region: str, body: bytes, keys: Any) -> dict[str, str]:
    signed = {name: value for name, value in HEADERS.items() if name != "User-Agent"}  # they leave it unsigned
    request = AWSRequest("POST", url, headers=signed, data=body)
    botocore.auth.SigV4Auth(keys, "swf", region).add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize("token", [None, "session+token/="])
@pytest.mark.parametrize(
    "url",
    [
        "https://swf.eu-west-1.amazonaws.com",
        "https://swf.eu-west-1.amazonaws.com:443/",
        "http://127.0.0.1:7933",
        "http://[::1]:7933/",
        "http://LOCALHOST:80/",
        "https://gateway.example:8443/swf",
    ],
)
def test_the_signature_is_the_one_that_botocore_makes(url: str, token: str | None) -> None:
    body = '{"name":"ä"}'.encode()
    keys = ReadOnlyCredentials("AKID", "sEcReT", token)
    signed = {name: value for name, value in HEADERS.items() if name != "User-Agent"}
    ours = Signer(url, "eu-west-1", "swf", lambda: MOMENT).headers(signed, body, keys)
    assert ours["X-Amz-Date"] == "20231114T221320Z"
    expected = theirs(url, "eu-west-1", body, keys)
    assert ours["Authorization"] == expected["Authorization"]
    assert ours.get("X-Amz-Security-Token") == token


def test_a_new_day_and_new_keys_have_a_new_signing_key() -> None:
    now = [float(MOMENT)]
    signer = Signer("http://127.0.0.1:1", "us-east-1", "swf", lambda: now[0])
    old, new = ReadOnlyCredentials("AKID", "old", None), ReadOnlyCredentials("AKID", "new", None)

    def signature(keys: Any) -> str:
        fresh = Signer("http://127.0.0.1:1", "us-east-1", "swf", lambda: now[0])
        assert signer.headers(HEADERS, b"", keys) == fresh.headers(HEADERS, b"", keys)
        return signer.headers(HEADERS, b"", keys)["Authorization"]

    first = signature(old)
    assert signature(new) != first
    assert signature(old) == first
    now[0] += 86_400
    assert "20231115" in signature(old)
