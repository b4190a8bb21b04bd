"""The server: where it listens, when it ends."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from simpleflow.service import server
from simpleflow.service.clock import VirtualClock
from simpleflow.service.connections import Connections, Exchange
from simpleflow.service.database import StoreRefused
from simpleflow.service.server import CannotServe, Options, Server, run
from simpleflow.service.signatures import KeyFileError
from simpleflow.service.waiting import WaitingRoom

REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"


def refusal(options: Options, error: type[Exception] = CannotServe) -> str:
    with pytest.raises(error) as caught:
        run(options, lambda url: pytest.fail(f"served at {url}"))
    return str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.example"])
def test_other_machines_may_come_only_with_keys(tmp_path: Path, host: str) -> None:
    text = refusal(Options(tmp_path / "x.db", host=host))
    assert text.startswith(f"{host} can be reached from other machines: give --access-key-file")
    assert not list(tmp_path.iterdir())


def test_keys_that_are_not_there(tmp_path: Path) -> None:
    refusal(Options(tmp_path / "x.db", host="0.0.0.0", access_key_file=tmp_path / "keys"), KeyFileError)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"Cannot listen on port {port} of 127.0.0.1" in refusal(Options(tmp_path / "x.db", port=port))


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"x" * 4096)
    assert "is no SQLite database" in refusal(Options(tmp_path / "x.db", port=0), StoreRefused)


@pytest.mark.parametrize("host, shown", [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_url_that_is_announced(tmp_path: Path, host: str, shown: str) -> None:
    options = Options(tmp_path / "x.db", host=host, port=0)
    with server._listen(options) as listener:
        assert server._url(options, listener) == f"http://{shown}:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "soft, hard, limit, set_to",
    [
        (1024, 4096, 4096 - 64, 4096),
        (1024, 1_000_000, 10_000, 10_064),
        (1024, resource.RLIM_INFINITY, 10_000, 10_064),
        (20_000, 20_000, 10_000, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 10_000, None),
    ],
)
def test_no_more_connections_than_files(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, limit: int, set_to: int | None
) -> None:
    sets: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: sets.append(limits[0]))
    assert server._connection_limit() == limit
    assert sets == ([] if set_to is None else [set_to])


# -- serving -------------------------------------------------------------------------------------


def in_loop(act: Callable[[Server], Awaitable[None]]) -> None:
    async def run_it() -> None:
        await act(Server(WaitingRoom(), VirtualClock()))

    asyncio.run(run_it())


class Served:
    """A server on a socket, whose requests nobody answers but the test."""

    def __init__(self, made: Server) -> None:
        self.exchanges: list[Exchange] = []
        self.arrived = asyncio.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        ready = asyncio.Event()
        self.task = asyncio.ensure_future(made.serve(self._listener, Connections(self.take, 100), ready.set))
        self.ready = ready.wait

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    def take(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.arrived.set()


async def closed(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        await writer.wait_closed()


def test_a_stop_waits_for_the_answers_and_closes_what_is_idle() -> None:
    async def act(made: Server) -> None:
        served = Served(made)
        await served.ready()
        (idle, unused), (busy, writer) = [await served.connect() for _ in range(2)]
        writer.write(REQUEST)
        await served.arrived.wait()
        made.stop()
        assert await idle.read() == b""
        assert not served.task.done()
        served.exchanges[0].answer(200, "text/plain", b"well")
        assert (await busy.read()).endswith(b"well")
        await served.task
        await closed(unused, writer)

    in_loop(act)


def test_a_second_stop_waits_for_nobody() -> None:
    async def act(made: Server) -> None:
        served = Served(made)
        await served.ready()
        _, writer = await served.connect()
        writer.write(REQUEST)
        await served.arrived.wait()
        made.stop()
        made.stop()
        await asyncio.wait_for(served.task, 5)
        await closed(writer)

    in_loop(act)


def test_a_server_that_gives_up_says_why() -> None:
    async def act(made: Server) -> None:
        served = Served(made)
        await served.ready()
        made.give_up(StoreRefused("damaged"))
        with pytest.raises(StoreRefused, match="damaged"):
            await served.task

    in_loop(act)
