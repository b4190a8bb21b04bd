"""The command group: global options, and the commands, each imported only when it is called."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections import UserDict
from collections.abc import Iterator
from typing import NoReturn

import click

from .. import __version__, log
from ..settings import SettingError
from .output import FORMATS, Output

#: Command -> module, function and what the list of commands says of it.
COMMANDS = {
    "decider.start": ("simpleflow.cli.decider", "start", "Decide for the executions of a task list."),
    "standalone": ("simpleflow.cli.standalone", "standalone", "Run a workflow with all that it needs, durably."),
    "workflow.start": ("simpleflow.cli.workflow", "start", "Start a workflow; with --local, run it here."),
    "worker.start": ("simpleflow.cli.worker", "start", "Execute activities until told to stop."),
    "service.start": ("simpleflow.cli.service", "start", "Serve Amazon SWF from a database on this machine."),
    "service.check": ("simpleflow.cli.service", "check", "Look whether a database of the service is sound."),
    "service.backup": ("simpleflow.cli.service", "backup", "Copy a database of the service while it is in use."),
}


class Commands(UserDict[str, click.Command]):
    """The commands of COMMANDS, imported when they are asked for."""

    def __getitem__(self, name: str) -> click.Command:
        module, function, _ = COMMANDS[name]
        command = getattr(importlib.import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Group(click.Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=Group, commands=Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    envvar="SIMPLEFLOW_FORMAT",
    default="tabular",
    show_default=True,
    help="How tables are written.",
)
@click.option("--header/--no-header", default=False, show_default=True, help="Whether tables have a header.")
@click.option(
    "--color",
    type=click.Choice([mode.value for mode in log.ColorModes]),
    default="auto",
    show_default=True,
    help="Whether logs are coloured.",
)
@click.version_option(__version__, prog_name="simpleflow")
@click.pass_context
def cli(ctx: click.Context, format: str, header: bool, color: str) -> None:
    """Durable workflows in plain Python."""
    ctx.obj = Output(format, header)
    try:
        log.setup_logging(log.ColorModes(color))
    except SettingError as error:
        raise click.UsageError(str(error)) from None


def main() -> NoReturn:
    """Run the command line; exits with 0, 1 (it failed), 2 (wrong usage) or 130 (Ctrl-C)."""
    sys.path[:0] = [os.getcwd()]
    gc.set_threshold(50_000)  # histories are many small objects that stay; looking for garbage among them is slow
    try:
        status = cli.main(prog_name="simpleflow", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        status = 130
    except BrokenPipeError:
        # nobody reads any more; Python would complain once more at its end
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status if isinstance(status, int) else 0)
