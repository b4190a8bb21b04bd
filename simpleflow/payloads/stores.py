"""Object stores: a store gives and takes the bytes of an object, and knows nothing of what they mean."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from ..exceptions import PayloadGone, PayloadUnavailable, PayloadWrong
from .jumbo import Location, Reference


class Store(Protocol):
    def get(self, reference: Reference) -> bytes:
        """The object, if its length fits. Raises PayloadGone, PayloadWrong, PayloadUnavailable."""

    def length(self, reference: Reference) -> int:
        """How many bytes the object has. Raises PayloadGone, PayloadWrong, PayloadUnavailable."""

    def put(self, reference: Reference, body: bytes) -> None:
        """Store an object; one that is there already is the same. Raises PayloadUnavailable."""


class Copies(Protocol):
    """Objects by the digest of their content. Never raises."""

    def get(self, digest: str) -> bytes | None: ...

    def put(self, digest: str, body: bytes) -> None: ...

    def drop(self, digest: str) -> None: ...


def check_length(reference: Reference, length: int) -> None:
    """Before anything is read. Raises PayloadWrong."""
    if not reference.fits(length):
        raise PayloadWrong(f"{reference.where} has {length} bytes, its reference says {reference.size}.")


class MemoryStore:
    """Objects of this process, gone with it."""

    def __init__(self) -> None:
        self.objects: dict[Location, bytes] = {}

    def get(self, reference: Reference) -> bytes:
        check_length(reference, self.length(reference))
        return self.objects[reference.where]

    def length(self, reference: Reference) -> int:
        try:
            return len(self.objects[reference.where])
        except KeyError:
            raise PayloadGone(f"there is no object {reference.where} in this process.") from None

    def put(self, reference: Reference, body: bytes) -> None:
        self.objects[reference.where] = body


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class FileStore:
    """Files below directories. Symbolic links are followed up to a directory of ``roots``, and never below it."""

    def __init__(self, roots: Sequence[Location]) -> None:
        self._roots = roots

    def get(self, reference: Reference) -> bytes:
        with self._opened(reference) as (reader, length):
            check_length(reference, length)
            return reader.read(length + 1)

    def length(self, reference: Reference) -> int:
        with self._opened(reference) as (_, length):
            return length

    @contextlib.contextmanager
    def _opened(self, reference: Reference) -> Iterator[tuple[BinaryIO, int]]:
        """The file and how many bytes it has."""
        try:
            directory = self._directory(reference.where, create=False)
            try:
                # a pipe must not make this wait
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                file = os.open(reference.where.segments[-1], flags, dir_fd=directory)
            finally:
                os.close(directory)
            with open(file, "rb") as reader:
                found = os.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise PayloadWrong(f"{reference.where} is no regular file.")
                yield reader, found.st_size
        except FileNotFoundError:
            raise PayloadGone(f"there is no file {reference.where}.") from None
        except OSError as error:
            raise _unavailable(reference, error) from error

    def put(self, reference: Reference, body: bytes) -> None:
        name = reference.where.segments[-1]
        try:
            directory = self._directory(reference.where, create=True)
            try:
                if not _is_there(directory, name, body):
                    _write(directory, name, body)
            finally:
                os.close(directory)
        except OSError as error:
            raise _unavailable(reference, error) from error

    def _directory(self, where: Location, create: bool) -> int:
        """A descriptor of the directory that the object is in."""
        root = next(root for root in self._roots if root.holds(where))
        path = "/" + "/".join(root.segments)
        if create:
            os.makedirs(path, mode=0o700, exist_ok=True)
        here = os.open(path, _DIRECTORY)
        for segment in where.segments[len(root.segments) : -1]:
            try:
                below = os.open(segment, _DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            finally:
                os.close(here)
            here = below
        return here


def _is_there(directory: int, name: str, body: bytes) -> bool:
    """Whether it stands there whole; a file that is damaged is written again."""
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode) or found.st_size != len(body):
            return False
        with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory), "rb") as reader:
            return reader.read() == body
    except FileNotFoundError:
        return False


def _write(directory: int, name: str, body: bytes) -> None:
    """The file has its name only when all of it is on the disk."""
    draft = f".{name}.{uuid.uuid4().hex}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(draft, flags, 0o600, dir_fd=directory)
    try:
        with open(file, "wb") as writer:
            writer.write(body)
            writer.flush()
            os.fsync(file)
        os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(draft, dir_fd=directory)
        raise
    os.fsync(directory)


def _unavailable(reference: Reference, error: OSError) -> PayloadUnavailable:
    return PayloadUnavailable(f"{reference.where}: {error.strerror or error}")


#: The memory store of this process.
MEMORY = MemoryStore()
