"""A Gantt chart of an execution, for a terminal of any width and for a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from ..history import History
from ..swf.stats.base import WorkflowStats
from ..swf.stats.path import Span, spans
from ..utils.quiet import one_line
from .progress import duration

_END = "\x1b[0m"
_BOLD, _RED, _GREEN, _CYAN, _DIM = "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[2m"
_BAD = frozenset({"failed", "timed_out", "terminated", "schedule_failed", "start_failed"})
_OPEN = frozenset({"scheduled", "start_initiated", "started", "cancel_requested"})

#: Cells for a mark, and around the bars.
_MARK, _GAP = 2, 2
_SHORTEST_BAR = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """A task. Times are seconds from the beginning of the execution; ``start`` is None where it has not started."""

    label: str
    state: str
    asked: float
    start: float | None
    end: float
    critical: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """``total`` is the seconds of the execution so far."""

    title: str
    total: float
    bars: tuple[Bar, ...]


def chart(history: History, name: str, now: datetime, most: int | None = None) -> Chart:
    """Of the whole execution, or of the ``most`` tasks that took longest."""
    stats = WorkflowStats(history, now=now)
    begun, until = stats.begun, stats.until
    bars = [_bar(span, begun, until) for span in spans(history)]
    longest = sorted(range(len(bars)), key=lambda place: bars[place].asked - bars[place].end)[:most]
    state = history.workflow["state"]
    took = "has run for" if state == "started" else f"{state} in"
    title = f"{one_line(name)} {took} {seconds(stats.total_time())}"
    return Chart(title, stats.total_time(), tuple(bars[place] for place in sorted(longest)))


def _bar(span: Span, begun: datetime, until: datetime) -> Bar:
    def since(moment: datetime) -> float:
        return max(0.0, (moment - begun).total_seconds())

    start = None if span.started is None else since(span.started)
    label = one_line(span.id.removeprefix("activity-"))
    return Bar(label, span.state, since(span.scheduled), start, since(span.ended or until), span.critical)


def seconds(time: float) -> str:
    return f"{time:.2f} s" if time < 60 else duration(time)


# -- in a terminal


def lines(chart: Chart, width: int, *, ascii: bool, colored: bool) -> Iterator[str]:
    """Lines of at most ``width`` cells."""
    longest = max((cell_len(bar.label) for bar in chart.bars), default=0)
    times = [seconds(bar.end - (bar.asked if bar.start is None else bar.start)) for bar in chart.bars]
    latest = max(map(len, times), default=0)
    room = max(_SHORTEST_BAR, width - _MARK - _GAP - _GAP - latest)
    names = min(longest, room * 2 // 5)
    wide = max(_SHORTEST_BAR, room - names)
    yield _cut(chart.title, width, ascii)
    if not chart.bars:
        return
    glyphs = _Glyphs("." if ascii else "░", "#" if ascii else "█")
    yield " " * (_MARK + names + _GAP) + _axis(chart.total, wide)
    for bar, time in zip(chart.bars, times, strict=True):
        named = ("* " if bar.critical else "  ") + set_cell_size(_cut(bar.label, names, ascii, keep_end=True), names)
        if colored and bar.critical:
            named = f"{_BOLD}{named}{_END}"
        drawn = _drawn(bar, chart.total, wide, glyphs, colored)
        yield f"{named}  {drawn}  {time:>{latest}}"
    yield _legend(glyphs, width)


@dataclass(frozen=True, slots=True)
class _Glyphs:
    waits: str
    runs: str


def _legend(glyphs: _Glyphs, width: int) -> str:
    return f"* critical path   {glyphs.waits} waits   {glyphs.runs} runs"[:width]


def _axis(total: float, wide: int) -> str:
    """The times at the ends and in the middle."""
    begin, middle, end = "0", seconds(total / 2), seconds(total)
    if len(begin) + len(middle) + len(end) + 4 > wide:
        return f"{begin}{end:>{wide - len(begin)}}"
    left = wide // 2 - len(middle) // 2
    return f"{begin:<{left}}{middle}".ljust(wide - len(end)) + end


def _drawn(bar: Bar, total: float, wide: int, glyphs: _Glyphs, colored: bool) -> str:
    """What runs has a cell at least."""

    def cell(time: float) -> int:
        return min(wide, int(time / total * wide)) if total else 0

    asked = min(cell(bar.asked), wide - 1)
    end = max(cell(bar.end), asked + 1)
    start = end if bar.start is None else min(max(cell(bar.start), asked), end - 1)
    waits, runs = glyphs.waits * (start - asked), glyphs.runs * (end - start)
    if colored:
        color = _RED if bar.state in _BAD else _CYAN if bar.state in _OPEN else _GREEN
        bold = _BOLD if bar.critical else ""
        waits, runs = waits and f"{_DIM}{waits}{_END}", runs and f"{bold}{color}{runs}{_END}"
    return " " * asked + waits + runs + " " * (wide - end)


def _cut(text: str, width: int, ascii: bool, *, keep_end: bool = False) -> str:
    if cell_len(text) <= width:
        return text
    dots = "..." if ascii else "…"
    room = max(0, width - len(dots))
    if not keep_end:
        return set_cell_size(text, room).rstrip() + dots
    while cell_len(text) > room:
        text = text[1:]
    return dots + text
