"""The options of listings, which may stand before the command and after it; what stands after it wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .. import log, settings
from .output import FORMATS, Output

F = TypeVar("F", bound=Callable[..., Any])


def _names(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return None if value is None else tuple(name.strip() for name in value.split(",") if name.strip())


_OPTIONS: dict[str, dict[str, Any]] = {
    "--format": {"type": click.Choice(FORMATS), "help": "How listings are written; by default tabular."},
    "--header/--no-header": {
        "default": None,
        "help": "Whether listings have a header; by default csv and tsv have, tabular has not.",
    },
    "--color": {
        "type": click.Choice([mode.value for mode in log.ColorModes]),
        "help": "Whether listings and logs are coloured; auto is on a terminal, unless NO_COLOR is set.",
    },
    "--columns": {"metavar": "A,B", "callback": _names, "help": "The columns to show, in this order."},
    "--sort": {"metavar": "COLUMN", "help": "Sort by a column; -COLUMN is from the greatest to the least."},
    "--limit": {"type": click.IntRange(1), "metavar": "N", "help": "Show N rows at most."},
    "--utc": {"is_flag": True, "default": None, "help": "Show times in UTC instead of the local zone."},
}
#: Their parameters, by the names of the fields of Output.
NAMES = ("format", "header", "color", "columns", "sort", "limit", "utc")


def listing_options(**more: dict[str, Any]) -> Callable[[F], F]:
    """Adds the options; ``more`` are further settings of click, by the name of the parameter."""

    def decorate(function: F) -> F:
        for name, (flags, how) in reversed(list(zip(NAMES, _OPTIONS.items(), strict=True))):
            function = click.option(flags, **how, **more.get(name, {}))(function)
        return function

    return decorate


class SettingOption(click.Option):
    """An option whose ``envvar`` is a setting: the module of settings may have it too."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        value = settings.get(str(self.envvar))
        return None if value is None else str(value)


def domain_option(**more: Any) -> Callable[[F], F]:
    """``--domain`` of the commands that take no domain among their words."""
    named = {"envvar": "SWF_DOMAIN", "show_envvar": True, "help": "The SWF domain."}
    return click.option("-d", "--domain", cls=SettingOption, **named, **more)


def chosen_output(ctx: click.Context, options: dict[str, Any]) -> Output:
    """The options before the command, and those after it, which are taken out of ``options``."""
    after = {name: options.pop(name, None) for name in NAMES}
    return (ctx.find_object(Output) or Output()).but(**after)
