"""Graphs of tasks as text for other programs: DOT (Graphviz) and Mermaid."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..utils.quiet import one_line

#: Fill and border of a task by its state.
_COLORS = {
    "completed": ("#d9f2d9", "#2e7d32"),
    "fired": ("#d9f2d9", "#2e7d32"),
    "recorded": ("#d9f2d9", "#2e7d32"),
    "sent": ("#d9f2d9", "#2e7d32"),
    "received": ("#d9f2d9", "#2e7d32"),
    "failed": ("#f8d7da", "#b71c1c"),
    "timed_out": ("#f8d7da", "#b71c1c"),
    "terminated": ("#f8d7da", "#b71c1c"),
    "schedule_failed": ("#f8d7da", "#b71c1c"),
    "start_failed": ("#f8d7da", "#b71c1c"),
    "canceled": ("#fff3cd", "#8d6e00"),
    "started": ("#dbe9ff", "#1a4b9b"),
}
_OTHERWISE = ("#f2f2f2", "#666666")


@dataclass(frozen=True, slots=True)
class Box:
    """A task as it is drawn; ``after`` are positions."""

    title: str
    state: str
    after: tuple[int, ...]


def titles(ids: Sequence[str]) -> list[str]:
    """The ids; those that stand there more than once are numbered."""
    times, numbers = Counter(ids), Counter[str]()
    found = []
    for name in ids:
        numbers[name] += 1
        found.append(f"{name} #{numbers[name]}" if times[name] > 1 else name)
    return found


def dot(title: str, boxes: Sequence[Box]) -> Iterator[str]:
    yield f"// {_one_line(title)}"
    yield "digraph workflow {"
    yield "    rankdir=LR;"
    yield '    node [shape=box, style="rounded,filled", fontname="sans-serif"];'
    for number, box in enumerate(boxes, 1):
        fill, border = _COLORS.get(box.state, _OTHERWISE)
        label = json.dumps(f"{_one_line(box.title)}\n{box.state}", ensure_ascii=False)
        yield f'    t{number} [label={label}, fillcolor="{fill}", color="{border}"];'
    for number, box in enumerate(boxes, 1):
        for other in box.after:
            yield f"    t{other + 1} -> t{number};"
    yield "}"


def mermaid(title: str, boxes: Sequence[Box]) -> Iterator[str]:
    yield f"%% {_one_line(title).replace('%{', '% {')}"
    yield "flowchart LR"
    for number, box in enumerate(boxes, 1):
        label = _escaped(f"{_one_line(box.title)}\n{box.state}")
        yield f'    t{number}["{label}"]:::{box.state}'
    for number, box in enumerate(boxes, 1):
        for other in box.after:
            yield f"    t{other + 1} --> t{number}"
    for state in sorted({box.state for box in boxes}):
        fill, border = _COLORS.get(state, _OTHERWISE)
        yield f"    classDef {state} fill:{fill},stroke:{border},color:#000"


def _one_line(text: str) -> str:
    return one_line(" ".join(text.split()))


def _escaped(text: str) -> str:
    """Mermaid reads labels as Markdown and HTML, and obeys ``%%{init: ...}%%`` wherever it stands."""
    special = {
        '"': "#quot;",
        "<": "#lt;",
        ">": "#gt;",
        "#": "#35;",
        "&": "#amp;",
        "`": "#96;",
        "%": "#37;",
        "\n": "<br/>",
    }
    return "".join(special.get(character, character) for character in text)


#: The forms of a graph for other programs: from a title and the tasks to lines.
DRAWINGS: dict[str, Callable[[str, Sequence[Box]], Iterator[str]]] = {"dot": dot, "mermaid": mermaid}
