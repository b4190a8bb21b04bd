"""One connection, driven by hand: what becomes a request, who is cut off, in what order the answers leave."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from simpleflow.service.connections import Connection, Connections, Exchange


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self, pair: socket.socket) -> None:
        super().__init__({"socket": pair})
        self.written = b""
        self.closed = self.aborted = self.ended = self.paused = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Client:
    """A client on one end, the requests that came in on the other."""

    def __init__(self, limit: int = 10) -> None:
        self.exchanges: list[Exchange] = []
        self.connections = Connections(self.exchanges.append, limit)
        self.connections.tick(0)
        self.protocol, self.wire = self.connect()
        self.made = asyncio.get_running_loop().time()

    def connect(self) -> tuple[Connection, Wire]:
        protocol = self.connections.make()
        wire = Wire(socket.socket())
        protocol.connection_made(wire)
        wire.get_extra_info("socket").close()
        return protocol, wire

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.protocol.data_received(piece)

    def answer(self, text: str = "", which: int = -1) -> None:
        self.exchanges[which].answer(200, "text/plain", text.encode())

    @property
    def answers(self) -> list[bytes]:
        return self.wire.written.split(b"HTTP/1.1 ")[1:]

    @property
    def statuses(self) -> list[int]:
        return [int(answer[:3]) for answer in self.answers]

    def patience(self, seconds: float) -> bool:
        """Whether the connection lives that long after it was made."""
        self.protocol.lose_patience(self.made + seconds)
        return not self.wire.closed


def by_hand(act: Callable[[Client], Awaitable[None]], **settings: Any) -> None:
    async def run_it() -> None:
        await act(Client(**settings))

    asyncio.run(run_it())


HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
REQUEST = HEAD + b"{}"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


# -- requests and answers ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_in_pieces(size: int) -> None:
    async def act(client: Client) -> None:
        whole = b"POST /a%20b?c=d HTTP/1.1\r\nX-One: 1\r\nContent-Length: 6\r\n\r\nabcdef"
        client.send(*(whole[at : at + size] for at in range(0, len(whole), size)))
        (found,) = client.exchanges
        assert (found.method, found.path, found.query, found.body) == ("POST", "/a b", b"c=d", b"abcdef")
        assert found.headers == {b"x-one": b"1", b"content-length": b"6"}

    by_hand(act)


def test_a_body_in_chunks() -> None:
    async def act(client: Client) -> None:
        client.send(CHUNKED, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n")
        assert client.exchanges[0].body == b"abcde"

    by_hand(act)


def test_an_answer() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST)
        client.answer("well")
        head, _, body = client.wire.written.partition(b"\r\n\r\n")
        status, *headers = head.decode().split("\r\n")
        assert (status, body) == ("HTTP/1.1 200 OK", b"well")
        found = dict(header.split(": ") for header in headers)
        assert len(found.pop("x-amzn-requestid")) == 36
        assert found == {
            "date": "Thu, 01 Jan 1970 00:00:00 GMT",
            "content-type": "text/plain",
            "content-length": "4",
        }
        assert not client.wire.closed

    by_hand(act)


def test_the_answer_to_head_has_no_body() -> None:
    async def act(client: Client) -> None:
        client.send(b"HEAD / HTTP/1.1\r\n\r\n")
        client.answer("well")
        assert client.wire.written.endswith(b"content-length: 4\r\n\r\n")

    by_hand(act)


def test_each_answer_has_an_id_of_its_own() -> None:
    async def act(client: Client) -> None:
        for _ in range(5):
            client.send(REQUEST)
            client.answer()
        ids = {answer.partition(b"x-amzn-requestid: ")[2][:36] for answer in client.answers}
        assert len(ids) == 5

    by_hand(act)


def test_one_request_after_the_other() -> None:
    """What a client sends ahead waits, and is not read on, until the answer before it has left."""

    async def act(client: Client) -> None:
        client.send(REQUEST * 3)
        for number in range(3):
            assert len(client.exchanges) == number + 1
            assert client.wire.paused
            client.answer(str(number))
            assert len(client.exchanges) == number + 1  # other clients first
            await asyncio.sleep(0)
        assert not client.wire.paused
        assert [answer[-1:] for answer in client.answers] == [b"0", b"1", b"2"]

    by_hand(act)


def test_who_does_not_read_is_not_served_on() -> None:
    async def act(client: Client) -> None:
        client.protocol.pause_writing()
        client.send(REQUEST)
        assert not client.exchanges
        client.protocol.resume_writing()
        assert len(client.exchanges) == 1
        client.send(REQUEST)
        client.protocol.pause_writing()
        client.protocol.resume_writing()
        assert len(client.exchanges) == 1

    by_hand(act)


@pytest.mark.parametrize("version, header", [("1.1", "Connection: close"), ("1.0", "X: x")])
def test_a_client_that_wants_one_answer(version: str, header: str) -> None:
    async def act(client: Client) -> None:
        client.send(f"GET / HTTP/{version}\r\n{header}\r\n\r\n".encode())
        client.answer()
        assert client.wire.closed and b"connection: close\r\n" in client.wire.written

    by_hand(act)


def test_no_other_protocol() -> None:
    async def act(client: Client) -> None:
        client.send(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nxxx", b"yyy")
        client.answer()
        assert (client.statuses, client.wire.closed, len(client.exchanges)) == ([200], True, 1)

    by_hand(act)


def test_a_client_that_asks_before_it_sends_its_body() -> None:
    async def act(client: Client) -> None:
        client.send(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert client.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"

    by_hand(act)


def test_a_request_can_see_that_its_client_has_left() -> None:
    async def act(client: Client) -> None:
        left: list[bool] = []
        client.send(REQUEST)
        (found,) = client.exchanges
        found.on_leave = lambda: left.append(True)
        assert found.connection.connected
        client.wire.close()
        client.protocol.connection_lost(None)
        assert not found.connection.connected and left
        client.answer()
        assert not client.wire.written and not client.connections.open

    by_hand(act)


def test_a_client_that_says_no_more_hears_the_answer_to_what_it_asked() -> None:
    async def act(client: Client) -> None:
        assert not client.protocol.eof_received()
        client.send(REQUEST)
        assert client.protocol.eof_received()
        client.answer("well")
        assert client.wire.written.endswith(b"connection: close\r\n\r\nwell") and client.wire.closed

    by_hand(act)


def test_a_client_that_says_no_more_while_it_waits_for_a_task_has_left() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST)
        client.exchanges[0].on_leave = lambda: None
        assert not client.protocol.eof_received()

    by_hand(act)


@pytest.mark.parametrize("ahead", [b"", b"POST"])
def test_that_a_client_has_left_is_known_before_the_loop_reads_it(ahead: bytes) -> None:
    async def act(client: Client) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            there = socket.create_connection(listener.getsockname())
            here, _ = listener.accept()
        with here:
            protocol, wire = client.connections.make(), Wire(here)
            protocol.connection_made(wire)
            protocol.data_received(REQUEST)
            with there:
                there.sendall(ahead)
                assert client.exchanges[0].listened_to()
            assert protocol.connected
            assert not client.exchanges[0].listened_to()
            assert wire.aborted

    by_hand(act)


@pytest.mark.parametrize("target", ["a:1", "*", "//"])
def test_what_is_no_path(target: str) -> None:
    async def act(client: Client) -> None:
        client.send(f"OPTIONS {target} HTTP/1.1\r\n\r\n".encode())
        if client.exchanges[0].refusal == 0:
            assert client.exchanges[0].path not in ("/", "/health")

    by_hand(act)


# -- limits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", HEAD[:30], HEAD, HEAD + b"{"])
def test_a_client_that_does_not_finish_its_request_is_cut_off(sent: bytes) -> None:
    async def act(client: Client) -> None:
        client.send(sent)
        assert client.patience(29)
        assert not client.patience(31)

    by_hand(act)


def test_a_client_that_has_sent_its_request_may_wait() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST)
        assert client.patience(100_000)

    by_hand(act)


def test_a_client_that_ends_within_a_request_is_not_waited_for() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST + HEAD)
        assert client.protocol.eof_received()
        client.answer()
        assert client.statuses == [200] and client.wire.closed

    by_hand(act)


def test_a_client_that_has_its_answer_may_rest_a_while() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST)
        client.answer()
        assert client.patience(599)
        assert not client.patience(602)

    by_hand(act)


@pytest.mark.parametrize("sent", [REQUEST, REQUEST + REQUEST, b"GET / HTTP/1.0\r\n\r\n"])
def test_a_client_that_does_not_read_its_answer_is_cut_off(sent: bytes) -> None:
    async def act(client: Client) -> None:
        client.send(sent)
        client.protocol.pause_writing()
        client.answer()
        client.protocol.lose_patience(client.made + 599)
        assert not client.wire.aborted
        client.protocol.lose_patience(client.made + 602)
        assert client.wire.aborted

    by_hand(act)


def test_a_client_that_asks_again_and_does_not_read_its_answer_is_cut_off() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST)
        client.protocol.pause_writing()
        client.answer()
        client.send(REQUEST)
        assert len(client.exchanges) == 1
        client.protocol.lose_patience(client.made + 599)
        assert not client.wire.aborted
        client.protocol.lose_patience(client.made + 602)
        assert client.wire.aborted

    by_hand(act)


def test_a_client_that_reads_at_last_is_waited_for() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST)
        client.protocol.pause_writing()
        client.answer()
        client.send(REQUEST)
        client.protocol.resume_writing()
        assert len(client.exchanges) == 2 and client.patience(100_000)

    by_hand(act)


def test_a_client_that_asks_ahead_may_wait_for_each_answer() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST + REQUEST)
        client.answer()
        await asyncio.sleep(0)
        assert len(client.exchanges) == 2 and client.patience(100_000)

    by_hand(act)


def test_a_request_begun_before_the_answer_must_be_finished_in_time() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST + HEAD)
        client.answer()
        assert not client.patience(32)

    by_hand(act)


def test_a_head_has_an_end() -> None:
    async def act(client: Client) -> None:
        client.send(b"POST / HTTP/1.1\r\nX: " + b"x" * 40_000, b"x" * 40_000)
        assert not client.exchanges
        client.send(b"x" * 40_000)
        assert client.exchanges[0].refusal == 431

    by_hand(act)


def test_a_body_is_no_head() -> None:
    async def act(client: Client) -> None:
        client.send(HEAD.replace(b"2", b"200000"), b"x" * 100_000, b"x" * 100_000)
        assert len(client.exchanges[0].body) == 200_000

    by_hand(act)


@pytest.mark.parametrize(
    "sent",
    [
        [HEAD.replace(b"2", b"1048577")],
        [HEAD.replace(b"2", b"9" * 18)],
        [CHUNKED, b"100001\r\n", *[b"x" * 65_536] * 16, b"xx"],
        [CHUNKED + b"2\r\n{}\r\n0\r\nTrailer: ", *[b"x" * 250_000] * 9],
    ],
)
def test_a_body_has_an_end(sent: list[bytes]) -> None:
    async def act(client: Client) -> None:
        client.send(*sent, b"more")
        assert [found.refusal for found in client.exchanges] == [413]

    by_hand(act)


def test_the_largest_body() -> None:
    async def act(client: Client) -> None:
        client.send(HEAD.replace(b"2", b"1048576"), b"x" * 1_048_576)
        assert len(client.exchanges[0].body) == 1_048_576

    by_hand(act)


def test_who_still_sends_can_read_why_nobody_listens() -> None:
    async def act(client: Client) -> None:
        client.send(HEAD.replace(b"2", b"9999999"))
        client.exchanges[0].answer(413, "text/plain", b"")
        assert client.statuses == [413] and b"connection: close\r\n" in client.wire.written
        assert client.wire.ended and not client.wire.closed
        client.send(b"x" * 100_000, REQUEST)
        assert len(client.exchanges) == 1
        assert client.patience(29)
        assert not client.patience(32)

    by_hand(act)


def test_what_is_no_http_is_refused_behind_what_was() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST + b"\x16\x03\x01 nonsense\r\n\r\n", REQUEST)
        assert [found.refusal for found in client.exchanges] == [0]
        client.answer()
        await asyncio.sleep(0)
        assert [found.refusal for found in client.exchanges] == [0, 400]

    by_hand(act)


def test_too_many_connections() -> None:
    async def act(client: Client) -> None:
        _, second = client.connect()
        _, third = client.connect()
        assert (second.written, second.closed) == (b"", False)
        assert third.written.startswith(b"HTTP/1.1 503 ") and third.closed
        assert len(client.connections.open) == 2

    by_hand(act, limit=2)


def test_a_drain_closes_what_is_idle_and_the_others_behind_their_answer() -> None:
    async def act(client: Client) -> None:
        client.send(REQUEST * 2)
        _, idle = client.connect()
        client.connections.drain()
        assert (client.wire.closed, idle.closed) == (False, True)
        client.answer()
        assert client.wire.closed and b"connection: close\r\n" in client.wire.written
        await asyncio.sleep(0)
        assert len(client.exchanges) == 1

    by_hand(act)


def test_answers_are_not_held_back() -> None:
    async def run_it() -> None:
        connections = Connections(lambda exchange: None, 10)
        with socket.socket() as end:
            connections.make().connection_made(Wire(end))
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    asyncio.run(run_it())
