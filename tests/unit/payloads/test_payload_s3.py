"""S3 as it misbehaves: a server that gives one scripted answer to whatever it is asked."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.config import Config

from simpleflow.exceptions import PayloadError, PayloadGone, PayloadUnavailable, PayloadWrong
from simpleflow.payloads import jumbo, s3
from simpleflow.payloads.jumbo import Reference, location

BODY = b"content" * 100
NAMED = jumbo.named(location("bucket/prefix"), BODY)


class Script(ThreadingHTTPServer):
    daemon_threads = True
    status = 200
    code = ""
    body = BODY
    length: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests: list[str] = []


class Answer(BaseHTTPRequestHandler):
    server: Script

    def do_GET(self) -> None:
        script = self.server
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        script.requests.append(f"{self.command} {self.path}")
        body = f"<Error><Code>{script.code}</Code></Error>".encode() if script.code else script.body
        if self.command == "PUT" and not script.code:
            body = b""
        self.send_response(script.status)
        self.send_header("Content-Length", str(script.length or len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    server = Script()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(s3, "_CONFIG", Config(retries={"total_max_attempts": 1}, read_timeout=0.5, connect_timeout=5))
    s3._clients.clear()
    yield server
    s3._clients.clear()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def reference() -> Reference:
    found = jumbo.reference(NAMED)
    assert found is not None
    return found


def test_get_and_put_are_all_that_it_asks(script: Script, reference: Reference) -> None:
    store = s3.S3Store()
    store.put(reference, BODY)
    assert store.get(reference) == BODY
    path = f"/bucket/prefix/{reference.digest}"
    assert [request.partition("?")[0] for request in script.requests] == [f"PUT {path}", f"GET {path}"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", PayloadGone),
        (403, "AccessDenied", PayloadGone),  # without ListBucket this is how S3 says "no such key"
        (404, "NoSuchBucket", PayloadUnavailable),
        (403, "ExpiredToken", PayloadUnavailable),
        (403, "InvalidAccessKeyId", PayloadUnavailable),
        (403, "RequestTimeTooSkewed", PayloadUnavailable),
        (503, "SlowDown", PayloadUnavailable),
        (500, "InternalError", PayloadUnavailable),
    ],
)
def test_answers_to_get(
    script: Script, reference: Reference, status: int, code: str, error: type[PayloadError]
) -> None:
    script.status, script.code = status, code
    with pytest.raises(error, match=rf"s3://bucket/prefix/{reference.digest}.*{code}"):
        s3.S3Store().get(reference)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket"), (503, "SlowDown"), (500, "InternalError")]
)
def test_answers_to_put(script: Script, reference: Reference, status: int, code: str) -> None:
    script.status, script.code = status, code
    with pytest.raises(PayloadUnavailable, match=rf"s3://bucket/prefix/{reference.digest}.*{code}"):
        s3.S3Store().put(reference, BODY)


def test_a_download_that_breaks_off_is_begun_again(script: Script, reference: Reference) -> None:
    script.body, script.length = BODY[:-1], len(BODY)
    with pytest.raises(PayloadUnavailable):
        s3.S3Store().get(reference)
    assert len(script.requests) == s3._DOWNLOADS


def test_another_length_is_not_read(script: Script, reference: Reference) -> None:
    script.body = BODY + b"!"
    with pytest.raises(PayloadWrong, match=f"has {len(BODY) + 1} bytes, its reference says {len(BODY)}"):
        s3.S3Store().get(reference)


def test_nobody_there(script: Script, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", "http://127.0.0.1:1")
    for act in (lambda: s3.S3Store().get(reference), lambda: s3.S3Store().put(reference, BODY)):
        with pytest.raises(PayloadUnavailable, match="Could not connect"):
            act()


def test_a_client_of_each_process(script: Script) -> None:
    import os

    first = s3.client()
    assert s3.client() is first
    child = os.fork()
    if not child:
        os._exit(0 if not s3._clients else 1)
    assert os.waitpid(child, 0)[1] == 0
