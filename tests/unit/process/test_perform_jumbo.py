"""What an activity task takes in and gives back when it is too long for its field."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import activity
from simpleflow.exceptions import PayloadUnavailable
from simpleflow.payloads import jumbo, limits, objects
from simpleflow.payloads.jumbo import Reference
from simpleflow.payloads.stores import MemoryStore
from simpleflow.process.channel import Channel
from simpleflow.process.child import Link
from simpleflow.process.perform import ActivityCallData, Completed, Failed, perform

LONG = "x" * 40_000


class Full(MemoryStore):
    def put(self, reference: Reference, body: bytes) -> None:
        raise PayloadUnavailable("the store is full")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://m")
    store = MemoryStore()
    yield from installed(store, monkeypatch)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://m")
    yield from installed(Full(), monkeypatch)


def installed(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    monkeypatch.setattr(objects, "MEMORY", store)
    objects._fields.cache_clear()
    yield store
    objects._fields.cache_clear()


@activity.with_attributes(name="jumbo.perform.echo")
def echo(x: Any) -> Any:
    return x


@activity.with_attributes(name="jumbo.perform.boom")
def boom(length: int) -> None:
    raise ValueError("y" * length)


def called(function: Any, *args: Any) -> Completed | Failed:
    text = objects.fields().store("input", json.dumps({"args": args}))
    return perform(ActivityCallData(function.name, "1", "id", text))


def failure(outcome: Completed | Failed) -> tuple[dict[str, Any], str]:
    assert isinstance(outcome, Failed)
    text = objects.fields().fetch(outcome.details)
    assert text is not None and len(outcome.reason) <= 256
    return json.loads(text), outcome.details


def test_input_and_result(store: MemoryStore) -> None:
    outcome = called(echo, LONG)
    assert isinstance(outcome, Completed)
    assert jumbo.reference(outcome.result) is not None and objects.fields().decode(outcome.result) == LONG
    assert len(store.objects) == 2
    assert called(echo, "short") == Completed('"short"')
    assert len(store.objects) == 2


def test_an_input_that_cannot_be_fetched_fails_the_task(store: MemoryStore) -> None:
    for text, error in (
        (f"simpleflow+memory://m/{'0' * 64} 9", "PayloadGone"),
        ("simpleflow+file:///etc/passwd 9", "PayloadRefused"),
    ):
        told, _ = failure(perform(ActivityCallData(echo.name, "1", "id", text)))
        assert told["error"] == error


def test_a_result_that_cannot_be_stored_fails_the_task(full: MemoryStore) -> None:
    @activity.with_attributes(name="jumbo.perform.long")
    def long() -> str:
        return LONG

    told, details = failure(called(long))
    assert told["error"] == "PayloadUnavailable" and "the store is full" in told["message"]
    assert jumbo.reference(details) is None


def test_details_are_whole(store: MemoryStore) -> None:
    told, details = failure(called(boom, 40_000))
    assert jumbo.reference(details) is not None
    assert told["message"] == "y" * 40_000 and "y" * 40_000 in told["traceback"]


def test_a_long_message_is_whole_even_if_its_traceback_is_not(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE", "60000")
    told, _ = failure(called(boom, 40_000))
    assert told["message"] == "y" * 40_000 and len(told["traceback"]) < 20_000
    told, details = failure(called(boom, 70_000))
    assert len(told["message"]) < 20_000 and jumbo.reference(details) is None


def test_a_failure_is_not_lost_with_the_store(full: MemoryStore) -> None:
    told, details = failure(called(boom, 40_000))
    assert told["error"] == "ValueError" and len(details) <= limits.LIMITS["details"]


def test_heartbeats(store: MemoryStore) -> None:
    here, there = socket.socketpair()
    with here, there:
        link = Link(Channel(here), 1, set())
        link.heartbeat({"progress": LONG})
        message = Channel(there).receive()
    assert message is not None
    assert objects.fields().decode(message["heartbeat"]) == {"progress": LONG}
    assert len(message["heartbeat"]) <= limits.LIMITS["heartbeat_details"]
