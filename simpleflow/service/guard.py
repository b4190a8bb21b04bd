"""Who may talk to the service, and in which region.

Without access keys everyone may who reaches it, which is why it then listens on the loopback alone and refuses what a
web page could send: a Host that is not this machine (a name that was rebound to it), or any Origin. With access keys,
every request must be signed with one of them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from .clock import Clock
from .connections import Exchange
from .core import DEFAULT_REGION
from .faults import Fault
from .signatures import read_credential, verify

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_ACCESS_DENIED = "com.amazon.coral.service#AccessDeniedException"


class Guard:
    def __init__(self, keys: Mapping[str, str] | None, allow_hosts: Iterable[str], clock: Clock) -> None:
        """`keys` are secrets by access key; `allow_hosts` are names of this machine besides the loopback's."""
        self._keys = keys
        self._hosts = frozenset(name.lower() for name in (*_LOOPBACK, *allow_hosts))
        self._clock = clock

    def admit(self, asked: Exchange) -> str:
        """The region of a request; raises a Fault for one that is not let in."""
        headers = asked.headers
        if self._keys is not None:
            now_s = self._clock.now_ms() / 1000
            text = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
            return verify(self._keys, asked.method, asked.path, asked.query, text, asked.body, now_s).region
        self._check_origin(headers)
        return _region(headers.get(b"authorization", b"").partition(b",")[0])

    def _check_origin(self, headers: Mapping[bytes, bytes]) -> None:
        host = _without_port(headers.get(b"host", b""))
        if host not in self._hosts:
            raise Fault(
                _ACCESS_DENIED, f"The host {host!r} is not allowed: start the service with --allow-host {host}", 403
            )
        if b"origin" in headers:
            raise Fault(_ACCESS_DENIED, "Requests of web pages are not allowed: leave out the header Origin", 403)


@functools.lru_cache(maxsize=256)
def _region(credential: bytes) -> str:
    """The region that the first field of an Authorization header names."""
    scope = read_credential(credential.decode("latin-1"))
    return DEFAULT_REGION if scope is None else scope.region


@functools.lru_cache(maxsize=256)
def _without_port(value: bytes) -> str:
    """The name in a Host header, in lower case."""
    host = value.decode("latin-1").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
