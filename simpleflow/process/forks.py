"""Code of the author that forks: what it calls goes on in one process, the one that has called it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def forks_end_here() -> Iterator[None]:
    """A process that is forked meanwhile ends as if it were a program that ends here."""
    pid, status = os.getpid(), 0
    try:
        yield
    except BaseException as error:
        if os.getpid() == pid:
            raise
        status = _status(error)
    finally:
        if os.getpid() != pid:
            flush()
            os._exit(status)


def _status(error: BaseException) -> int:
    """The exit code of a program that ends with this error, which is told as Python does."""
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return (error.code or 0) & 0xFF
    traceback.print_exception(error)
    return 1


def flush() -> None:
    """Have what was written leave."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # closed or replaced by the author's code, or closed by who reads it
            stream.flush()
