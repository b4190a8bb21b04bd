"""Where a chart goes: to stdout, as wide as the terminal, or into a file."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from ..history import History
from .calling import Call
from .chart import chart, lines
from .formats import Look
from .svg import svg

_IN_A_PIPE = 80


def draw(history: History, call: Call, most: int | None, file: Path | None) -> None:
    """In a pipe a chart has 80 columns, or as many as COLUMNS says."""
    drawn = chart(history, call.target.workflow_id, call.now, most)
    if file is None:
        look = Look.at(sys.stdout, None, call.output.color, call.output.utc)
        width = shutil.get_terminal_size((_IN_A_PIPE, 24)).columns
        for line in lines(drawn, width, ascii=look.ascii, colored=look.colored):
            look.stream.write(f"{line.rstrip()}\n")
        return
    try:
        file.write_text("\n".join(svg(drawn)) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from None
