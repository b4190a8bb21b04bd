"""What commands write to stdout."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, TextIO

import click

FORMATS = ("csv", "tsv", "tabular", "human", "json", "prettyjson")


@dataclass(frozen=True, slots=True)
class Output:
    """How tables are to be written, by the global options."""

    format: str
    header: bool


class Refusal(click.ClickException):
    """Wrong usage, told in one line."""

    exit_code = 2


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


def write_last_line(stdout: LineWatcher, text: str) -> None:
    """Write JSON as a line of its own, in ASCII where stdout takes no more."""
    try:
        text.encode(stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    stdout.write(f"{text}\n" if stdout.complete else f"\n{text}\n")
    stdout.flush()


def watched_stdout() -> LineWatcher:
    """From now on stdout is watched."""
    watcher = LineWatcher(sys.stdout)
    sys.stdout = watcher
    return watcher
