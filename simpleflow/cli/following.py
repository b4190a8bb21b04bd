"""Following an execution to its end: a run that continues as new goes on in the next one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from ..payloads import codec
from ..payloads.objects import fields
from ..replay.work import RunKey
from ..swf.client import Client
from ..swf.errors import Refused, SwfError, Unreachable
from ..swf.start import End, end_of
from ..utils.quiet import one_line, plain_lines
from . import calling
from .exits import Exit

Found = TypeVar("Found")

#: Seconds between two looks; Amazon SWF takes few requests in a second.
_LOOK_SECONDS = 0.1
_LOOK_AT_AMAZON_SECONDS = 2.0

_TOLD = {"TimedOut": "timed out", "Canceled": "was canceled", "Terminated": "was terminated"}


#: Waits so many seconds; tests put another in its place.
pause: Callable[[float], object] = threading.Event().wait


@dataclass(slots=True)
class Follower:
    """``key`` is the run that is looked at: the one that was named, or one that came after it."""

    client: Client
    key: RunKey

    def end(self) -> End | None:
        """How the execution ended; None while it is open. Raises SwfError."""
        while True:
            ended = end_of(self.client, self.key)
            if ended is None or not self.goes_on(ended):
                return ended

    def goes_on(self, ended: End) -> bool:
        """Whether there is a next run, which is looked at from now on."""
        if ended.status != "ContinuedAsNew":
            return False
        self.key = self.key._replace(run_id=ended.attributes["newExecutionRunId"])
        return True

    def until(self, look: Callable[[], Found | None], timeout: float | None = None) -> Found:
        """What ``look`` finds at last, as ``looks`` does."""
        return next(found for found in self.looks(look, timeout) if found is not None)

    def looks(self, look: Callable[[], Found], timeout: float | None = None) -> Iterator[Found]:
        """What each ``look`` finds, for ever or for ``timeout`` seconds. Raises TimeIsUp, SwfError.

        What goes wrong on the way to SWF after the first look is told once, and waited out.
        """
        interval = _LOOK_AT_AMAZON_SECONDS if self.client.is_amazon else _LOOK_SECONDS
        limit = None if timeout is None else calling.clock.monotonic() + timeout
        yield look()
        told = False
        while True:
            left = interval if limit is None else min(interval, limit - calling.clock.monotonic())
            if left <= 0:
                raise TimeIsUp(self.key, timeout)
            pause(left)
            try:
                found = look()
            except SwfError as error:
                if not passes(error):
                    raise
                if not told:
                    click.echo(f"{error}; still waiting", err=True)
                told = True
            else:
                told = False
                yield found


def passes(error: SwfError) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.transient)


class TimeIsUp(click.ClickException):
    """The execution is open for longer than one was to wait."""

    exit_code = Exit.TIMED_OUT

    def __init__(self, key: RunKey, timeout: float | None) -> None:
        super().__init__(f"the execution {key.workflow_id!r} is still open after {timeout:g} s.")


# -- what is told of the end


def result_of(ended: End) -> str:
    """The result as JSON, with what stands outside the history. Raises PayloadError, DecodeError."""
    return codec.canonical(fields().fetch(ended.attributes.get("result")))


def how(ended: End) -> str:
    """How it ended, with the reason if there is one, in one line. Raises PayloadError."""
    told = _TOLD.get(ended.status, ended.status.lower())
    reason = fields().fetch(ended.attributes.get("reason"))
    return f"{told}: {one_line(str(reason))}" if reason else told


def details_of(ended: End) -> str | None:
    """The details of a failure; where our workers wrote them, their traceback. Raises PayloadError."""
    text = fields().fetch(ended.attributes.get("details"))
    return readable(str(text)) if text else None


def readable(text: str) -> str:
    """Lines for a terminal."""
    try:
        told: Any = json.loads(text)
        return plain_lines(str(told["traceback"]).rstrip())
    except (ValueError, KeyError, TypeError):
        return plain_lines(text)
