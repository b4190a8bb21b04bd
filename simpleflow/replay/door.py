"""Payloads as the code of a run meets them: what the outside world does to them gives the decision up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..exceptions import DecisionAbandoned, PayloadError, PayloadUnavailable
from ..payloads import codec, jumbo
from ..payloads.fields import Fields

_REFERENCE = jumbo.PREFIX[0]  # with which no JSON begins


class Door:
    """``stop`` ends the run with an error that its author's code does not see."""

    def __init__(self, fields: Fields, stop: Callable[[Exception], NoReturn]) -> None:
        self._fields = fields
        self._stop = stop

    def decode(self, text: str | None) -> Any:
        if text is None or text[:1] != _REFERENCE:
            return codec.decode(text)
        return codec.decode(self.fetch(text))

    def payload(self, text: str | None) -> Any:
        if text is None or text[:1] != _REFERENCE:
            return codec.decode(text)
        try:
            return self._fields.payload(text)
        except PayloadUnavailable as error:
            self._stop(DecisionAbandoned(str(error)))

    def named(self, field: str, text: str) -> str:
        """What stands in a field for a text. Raises JumboTooLargeError."""
        try:
            return self._fields.name(field, text)
        except PayloadUnavailable as error:
            self._stop(DecisionAbandoned(str(error)))

    def fetch(self, text: str | None) -> str | None:
        """The text of a field. Raises PayloadError where that cannot change."""
        try:
            return self._fields.fetch(text)
        except PayloadUnavailable as error:
            self._stop(DecisionAbandoned(str(error)))

    def fetch_told(self, text: str | None) -> str | None:
        """``fetch`` for what a failure tells: it stays a failure if the rest of it is lost."""
        try:
            return self.fetch(text)
        except PayloadError as error:
            return f"{text}: {error}"
