"""The transport against a server of canned answers, over TCP and TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from simpleflow.swf import direct
from simpleflow.swf.direct import Direct
from simpleflow.swf.proxied import Proxied
from simpleflow.swf.transport import transport

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Gives each connection the next list of answers, one for each request, and then closes it.

    One that is a function is called when there is the request.
    """

    def __init__(self, *connections: list[bytes | Callable[[], bytes]], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.closed = threading.Event()
        self._connections = connections
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._listener.close()
        self._thread.join(20)

    def _run(self) -> None:
        for answers in self._connections:
            try:
                connection = self._listener.accept()[0]
                with connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True) as end:
                    for answer in answers:
                        self.requests.append(self._request(end))
                        end.sendall(answer() if callable(answer) else answer)
                self.closed.set()
            except OSError:
                continue

    def _request(self, end: socket.socket) -> bytes:
        received = b""
        while b"\r\n\r\n" not in received:
            received += end.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += end.recv(65536)
        return head + b"\r\n\r\n" + body


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def serve(*connections: list[bytes | Callable[[], bytes]], tls: ssl.SSLContext | None = None) -> Server:
        made.append(Server(*connections, tls=tls))
        return made[-1]

    yield serve
    for server in made:
        server.close()


def test_a_request_goes_as_it_is_and_the_connection_is_kept(serve: Callable[..., Server]) -> None:
    server = serve([OK, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"])
    carrier = Direct(f"{server.url}/path", None)
    assert carrier.post({"Host": "here", "X-A": "1"}, b"body", 20) == (200, b"ok")
    assert carrier.post({}, b"", 20) == (400, b"")
    assert server.requests == [
        b"POST /path HTTP/1.1\r\nHost: here\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody",
        b"POST /path HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ]
    carrier.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
    ],
)
def test_other_forms_of_an_answer(serve: Callable[..., Server], answer: bytes) -> None:
    carrier = Direct(serve([answer]).url, None)
    assert carrier.post({}, b"", 20) == (200, b"abcde")
    carrier.close()


@pytest.mark.parametrize("more", [OK, OK[:20], b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad"])
def test_what_follows_an_answer_is_no_part_of_it_nor_of_the_next(serve: Callable[..., Server], more: bytes) -> None:
    carrier = Direct(serve([OK + more], [OK]).url, None)
    assert carrier.post({}, b"", 20) == (200, b"ok")
    assert carrier.post({}, b"", 20) == (200, b"ok")
    carrier.close()


def test_a_large_body_arrives_whole(serve: Callable[..., Server]) -> None:
    body = b"x" * 3_000_000
    carrier = Direct(serve([b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + body]).url, None)
    assert carrier.post({}, b"y" * 900_000, 20) == (200, body)
    carrier.close()


def test_a_connection_that_the_server_has_closed_is_made_anew(serve: Callable[..., Server]) -> None:
    server = serve([OK], [OK])
    carrier = Direct(server.url, None)
    carrier.post({}, b"", 20)
    assert server.closed.wait(20)
    assert carrier.post({}, b"", 20) == (200, b"ok")
    carrier.close()


def test_the_server_may_say_that_it_closes_the_connection(serve: Callable[..., Server]) -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    carrier = Direct(serve([last], [OK]).url, None)
    assert carrier.post({}, b"", 20) == (200, b"ok")
    assert carrier.post({}, b"", 20) == (200, b"ok")
    carrier.close()


@pytest.mark.parametrize("cut", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"])
def test_an_answer_that_breaks_off_is_an_error_and_the_next_call_connects(
    serve: Callable[..., Server], cut: bytes
) -> None:
    carrier = Direct(serve([cut], [OK]).url, None)
    with pytest.raises(OSError, match="closed before the answer was complete"):
        carrier.post({}, b"", 20)
    assert carrier.post({}, b"", 20) == (200, b"ok")
    carrier.close()


def test_what_is_no_http_is_an_error(serve: Callable[..., Server]) -> None:
    with pytest.raises(OSError, match="no HTTP"):
        Direct(serve([b"SSH-2.0-nonsense\r\n\r\n"]).url, None).post({}, b"", 20)


def test_an_answer_that_does_not_come_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        Direct(f"http://127.0.0.1:{silent.getsockname()[1]}", None).post({}, b"", 0.01)


def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        Direct(f"http://127.0.0.1:{port}", None).post({}, b"", 20)


# -- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2000, 1, 1))
        .not_valid_after(datetime.datetime(2200, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_tls_with_a_bundle_that_vouches_for_the_server(
    serve: Callable[..., Server], tls: ssl.SSLContext, certificate: Path
) -> None:
    carrier = transport(serve([OK, OK], tls=tls).url, str(certificate))
    assert carrier.post({}, b"", 20) == (200, b"ok")
    assert carrier.post({}, b"", 20) == (200, b"ok")
    carrier.close()


@pytest.mark.parametrize("encrypted", [False, True])
def test_who_hangs_up_still_gets_the_answer_that_is_on_its_way(
    serve: Callable[..., Server], tls: ssl.SSLContext, certificate: Path, encrypted: bool
) -> None:
    def answer_late() -> bytes:
        carrier.hang_up()
        return OK

    server = serve([answer_late], [OK], tls=tls if encrypted else None)
    carrier = transport(server.url, str(certificate))
    assert carrier.post({}, b"", 20) == (200, b"ok")
    with pytest.raises(OSError, match="nothing is asked any more"):
        carrier.post({}, b"", 20)
    assert len(server.requests) == 1
    carrier.close()


def test_who_hangs_up_does_not_wait_for_an_answer_that_does_not_come(serve: Callable[..., Server]) -> None:
    def hang_up() -> bytes:
        carrier.hang_up()
        return b""  # and closes

    carrier = Direct(serve([hang_up]).url, None)
    with pytest.raises(OSError, match="closed before the answer was complete"):
        carrier.post({}, b"", 20)


def test_nor_for_a_server_that_takes_no_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "LAST_WAIT", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        carrier = Direct(f"http://127.0.0.1:{silent.getsockname()[1]}", None)
        asked = threading.Event()
        ask = carrier._ask
        monkeypatch.setattr(carrier, "_ask", lambda *given: (ask(*given), asked.set()))
        threading.Thread(target=lambda: asked.wait(20) and carrier.hang_up(), daemon=True).start()
        with pytest.raises(OSError, match="closed before the answer was complete"):
            carrier.post({}, b"", 20)


def test_a_server_for_which_nobody_vouches_is_refused(serve: Callable[..., Server], tls: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        transport(serve([OK], tls=tls).url).post({}, b"", 20)


def test_a_connection_that_meets_itself_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as alone:
        alone.bind(("127.0.0.1", 0))
        port = alone.getsockname()[1]
        alone.connect(("127.0.0.1", port))  # as it happens where the port of the other end is taken for this one
        met = alone.dup()
    monkeypatch.setattr(socket, "create_connection", lambda *arguments: met)
    with pytest.raises(ConnectionRefusedError, match="met itself"):
        Direct(f"http://127.0.0.1:{port}", None).post({}, b"", 20)
    assert met.fileno() == -1


# -- proxies


def test_a_proxy_of_the_environment_is_used(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve([OK])
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    carrier = transport("http://swf.example")
    assert carrier.post({"X-A": "1"}, b"body", 20) == (200, b"ok")
    carrier.close()
    assert proxy.requests[0].startswith(b"POST http://swf.example/ HTTP/1.1\r\n")
    assert proxy.requests[0].endswith(b"body")


@pytest.mark.parametrize(
    "carrier",
    [Direct("http://127.0.0.1:1", None), Proxied("http://swf.example", {"http": "http://127.0.0.1:1"}, None)],
    ids=["direct", "proxied"],
)
def test_nobody_is_called_after_one_has_hung_up(carrier: Direct | Proxied) -> None:
    carrier.hang_up()
    with pytest.raises(OSError, match="nothing is asked any more"):
        carrier.post({}, b"", 20)


def test_no_proxy_is_used_where_none_is_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "swf.near.example")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert isinstance(transport("http://swf.far.example"), Proxied)
    for url in ("http://swf.near.example", "http://127.0.0.1:7933", "http://localhost:7933", "http://[::1]:7933"):
        assert isinstance(transport(url), Direct)


def test_a_proxy_that_is_not_there_is_an_error_like_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    carrier = Proxied("http://swf.example", {"http": url}, None)
    with pytest.raises(OSError, match="proxy"):
        carrier.post({}, b"", 20)
    carrier.close()
