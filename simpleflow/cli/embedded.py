"""The service that standalone starts for itself: a process of its own, shared in a directory, gone with its last user.

Every user holds a shared lock on ``swf.users`` beside the database. The service ends as soon as it can lock that file
alone, so a user that is killed counts no more. Keys are random, in a file of mode 0600.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

REGION = "us-east-1"
#: The module of its process.
_SERVICE = "simpleflow.cli.embedded_service"
_START_SECONDS = 30.0


class EmbeddedError(Exception):
    """The service does not start; the message says why."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running service that this process uses until it ends."""

    url: str
    environment: dict[str, str]
    users: IO[str]
    db: Path

    def revive(self) -> None:
        """Start the service again, at the same address, if it has died. Raises EmbeddedError."""
        try:
            with _lock(self.db):
                if not _answers(self.url):
                    _announced(_spawn(self.db, urlsplit(self.url).port or 0), self.db)
        except OSError as error:
            raise EmbeddedError(f"the embedded service cannot be started again beside {self.db}: {error}.") from error


@dataclass(frozen=True, slots=True)
class Joining:
    """A service that is there, or is being started meanwhile. ``lock`` keeps others from starting it too."""

    db: Path
    users: IO[str]
    keys: Path
    lock: IO[str]
    url: str | None
    process: subprocess.Popen[str] | None

    def finish(self) -> Embedded:
        """Wait until it serves. Raises EmbeddedError."""
        with self.lock:
            url = _announced(self.process, self.db) if self.process is not None else str(self.url)
        access_key, secret = self.keys.read_text().split()
        environment = {
            "AWS_ENDPOINT_URL_SWF": url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret,
        }
        return Embedded(url, environment, self.users, self.db)


def join(db: Path) -> Joining:
    """Use the service of this database; it is started if nobody else uses it. Raises EmbeddedError."""
    try:
        db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        users = beside(db, "users").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        keys = _keys(db)
        lock = _lock(db)
        url = _told_url(db)
        if url is not None and _answers(url):
            return Joining(db, users, keys, lock, url, None)
        return Joining(db, users, keys, lock, None, _spawn(db, 0))
    except OSError as error:
        raise EmbeddedError(f"the embedded service cannot keep its files beside {db}: {error}.") from error


def beside(db: Path, name: str) -> Path:
    return db.with_suffix(f".{name}")


def _keys(db: Path) -> Path:
    path = beside(db, "keys")
    if not path.exists():
        made = path.with_suffix(f".{os.getpid()}")
        with open(os.open(made, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_hex(10)} {secrets.token_hex(20)}\n")
        try:
            os.link(made, path)  # unlike a rename it does not replace the keys of another process
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path


def _lock(db: Path) -> IO[str]:
    """Held until it is closed; one process at a time starts the service."""
    file = beside(db, "starting").open("a")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _told_url(db: Path) -> str | None:
    try:
        return str(json.loads(beside(db, "url").read_text())["url"])
    except (OSError, ValueError, KeyError):
        return None


def _answers(url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status in (200, 503)
    except OSError:
        return False
    finally:
        connection.close()


def _spawn(db: Path, port: int) -> subprocess.Popen[str]:
    with beside(db, "log").open("a") as log:
        return subprocess.Popen(
            [sys.executable, "-m", _SERVICE, str(db), str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for its users; it ends after them
            text=True,
        )


def _announced(process: subprocess.Popen[str], db: Path) -> str:
    """The address of the service that this process is. Raises EmbeddedError."""
    watch = threading.Timer(_START_SECONDS, process.kill)
    watch.daemon = True  # Ctrl-C may come while it is started or cancelled, and leave its lock taken for ever
    try:
        watch.start()
        assert process.stdout is not None
        url = process.stdout.readline().strip()
    finally:
        watch.cancel()
    if not url.startswith("http"):
        process.kill()
        process.wait()
        raise EmbeddedError(url or f"the embedded service did not start; see {beside(db, 'log')}.")
    return url
