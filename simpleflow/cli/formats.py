"""The formats of listings. Those that stream write a row before they ask for the next."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from typing import Any, TextIO

from ..utils import serialize_complex_object
from ..utils.quiet import one_line, plain_lines, quiet_json

Row = Mapping[str, Any]

#: The states of executions and tasks that are worth a colour on a terminal.
_STATES = {
    "completed": "\x1b[32m",
    "failed": "\x1b[31m",
    "timed_out": "\x1b[31m",
    "terminated": "\x1b[31m",
    "canceled": "\x1b[33m",
    "schedule_failed": "\x1b[31m",
    "start_failed": "\x1b[31m",
}
_END = "\x1b[0m"
_INDENT = 4


@dataclass(frozen=True, slots=True)
class Look:
    """How values look on ``stream``. ``header`` None leaves it to the format."""

    stream: TextIO
    header: bool | None
    colored: bool
    utc: bool
    ascii: bool

    @classmethod
    def at(cls, stream: TextIO, header: bool | None, color: str, utc: bool) -> Look:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        colored = color == "always" or (color == "auto" and stream.isatty() and not os.environ.get("NO_COLOR"))
        return cls(stream, header, colored, utc, not _is_utf8(stream))

    def time(self, value: datetime) -> str:
        """ISO 8601 in milliseconds with the zone, Z for UTC."""
        text = value.astimezone(timezone.utc if self.utc else None).isoformat(timespec="milliseconds")
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text

    def json(self, value: Any, indent: int | None = None) -> str:
        separators = None if indent else (",", ":")
        return quiet_json(
            json.dumps(value, default=self._json_default, ensure_ascii=self.ascii, indent=indent, separators=separators)
        )

    def _json_default(self, value: Any) -> Any:
        return self.time(value) if isinstance(value, datetime) else serialize_complex_object(value)

    def text(self, value: Any) -> str:
        """A cell for programs: nothing is rounded or left out."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, datetime):
            return self.time(value)
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return ",".join(value)
        if isinstance(value, (int, float)):
            return str(value)
        return self.json(value)

    def cell(self, value: Any) -> str:
        """A cell for people: on one line, with two decimals, in colour if that is wanted."""
        if isinstance(value, float):
            return f"{value:.2f}"
        text = one_line(self.text(value))
        color = _STATES.get(text.lower()) if self.colored else None
        return f"{color}{text}{_END}" if color else text


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "utf-8").name == "utf-8"


Writer = Callable[[tuple[str, ...], Iterable[Any], Look], None]


def _first_at_once(rows: Iterable[Row], stream: TextIO, begin: Callable[[], object] = lambda: None) -> Iterator[Row]:
    """The first row leaves before the second is asked for; the others when the buffer is full.

    ``begin`` is called when it is known that the rows can be had.
    """
    rows = iter(rows)
    first = list(islice(rows, 1))
    begin()
    yield from first
    stream.flush()
    yield from rows


def _separated(delimiter: str) -> Writer:
    def write(columns: tuple[str, ...], rows: Iterable[Row], look: Look) -> None:
        writer = csv.writer(look.stream, delimiter=delimiter, lineterminator="\n")
        header = [columns] if look.header is not False else []
        plain = plain_lines if look.stream.isatty() else str
        for row in _first_at_once(rows, look.stream, lambda: writer.writerows(header)):
            writer.writerow([plain(look.text(row[name])) for name in columns])

    return write


def _jsonl(columns: tuple[str, ...], rows: Iterable[Any], look: Look) -> None:
    for row in _first_at_once(rows, look.stream):
        look.stream.write(f"{look.json(row)}\n")


def _array(indent: int | None) -> Writer:
    def write(columns: tuple[str, ...], rows: Iterable[Any], look: Look) -> None:
        look.stream.write(f"{look.json(list(rows), indent)}\n")

    return write


def write_document(document: Any, format: str, look: Look) -> None:
    """One value in a format of OBJECTS."""
    look.stream.write(f"{look.json(document, _INDENT if format == 'prettyjson' else None)}\n")


def _human(columns: tuple[str, ...], rows: Iterable[Row], look: Look) -> None:
    width = max(map(len, columns), default=0)
    for number, row in enumerate(rows):
        if number:
            look.stream.write("\n")
        for name in columns:
            look.stream.write(f"{name:<{width}}  {look.cell(row[name])}".rstrip() + "\n")


def _tabular(columns: tuple[str, ...], rows: Iterable[Row], look: Look) -> None:
    from tabulate import tabulate  # the formats that stream do without it

    rows = list(rows)
    if not rows and not look.header:
        return
    numbers = [any(_is_number(row[name]) for row in rows) for name in columns]
    table = tabulate(
        [[look.cell(row[name]) for name in columns] for row in rows],
        headers=columns if look.header else (),
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if number else "left" for number in numbers] if rows else None,
    )
    for line in table.splitlines():
        look.stream.write(line.rstrip() + "\n")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


WRITERS: dict[str, Writer] = {
    "tabular": _tabular,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "human": _human,
    "json": _array(None),
    "prettyjson": _array(_INDENT),
    "jsonl": _jsonl,
}
FORMATS = tuple(WRITERS)
#: The formats that print a row before they ask for the next.
STREAMING = frozenset({"csv", "tsv", "jsonl"})
#: The formats in which a row is an object.
OBJECTS = frozenset({"json", "prettyjson", "jsonl"})
