"""The process of the service: open the database, serve, drain."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .busypoll import BusyPollSelector
from .clock import Clock, RealClock
from .connections import Connections
from .database import Database, StoreRefused
from .durable import Durable
from .guard import Guard
from .http import Front
from .limits import Limits
from .pulse import Pulse
from .signatures import read_keys
from .steady import SteadyClock
from .tasklists import ListName
from .waiting import WaitingRoom

DEFAULT_PORT = 7933
#: A little less than the minute after which clients give up waiting.
DEFAULT_HOLD_S = 55.0

_TICK_S = 1.0
_DRAIN_S = 10.0
_DRAIN_TICK_S = 0.02
_BACKLOG = 2048
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
    """Serve until SIGTERM, SIGINT or SIGHUP, then drain. `announce` is given the URL once connections are accepted.

    Raises CannotServe, KeyFileError or StoreError when it cannot start, StoreRefused also when it cannot go on.
    """
    keys = None if options.access_key_file is None else read_keys(options.access_key_file)
    if keys is None and not _is_loopback(options.host):
        raise CannotServe(
            f"{options.host} can be reached from other machines: "
            "give --access-key-file, so that requests must be signed, or keep to 127.0.0.1"
        )
    with Database(options.db) as database, _listen(options) as listener:
        _run(_serve(options, keys, database, listener, announce))


def _run(serving: Coroutine[Any, Any, None]) -> None:
    if sys.version_info < (3, 11):
        asyncio.run(serving)  # which has its own selector
        return
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(BusyPollSelector(RealClock()))) as runner:
        runner.run(serving)


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
        server = Server(room, real)
        pulse = Pulse(durable, clock, server.give_up)
        guard = Guard(keys, (_host(options), *options.allow_hosts), real)
        front = Front(durable, pulse, room, guard, clock, hold_s=options.poll_hold_s, limits=options.limits)
        connections = Connections(front.handle, _connection_limit())
        await server.serve(listener, connections, lambda: announce(_url(options, listener)))
        pulse.stop()
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
    listener = socket.socket(family, socket.SOCK_STREAM)
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
    return f"http://{_host(options)}:{listener.getsockname()[1]}"


def _host(options: Options) -> str:
    """The address as clients name it. One of the loopback, or else every request is signed."""
    return f"[{options.host}]" if ":" in options.host else options.host


def _connection_limit() -> int:
    """As many as the files that this process may open allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_CONNECTIONS + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return soft - _SPARE_FILES
    return _MAX_CONNECTIONS


#: SIGHUP, of a terminal that is closed, not where nohup has it ignored.
_STOPPING = (
    signal.SIGTERM,
    signal.SIGINT,
    *(() if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)),
)


class Server:
    """Serves until it is told to stop or gives up, then drains."""

    def __init__(self, room: WaitingRoom, clock: Clock) -> None:
        self._room = room
        self._clock = clock
        self._failure: StoreRefused | None = None
        self._stopping = asyncio.Event()
        self._hurrying = asyncio.Event()

    def stop(self) -> None:
        """Drain; told a second time, do not wait for it."""
        (self._hurrying if self._stopping.is_set() else self._stopping).set()

    def give_up(self, error: StoreRefused) -> None:
        """End the service because of its database."""
        _log.error("%s", error)
        self._failure = error
        self._stopping.set()

    async def serve(self, listener: socket.socket, connections: Connections, ready: Callable[[], None]) -> None:
        """Raises the StoreRefused for which it gave up."""
        loop = asyncio.get_running_loop()
        connections.tick(self._clock.now_ms())
        server = await loop.create_server(connections.make, sock=listener, backlog=_BACKLOG)
        for number in _STOPPING:
            with contextlib.suppress(RuntimeError, ValueError):  # not the main thread
                loop.add_signal_handler(number, self.stop)
        ready()
        while not await _set_within(self._stopping, _TICK_S):
            connections.tick(self._clock.now_ms())
        server.close()
        self._room.close()
        connections.drain()
        end = loop.time() + _DRAIN_S
        while connections.open and loop.time() < end and not await _set_within(self._hurrying, _DRAIN_TICK_S):
            pass
        connections.cut_off()
        if self._failure is not None:
            raise self._failure


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
