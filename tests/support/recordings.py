"""Cassettes of what commands say to SWF, and what it answers: recorded from any endpoint, played back without one.

In a cassette the endpoint is always Amazon's, ids that SWF makes are numbered, times follow from the number of the
event, and keys, tokens, account numbers and the names of people and machines are gone. So what two endpoints do
differently is all that two recordings of them differ in.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import vcr
import yaml

from simpleflow.cli import decider as decider_command
from simpleflow.cli import worker as worker_command
from simpleflow.registry import registry
from simpleflow.swf import proxied, transport
from simpleflow.swf.client import Client

CASSETTES = Path(__file__).parents[1] / "integration" / "cassettes"
MODE = os.environ.get("SIMPLEFLOW_VCR_RECORD_MODE", "none")
RECORDING = MODE != "none"
#: The domain on the cassettes; a recording can be made in one with another name.
DOMAIN = "simpleflow-recordings"
DOMAIN_USED = os.environ.get("SIMPLEFLOW_VCR_DOMAIN", DOMAIN) if RECORDING else DOMAIN

_ENDPOINT = "https://swf.us-east-1.amazonaws.com/"
_KEPT_HEADERS = ("X-Amz-Target", "Content-Type")
_EPOCH = 1_700_000_000
_ACCOUNT = re.compile(r"(?<=:)\d{12}(?=:)")
#: Members whose values SWF makes up -> what the placeholder is called.
_NUMBERED = {
    "taskToken": "token",
    "nextPageToken": "page",
    "runId": "run",
    "newExecutionRunId": "run",
    "continuedExecutionRunId": "run",
}
_TIMES = {"startTimestamp", "closeTimestamp", "creationDate", "latestActivityTaskTimestamp", "oldestDate", "latestDate"}


class Cleaner:
    """Takes out of requests and answers what is secret, or another one each time; twice is as good as once."""

    def __init__(self) -> None:
        self._placeholders = {DOMAIN_USED: DOMAIN}

    def request(self, request: Any) -> Any:
        request.uri = _ENDPOINT
        request.headers = {name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers}
        request.body = self._text(request.body)
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        body = self._text(response["body"]["string"])
        return {"status": response["status"], "headers": {}, "body": {"string": body}}

    def _text(self, body: bytes) -> bytes:
        """The body as readable JSON."""
        if not body:
            return b""
        text = json.dumps(self._cleaned(json.loads(body)), indent=1, sort_keys=True)
        for real, placeholder in self._placeholders.items():  # as in the message of a fault
            text = text.replace(real, placeholder)
        return _ACCOUNT.sub("123", text).encode()

    def _cleaned(self, value: Any, event_id: int = 0) -> Any:
        if isinstance(value, list):
            return [self._cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        event_id = value.get("eventId", event_id)
        return {key: self._member(key, item, event_id) for key, item in value.items()}

    def _member(self, key: str, value: Any, event_id: int) -> Any:
        if key in _NUMBERED and isinstance(value, str):
            return self._placeholder(_NUMBERED[key], value)
        if key == "identity":
            return "identity"
        if key == "eventTimestamp":
            return _EPOCH + event_id
        return _EPOCH if key in _TIMES else self._cleaned(value, event_id)

    def _placeholder(self, kind: str, value: str) -> str:
        if re.fullmatch(rf"{kind}-\d+", value):
            return value
        number = sum(text.startswith(f"{kind}-") for text in self._placeholders.values()) + 1
        return self._placeholders.setdefault(value, f"{kind}-{number}")


class _Readable:
    """A serializer for cassettes whose texts keep their lines."""

    @staticmethod
    def serialize(cassette: dict[str, Any]) -> str:
        text: str = yaml.dump(cassette, Dumper=_Dumper, sort_keys=True, width=120)
        return text

    @staticmethod
    def deserialize(text: str) -> Any:
        return yaml.safe_load(text)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _literal(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _literal)


@contextmanager
def cassette(name: str) -> Iterator[Any]:
    """Meanwhile requests are answered from the cassette, or recorded on it, as SIMPLEFLOW_VCR_RECORD_MODE says."""
    cleaner = Cleaner()
    recorder = vcr.VCR(
        record_mode=vcr.mode(MODE),
        match_on=("method", "uri", "target", "body"),
        before_record_request=cleaner.request,
        before_record_response=cleaner.response,
    )
    recorder.register_serializer("readable", _Readable)
    recorder.register_matcher("target", _same_target)
    path = CASSETTES / f"{name}.yaml"
    if MODE == "all":
        path.unlink(missing_ok=True)  # vcrpy would keep what is not asked for any more
    with botocore_carries(), recorder.use_cassette(str(path), serializer="readable") as used:
        yield used
        if not RECORDING:
            rest = [asked.headers["X-Amz-Target"] for n, asked in enumerate(used.requests) if not used.play_counts[n]]
            assert not rest, "the cassette holds more than was asked for"


def _same_target(one: Any, other: Any) -> None:
    assert one.headers["X-Amz-Target"] == other.headers["X-Amz-Target"]


def botocore_carries() -> AbstractContextManager[object]:
    """Our own transport is a bare socket; vcrpy knows botocore's."""
    return mock.patch.object(transport, "Direct", lambda url, bundle: proxied.Proxied(url, {}, bundle))


# -- commands in this process


class Turns:
    """Lets a decider answer ``count`` tasks and stop; it polls for the next one only when the last one is answered."""

    def __init__(self, count: int) -> None:
        self.stop = threading.Event()
        self._left = count
        self._free = threading.Semaphore()
        if count == 0:
            self.stop.set()

    def call(self, ask: Callable[..., Any], client: Client, operation: str, request: dict[str, Any]) -> Any:
        """In place of ``Client.call``."""
        if operation != "PollForDecisionTask":
            answer = ask(client, operation, request)
            if operation == "RespondDecisionTaskCompleted":
                self._answered()
            return answer
        self._free.acquire()
        answer = {} if self.stop.is_set() else ask(client, operation, request)
        if "taskToken" not in answer:
            self._free.release()
        return answer

    def _answered(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.stop.set()
        self._free.release()


class _Forks:
    """In place of ``Forks``: no process."""

    def start(self, target: Callable[[], int]) -> int:
        return target()


class _Supervisor:
    """In place of ``Supervisor``: one child, which is this process."""

    def __init__(self, spawn: Callable[[int], int], count: int, name: str) -> None:
        self._spawn = spawn

    def run(self) -> int:
        return self._spawn(0)


@contextmanager
def decisions(count: int, of: str) -> Iterator[None]:
    """Meanwhile decider.start runs in this process, knows the activities ``of`` a module, and ends after ``count``."""
    turns, ask = Turns(count), Client.call
    importlib.import_module(of)
    known = {name: known for name, known in registry[None].items() if name.startswith(f"{of}.")}

    def call(client: Client, operation: str, request: dict[str, Any]) -> Any:
        return turns.call(ask, client, operation, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "call", call)
        patch.setattr(registry, "_tasks", {None: known})
        patch.setattr(decider_command, "Forks", _Forks)
        patch.setattr(decider_command, "Supervisor", _Supervisor)
        patch.setattr(decider_command, "stop_on_signals", lambda: turns.stop)
        yield


@contextmanager
def one_task() -> Iterator[None]:
    """Meanwhile worker.start --one-task leaves the signals of this process alone."""
    with mock.patch.object(worker_command, "stop_on_signals", lambda on_second: threading.Event()):
        yield
