"""Clients for the contract tests that reach the service through its database and through its port.

`contract_tests` gives their tests for a module that provides `make_client`.
"""

from __future__ import annotations

import asyncio
import importlib
import socket
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from _pytest.fixtures import FixtureFunctionDefinition
from botocore.config import Config
from botocore.exceptions import ClientError

from simpleflow.service import model
from simpleflow.service.clock import VirtualClock
from simpleflow.service.connections import Connections, Exchange
from simpleflow.service.core import DEFAULT_REGION
from simpleflow.service.database import Database, connect_readonly
from simpleflow.service.durable import Durable
from simpleflow.service.faults import Fault
from simpleflow.service.guard import Guard
from simpleflow.service.http import Front
from simpleflow.service.limits import Limits
from simpleflow.service.pulse import Pulse
from simpleflow.service.server import Server
from simpleflow.service.tasklists import ListName
from simpleflow.service.waiting import WaitingRoom

CONTRACT = Path(__file__).parent.parent / "contract"
sys.path.insert(0, str(CONTRACT))

from service_kit import Refusal  # noqa: E402

Record = dict[str, Any]


def contract_tests(*left_out: str) -> dict[str, Any]:
    """The tests of every module of the contract, under names that tell the module, and the modules' fixtures."""
    found: dict[str, Any] = {}
    for path in sorted(CONTRACT.glob("test_swf_*.py")):
        if path.stem == "test_swf_statements":
            continue
        for name, item in vars(importlib.import_module(path.stem)).items():
            if name.startswith("test_"):
                found[f"{path.stem}__{name.removeprefix('test_')}"] = item
            elif isinstance(item, FixtureFunctionDefinition):
                assert name not in found, f"two modules have a fixture {name}"
                found[name] = item
    for name in left_out:
        del found[name]
    return found


# -- through the database ------------------------------------------------------------------------


class Disk:
    """A service that is killed and started again before every call, and less often in a long test."""

    _EVERY_CALL = 100
    _LIFE = 250

    def __init__(self, path: Path, limits: Limits) -> None:
        self.clock = VirtualClock()
        self._limits = limits
        self._database = Database(path)
        self._durable: Durable | None = None
        self._calls = 0
        # While somebody reads, SQLite does not tidy up at each restart.
        self._database.connect().close()
        self._reader = connect_readonly(path)

    def restarted(self) -> Durable:
        self._calls += 1
        if self._durable is not None and self._calls > self._EVERY_CALL and self._calls % self._LIFE:
            return self._durable
        if self._durable is not None:
            self._durable.close()
        self._durable = Durable(self._database, self._limits, on_task_available=lambda *name: None, synchronous="OFF")
        return self._durable

    def close(self) -> None:
        if self._durable is not None:
            self._durable.close()
        self._reader.close()
        self._database.close()


class DiskClient:
    def __init__(self, disk: Disk, region: str = DEFAULT_REGION) -> None:
        self._disk = disk
        self._region = region

    def call(self, operation: str, request: Record) -> Record:
        durable = self._disk.restarted()
        try:
            model.validate(operation, request)
            return durable.call(operation, request, self.now_ms, self._region)
        except Fault as fault:
            raise Refusal(fault.code, fault.message) from None
        finally:
            durable.flush(self.now_ms)

    def advance(self, seconds: float) -> None:
        until = self.now_ms + round(seconds * 1000)
        durable = self._disk.restarted()
        while (due := durable.next_due()) is not None and due <= until:
            durable.expire(self._disk.clock.jump(due))
            durable.flush(self.now_ms)
            durable = self._disk.restarted()
        self._disk.clock.jump(until)

    @property
    def now_ms(self) -> int:
        return self._disk.clock.now_ms()

    def elsewhere(self, region: str) -> DiskClient:
        return DiskClient(self._disk, region)


# -- through the port ----------------------------------------------------------------------------


class Served:
    """One service behind the port: its own database and clock, under its own path."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self.clock = VirtualClock()
        room = WaitingRoom()
        listener = lambda *name: room.wake(ListName(*name))  # noqa: E731
        self._database = Database(path)
        self.durable = Durable(self._database, limits, on_task_available=listener, synchronous="OFF")
        self._pulse = Pulse(self.durable, self.clock, lambda error: None)
        guard = Guard(None, (), self.clock)
        self.front = Front(self.durable, self._pulse, room, guard, self.clock, hold_s=0, limits=limits)

    async def advance(self, seconds: float) -> None:
        until = self.clock.now_ms() + round(seconds * 1000)
        while (due := self.durable.next_due()) is not None and due <= until:
            self.durable.expire(self.clock.jump(due))
        self.clock.jump(until)
        committed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pulse.behind_commit(committed.set_result)
        assert await committed is None

    async def close(self) -> None:
        self._pulse.stop()
        self.durable.close()
        self._database.close()


class Port:
    """A server in a thread, for any number of services."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._request_ids: set[str] = set()
        self.clients: list[Any] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._up.wait(10)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = Server(WaitingRoom(), VirtualClock())
        await self._server.serve(self._listener, Connections(self._handle, 100), self._up.set)

    def _handle(self, exchange: Exchange) -> None:
        served = self._served[exchange.path.strip("/")]
        exchange.path = "/"
        served.front.handle(exchange)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(10)

    def serve(self, path: Path, limits: Limits) -> PortClient:
        async def make() -> Served:
            return Served(path, limits)

        name = str(len(self._served))
        self._served[name] = self.within(make())
        return PortClient(self, name)

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.clients = []
        for served in self._served.values():
            self.within(served.close())
        self._served = {}

    def within(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def seen(self, metadata: Record, *, void: bool) -> None:
        """What holds for every answer: an id of its own, the content type of the request, no body for no answer."""
        headers = metadata["HTTPHeaders"]
        assert headers["x-amzn-requestid"] not in self._request_ids
        self._request_ids.add(headers["x-amzn-requestid"])
        assert headers["content-type"] == "application/x-amz-json-1.0"
        assert (headers["content-length"] == "0") == void

    def served(self, name: str) -> Served:
        return self._served[name]

    def url(self, name: str) -> str:
        return f"{self._url}/{name}/"


_SESSION = boto3.Session(aws_access_key_id="any", aws_secret_access_key="thing")
#: A client neither checks for itself nor tries twice.
_PLAIN = Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=30)


class PortClient:
    """boto3, whose times are turned into numbers again."""

    def __init__(self, port: Port, name: str, region: str = DEFAULT_REGION) -> None:
        self._port = port
        self._name = name
        self._client = _SESSION.client("swf", region_name=region, endpoint_url=port.url(name), config=_PLAIN)
        port.clients.append(self._client)

    def call(self, operation: str, request: Record) -> Record:
        try:
            answer = self._client._make_api_call(operation, request)
        except ClientError as error:
            self._port.seen(error.response["ResponseMetadata"], void=False)
            told = error.response["Error"]
            raise Refusal(told["Code"], told["Message"] or None) from None
        metadata = answer.pop("ResponseMetadata")
        self._port.seen(metadata, void=not answer)
        return _with_numbers(answer)

    def advance(self, seconds: float) -> None:
        self._port.within(self._port.served(self._name).advance(seconds))

    @property
    def now_ms(self) -> int:
        return self._port.served(self._name).clock.now_ms()

    def elsewhere(self, region: str) -> PortClient:
        return PortClient(self._port, self._name, region)


def _with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value
