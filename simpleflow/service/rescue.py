"""What to do when the files of a database are removed while it is in use, as by cleaning a directory.

SQLite goes on with those that it holds open, and they are gone with the process. So what is in them is written again
under the name, before anything more is answered.
"""

from __future__ import annotations

import itertools
import logging
import sqlite3
from pathlib import Path

from .backup import write_copy
from .database import Database, StoreFailed, StoreRefused

_log = logging.getLogger(__name__)


def put_back(database: Database, connection: sqlite3.Connection) -> None:
    """Bring what `connection` sees to the place of the database. It must be closed afterwards.

    Raises StoreRefused where somebody else is in that place, and then there is a copy beside it; StoreFailed where
    nothing could be written just now, and then only the open file has everything.
    """
    try:
        if database.only_log_is_gone:
            _empty_log(database.path, connection)
            return
        try:
            database.settle()
            write_copy(connection, database.path)
        except (StoreRefused, FileExistsError) as refused:
            saved = _free_place(database.path)
            write_copy(connection, saved)
            raise StoreRefused(
                f"The database {database.path} was removed while it was in use, and its place is taken ({refused}). "
                f"All that it had is in {saved}: decide which of them to keep"
            ) from None
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(
            f"The database {database.path} was removed while it was in use, and cannot be written again yet ({error}): "
            "do not stop this process before that has been possible"
        ) from error
    _log.warning("the database %s was removed while it was in use; it has been written again, whole", database.path)


def _empty_log(path: Path, connection: sqlite3.Connection) -> None:
    """Bring what is in the log into the database, and begin a new one; which is not whole where somebody reads on."""
    connection.execute("PRAGMA busy_timeout = 0")  # others would wait, too
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite3.OperationalError("a check or a backup reads it")
    _log.warning("the log of the database %s was removed while it was in use; what it had is in the database now", path)


def _free_place(path: Path) -> Path:
    places = (path.with_name(f"{path.name}.saved-{number}") for number in itertools.count(1))
    return next(place for place in places if not place.exists())
