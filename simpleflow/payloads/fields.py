"""The door between values and the fields of Amazon SWF: what fits goes in as it is, the rest as a reference.

``Fields`` is pure; what it asks of the outside world it asks of its ``objects``. Replay gets one that it can use
without knowing of any store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..constants import JUMBO_FIELDS_MAX_SIZE
from ..exceptions import PayloadRefused
from ..futures import Recorded
from . import codec, coding, jumbo, limits, nested
from .coding import PayloadCodec
from .jumbo import Location, Reference, Written
from .limits import LIMITS, JumboTooLargeError


class Objects(Protocol):
    """Where the content of references is."""

    def get(self, reference: Reference) -> str:
        """Raises PayloadError."""

    def length(self, reference: Reference) -> int:
        """How many bytes are there. Raises PayloadError."""

    def put(self, reference: Reference, body: bytes) -> None:
        """Raises PayloadUnavailable."""


class _Nowhere:
    """No store at all: ``Fields`` lets nothing come here."""

    def get(self, reference: Reference) -> str:
        raise PayloadRefused(f"there is no store for {reference.where}.")

    def length(self, reference: Reference) -> int:
        raise PayloadRefused(f"there is no store for {reference.where}.")

    def put(self, reference: Reference, body: bytes) -> None:
        raise PayloadRefused(f"there is no store for {reference.where}.")


_NOWHERE = _Nowhere()


#: Who looks after executions reads these.
_NEVER_CODED = frozenset({"execution_context", "identity"})

#: How much one field may hold with all that it refers to, in units of what one object may have.
_MOST_NESTED = 100
#: References inside what a reference leads to.
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Fields:
    """``write`` is where long texts go; without it they are refused. ``read`` are further places to read from.

    ``max_size`` is in bytes and bounds what is stored and what is fetched. ``codec`` is the user's.
    """

    write: Location | None = None
    read: tuple[Location, ...] = ()
    max_size: int = JUMBO_FIELDS_MAX_SIZE
    objects: Objects = _NOWHERE
    codec: PayloadCodec | None = None

    # -- into a field

    def name(self, field: str, text: str, limit: int | None = None) -> str:
        """What stands in ``field`` for ``text``: the text, or an Unsent reference that is yet to be put.

        ``field`` is a key of LIMITS, or anything if ``limit`` says how many characters it holds.
        Raises JumboTooLargeError, PayloadUnavailable (the user's codec).
        """
        most = LIMITS[field] if limit is None else limit
        bare = type(text) is str and self.codec is None and not text.startswith(jumbo.PREFIX)  # as nearly all are
        inline = text if bare else self.inline(field, text)
        if len(inline) <= most:
            return inline
        if self.write is None:
            return limits.check_length(field, inline, most)
        body = jumbo.content(inline)
        if len(body) > self.max_size:
            raise JumboTooLargeError(
                f"Message too long even for a jumbo field ({len(body)} bytes): {field} may have {self.max_size}. "
                "Raise SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE everywhere, or pass a reference to the data."
            )
        reference = jumbo.named(self.write, body)
        if len(reference) > most:
            raise JumboTooLargeError(
                f"Jumbo field signature is longer than {field} ({len(reference)} chars, it holds {most}). "
                "Shorten the prefix in SIMPLEFLOW_JUMBO_FIELDS_BUCKET."
            )
        return reference

    def inline(self, field: str, text: str) -> str:
        """``text`` as it would stand in the field if there were room."""
        written = str(text) if isinstance(text, Written) else jumbo.escaped(text)
        passed_on = isinstance(text, Written) and jumbo.reference(text) is not None
        if self.codec is None or passed_on or field in _NEVER_CODED:
            return written
        return coding.coded(self.codec, written)

    def fitting(self, field: str, text: str) -> str:
        """Like ``name``, but a text that is too long for any place is cut."""
        try:
            return self.name(field, text)
        except JumboTooLargeError:
            return self.brief(field, text)

    def brief(self, field: str, text: str) -> str:
        """As much of ``text`` as the field itself holds."""
        limit = room = LIMITS[field]
        short = self.inline(field, limits.shorten(text, room))
        while len(short) > limit and room:
            room = max(0, room - max(1, (len(short) - limit) // 2))
            short = self.inline(field, limits.shorten(text, room))
        return short if len(short) <= limit else ""

    def store(self, field: str, text: str, limit: int | None = None) -> str:
        """``name``, and the object is in its store. Raises JumboTooLargeError, PayloadUnavailable."""
        named = self.name(field, text, limit)
        if isinstance(named, jumbo.Unsent):
            self.put(named, named.release())
        return str(named)

    def put(self, text: str, body: bytes | None) -> None:
        """Put the content of a reference in its store, if there is any. Raises PayloadUnavailable."""
        reference = jumbo.reference(text)
        if reference is not None and body is not None:
            self.objects.put(reference, body)

    # -- out of a field

    def fetch(self, text: str | None) -> str | None:
        """What was stored as ``text``, with all that it refers to. Raises PayloadError."""
        if text is None or not text.startswith(jumbo.PREFIX):
            return text
        return self._whole(text, _Room(self.max_size * _MOST_NESTED), _DEEPEST)

    def outer(self, text: str | None) -> str | None:
        """The same, with the references inside JSON as the strings that they are. Raises PayloadError."""
        return text if text is None else self._outer(text)[0]

    def decode(self, text: str | None) -> Any:
        """The value of a field. Raises DecodeError, PayloadError."""
        return codec.decode(self.fetch(text))

    def payload(self, text: str | None) -> Any:
        """The value of a field to be passed on: what stands outside is a ``Recorded``, and is not fetched.

        Raises DecodeError, PayloadError.
        """
        if text is None or not text.startswith(jumbo.PREFIX):
            return codec.decode(text)
        if not _is_carried(text) and jumbo.reference(text) is not None:
            return Recorded(str(text))
        inner, has_references = self._outer(text)
        return nested.opened(inner) if has_references else codec.decode(inner)

    def length(self, reference: Reference) -> int:
        """How many bytes the object has that is there. Raises PayloadError."""
        self._check(reference)
        return self.objects.length(reference)

    def _whole(self, text: str, room: _Room, depth: int) -> str:
        inner, has_references = self._outer(text)
        if not has_references:
            return inner
        if not depth:
            raise PayloadRefused(f"a payload is refused: its references lead to others more than {_DEEPEST} times.")

        def content(reference: str) -> str:
            room.take(reference)
            return codec.embedded(self._whole(reference, room, depth - 1))

        return nested.expanded(inner, content)

    def _outer(self, text: str) -> tuple[str, bool]:
        """The text of a field, and whether it is JSON with references inside."""
        if isinstance(text, jumbo.Unsent) and text.body is not None:
            return self._read(text.body.decode("utf-8", "surrogatepass"))
        reference = jumbo.reference(text)
        if reference is None:
            return self._read(text)
        self._check(reference)
        return self._read(self.objects.get(reference))

    def _read(self, text: str) -> tuple[str, bool]:
        """The opposite of ``inline``."""
        if text.startswith(coding.MARK):
            text = coding.decoded(self.codec, text[len(coding.MARK) :])
        if text.startswith(nested.MARK):
            return text[len(nested.MARK) :], True
        plain = jumbo.unescaped(text)
        return text if plain is None else plain, False

    def _check(self, reference: Reference) -> None:
        places = (*((self.write,) if self.write else ()), *self.read)
        if not any(place.holds(reference.where) for place in places):
            raise PayloadRefused(
                f"the reference to {reference.where} is not followed: it is in no configured store. If it is to be "
                "trusted, name its bucket in SIMPLEFLOW_JUMBO_FIELDS_BUCKET or SIMPLEFLOW_JUMBO_FIELDS_READ."
            )
        if reference.size > self.max_size:
            raise PayloadRefused(
                f"the reference to {reference.where} is not followed: it has {reference.size} bytes, and "
                f"SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE allows {self.max_size}."
            )


class _Room:
    """How many bytes the references of one field may still bring."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, text: str) -> None:
        """Raises PayloadRefused."""
        reference = jumbo.reference(text)
        self._left -= reference.size if reference is not None else 0
        if self._left < 0:
            raise PayloadRefused(
                f"a payload is refused: with what it refers to it has more than {_MOST_NESTED} times what "
                "SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE allows. Raise that, or pass references to the data."
            )


def _is_carried(text: str) -> bool:
    """Whether the content is here and may not be anywhere else."""
    return isinstance(text, jumbo.Unsent) and text.body is not None


#: Nothing stands outside: texts that are too long are refused.
INLINE = Fields()
