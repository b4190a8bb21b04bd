"""Programs that activities need, fetched from S3 when they are first needed on a machine.

A program stands in a directory of its own below SIMPLEFLOW_BINARIES_DIRECTORY, which only this user can write; the
directory's name holds a digest of where the program comes from, so another version is another file.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import settings, storage
from .utils.private import first_private

logger = logging.getLogger(__name__)

_SCHEME = "s3://"


class RemoteBinary:
    """The program ``name``, which is stored at ``remote_location`` (``s3://bucket/key``).

    Raises ValueError for a name that is no file name, NotImplementedError for any other place than S3.
    """

    def __init__(self, name: str, remote_location: str) -> None:
        if not name or name in (".", "..") or "/" in name or "\0" in name:
            raise ValueError(f"{name!r} cannot be the name of a program; expected a file name without directories.")
        bucket, _, key = remote_location.removeprefix(_SCHEME).partition("/")
        if not remote_location.startswith(_SCHEME) or not bucket or not key:
            raise NotImplementedError(f"{name} is to come from {remote_location!r}; expected s3://<bucket>/<key>.")
        self.name = name
        self.remote_location = remote_location
        self._bucket, self._key = bucket, key

    @property
    def directory(self) -> Path:
        """Where the program stands. Raises PermissionError if no directory can be trusted."""
        digest = hashlib.md5(self.remote_location.encode(), usedforsecurity=False).hexdigest()
        return _home() / f"{self.name}-{digest}"

    @property
    def path(self) -> Path:
        return self.directory / self.name

    def download(self) -> Path:
        """Fetch the program unless it is there. Processes that want it at once wait for one of them."""
        directory = self.directory
        directory.mkdir(mode=0o700, exist_ok=True)
        with _locked(directory / ".lock"):
            path = directory / self.name
            if not os.access(path, os.X_OK):
                logger.info("downloading %s from %s", self.name, self.remote_location)
                self._fetch(path)
        return path

    def _fetch(self, path: Path) -> None:
        """A download that breaks off leaves nothing behind that could be taken for the program."""
        descriptor, part = tempfile.mkstemp(dir=path.parent)
        os.close(descriptor)
        try:
            storage.pull(self._bucket, self._key, part)
            os.chmod(part, 0o755)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise


def download_binaries(binaries: Mapping[str, str]) -> None:
    """Fetch programs, ``{name: "s3://bucket/key"}``, and put them first on the PATH of this process."""
    for name, location in binaries.items():
        _put_first(str(RemoteBinary(name, location).download().parent))


def with_binaries(binaries: Mapping[str, str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function that finds these programs on its PATH when it is called."""

    def wrap(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def prepared(*args: Any, **kwargs: Any) -> Any:
            download_binaries(binaries)
            return func(*args, **kwargs)

        return prepared

    return wrap


def _put_first(directory: str) -> None:
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != directory]
    os.environ["PATH"] = os.pathsep.join([directory, *rest])


def _home() -> Path:
    given, own = str(settings.SIMPLEFLOW_BINARIES_DIRECTORY), os.geteuid()
    default = settings.lookup("SIMPLEFLOW_BINARIES_DIRECTORY")[1] == "default"
    directory, problems = first_private([given, f"{given}-{own}"] if default else [given], own)
    if directory is None:
        raise PermissionError(
            f"there is no place for programs: {problems}. Name a directory of yours in SIMPLEFLOW_BINARIES_DIRECTORY."
        )
    return Path(directory)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with open(file, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
