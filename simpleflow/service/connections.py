"""HTTP connections: bytes in, requests out, answers back in their order.

httptools parses. A connection hands over one request at a time; of what a client sends ahead, no more is read than has
come already. A client that takes too long over a request, sends too much or no HTTP at all is refused and cut off, and
so is one that has been silent for long, or does not read its answer.
"""

from __future__ import annotations

import asyncio
import select
import socket
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote

import httptools

#: The largest body of a request.
MAX_REQUEST = 1024 * 1024

_MAX_HEAD = 64 * 1024
#: Of a whole request, what goes around a body in chunks included.
_MAX_RAW = 2 * MAX_REQUEST
_PATIENCE_S = 30.0
_KEEP_ALIVE_S = 600.0

#: That the other end has closed; not every system has a sign of its own for it.
_HANG_UP = getattr(select, "POLLRDHUP", select.POLLHUP)

_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_CLOSE = "connection: close\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FULL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True, eq=False)
class Exchange:
    """One request as it came in, and the way back. It is answered once, or not at all if its client has left."""

    method: str
    #: Decoded, without the query.
    path: str
    query: bytes
    #: By lower-case name.
    headers: Mapping[bytes, bytes]
    body: bytes
    connection: Connection
    keep_alive: bool = True
    #: The status with which to refuse what could not be read as a request; nothing else is set then.
    refusal: int = 0
    #: Called when the client leaves before it has its answer.
    on_leave: Callable[[], None] | None = None

    def listened_to(self) -> bool:
        """Whether the client is still there; asks the system, which knows of its leaving before the loop does."""
        return self.connection.listened_to()

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.connection.answer(self, status, content_type, body)


#: Takes a request, to answer it now or later.
Handler = Callable[[Exchange], None]


class Connections:
    """The open connections, and what they have in common."""

    def __init__(self, handle: Handler, limit: int) -> None:
        """At more than `limit` connections, further ones are sent away."""
        self.handle = handle
        self.limit = limit
        self.open: set[Connection] = set()
        self.draining = False
        self.date = ""
        self._ids = f"{uuid.uuid4()}"[:24]
        self._answers = 0

    def make(self) -> Connection:
        """A protocol for a connection to come."""
        return Connection(self)

    def tick(self, now_ms: int) -> None:
        """To be called every second or so, with the time of the day."""
        self.date = f"date: {formatdate(now_ms / 1000, usegmt=True)}\r\n"
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.open):
            connection.lose_patience(now)

    def new_id(self) -> str:
        """An id for an answer, in the form of a UUID."""
        self._answers += 1
        return f"{self._ids}{self._answers:012x}"

    def drain(self) -> None:
        """Close what is idle; the others are closed behind their answers."""
        self.draining = True
        for connection in tuple(self.open):
            connection.drain()

    def cut_off(self) -> None:
        """Close what is still open, answered or not."""
        for connection in tuple(self.open):
            connection.cut_off()


class Connection(asyncio.Protocol):
    _transport: asyncio.Transport

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Exchange] = deque()
        #: Handed over and not answered yet.
        self._current: Exchange | None = None
        #: Whether what comes is thrown away.
        self._deaf = False
        self._writable = True
        self._paused = False
        self._hang_up = select.poll()
        #: When patience ends; None while it is the service's turn.
        self._deadline: float | None = None
        # The request that is coming in.
        self._receiving = False
        self._fresh = False
        self._in_body = False
        self._received = 0
        self._refusal = 0
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._body_size = 0

    @property
    def connected(self) -> bool:
        return not self._transport.is_closing()

    def listened_to(self) -> bool:
        if self.connected and self._hang_up.poll(0):
            self._transport.abort()
        return self.connected

    # -- asyncio -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._connections.open) >= self._connections.limit:
            transport.write(_FULL)
            transport.close()
            return
        self._connections.open.add(self)
        self._deadline = self._loop.time() + _PATIENCE_S
        opened = transport.get_extra_info("socket")
        # asyncio does so only where the socket's protocol number is set, and accepted ones have the listener's 0.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hang_up.register(opened.fileno(), _HANG_UP)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._fresh = False
        try:
            self._parser.feed_data(data)
            self._count(len(data))
        except httptools.HttpParserUpgrade:
            self._deaf = True  # no other protocol is spoken here; the request is answered as it stands
        except httptools.HttpParserError:
            self._refuse()
        self._next()
        if self._queue and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Whether the connection stays open: a client that has said its last word may still listen for the answer.

        Not one that waits for a task; it would look the same if it had left.
        """
        if self._current is None or self._current.on_leave is not None:
            return False
        self._current.keep_alive = False
        self._receiving = False  # no more comes of a request that has begun
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.open.discard(self)
        self._queue.clear()
        self._deadline = None
        if self._current is not None and self._current.on_leave is not None:
            self._current.on_leave()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._next()

    # -- httptools -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._receiving, self._fresh, self._in_body = True, True, False
        self._received = self._body_size = 0
        self._url, self._headers, self._body = b"", {}, []
        self._deadline = self._loop.time() + _PATIENCE_S

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._in_body = True
        length = self._headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 9 or int(length) > MAX_REQUEST:
            self._too_large()
        if b"expect" in self._headers and self._current is None and not self._queue:
            self._transport.write(_CONTINUE)

    def on_body(self, data: bytes) -> None:
        self._body.append(data)
        self._body_size += len(data)
        if self._body_size > MAX_REQUEST:
            self._too_large()

    def on_message_complete(self) -> None:
        self._receiving = False
        # No further one is handed over to the service while its client does not read what it gets.
        self._deadline = None if self._writable else self._loop.time() + _KEEP_ALIVE_S
        url = self._url
        path, query = ("/", b"") if url == b"/" else _split(url)
        method = self._parser.get_method().decode("latin-1")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._queue.append(Exchange(method, path, query, self._headers, body, self, keep_alive))

    # -- requests and answers ------------------------------------------------------------------------

    def _next(self) -> None:
        """Hand over the request that came first, unless the client does not read what it gets."""
        if self._queue and self._current is None and self._writable and self.connected:
            self._current = self._queue.popleft()
            if not self._receiving:
                self._deadline = None
            self._connections.handle(self._current)

    def answer(self, exchange: Exchange, status: int, content_type: str, body: bytes) -> None:
        if not self.connected:
            return
        last = not exchange.keep_alive or self._connections.draining
        head = (
            f"{_STATUS[status]}{self._connections.date}x-amzn-requestid: {self._connections.new_id()}\r\n"
            f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
            f"{_CLOSE if last else ''}\r\n"
        )
        self._transport.write(head.encode() + (b"" if exchange.method == "HEAD" else body))
        self._current = None
        if not self._receiving:
            self._deadline = self._loop.time() + _KEEP_ALIVE_S
        if last:
            self._end()
        elif self._queue:
            self._loop.call_soon(self._next)  # others first
        elif self._paused:
            self._paused = False
            self._transport.resume_reading()

    def _end(self) -> None:
        """Nothing more is answered. A client that still sends would not read the last answer if it was cut off."""
        self._queue.clear()
        if self._receiving and not self._connections.draining:
            self._deadline = self._loop.time() + _PATIENCE_S
            self._transport.write_eof()
        else:
            self._transport.close()

    # -- bad manners ---------------------------------------------------------------------------------

    def _count(self, size: int) -> None:
        """Take a piece of a request into account that began with an earlier one."""
        if self._receiving and not self._fresh:
            self._received += size
            if self._received > (_MAX_RAW if self._in_body else _MAX_HEAD):
                self._refusal = 413 if self._in_body else 431
                self._refuse()

    def _too_large(self) -> None:
        self._refusal = 413
        raise ValueError  # for httptools to stop

    def _refuse(self) -> None:
        """Answer what came before, then refuse the rest."""
        self._deaf = True
        self._queue.append(Exchange("", "", b"", {}, b"", self, keep_alive=False, refusal=self._refusal or 400))

    def lose_patience(self, now: float) -> None:
        if self._deadline is not None and now > self._deadline:
            self.cut_off()

    def cut_off(self) -> None:
        self._transport.abort()  # closing would wait for a client that does not read its answer

    def drain(self) -> None:
        if self._current is None and not self._queue:
            self._transport.close()


def _split(url: bytes) -> tuple[str, bytes]:
    """The path and the query of a request target; ("", b"") for one that is no path."""
    try:
        parts = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return "", b""
    return unquote((parts.path or b"").decode("latin-1")), parts.query or b""
