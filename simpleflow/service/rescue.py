"""What to do when the file of a database is removed while it is in use, as by cleaning a directory.

SQLite goes on with the file that it holds open, and that is gone with the process. So it is written again under its
name, before anything more is answered.
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
    """Write what `connection` sees to the place of the database. It must be closed afterwards.

    Raises StoreRefused where somebody else is in that place, and then there is a copy beside it; StoreFailed where
    nothing could be written just now, and then only the open file has everything.
    """
    try:
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


def _free_place(path: Path) -> Path:
    places = (path.with_name(f"{path.name}.saved-{number}") for number in itertools.count(1))
    return next(place for place in places if not place.exists())
