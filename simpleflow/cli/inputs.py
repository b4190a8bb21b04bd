"""The input of a workflow as the command line takes it."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TextIO

from .output import Refusal

_MOST_TAGS = 5
_FORMS = """expected '[1, 5]', '{"args": [1]}', '{"kwargs": {"x": 1}}' or '{"args": [1], "kwargs": {"t": 5}}'."""


def read_input(text: str | None, file: TextIO | None) -> tuple[list[Any], dict[str, Any]]:
    """Args and kwargs of ``--input`` or ``--input-file``. Raises Refusal."""
    if file is None:
        return ([], {}) if text is None else parse_input(text, "--input")
    if text is not None:
        raise Refusal("--input and --input-file exclude each other; give one of them.")
    try:
        return parse_input(file.read(), f"--input-file {file.name}")
    except UnicodeDecodeError as error:
        raise Refusal(f"--input-file {file.name} is not UTF-8: {error.reason} at byte {error.start}.") from None


def parse_input(text: str, source: str) -> tuple[list[Any], dict[str, Any]]:
    """Args and kwargs of an input. ``source`` is the option that it comes from. Raises Refusal."""
    value = parse_json(text, source)
    if isinstance(value, list):
        return value, {}
    if not isinstance(value, dict):
        raise Refusal(f"{source} is {text.strip():.100}; {_FORMS}")
    strangers = sorted(value.keys() - {"args", "kwargs"})
    if strangers:
        raise Refusal(f"{source} has the key {strangers[0]!r}; {_FORMS}")
    args, kwargs = value.get("args", []), value.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise Refusal(f"{source}: args has to be a list and kwargs an object; {_FORMS}")
    return args, kwargs


def parse_json(text: str, source: str, hint: str = "") -> Any:
    """Any JSON. Raises Refusal, which ends with the hint."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal(f"{source} is not JSON: {error.msg} at {where}{_excerpt(text, error.pos)}.{hint}") from None
    except RecursionError:
        raise Refusal(f"{source} nests too deep.{hint}") from None
    except ValueError as error:
        raise Refusal(f"{source} is not JSON: {error}.{hint}") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON; use null or leave it out")


def _excerpt(text: str, position: int) -> str:
    """What stands there, on one line."""
    rest = text[position : position + 20]
    return f", before {rest!r}" if rest.strip() else ", at the end"


def split_tags(text: str | None) -> list[str]:
    tags = [tag.strip() for tag in (text or "").split(",") if tag.strip()]
    if len(tags) > _MOST_TAGS:
        raise Refusal(f"--tags has {len(tags)} tags; an execution has {_MOST_TAGS} at most.")
    return tags
