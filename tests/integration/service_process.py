"""The service as a process of its own, and clients of it: boto3, and a bare socket for what boto3 would not do."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

_CODE = """
import sys
from pathlib import Path
from simpleflow.service.limits import Limits
from simpleflow.service.server import Options, run
db, hold, keys, pollers = sys.argv[1:]
limits = Limits(pollers=int(pollers))
key_file = Path(keys) if keys else None
options = Options(Path(db), port=0, poll_hold_s=float(hold), access_key_file=key_file, limits=limits)
run(options, lambda url: print(url, flush=True))
"""


class ServiceProcess:
    """A running service. With `keys`, a file of access keys, it wants signatures."""

    def __init__(self, db: Path, *, hold_s: float = 20, keys: Path | None = None, pollers: int = 1000) -> None:
        arguments = [str(db), str(hold_s), str(keys or ""), str(pollers)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CODE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self._clients: list[Any] = []

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def client(self, key: str = "any", secret: str = "thing", region: str = "us-east-1") -> Any:
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=region)
        client = session.client("swf", endpoint_url=self.url, config=Config(retries={"total_max_attempts": 1}))
        self._clients.append(client)
        return client

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def post(self, target: str, body: Any, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """One request as it is written here, and the answer with its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", "/", data, {"X-Amz-Target": target, **names})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response, answer

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)
        self._close()

    def stop(self) -> tuple[int, str]:
        """Ask it to end: its exit code, and what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert self.process.stderr is not None
        told = self.process.stderr.read()
        self._close()
        return code, told

    def _close(self) -> None:
        for client in self._clients:
            client.close()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def poll_request(path: str = "/") -> bytes:
    """A poll for a decision task of the list `deciders`, for a bare socket."""
    body = json.dumps({"domain": "test", "taskList": {"name": "deciders"}}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: SimpleWorkflowService.PollForDecisionTask\r\n"
        f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
