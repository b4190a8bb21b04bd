"""The database file of the service: who may open it, what it must be, and what to say when it is not.

One server at a time: a lock file beside the database is held as long as the server lives and says whose it is. The
lock goes with the process, so there is never a stale one to remove. Readers (a check, a backup) need no lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from types import TracebackType

from .clock import RealClock
from .migrations import migrate

VERSION = 2
#: Marks a SQLite file as a journal of this service ("sflo").
_APPLICATION_ID = 0x73666C6F
_PAGE_CACHE_KIB = 16_384
#: A longer log (it grows as long as a check or a backup reads) is cut to this when it is begun anew.
_LOG_BYTES = 16_777_216
#: Two changes of a directory within this time may leave the same time on it; that of FAT is the coarsest.
_TICK_MS = 2000
_SQLITE = b"SQLite format 3\0"


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class StoreRefused(StoreError):
    """It will not be used as it is: held by another, of another kind or version, or damaged."""


class StoreFailed(StoreError):
    """It could not be written or read just now: a full disk, an I/O error. It may work again later."""


class Database:
    """The path of a database and the right to write to it. Raises StoreRefused when another process has that."""

    def __init__(self, path: str | Path) -> None:
        self._clock = RealClock()  # files are dated by it, whatever the service goes by
        self.path = Path(os.path.realpath(path))  # the lock lies beside the file itself, whatever links to it
        _refuse_other_files(self.path)
        _make_directory(self.path.parent)
        self._lock = _lock(self.path)
        self._names = str(self.path), f"{self.path}-wal"
        self._directory = str(self.path.parent)
        #: Of the files of the latest connection.
        self._identities: list[tuple[int, int] | None] = []
        #: The directory in which they were seen, unless it had just changed.
        self._seen_in: tuple[int, int, int] | None = None

    def connect(self, synchronous: str = "FULL") -> sqlite3.Connection:
        """A connection for the one writer; made and brought up to date if need be."""
        try:
            _make_file(self.path)
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            try:
                _prepare(connection, self.path, synchronous)
            except BaseException:
                connection.close()
                raise
            self._identities = [_identity(name) for name in self._names]
            self._seen_in = None
        except (sqlite3.Error, OSError) as error:
            raise explain(self.path, error) from error
        return connection

    @property
    def in_place(self) -> bool:
        """Whether the files of the latest connection are still those at the path, as far as can be seen.

        Nothing is removed, or put in its place, without a change of the directory. The log is not asked each time:
        since Linux 6.13 a file whose times somebody has asked for (`stat` does) notes the time of its next write
        exactly, in its inode, which made each commit dearer by a tenth.
        """
        try:
            directory = os.stat(self._directory)
            found = directory.st_dev, directory.st_ino, directory.st_mtime_ns
            if found == self._seen_in:
                return True
            if [_identity(name) for name in self._names] != self._identities:
                return False
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        if self._clock.now_ms() - directory.st_mtime_ns // 1_000_000 > _TICK_MS:
            self._seen_in = found
        return True

    @property
    def only_log_is_gone(self) -> bool:
        """Where not all is `in_place`."""
        return _identity(self._names[0]) == self._identities[0]

    def settle(self) -> None:
        """Take the place again, after the file was removed from it. Raises StoreRefused where somebody else has it."""
        _make_directory(self.path.parent)
        held = os.fstat(self._lock)
        if _identity(_lock_file(self.path)) != (held.st_dev, held.st_ino):
            former, self._lock = self._lock, _lock(self.path)
            os.close(former)
        if self.path.exists():
            raise StoreRefused(f"there is another file at {self.path}")

    def close(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect_readonly(path: str | Path) -> sqlite3.Connection:
    """A connection that only reads, beside a running server if there is one."""
    path = Path(path).absolute()
    if not path.is_file():
        raise StoreRefused(f"There is no database at {path}: name an existing one with --db")
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            if _refuse_strangers(connection, path) == 0:
                raise StoreRefused(f"There is nothing in {path} yet: name the database of a service with --db")
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explain(path, error) from error
    return connection


def explain(path: Path, error: Exception) -> StoreError:
    """What an error of SQLite or of the file system means for whoever runs the service."""
    broken = sqlite3.DatabaseError | json.JSONDecodeError
    if isinstance(error, broken) and not isinstance(error, sqlite3.OperationalError):
        return damaged(path, error)
    if isinstance(error, PermissionError):
        return StoreRefused(f"No permission for the database {path} ({error}): run as its owner, or name another --db")
    return StoreFailed(
        f"The database {path} cannot be used now ({error}): see to the disk; a service goes on by itself, "
        "a local run when it is started again"
    )


def damaged(path: Path, error: Exception) -> StoreRefused:
    return StoreRefused(
        f"The database {path} is damaged ({type(error).__name__}: {error}): stop the service and put a backup in its "
        f"place; `simpleflow service.check --db {path} --repair` helps where only what follows from the events is wrong"
    )


@contextlib.contextmanager
def reading_back(path: Path) -> Iterator[None]:
    """Whatever does not make sense in the database that is read meanwhile is damage. Raises StoreRefused."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise damaged(path, error) from error


# -- files ---------------------------------------------------------------------------------------


def _refuse_other_files(path: Path) -> None:
    """Before the lock is put beside it and its mode is changed: it may be anybody's."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_SQLITE))
    except OSError:
        return  # none there yet; whatever else is wrong with it is told where it is opened
    if begin not in (b"", _SQLITE):
        raise StoreRefused(f"{path} is no SQLite database: name another file with --db, or put a backup in its place")


def _make_directory(path: Path) -> None:
    try:
        for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreRefused(f"Cannot make the directory {path} ({error}): name another place with --db") from error


def _make_file(path: Path) -> None:
    """Private before anything is in it; SQLite gives its other files the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    os.chmod(path, 0o600)


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _lock_file(path: Path) -> Path:
    return Path(f"{path}.lock")


def _lock(path: Path) -> int:
    """Take the lock: the open file that holds it, with the process id in it."""
    try:
        file = os.open(_lock_file(path), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreRefused(f"Cannot lock the database {path} ({error}): name another place with --db") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(file, 64).decode("ascii", "replace").strip() or "another process"
        os.close(file)
        raise StoreRefused(
            f"The database {path} is in use by {holder}: stop that service, or name another database with --db"
        ) from None
    with contextlib.suppress(OSError):  # whose it is need not be known, and a full disk is told of where it matters
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()}\n".encode(), 0)
    return file


# -- schema --------------------------------------------------------------------------------------


def _prepare(connection: sqlite3.Connection, path: Path, synchronous: str) -> None:
    version = _refuse_strangers(connection, path)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA cache_size = -{_PAGE_CACHE_KIB}")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    if version == 0:
        schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        marks = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {VERSION};"
        connection.executescript(f"BEGIN IMMEDIATE; {schema} {marks} COMMIT;")
    elif version < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        with reading_back(path):
            migrate(connection, version)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def _refuse_strangers(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the schema, 0 for an empty file; StoreRefused for what this service did not write."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != _APPLICATION_ID and (application or version or tables):
        raise StoreRefused(f"{path} is no database of simpleflow's service: name another file with --db")
    if version > VERSION:
        raise StoreRefused(
            f"The database {path} was written by a newer simpleflow (its version is {version}, "
            f"this one knows {VERSION}): upgrade simpleflow, or name another file with --db"
        )
    return int(version)
