"""``workflow.wait`` and ``workflow.result``: the end of an execution, and what came of it."""

from __future__ import annotations

import sys

import click

from ..payloads.codec import DecodeError
from ..replay.work import RunKey
from ..swf.start import End
from .calling import Call, swf_command
from .exits import Exit, Unknown, exit_of
from .following import Follower, details_of, how, result_of
from .output import LineWatcher, write_last_line
from .targets import EXECUTION
from .values import Number

_timeout = click.option("--timeout", type=Number(0), metavar="SECONDS", help="Wait no longer; the exit code is then 4.")


@swf_command("workflow.wait", EXECUTION, listing=False)
@_timeout
def wait(call: Call, timeout: float | None) -> int:
    """Wait for the end of an execution. The exit code tells how it ended.

    A run that continues as new is followed.

    Example: simpleflow workflow.wait TestDomain basic-example-1438722273 --timeout 3600
    """
    following = Follower(call.client, call.run())
    ended = following.until(following.end, timeout)
    return _told(following.key, ended)


@swf_command("workflow.result", EXECUTION, listing=False)
@click.option("--wait", is_flag=True, help="Wait for the end of an execution that is open.")
@_timeout
def result(call: Call, wait: bool, timeout: float | None) -> int:
    """Print the result of an execution as JSON, or on stderr why there is none. The exit code tells how it ended.

    A run that continued as new is followed.

    Example: simpleflow workflow.result TestDomain basic-example-1438722273 --wait
    """
    following = Follower(call.client, call.run())
    ended = following.until(following.end, timeout) if wait or timeout is not None else following.end()
    if ended is None:
        raise Unknown(
            f"the execution {following.key.workflow_id!r} is open, so it has no result yet; --wait waits for it."
        )
    if ended.status == "Completed":
        try:
            write_last_line(LineWatcher(sys.stdout), result_of(ended))
        except DecodeError as error:
            raise click.ClickException(str(error)) from None
        return Exit.DONE
    code, details = _told(following.key, ended), details_of(ended)
    if details:
        click.echo(details, err=True)
    return code


def _told(key: RunKey, ended: End) -> Exit:
    """The exit code; an end that is not a completion is told on stderr."""
    if ended.status != "Completed":
        click.echo(f"Error: the execution {key.workflow_id!r} {how(ended)}", err=True)
    return exit_of(ended.status)
