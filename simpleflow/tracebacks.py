"""Errors as an author wants to see them: without the library's own frames."""

from __future__ import annotations

import traceback
from pathlib import Path

from .utils import full_object_name

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


def failure_data(exception: BaseException) -> dict[str, str]:
    """What is told of an exception elsewhere: error (its class), error_type (with module), message, traceback."""
    return {
        "error": type(exception).__name__,
        "error_type": full_object_name(type(exception)),
        "message": _message(exception),
        "traceback": _clean(author_traceback(exception)),
    }


def _message(exception: BaseException) -> str:
    if isinstance(exception, SystemExit):
        return f"the activity called sys.exit({exception.code!r}); let it return a result, or raise an error."
    try:
        return _clean(str(exception))
    except Exception:
        return f"<unprintable {type(exception).__name__} object>"


def _clean(text: str) -> str:
    """Without lone surrogates, which no JSON text can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
