"""The door between values and the fields of Amazon SWF: what fits goes in as it is, the rest as a reference.

``Fields`` is pure; what it asks of the outside world it asks of its ``objects``. Replay gets one that it can use
without knowing of any store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..constants import JUMBO_FIELDS_MAX_SIZE
from ..exceptions import PayloadRefused
from . import codec, jumbo, limits
from .jumbo import Location, Reference
from .limits import LIMITS, JumboTooLargeError


class Objects(Protocol):
    """Where the content of references is."""

    def get(self, reference: Reference) -> str:
        """Raises PayloadError."""

    def put(self, reference: Reference, body: bytes) -> None:
        """Raises PayloadUnavailable."""


class _Nowhere:
    """No store at all: ``Fields`` lets nothing come here."""

    def get(self, reference: Reference) -> str:
        raise PayloadRefused(f"there is no store for {reference.where}.")

    def put(self, reference: Reference, body: bytes) -> None:
        raise PayloadRefused(f"there is no store for {reference.where}.")


_NOWHERE = _Nowhere()


@dataclass(frozen=True, slots=True)
class Fields:
    """``write`` is where long texts go; without it they are refused. ``read`` are further places to read from.

    ``max_size`` is in bytes and bounds what is stored and what is fetched.
    """

    write: Location | None = None
    read: tuple[Location, ...] = ()
    max_size: int = JUMBO_FIELDS_MAX_SIZE
    objects: Objects = _NOWHERE

    def name(self, field: str, text: str, limit: int | None = None) -> str:
        """What stands in ``field`` for ``text``: the text, or an Unsent reference that is yet to be put.

        ``field`` is a key of LIMITS, or anything if ``limit`` says how many characters it holds.
        Raises JumboTooLargeError.
        """
        most = LIMITS[field] if limit is None else limit
        inline = jumbo.escaped(text)
        if len(inline) <= most:
            return inline
        if self.write is None:
            return limits.check_length(field, inline, most)
        body = jumbo.content(text)
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

    def fitting(self, field: str, text: str) -> str:
        """Like ``name``, but a text that is too long for any place is cut."""
        try:
            return self.name(field, text)
        except JumboTooLargeError:
            return limits.shorten(jumbo.escaped(text), LIMITS[field])

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

    def fetch(self, text: str | None) -> str | None:
        """What was stored as ``text``. Raises PayloadError."""
        if text is None or not text.startswith(jumbo.PREFIX):
            return text
        if isinstance(text, jumbo.Unsent) and text.body is not None:
            return text.body.decode("utf-8", "surrogatepass")
        plain = jumbo.unescaped(text)
        if plain is not None:
            return plain
        reference = jumbo.reference(text)
        if reference is None:
            return text
        self._check(reference)
        return self.objects.get(reference)

    def decode(self, text: str | None) -> Any:
        """The value of a field. Raises DecodeError, PayloadError."""
        return codec.decode(self.fetch(text))

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


#: Nothing stands outside: texts that are too long are refused.
INLINE = Fields()
