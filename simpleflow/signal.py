"""Waiting for signals."""

from __future__ import annotations

from .base import Submittable


class WaitForSignal(Submittable):
    """Submitted, it gives a future that is finished as soon as a signal of this name has been received.

    The value is the input of the latest one received by then.
    """

    def __init__(self, signal_name: str) -> None:
        self.signal_name = signal_name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.signal_name!r})"


class NextSignal(WaitForSignal):
    """The n-th submit of this name gives a future of the n-th signal received."""
