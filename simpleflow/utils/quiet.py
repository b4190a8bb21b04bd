"""Texts of others without what a terminal would obey: escapes stand for it."""

from __future__ import annotations

import re

#: Controls, ends of lines, and marks that turn the order of the text after them around.
_OBEYED = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[{_OBEYED}]")
_CONTROL_IN_LINES = re.compile(rf"(?![\n\t])[{_OBEYED}]")
_CONTROL_IN_COLOR = re.compile(rf"(?![\n\t])(?!\x1b\[[0-9;]*m)[{_OBEYED}]")
_CONTROL_IN_JSON = re.compile(rf"(?!\n)[{_OBEYED}]")


def one_line(text: str) -> str:
    """Without line ends, too."""
    return _CONTROL.sub(_escape, text)


def plain_lines(text: str) -> str:
    """With its line ends and tabs."""
    return _CONTROL_IN_LINES.sub(_escape, text)


def colored_lines(text: str) -> str:
    """With its line ends, tabs and colours."""
    return _CONTROL_IN_COLOR.sub(_escape, text)


def quiet_json(text: str) -> str:
    """The same JSON."""
    return _CONTROL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
