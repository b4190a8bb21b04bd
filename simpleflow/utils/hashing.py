"""Short names for long texts."""

from __future__ import annotations

from zlib import adler32


def hex_hash(text: str) -> str:
    """The Adler-32 of a text, in hexadecimal: few bits, so different texts may have the same. ``"0"`` for no text."""
    return f"{adler32(text.encode()):x}" if text else "0"
