"""Times as commands show them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import overload


@overload
def instant(seconds: float) -> datetime: ...
@overload
def instant(seconds: float | None) -> datetime | None: ...
def instant(seconds: float | None) -> datetime | None:
    """A time stamp of SWF, in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
