"""What click takes for a text or a number, and SWF, JSON and clocks do not."""

from __future__ import annotations

import math
from typing import Any

import click


class Text(click.types.StringParamType):
    """Text that can be sent. Every option and argument of text has this type: see ``main.Group``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"{text!r} is not UTF-8, or not in the encoding of the locale (LANG, LC_ALL).", param, ctx)
        return text


class Number(click.FloatRange):
    """A number in a range, where click lets ``nan`` pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number.", param, ctx)
        return number


TEXT = Text()
