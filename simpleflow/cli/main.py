"""The command group: global options, and the commands, each imported only when it is called."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import re
import signal
import sys
from collections import UserDict
from collections.abc import Iterator
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem, FishComplete, add_completion_class

from .. import __version__, log, settings
from ..settings import SettingError
from ..utils.quiet import plain_lines
from .exits import MEANINGS, Exit
from .options import SettingOption, listing_options
from .output import Output, leave_stdout
from .values import TEXT

#: Command -> module, function and what the list of commands says of it.
COMMANDS = {
    "activity.rerun": ("simpleflow.cli.activity", "rerun", "Execute an activity of an execution once more, here."),
    "binaries.download": ("simpleflow.cli.binaries", "fetch", "Fetch the programs that activities need."),
    "decider.start": ("simpleflow.cli.decider", "start", "Decide for the executions of a task list."),
    "info": ("simpleflow.cli.info", "info", "Tell versions, settings and environment."),
    "payload.get": ("simpleflow.cli.payload", "get", "Write the payload behind a reference."),
    "payload.stat": ("simpleflow.cli.payload", "stat", "Tell whether a payload is in its store."),
    "domain.create": ("simpleflow.cli.domains", "create", "Register a domain."),
    "domain.deprecate": ("simpleflow.cli.domains", "deprecate", "Allow nothing new in a domain."),
    "domain.list": ("simpleflow.cli.domains", "list_domains", "List the domains."),
    "domain.undeprecate": ("simpleflow.cli.domains", "undeprecate", "Allow what is new in a domain again."),
    "standalone": ("simpleflow.cli.standalone", "standalone", "Run a workflow with all that it needs, durably."),
    "task.info": ("simpleflow.cli.tasks", "task_info", "Tell what a task was given and how it went."),
    "task.list": ("simpleflow.cli.tasks", "list_tasks", "List the tasks of an execution by their ids."),
    "tasklist.stat": ("simpleflow.cli.domains", "stat", "Tell how many tasks wait in a task list."),
    "type.list": ("simpleflow.cli.domains", "list_types", "List the types of a domain."),
    "workflow.cancel": ("simpleflow.cli.steering", "cancel", "Ask an execution to end."),
    "workflow.filter": ("simpleflow.cli.executions", "filter_executions", "Search the executions of a domain."),
    "workflow.graph": ("simpleflow.cli.graph", "graph", "Show which task of an execution follows which."),
    "workflow.history": ("simpleflow.cli.history", "history", "Print the history of an execution."),
    "workflow.info": ("simpleflow.cli.execution", "info", "Tell what an execution is and how it went."),
    "workflow.list": ("simpleflow.cli.executions", "list_executions", "List the executions of a domain."),
    "workflow.profile": ("simpleflow.cli.tasks", "profile", "Tell how long the tasks of an execution took."),
    "workflow.replay": ("simpleflow.cli.replay", "replay", "Replay histories against the code of today."),
    "workflow.result": ("simpleflow.cli.waiting", "result", "Print the result of an execution."),
    "workflow.restart": ("simpleflow.cli.steering", "restart", "Start an execution again as it was started."),
    "workflow.signal": ("simpleflow.cli.steering", "signal", "Send a signal to an execution."),
    "workflow.start": ("simpleflow.cli.workflow", "start", "Start a workflow; with --local, run it here."),
    "workflow.tasks": ("simpleflow.cli.tasks", "tasks", "List the tasks of an execution and their states."),
    "workflow.terminate": ("simpleflow.cli.steering", "terminate", "End an execution at once."),
    "workflow.wait": ("simpleflow.cli.waiting", "wait", "Wait for the end of an execution."),
    "workflow.watch": ("simpleflow.cli.watching", "watch", "Show an execution as it goes."),
    "worker.start": ("simpleflow.cli.worker", "start", "Execute activities until told to stop."),
    "service.start": ("simpleflow.cli.service", "start", "Serve Amazon SWF from a database on this machine."),
    "service.check": ("simpleflow.cli.service", "check", "Look whether a database of the service is sound."),
    "service.backup": ("simpleflow.cli.service", "backup", "Copy a database of the service while it is in use."),
}


_EXAMPLE = re.compile("(?<!\b)\n( *)(?=Example: )")


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
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The example in the help of a command keeps its line; its texts can be sent."""
        command = super().get_command(ctx, cmd_name)
        for parameter in () if command is None else command.params:
            if parameter.type is click.STRING:
                parameter.type = TEXT
        if command is not None and command.help:
            command.help = _EXAMPLE.sub("\n\\1\b\n\\1", command.help)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, without importing them, and options."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=about[2]) for name, about in COMMANDS.items() if name.startswith(incomplete)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in MEANINGS.items()])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@add_completion_class
class Fish(FishComplete):
    """With whole descriptions: click cuts them off at the first comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


@click.group(cls=Group, commands=Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@listing_options(
    format={"cls": SettingOption, "envvar": "SIMPLEFLOW_FORMAT", "show_envvar": True},
    color={"default": "auto"},
)
@click.option(
    "--log-format",
    type=click.Choice(settings.LOG_FORMATS),
    help="How logs are written, to stderr; by default text, or as SIMPLEFLOW_LOG_FORMAT says.",
)
@click.version_option(__version__, prog_name="simpleflow")
@click.pass_context
def cli(ctx: click.Context, /, log_format: str | None, **options: Any) -> None:
    """Durable workflows in plain Python."""
    if log_format is not None:
        _for_all_processes(ctx, "SIMPLEFLOW_LOG_FORMAT", log_format)
    ctx.obj = Output().but(**options)
    try:
        log.setup_logging(log.ColorModes(ctx.obj.color))
    except SettingError as error:
        raise click.UsageError(str(error)) from None


def _for_all_processes(ctx: click.Context, variable: str, value: str) -> None:
    """Set a variable, for those that this command starts too, until its end."""
    former = os.environ.get(variable, "")  # which counts as unset
    os.environ[variable] = value
    ctx.call_on_close(lambda: os.environ.update({variable: former}))


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    _open_streams()
    sys.path[:0] = [os.getcwd()]
    gc.set_threshold(50_000)  # histories are many small objects that stay; looking for garbage among them is slow
    status = run()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C needs no traceback
    sys.exit(status)


def _open_streams() -> None:
    """A standard stream that the caller has closed leads nowhere: else the next file, a database even, gets its number.

    What stdout cannot encode is written as an escape, as on stderr.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def run(arguments: list[str] | None = None) -> int:
    """Run a command, by default that of ``sys.argv``; its exit code, as in ``exits.Exit``."""
    try:
        status = cli.main(arguments, prog_name="simpleflow", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        vars(error)["message"] = plain_lines(error.message)  # texts of others may be part of it
        error.show()
        return error.exit_code
    except SettingError as error:
        click.UsageError(str(error)).show()
        return Exit.USAGE
    except click.Abort:
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except BrokenPipeError:
        leave_stdout()
        return Exit.FAILED
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        leave_stdout()
        click.ClickException(f"cannot write to stdout: {error.strerror}").show()
        return Exit.FAILED
    return status if isinstance(status, int) else Exit.DONE


#: What a stream says that takes no more; unlike other files it has no name.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
