"""Short names for long texts."""

from __future__ import annotations

import hashlib


def hex_hash(text: str | bytes) -> str:
    """The MD5 of a text, in hexadecimal: a name, no protection against anybody."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
