"""Where in a value something is: a chain of (parent, step), written as ``args[1]["rows"][3]``."""

from __future__ import annotations

import json
from typing import TypeAlias

Step: TypeAlias = int | str
#: None is the value itself.
Path: TypeAlias = "tuple[Path, Step] | None"

#: Characters of a very long path that are shown at either end.
_END = 150


class Attribute(str):
    """A field of a dataclass, or a name that needs no quotes."""


class Member(str):
    """An element of something without order."""


def render(root: str, path: Path) -> str:
    """The path in the notation of Python. With an empty ``root`` a first key that is an identifier stands bare."""
    steps: list[Step] = []
    while path is not None:
        path, step = path
        steps.append(step)
    steps.reverse()
    if not root and steps and isinstance(steps[0], str) and steps[0].isidentifier():
        root = str(steps.pop(0))
    text = (root or "value") + "".join(map(_text, steps))
    return text if len(text) <= 2 * _END else f"{text[:_END]} … {text[-_END:]}"


def _text(step: Step) -> str:
    if isinstance(step, Attribute):
        return f".{step}"
    if isinstance(step, Member):
        return f"{{{step}}}"
    quoted = json.dumps(step, ensure_ascii=False)
    return f"[{quoted.encode(errors='backslashreplace').decode()}]"
