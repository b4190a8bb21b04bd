"""What commands write to stdout: listings as the global options want them, and results."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TextIO

import click

from ..utils.quiet import quiet_json
from .exits import Refusal
from .formats import FORMATS, OBJECTS, STREAMING, WRITERS, Look, Row, write_document

__all__ = [
    "FORMATS",
    "LineWatcher",
    "Listing",
    "Output",
    "Refusal",
    "Row",
    "leave_stdout",
    "watched_stdout",
    "write",
    "write_last_line",
    "write_started",
]


@dataclass(frozen=True, slots=True)
class Output:
    """How listings are to be written, by the options before and after the command.

    ``header`` None leaves it to the format. ``sort`` is a column, with a minus for descending order.
    """

    format: str = "tabular"
    header: bool | None = None
    color: str = "auto"
    columns: tuple[str, ...] = ()
    sort: str | None = None
    limit: int | None = None
    utc: bool = False

    def but(self, **given: Any) -> Output:
        """The same with what is not None instead."""
        return dataclasses.replace(self, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Listing:
    """What a command shows. ``rows`` are mappings from every one of ``columns`` to a value with a type.

    Rows may be an iterator that reads further pages as it is asked for more; in the formats that stream, and unless it
    is to be sorted, each row is written before the next is asked for. Values are None, text, numbers, booleans,
    datetimes with a zone, or what JSON can hold; durations are seconds.

    The formats of JSON show ``objects`` instead, or the one ``document``, unless columns or an order are asked for.
    ``activity`` is what a person who watches is told while the rows are collected.
    """

    columns: tuple[str, ...]
    rows: Iterable[Row]
    objects: Iterable[Any] | None = None
    document: Any = None
    activity: str | None = None


def write(listing: Listing, output: Output) -> None:
    """Write a listing to stdout. Raises Refusal if it has not the columns that were asked for."""
    columns = chosen(listing.columns, output.columns)
    look = Look.at(sys.stdout, output.header, output.color, output.utc)
    whole = output.format in OBJECTS and not output.columns and output.sort is None
    if whole and listing.document is not None:
        write_document(listing.document, output.format, look)
        return
    rows: Iterable[Any] = listing.rows
    if whole and listing.objects is not None:
        rows = listing.objects
    else:
        if output.sort is not None:
            rows = _sorted(rows, listing.columns, output.sort)
        rows = ({name: row[name] for name in columns} for row in rows)
    rows = islice(rows, None if output.limit is None else min(output.limit, sys.maxsize))
    if listing.activity and output.format not in STREAMING and sys.stderr.isatty():
        rows = _collected(rows, listing.activity)
    WRITERS[output.format](columns, rows, look)


def _collected(rows: Iterable[Any], activity: str) -> list[Any]:
    from rich.console import Console  # only where a person watches

    with Console(stderr=True).status(activity):
        return list(rows)


def chosen(known: tuple[str, ...], asked: tuple[str, ...]) -> tuple[str, ...]:
    """The columns to show, by their names as the listing has them. Raises Refusal."""
    return tuple(_find(known, name, "--columns") for name in asked) or known


def _sorted(rows: Iterable[Row], known: tuple[str, ...], sort: str) -> Iterator[Row]:
    """In the order of a column; rows without a value come last either way."""
    name = _find(known, sort.removeprefix("-"), "--sort")
    told: list[Row] = []
    untold: list[Row] = []
    for row in rows:
        (untold if row[name] is None else told).append(row)
    told.sort(key=lambda row: _rank(row[name]), reverse=sort.startswith("-"))
    yield from told
    yield from untold


def _rank(value: Any) -> tuple[int, Any]:
    """Numbers, times and texts, each among their like."""
    if isinstance(value, (int, float)):
        return 0, value
    if isinstance(value, datetime):
        return 1, value
    return 2, value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)


def _find(known: tuple[str, ...], asked: str, option: str) -> str:
    by_form = {_form(name): name for name in known}
    try:
        return by_form[_form(asked)]
    except KeyError:
        names = ", ".join(_form(name).replace(" ", "-") for name in known)
        raise Refusal(f"{option}: there is no column {asked!r}; there are: {names}.") from None


def _form(name: str) -> str:
    """Case and punctuation do not count: ``Workflow ID`` is ``workflow-id``."""
    return " ".join(re.findall(r"[^\W_]+", name.lower()))


# -- results


class LineWatcher:
    """Stands in for stdout and knows whether the last line that was written is complete."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.complete = True

    def write(self, text: str) -> int:
        if text:
            self.complete = text.endswith("\n")
        return self._stream.write(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def write_started(workflow_id: str, run_id: str, onward: str = "") -> None:
    """Write the ids of what was started. Where stdout takes nothing, the error tells them, and how to go ``onward``."""
    started = f"{workflow_id} {run_id}"
    try:
        sys.stdout.write(f"{started}\n")
        sys.stdout.flush()
    except OSError as error:
        leave_stdout()
        told = f"cannot write to stdout: {error.strerror}; the execution {started} was started."
        raise click.ClickException(f"{told}\n{onward}".rstrip()) from None


def write_last_line(stdout: LineWatcher, text: str) -> None:
    """Write JSON as a line of its own, in ASCII where stdout takes no more."""
    text = quiet_json(text)
    try:
        text.encode(stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    stdout.write(f"{text}\n" if stdout.complete else f"\n{text}\n")
    stdout.flush()


def leave_stdout() -> None:
    """Nobody takes what is still to be written; Python would complain once more at its end."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def watched_stdout() -> LineWatcher:
    """From now on stdout is watched."""
    watcher = LineWatcher(sys.stdout)
    sys.stdout = watcher
    return watcher
