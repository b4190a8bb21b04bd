"""What the code that logs is busy with. Each context (thread, greenlet, task of asyncio) has its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

KEYS = ("activity_id", "attempt", "domain", "event_id", "run_id", "task_list", "task_type", "workflow_id")

_EMPTY: Mapping[str, str] = MappingProxyType({})
_values: ContextVar[Mapping[str, str]] = ContextVar("simpleflow_logging_context", default=_EMPTY)

#: Whether ``run`` repeats decisions that were taken before: True, or an object that is true while it does.
replaying: ContextVar[object] = ContextVar("simpleflow_replaying", default=False)


def set(key: str, value: object) -> None:
    """Raises KeyError for anything that is not one of KEYS."""
    _values.set({**_values.get(), _known(key): str(value)})


def get(key: str) -> str:
    """The empty text if it is not set. Raises KeyError for anything that is not one of KEYS."""
    return _values.get().get(_known(key), "")


def reset() -> None:
    """Forget all values."""
    _values.set(_EMPTY)


def values() -> dict[str, str]:
    """All that is set."""
    return dict(_values.get())


@contextmanager
def bound(**values: object) -> Iterator[None]:
    """These values, and no others, meanwhile. Raises KeyError for anything that is not one of KEYS."""
    token = _values.set({_known(key): str(value) for key, value in values.items()})
    try:
        yield
    finally:
        _values.reset(token)


def share(values: Mapping[str, str]) -> None:
    """From now on the values of this context are those that this mapping has at any time."""
    _values.set(values)


def _known(key: str) -> str:
    if key not in KEYS:
        raise KeyError(f"{key!r} is not in the logging context; it has {', '.join(KEYS)}")
    return key


class ReplayFilter(logging.Filter):
    """Drops what ``run`` has already said when it decided for the first time. For handlers and loggers."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not replaying.get()
