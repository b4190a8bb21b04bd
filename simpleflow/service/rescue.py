"""What to do when the file of a database is removed while it is in use, as by cleaning a directory.

SQLite goes on with the file that it holds open, and that is gone with the process. So it is written again under its
name, before anything more is answered.
"""

from __future__ import annotations

import logging
import os
import sqlite3

from .backup import write_copy
from .database import Database, StoreFailed, StoreRefused

_log = logging.getLogger(__name__)


class NotInPlace(StoreFailed):
    """The file was removed, and could not be written again just now; the open one still has everything."""


def put_back(database: Database, connection: sqlite3.Connection) -> None:
    """Write what `connection` sees to the place of the database. It must be closed afterwards.

    Raises NotInPlace; StoreRefused where somebody else is in that place, and then there is a copy beside it.
    """
    try:
        try:
            database.settle()
            write_copy(connection, database.path)
        except StoreRefused as refused:
            saved = database.path.with_name(f"{database.path.name}.saved-{os.getpid()}")
            saved.unlink(missing_ok=True)  # an older one of this process
            write_copy(connection, saved)
            raise StoreRefused(
                f"The database {database.path} was removed while it was in use, and its place is taken ({refused}). "
                f"All that it had is in {saved}: decide which of them to keep"
            ) from None
    except (StoreFailed, OSError, sqlite3.Error) as error:
        raise NotInPlace(
            f"The database {database.path} was removed while it was in use, and cannot be written again yet ({error}): "
            "do not stop this process before that has been possible"
        ) from error
    _log.warning("the database %s was removed while it was in use; it has been written again, whole", database.path)
