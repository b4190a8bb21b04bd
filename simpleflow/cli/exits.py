"""How a command ends, as its exit code says."""

from __future__ import annotations

from enum import IntEnum

import click


class Exit(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    TIMED_OUT = 4
    CANCELED = 5
    TERMINATED = 6
    INTERRUPTED = 130


#: What each code means, for the documentation and ``--help``.
MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "it failed, or the workflow did",
    Exit.USAGE: "wrong usage",
    Exit.NOT_FOUND: "what was named does not exist",
    Exit.TIMED_OUT: "the workflow timed out, or the wait for it",
    Exit.CANCELED: "the workflow was canceled",
    Exit.TERMINATED: "the workflow was terminated",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}

_BY_CLOSE = {
    "COMPLETED": Exit.DONE,
    "CONTINUEDASNEW": Exit.DONE,
    "FAILED": Exit.FAILED,
    "TIMEDOUT": Exit.TIMED_OUT,
    "CANCELED": Exit.CANCELED,
    "TERMINATED": Exit.TERMINATED,
}


def exit_of(close: str) -> Exit:
    """The code for an execution that closed so: by close status (``TIMED_OUT``) or by closing event (``TimedOut``).

    One that ended in another way, as a local one that nothing can wake does, failed.
    """
    return _BY_CLOSE.get(close.replace("_", "").upper(), Exit.FAILED)


class Refusal(click.ClickException):
    """Wrong usage, told in one line."""

    exit_code = Exit.USAGE


class Unknown(click.ClickException):
    """What was named does not exist; the message says how to find what does."""

    exit_code = Exit.NOT_FOUND
