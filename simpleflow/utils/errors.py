"""Exceptions in one line."""

from __future__ import annotations


def format_exc_type(kind: type[BaseException]) -> str:
    """The name as the last line of a traceback has it: with its module, unless that is builtins or ``__main__``."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def format_exc(exception: BaseException) -> str:
    """The last line of the traceback: type and message."""
    name = format_exc_type(type(exception))
    try:
        message = str(exception)
    except Exception:
        message = f"<unprintable {type(exception).__qualname__} object>"
    return f"{name}: {message}" if message else name
