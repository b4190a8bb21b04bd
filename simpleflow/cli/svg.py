"""The same chart as a picture: SVG, without scripts, that any browser shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

from .chart import Bar, Chart, seconds

_ROW, _TOP, _LEFT, _WIDE, _RIGHT = 22, 56, 320, 800, 90
_COLORS = {
    "completed": "#2e7d32",
    "fired": "#2e7d32",
    "failed": "#c62828",
    "timed_out": "#c62828",
    "terminated": "#c62828",
    "schedule_failed": "#c62828",
    "start_failed": "#c62828",
    "canceled": "#8d6e00",
}
_RUNNING = "#1565c0"
#: What no XML may have in it, not even escaped.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TICKS = 5
_LONGEST_LABEL = 44


def svg(chart: Chart) -> Iterator[str]:
    """The lines of the file. The bars of the critical path have a border, and their names are bold."""
    width, height = _LEFT + _WIDE + _RIGHT, _TOP + _ROW * len(chart.bars) + 34
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="10" y="22" font-size="15">{_escaped(chart.title)}</text>'
    for number in range(_TICKS):
        at = _LEFT + _WIDE * number / (_TICKS - 1)
        told = seconds(chart.total * number / (_TICKS - 1))
        yield f'<line x1="{at:.1f}" y1="{_TOP - 6}" x2="{at:.1f}" y2="{height - 30}" stroke="#dddddd"/>'
        yield f'<text x="{at:.1f}" y="{_TOP - 12}" text-anchor="middle" fill="#666666">{told}</text>'
    for number, bar in enumerate(chart.bars):
        yield from _bar(bar, chart.total, _TOP + _ROW * number)
    yield (
        f'<text x="10" y="{height - 10}" fill="#666666">bold and bordered: the critical path; '
        "pale: waits for a worker</text>"
    )
    yield "</svg>"


def _bar(bar: Bar, total: float, top: int) -> Iterator[str]:
    def at(time: float) -> float:
        return _LEFT + (_WIDE * time / total if total else 0.0)

    start = bar.end if bar.start is None else bar.start
    color = _COLORS.get(bar.state, _RUNNING)
    weight, border = ("bold", ' stroke="#000000" stroke-width="1.5"') if bar.critical else ("normal", "")
    label = bar.label if len(bar.label) <= _LONGEST_LABEL else f"…{bar.label[1 - _LONGEST_LABEL :]}"
    told = f"{bar.label}: {bar.state}, waited {seconds(start - bar.asked)}"
    told += "" if bar.start is None else f", ran {seconds(bar.end - start)}"
    yield f"<g><title>{_escaped(told)}</title>"
    yield f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end" font-weight="{weight}">{_escaped(label)}</text>'
    yield _rectangle(at(bar.asked), at(start), top, color, ' fill-opacity="0.25"')
    if bar.start is not None:
        yield _rectangle(at(start), at(bar.end), top, color, border)
    yield f'<text x="{at(bar.end) + 6:.1f}" y="{top + 14}" fill="#666666">{seconds(bar.end - bar.asked)}</text>'
    yield "</g>"


def _escaped(text: str) -> str:
    return escape(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _rectangle(begin: float, end: float, top: int, color: str, more: str) -> str:
    return (
        f'<rect x="{begin:.1f}" y="{top + 3}" width="{max(1.0, end - begin):.1f}" height="{_ROW - 7}" '
        f'fill="{color}"{more}/>'
    )
