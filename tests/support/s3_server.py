"""A server of the S3 protocol: moto's, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from simpleflow import storage
from simpleflow.payloads import objects, s3
from tests.support.processes import wait_until

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3_server(directory: Path) -> Iterator[str]:
    """Its URL; what it logs goes into ``directory``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = directory / "moto.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out)

    def answers() -> bool:
        if process.poll() is not None:
            pytest.fail(log.read_text())
        try:
            urllib.request.urlopen(url, timeout=30).close()
        except OSError:
            return False
        return True

    try:
        wait_until(answers, "the S3 server", seconds=60)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def put(url: str, *paths: str, body: str = "") -> None:
    """Make buckets (``name``), or objects (``name/key``)."""
    for path in paths:
        request = urllib.request.Request(url + "/" + path, body.encode(), {"Content-Type": "text/plain"}, method="PUT")
        urllib.request.urlopen(request, timeout=30).close()


def use(monkeypatch: pytest.MonkeyPatch, url: str, **settings: str) -> None:
    """Make this process and those that it starts talk to the server at ``url``, emptied."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL_S3": url, **settings}.items():
        monkeypatch.setenv(name, value)
    forget()
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=30).close()


def forget() -> None:
    """As a new process sees the settings."""
    objects._fields.cache_clear()
    s3._clients.clear()
    storage.BUCKET_CACHE.clear()
    storage.BUCKET_LOCATIONS_CACHE.clear()
