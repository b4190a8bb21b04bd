from __future__ import annotations

from unittest.mock import Mock

import pytest

from simpleflow.service.clock import VirtualClock
from simpleflow.service.connections import Exchange
from simpleflow.service.faults import Fault
from simpleflow.service.guard import Guard

CREDENTIAL = "AWS4-HMAC-SHA256 Credential=any/20200101/{}/swf/aws4_request, SignedHeaders=host, Signature=0"


def admit(guard: Guard, **headers: str) -> str:
    found = {name.encode(): value.encode() for name, value in headers.items()}
    return guard.admit(Exchange("POST", "/", b"", found, b"", Mock()))


def unsigned(*allow_hosts: str) -> Guard:
    return Guard(None, allow_hosts, VirtualClock())


@pytest.mark.parametrize("host", ["localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:7933", "[::1]", "[::1]:7933"])
def test_this_machine_may(host: str) -> None:
    assert admit(unsigned(), host=host) == "us-east-1"


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:7933", "::1", "a@localhost"]
)
def test_other_names_may_not(host: str) -> None:
    with pytest.raises(Fault, match="--allow-host") as caught:
        admit(unsigned(), host=host)
    assert caught.value.status == 403


def test_names_that_are_allowed() -> None:
    assert admit(unsigned("Box.local"), host="box.local:7933") == "us-east-1"


@pytest.mark.parametrize("origin", ["null", "http://localhost:7933"])
def test_web_pages_may_not(origin: str) -> None:
    with pytest.raises(Fault, match="web pages") as caught:
        admit(unsigned(), host="localhost", origin=origin)
    assert caught.value.status == 403


def test_the_region_comes_from_the_credential() -> None:
    assert admit(unsigned(), host="localhost", authorization=CREDENTIAL.format("eu-west-3")) == "eu-west-3"
    assert admit(unsigned(), host="localhost", authorization="Basic eDp5") == "us-east-1"


def test_with_keys_every_request_must_be_signed() -> None:
    guard = Guard({"any": "secret"}, (), VirtualClock())
    with pytest.raises(Fault) as caught:
        admit(guard, host="localhost")
    assert caught.value.code == "MissingAuthenticationTokenException"
