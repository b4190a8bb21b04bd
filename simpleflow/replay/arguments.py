"""Arguments as text, with holes for the futures that are still open.

The text is made when the task is submitted: what the author does to a list afterwards changes nothing. A hole is
filled with the recorded value of its future, not with the object that the author got from ``result``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from ..futures import Future
from ..payloads import codec, jumbo

# Unlike any text that an author might pass; never sent.
_MARK = f"hole {uuid.uuid4()} "
_HOLE = re.compile(f'"{_MARK}([0-9]+)"')


class Arguments:
    """``holes`` are the futures to wait for; ``text()`` is the JSON once they are done."""

    __slots__ = ("_text", "holes")

    def __init__(self, value: Any, root: str = "") -> None:
        self.holes: list[Future[Any]] = []
        self._text = codec.encode_simple(value) or self._encoded(value, root)

    def _encoded(self, value: Any, root: str) -> str:
        holes = self.holes

        def hole(thing: Any) -> Any:
            if not isinstance(thing, Future):
                raise TypeError
            if thing.done and thing.failure is None:
                return thing.payload()
            holes.append(thing)
            return f"{_MARK}{len(holes) - 1}"

        return codec.encode(value, hole, root)

    def text(self) -> str:
        if self.holes:
            values = [codec.encode(future.payload()) for future in self.holes]
            self._text = _HOLE.sub(lambda match: values[int(match[1])], self._text)
            self.holes = []
        return self._text


#: Gives the value of a payload, also of one that stands outside the history.
Decode = Callable[[str | None], Any]


def same(
    recorded: str | None,
    submitted: str | None,
    ignored: frozenset[str] = frozenset(),
    decode: Decode = codec.decode,
) -> bool:
    """Whether two payloads have one value, whatever wrote them; members named in ``ignored`` do not count.

    By text, then by digest; only then what stands outside is fetched.
    """
    if recorded == submitted or jumbo.same_content(recorded, submitted):
        return True
    return _canonical(decode(recorded), ignored) == _canonical(decode(submitted), ignored)


def _canonical(value: Any, ignored: frozenset[str]) -> str:
    if isinstance(value, dict):
        value = {key: member for key, member in value.items() if key not in ignored}
    return codec.encode(value)
