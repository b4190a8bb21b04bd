"""Arguments as text, with holes for the futures that are still open.

The text is made when the task is submitted: what the author does to a list afterwards changes nothing. A hole is
filled with the recorded value of its future, not with the object that the author got from ``result``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..futures import Future
from ..payloads import codec, jumbo, nested
from ..payloads.fields import INLINE

#: The futures to wait for, in the order of the holes.
Holes = Sequence[Future[Any]]

# Unlike any text that an author might pass; never sent.
_MARK = f"hole {uuid.uuid4()} "
_HOLE = re.compile(f'"{_MARK}([0-9]+)"')


def encoded(value: Any, root: str = "") -> tuple[str, Holes]:
    """The JSON of a value, and its holes. What stands outside the history goes into it as its reference."""
    text = codec.encode_simple(value)
    if text is not None:
        return text, ()
    holes: list[Future[Any]] = []

    def hole(thing: Any) -> Any:
        if not isinstance(thing, Future):
            raise TypeError
        if thing.done and thing.failure is None:
            return thing.payload()
        holes.append(thing)
        return f"{_MARK}{len(holes) - 1}"

    text = nested.draft(value, hole, root)
    return (text if holes else nested.finished(text)), holes


def filled(text: str, holes: Holes) -> str:
    """The JSON, once all holes are done."""
    if not holes:
        return text
    values = [nested.draft(future.payload()) for future in holes]
    return nested.finished(_HOLE.sub(lambda match: values[int(match[1])], text))


#: Gives the value of a payload, also of one that stands outside the history.
Decode = Callable[[str | None], Any]


class Door(Protocol):
    """Gives the values of payloads, ``decode`` also of those that stand outside the history."""

    def decode(self, text: str | None) -> Any: ...

    def payload(self, text: str | None) -> Any: ...


def same(
    recorded: str | None, submitted: str | None, ignored: frozenset[str] = frozenset(), door: Door = INLINE
) -> bool:
    """Whether two payloads have one value, whatever wrote them; members named in ``ignored`` do not count.

    By text, then by digest; only then what stands outside is fetched.
    """
    if recorded == submitted or jumbo.same_content(recorded, submitted):
        return True
    if _canonical(door.payload(recorded), ignored) == _canonical(door.payload(submitted), ignored):
        return True
    if not jumbo.begins(recorded) and not jumbo.begins(submitted):
        return False
    return _canonical(door.decode(recorded), ignored) == _canonical(door.decode(submitted), ignored)


def _canonical(value: Any, ignored: frozenset[str]) -> str:
    if isinstance(value, dict):
        value = {key: member for key, member in value.items() if key not in ignored}
    return nested.draft(value)
