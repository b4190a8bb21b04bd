"""One kept connection to SWF and a parser in C: 0.05 ms a call, where botocore's session needs 0.4 ms."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from urllib.parse import urlsplit

import httptools

CONNECT_TIMEOUT = 10.0
#: Seconds that the other end has to answer or to close the connection when one has hung up.
LAST_WAIT = 5.0
_CHUNK = 1 << 18
_PORTS = {"http": 80, "https": 443}


class Direct:
    """A connection that is kept, for one thread."""

    def __init__(self, url: str, ca_bundle: str | None) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._tls = _trusting(ca_bundle) if parts.scheme == "https" else None
        self._request_line = f"POST {parts.path or '/'} HTTP/1.1\r\n"
        self._socket: socket.socket | None = None
        self._hung_up = select.poll()
        self._asking = threading.Lock()
        self._over = False

    def post(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, bytes]:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"{self._request_line}{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        kept = False
        try:
            self._check_going_on()
            connected = self._connected()
            connected.settimeout(timeout)
            self._ask(connected, request)
            answer = _Answer()
            while not answer.status:
                data = connected.recv(_CHUNK)
                if not data:
                    raise ConnectionResetError("the connection was closed before the answer was complete")
                answer.feed(data)
            kept = answer.kept
            return answer.status, b"".join(answer.body)
        except httptools.HttpParserError as error:
            raise OSError(f"the answer is no HTTP: {error}") from error
        finally:
            if not kept:
                self.close()

    def _ask(self, connected: socket.socket, request: bytes) -> None:
        with self._asking:
            self._check_going_on()
            connected.sendall(request)

    def _check_going_on(self) -> None:
        if self._over:
            raise ConnectionAbortedError("nothing is asked any more")

    def hang_up(self) -> None:
        with self._asking:
            self._over = True
            left = self._socket
        if left is not None:
            _shut(left, socket.SHUT_WR)
            silent = threading.Timer(LAST_WAIT, _shut, (left, socket.SHUT_RDWR))
            silent.daemon = True
            silent.start()

    def close(self) -> None:
        if self._socket is not None:
            self._hung_up.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is not None and self._hung_up.poll(0):
            self.close()  # there can be nothing to read but the end
        if self._socket is None:
            self._socket = self._connect()
            self._hung_up.register(self._socket, select.POLLIN)
        return self._socket

    def _connect(self) -> socket.socket:
        connected = socket.create_connection((self._host, self._port), CONNECT_TIMEOUT)
        try:
            if connected.getsockname() == connected.getpeername():
                # by chance from this port, on which nobody listens: it would even keep the service from coming back
                raise ConnectionRefusedError("the connection has met itself")
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connected if self._tls is None else self._tls.wrap_socket(connected, server_hostname=self._host)
        except BaseException:
            connected.close()
            raise


def _shut(connected: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):  # it has been closed
        # that of TLS would not let an answer be read any more
        socket.socket.shutdown(connected, how)


def _trusting(ca_bundle: str | None) -> ssl.SSLContext:
    from botocore.httpsession import get_cert_path

    return ssl.create_default_context(cafile=ca_bundle or get_cert_path(True))


class _Answer:
    """Collects an answer; its ``on_`` methods are called by the parser. ``status`` is 0 until it is complete.

    What comes behind it nobody has asked for, as when the network repeats it: such a connection is not kept.
    """

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.feed = self.parser.feed_data
        self.body: list[bytes] = []
        self.status = 0
        self.kept = False

    def on_message_begin(self) -> None:
        self.kept = False

    def on_body(self, body: bytes) -> None:
        if not self.status:
            self.body.append(body)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if not self.status and status >= 200:  # before it there may be a 100 Continue
            self.status, self.kept = status, self.parser.should_keep_alive()
