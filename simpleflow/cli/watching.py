"""``workflow.watch``: an execution as it goes, a line for each task."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator

import click
from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..swf.start import End, end_in, events_after
from . import calling
from .calling import Call, swf_command
from .exits import Refusal, exit_of
from .following import Follower, how
from .formats import Look, Row
from .output import Listing, write
from .progress import CANCELED, COMPLETED, FAILED, RUNNING, STYLES, WAITING, Item, Progress, duration
from .targets import EXECUTION
from .times import instant

_COLUMNS = ("Time", "Type", "Task", "State", "Attempt", "Seconds", "Reason")
_LONGEST_STATE = max(map(len, STYLES))
#: Which tasks are shown where there is no room for all.
_RANKS = {state: rank for rank, state in enumerate((RUNNING, WAITING, FAILED, CANCELED, COMPLETED))}


@swf_command("workflow.watch", EXECUTION)
def watch(call: Call) -> int:
    """Show an execution and its tasks as they go, to its end. The exit code tells how it ended.

    On a terminal each task has a line that changes; elsewhere each change is a line. In the other formats it is a row,
    with the seconds that the state before it lasted. A run that continues as new is followed.

    Example: simpleflow workflow.watch TestDomain basic-example-1438722273
    """
    output = call.output
    if output.format == "tabular" and (output.columns or output.sort or output.limit):
        raise Refusal("--columns, --sort and --limit go with rows: add --format csv, tsv, jsonl or human.")
    watched = _Watched(call)
    look = Look.at(sys.stdout, None, call.output.color, call.output.utc)
    if call.output.format != "tabular":
        write(Listing(_COLUMNS, watched.rows()), call.output)
    elif sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        _watch_live(watched, look)
    else:
        watched.follow(lambda changes: _write_lines(changes, look))
    if watched.ended is not None and watched.ended.status != "Completed":
        click.echo(f"Error: the execution {call.target.workflow_id!r} {how(watched.ended)}", err=True)
    return exit_of("Completed" if watched.ended is None else watched.ended.status)


class _Watched:
    """The execution, looked at again and again. ``ended`` is None as long as it is open."""

    def __init__(self, call: Call) -> None:
        self._following = Follower(call.client, call.run())
        self.progress = Progress(self._following.key.workflow_id)
        self.ended: End | None = None

    def follow(self, show: Callable[[list[Item]], object]) -> None:
        """Look until the end. ``show`` is called after each look, with what has changed."""
        for changes, ended in self._following.looks(self.look):
            show(changes)
            if ended is not None:
                return

    def rows(self) -> Iterator[Row]:
        """What changes; each row has left before the next change is waited for."""
        for changes, ended in self._following.looks(self.look):
            yield from map(_row, changes)
            sys.stdout.flush()
            if ended is not None:
                return

    def look(self) -> tuple[list[Item], End | None]:
        key = self._following.key
        events = events_after(self._following.client, key, self.progress.last_event_id)
        changes, ended = self.progress.take(events), end_in(events)
        if ended is not None and self._following.goes_on(ended):
            self.progress, ended = Progress(key.workflow_id), None
        self.ended = ended
        return changes, ended


def _row(item: Item) -> Row:
    return {
        "Time": instant(item.since),
        "Type": item.kind,
        "Task": item.id,
        "State": item.state,
        "Attempt": item.attempt if item.kind == "activity" else None,
        "Seconds": None if item.took is None else round(item.took, 3),
        "Reason": item.reason,
    }


# -- lines


def _write_lines(changes: Iterable[Item], look: Look) -> None:
    for item in changes:
        cells = (look.cell(item.state), " " * (_LONGEST_STATE - len(item.state)), f"  {item.name}")
        told = "".join((look.time(instant(item.since)), "  ", *cells, *(f"  {note}" for note in _notes(item, look))))
        look.stream.write(f"{told}\n")
    look.stream.flush()


def _notes(item: Item, look: Look) -> Iterator[str]:
    if item.took is not None:
        yield f"after {item.took:.1f} s" if item.took < 60 else f"after {duration(item.took)}"
    yield from _more(item, look)


def _more(item: Item, look: Look) -> Iterator[str]:
    if item.kind in ("child", "timer"):
        yield f"({item.kind})"
    if item.attempt > 1:
        yield f"attempt {item.attempt}"
    if item.reason:
        yield look.cell(item.reason)


# -- a picture


def _watch_live(watched: _Watched, look: Look) -> None:
    console = Console(no_color=not look.colored, highlight=False)
    drawn = 0

    def draw(changes: list[Item]) -> None:
        """Only what looks different: times are in whole seconds."""
        nonlocal drawn
        now = calling.clock.now_ms() / 1000
        if changes or int(now) != drawn:
            live.update(_picture(watched, look, console.size, now), refresh=True)
            drawn = int(now)

    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        watched.follow(draw)


def _picture(watched: _Watched, look: Look, size: ConsoleDimensions, now: float) -> Table:
    progress = watched.progress
    table = Table.grid(padding=(0, 2), expand=True)
    table.width = max(1, size.width - len("^C"))  # which a terminal shows behind the picture, on a new line if need be
    table.add_column(no_wrap=True, min_width=_LONGEST_STATE)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    items = progress.items()
    shown = _chosen(items, max(1, size.height - 3))  # the headline, what is left out, and the line of the cursor
    for item in (progress.execution, *shown):
        if item is None:
            continue
        told = Text(item.name)
        if item is progress.execution:
            told.stylize("bold")
            told.append(f"  {progress.told() or 'deciding'}")
        told.append("".join(f"  {note}" for note in _more(item, look)), style="dim")
        table.add_row(Text(item.state, style=STYLES[item.state]), told, duration(item.spent(now)))
    if len(shown) < len(items):
        table.add_row("", Text(f"and {len(items) - len(shown)} more", style="dim"), "")
    return table


def _chosen(items: list[Item], room: int) -> list[Item]:
    """As many as there is room for: what is open first, then what failed, then what ended last."""
    if len(items) <= room:
        return items
    ranked = sorted(items, key=lambda item: (_RANKS[item.state], item.since if item.open else -item.since))
    return sorted(ranked[:room], key=lambda item: item.number)
