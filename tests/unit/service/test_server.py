"""The server around uvicorn: where it listens, whom it cuts off."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from simpleflow.service import server
from simpleflow.service.database import StoreRefused
from simpleflow.service.server import CannotServe, Options, Protocol, Server, run
from simpleflow.service.signatures import KeyFileError
from simpleflow.service.waiting import WaitingRoom


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
    assert "is damaged" in refusal(Options(tmp_path / "x.db", port=0), StoreRefused)


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


# -- one connection ------------------------------------------------------------------------------


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self, pair: socket.socket) -> None:
        super().__init__({"socket": pair})
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class Connection:
    """A connection to an application that never answers, driven by hand."""

    def __init__(self) -> None:
        self.connected: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            self.connected.append(scope["extensions"]["simpleflow.connected"]["tell"])
            await asyncio.Event().wait()

        made = Server(WaitingRoom(), lambda url: None, "")
        made.config.app = app
        made.config.load()
        self.protocol = Protocol(made.config, made.server_state, {})
        self.socket = socket.socket()
        self.wire = Wire(self.socket)
        self.protocol.connection_made(self.wire)
        self.made = self.protocol.loop.time()

    def patience(self, seconds: float) -> bool:
        """Whether the connection lives that long after it was made."""
        self.protocol.lose_patience(self.made + seconds)
        return not self.wire.closed


def by_hand(act: Any) -> None:
    async def run_it() -> None:
        connection = Connection()
        try:
            await act(connection)
        finally:
            connection.socket.close()

    asyncio.run(run_it())


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", HEAD[:30], HEAD, HEAD + b"{"])
def test_a_client_that_does_not_finish_its_request_is_cut_off(sent: bytes) -> None:
    async def act(connection: Connection) -> None:
        connection.protocol.data_received(sent)
        assert connection.patience(29)
        assert not connection.patience(31)

    by_hand(act)


def test_a_client_that_has_sent_its_request_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(connection: Connection) -> None:
        connection.protocol.data_received(HEAD + b"{}")
        assert connection.patience(100_000)

    by_hand(act)


def test_a_request_can_see_that_its_client_has_left() -> None:
    async def act(connection: Connection) -> None:
        connection.protocol.data_received(HEAD + b"{}")
        await asyncio.sleep(0)
        (tell,) = connection.connected
        assert tell()
        connection.wire.close()
        assert not tell()

    by_hand(act)


def test_a_head_has_an_end() -> None:
    async def act(connection: Connection) -> None:
        connection.protocol.data_received(b"POST / HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert not connection.wire.closed
        connection.protocol.data_received(b"x" * 40_000)
        assert connection.wire.closed
        assert connection.wire.written.startswith(b"HTTP/1.1 431 ")

    by_hand(act)


def test_a_body_is_no_head() -> None:
    async def act(connection: Connection) -> None:
        connection.protocol.data_received(HEAD.replace(b"2", b"200000") + b"x" * 60_000)
        connection.protocol.data_received(b"x" * 60_000)
        assert not connection.wire.closed

    by_hand(act)


def test_answers_are_not_held_back() -> None:
    async def act(connection: Connection) -> None:
        assert connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    by_hand(act)
