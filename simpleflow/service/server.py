"""The process of the service: open the database, serve, drain.

Uvicorn serves; what it leaves open is added here: a limit on the head of a request and on the time that a client takes
to send one, and a way to see that a client has left without waiting for it to be told.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .clock import RealClock
from .database import Database, StoreRefused
from .durable import Durable
from .guard import Guard
from .http import CONNECTED, Front
from .limits import Limits
from .pulse import Pulse
from .signatures import read_keys
from .steady import SteadyClock
from .tasklists import ListName
from .waiting import WaitingRoom

DEFAULT_PORT = 7933
#: A little less than the minute after which clients give up waiting.
DEFAULT_HOLD_S = 55.0

_MAX_HEAD = 64 * 1024
_PATIENCE_S = 30.0
_KEEP_ALIVE_S = 600
_DRAIN_S = 10
_MAX_CONNECTIONS = 10_000
_SPARE_FILES = 64

_log = logging.getLogger(__name__)


class CannotServe(Exception):
    """The service cannot start as it was told to; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    db: Path
    host: str = "127.0.0.1"
    #: 0 takes a free one.
    port: int = DEFAULT_PORT
    #: How long a poll waits for a task.
    poll_hold_s: float = DEFAULT_HOLD_S
    #: With it, every request must be signed with a key of that file.
    access_key_file: Path | None = None
    #: Names of this machine besides those of the loopback, for requests that are not signed.
    allow_hosts: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


def run(options: Options, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain. `announce` is given the URL once connections are accepted.

    Raises CannotServe, KeyFileError or StoreError when it cannot start, StoreRefused also when it cannot go on.
    """
    keys = None if options.access_key_file is None else read_keys(options.access_key_file)
    if keys is None and not _is_loopback(options.host):
        raise CannotServe(
            f"{options.host} can be reached from other machines: "
            "give --access-key-file, so that requests must be signed, or keep to 127.0.0.1"
        )
    with Database(options.db) as database, _listen(options) as listener:
        asyncio.run(_serve(options, keys, database, listener, announce))


async def _serve(
    options: Options,
    keys: dict[str, str] | None,
    database: Database,
    listener: socket.socket,
    announce: Callable[[str], None],
) -> None:
    real = RealClock()
    clock, room = SteadyClock(real), WaitingRoom()
    durable = Durable(database, options.limits, on_task_available=lambda *name: room.wake(ListName(*name)))
    try:
        server = Server(room, announce, _url(options, listener))
        pulse = Pulse(durable, clock, server.give_up)
        guard = Guard(keys, options.allow_hosts, real)
        front = Front(durable, pulse, room, guard, clock, hold_s=options.poll_hold_s, limits=options.limits)
        server.config.app = front.app()
        await server.serve([listener])
        pulse.stop()
        if server.failure is not None:
            raise server.failure
        durable.flush(clock.now_ms())
    finally:
        durable.close()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(options: Options) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # asyncio turns Nagle off only where the protocol is said
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
    except OSError as error:
        listener.close()
        raise CannotServe(
            f"Cannot listen on port {options.port} of {options.host} ({error}): choose others with --host and --port"
        ) from error
    return listener


def _url(options: Options, listener: socket.socket) -> str:
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"http://{host}:{listener.getsockname()[1]}"


def _connection_limit() -> int:
    """As many as the files that this process may open allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_CONNECTIONS + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return soft - _SPARE_FILES
    return _MAX_CONNECTIONS


# -- uvicorn -------------------------------------------------------------------------------------


class Protocol(HttpToolsProtocol):
    """One connection. A client that takes too long over a request, or sends an endless head, is cut off."""

    _head: int = 0
    _in_body: bool = False
    _since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._since = self.loop.time()
        # asyncio does so only where the socket's protocol number is set, and accepted ones have the listener's 0.
        # Without it the second write of an answer waits 40 ms for the client's delayed acknowledgement.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_body or self._since is None:
            return
        self._head += len(data)
        if self._head > _MAX_HEAD and not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head, self._in_body, self._since = 0, False, self.loop.time()
        transport = self.transport
        self.scope["extensions"] = {CONNECTED: {"tell": lambda: not transport.is_closing()}}

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._in_body = True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._since = None

    def lose_patience(self, now: float) -> None:
        if self._since is not None and now - self._since > _PATIENCE_S:
            self.transport.close()


_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Server(uvicorn.Server):
    """Uvicorn's server, which ends the waiting polls before it drains and tells when it listens."""

    def __init__(self, room: WaitingRoom, announce: Callable[[str], None], url: str) -> None:
        async def nothing(scope: Any, receive: Any, send: Any) -> None:
            """Replaced before the server starts."""

        super().__init__(
            uvicorn.Config(
                nothing,
                http=Protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="error",  # it warns of every request that is no HTTP
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_DRAIN_S,
                limit_concurrency=_connection_limit(),
            )
        )
        self.failure: StoreRefused | None = None
        self._room = room
        self._announce = announce
        self._url = url

    def give_up(self, error: StoreRefused) -> None:
        """End the service because of its database."""
        _log.error("%s", error)
        self.failure = error
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce(self._url)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:  # once a second
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.lose_patience(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._room.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, do not send the signal to this process again: it ends well."""
        try:
            former = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:  # not the main thread
            former = {}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal drains, the second one does not wait."""
        self.force_exit = self.should_exit
        self.should_exit = True
