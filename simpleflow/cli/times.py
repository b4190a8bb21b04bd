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


def span(begin: datetime | None, end: datetime | None) -> float | None:
    """Seconds from one to the other, to the millisecond; None where one of them is not known."""
    return None if begin is None or end is None else round((end - begin).total_seconds(), 3)
