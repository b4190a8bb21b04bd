"""Tracebacks as an author wants to see them: without the library's own frames."""

from __future__ import annotations

import traceback
from pathlib import Path

_OURS = str(Path(__file__).parent) + "/"


def author_traceback(exception: BaseException) -> str:
    """The traceback of an exception and of its causes, with the frames of the author's code only."""
    told = traceback.TracebackException.from_exception(exception)
    seen: set[int] = set()
    todo: list[traceback.TracebackException | None] = [told]
    while todo:
        part = todo.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        part.stack = traceback.StackSummary.from_list([f for f in part.stack if not f.filename.startswith(_OURS)])
        todo += [part.__cause__, part.__context__]
    return "".join(told.format())
