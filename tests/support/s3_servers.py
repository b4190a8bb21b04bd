"""S3 as it should be (moto_server, a process of its own), and as it misbehaves (one scripted answer to everything)."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

from botocore.config import Config

from simpleflow.payloads import objects, s3

from .processes import wait_until

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


def fresh() -> None:
    """As a new process sees the settings."""
    objects._fields.cache_clear()
    s3._clients.clear()


@contextlib.contextmanager
def moto_server(log: Path) -> Iterator[str]:
    """The address of a server whose buckets are empty; what it writes goes to ``log``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("wb") as out:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _listens(url) or process.poll() is not None, "moto_server", 60)
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _listens(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=30).close()
    except OSError:
        return False
    return True


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
        mock.patch.dict("os.environ", {**KEYS, "SIMPLEFLOW_S3_HOST": server.url}),
        mock.patch.object(s3, "_CONFIG", config),
    ):
        fresh()
        yield server
    fresh()
    server.answers.set()
    server.shutdown()
    server.server_close()
    thread.join()
