"""A copy of a database, taken while a server goes on writing to it."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from .database import StoreFailed, StoreRefused, connect_readonly, explain


def backup(source: str | Path, target: str | Path) -> None:
    """Copy what is committed now to the new file `target`, which others may not read; raises StoreError.

    The file appears under its name only when it is whole and on the disk.
    """
    target = Path(target).absolute()
    if target.exists():
        raise StoreRefused(f"{target} exists already: name a new file for the backup, or remove it first")
    with closing(connect_readonly(source)) as original:
        try:
            write_copy(original, target)
        except sqlite3.Error as error:
            raise explain(Path(source).absolute(), error) from error
        except FileExistsError:
            raise StoreRefused(f"{target} has appeared meanwhile: name a new file for the backup") from None
        except OSError as error:
            raise StoreFailed(f"Cannot write the backup {target} ({error}): name another place for it") from error


def write_copy(original: sqlite3.Connection, target: Path) -> None:
    """The same from a connection; raises sqlite3.Error, OSError."""
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
        part = Path(folder) / "part"
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            original.backup(copy)  # in one step, which is one view of the file
        part.chmod(0o600)
        os.link(part, target)  # unlike a rename, it never replaces
    _sync(target.parent)


def _sync(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
