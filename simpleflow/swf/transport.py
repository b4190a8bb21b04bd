"""What carries a request to SWF and its answer back.

``Direct`` is one kept connection. Where the way may lead through a proxy, ``proxied`` is asked, and where there are
certificates, botocore tells which to trust; only then are they loaded.
"""

from __future__ import annotations

import ipaddress
from typing import Protocol
from urllib.parse import urlsplit

from .direct import Direct


class Transport(Protocol):
    def post(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, bytes]:
        """Status and body of the answer, which may take ``timeout`` seconds. Raises OSError."""

    def hang_up(self) -> None:
        """From now on nothing is asked; what the other end has answered already still arrives. For any thread."""

    def close(self) -> None: ...


def transport(url: str, ca_bundle: str | None = None) -> Transport:
    """The way to an endpoint. ``ca_bundle`` is a file of the certificates to trust instead of the usual ones."""
    if not _on_this_machine(url):
        from . import proxied

        if proxies := proxied.proxies_for(url):
            return proxied.Proxied(url, proxies, ca_bundle)
    return Direct(url, ca_bundle)


def _on_this_machine(url: str) -> bool:
    """Where no proxy gets to, even if nobody has said so in NO_PROXY."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
