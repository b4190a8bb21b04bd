"""S3 as it misbehaves: a server that gives one scripted answer to whatever it is asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

from botocore.config import Config

from simpleflow.payloads import s3

from .s3_server import CREDENTIALS, forget


class Script(ThreadingHTTPServer):
    """``status``, ``code`` of an error (or ``body``) and ``length`` (if it lies) are what it answers with.

    It answers when ``answers`` is set.
    """

    daemon_threads = True
    status = 200
    code = ""
    body = b""
    length: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.requests: list[str] = []
        self.answers = threading.Event()
        self.answers.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Script

    def do_GET(self) -> None:
        script = self.server
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        script.requests.append(f"{self.command} {self.path}")
        script.answers.wait(60)
        body = f"<Error><Code>{script.code}</Code></Error>".encode() if script.code else script.body
        if self.command == "PUT" and not script.code:
            body = b""
        self.send_response(script.status)
        self.send_header("Content-Length", str(script.length or len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):  # who asked may have gone
                self.wfile.write(body)

    do_PUT = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextlib.contextmanager
def scripted() -> Iterator[Script]:
    """A server that this process takes for S3, and asks once; it has half a second to answer."""
    server = Script()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.5, connect_timeout=5)
    with (
        mock.patch.dict("os.environ", {**CREDENTIALS, "SIMPLEFLOW_S3_HOST": server.url}),
        mock.patch.object(s3, "_CONFIG", config),
    ):
        forget()
        yield server
    forget()
    server.answers.set()
    server.shutdown()
    server.server_close()
    thread.join()
