"""Jumbo fields: texts that are too long for their field stand in a store, and a reference stands in the field.

A reference is ``simpleflow+s3://bucket/prefix/<id> <size>``: where the object is, and how many bytes it has. The id is
the SHA-256 of the content. So equal payloads are one object, whoever stores them and however often; a payload has the
same reference in every process, which replay relies on; and who reads an object can see that it is the right one. Ids
of another form, as older versions have written them, are read too; of these only the size can be checked.

What is no reference must never be taken for one: a text of somebody's that begins like a reference is written behind
``simpleflow+text:``. A JSON text never begins so. An object holds what would stand in the field if there were room; a
reference that it should begin with is not followed.

A reference is somebody else's input. Its path is brought to normal form when it is read, and compared with the
configured stores segment by segment, so neither ``..`` nor a bucket with a longer name leads out of them.

This module is pure: it reads and writes references. ``fields`` decides what becomes one, ``objects`` follows them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ..exceptions import PayloadRefused, PayloadWrong

PREFIX = "simpleflow+"
#: Stands before somebody's text that begins like a reference.
TEXT = f"{PREFIX}text:"
_REFERENCE = re.compile(r"simpleflow\+([a-z][a-z0-9]*)://([^\x00-\x1f\x7f]+) ([0-9]{1,15})")
_LOCATION = re.compile(r"(?:([a-z][a-z0-9]*)://)?((?!\w*://)[^\x00-\x1f\x7f]+)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a store. ``segments`` are those of its path in normal form; with S3 the first one is the bucket."""

    scheme: str
    segments: tuple[str, ...]

    def holds(self, other: Location) -> bool:
        """Whether ``other`` stands below this one."""
        length = len(self.segments)
        return self.scheme == other.scheme and len(other.segments) > length and other.segments[:length] == self.segments

    def __truediv__(self, name: str) -> Location:
        return Location(self.scheme, (*self.segments, name))

    def __str__(self) -> str:
        root = "/" if self.scheme == "file" else ""
        return f"{self.scheme}://{root}{'/'.join(self.segments)}"


def location(text: str) -> Location:
    """The place that a setting names: ``bucket/prefix`` (of S3), or with a scheme in front. Raises ValueError."""
    match = _LOCATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} names no store; expected bucket/prefix, s3://bucket/prefix or file:///directory.")
    return _location(match[1] or "s3", match[2])


def _location(scheme: str, path: str) -> Location:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if not kept:
                raise ValueError(f"the path {path!r} leads out of its store.")
            kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    if scheme == "file" and not path.startswith("/"):
        raise ValueError(f"file://{path} is not absolute; a file has three slashes, as in file:///directory.")
    if not kept:
        raise ValueError(f"{scheme}://{path} has no path.")
    return Location(scheme, tuple(kept))


@dataclass(frozen=True, slots=True)
class Reference:
    """An object: ``where`` ends with its id; ``size`` is in bytes."""

    where: Location
    size: int

    @property
    def digest(self) -> str | None:
        """The SHA-256 that the content has to have; None for an id of another form."""
        name = self.where.segments[-1]
        return name if _DIGEST.fullmatch(name) else None

    def fits(self, length: int) -> bool:
        """Whether an object of so many bytes can be meant. Older versions have counted characters."""
        return length == self.size if self.digest else self.size <= length <= 4 * self.size

    def verified(self, body: bytes) -> str:
        """The text of the object. Raises PayloadWrong."""
        text = _text(body)
        right = digest(body) == self.digest if self.digest else text is not None and self.size in (len(body), len(text))
        if text is None or not right or not self.fits(len(body)):
            raise PayloadWrong(
                f"{self.where} holds something else than was stored there ({len(body)} bytes, {self.size} expected). "
                "Look who writes to this store."
            )
        return text

    def __str__(self) -> str:
        return f"{PREFIX}{self.where} {self.size}"


def _text(body: bytes) -> str | None:
    try:
        return body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


class Written(str):
    """A text in the form in which it stands in a field: nothing in front of it is to be added or taken away."""


class Unsent(str):
    """A reference whose object is not in its store yet: it carries the content there."""

    body: bytes | None = None

    def release(self) -> bytes | None:
        """The content, once: from now on it is in the store."""
        body, self.body = self.body, None
        return body


def content(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def named(root: Location, body: bytes) -> Unsent:
    """The reference of an object below ``root``."""
    reference = Unsent(Reference(root / digest(body), len(body)))
    reference.body = body
    return reference


def escaped(text: str) -> str:
    """``text`` as it stands in a field, where it could be taken for a reference."""
    return TEXT + text if text.startswith(PREFIX) else text


def unescaped(text: str) -> str | None:
    """The text that ``escaped`` was given; None if it has not written this."""
    return text[len(TEXT) :] if text.startswith(TEXT) else None


def begins(text: str | None) -> bool:
    """Whether a field holds more than plain text: a reference, or something that a prefix explains."""
    return text is not None and text.startswith(PREFIX)


def reference(text: str | None) -> Reference | None:
    """The reference that a field holds, if it is one. Raises PayloadRefused for one that leads out of its store."""
    match = _REFERENCE.fullmatch(text) if text is not None and text.startswith(PREFIX) else None
    if match is None:
        return None
    try:
        return Reference(_location(match[1], match[2]), int(match[3]))
    except ValueError as error:
        raise PayloadRefused(f"the reference {text!r} is refused: {error}") from None


def same_content(one: str | None, other: str | None) -> bool:
    """Whether the digests of two fields show that their content is the same; False does not say that it is not."""
    if one is None or other is None or PREFIX not in (one[: len(PREFIX)], other[: len(PREFIX)]):
        return False
    found = _digest_of(one)
    return found is not None and found == _digest_of(other)


def _digest_of(text: str) -> str | None:
    found = reference(text)
    if found is not None:
        return found.digest
    return digest(content(text))
