"""What the commands on SWF have in common: options, the client, the domain and the execution, errors in one line.

A command that shows something::

    @swf_command("workflow.info", EXECUTION)
    @click.option("--details/--no-details", default=False, help="...")
    def info(call: Call, details: bool) -> Listing:
        '''What an execution is.

        Example: simpleflow workflow.info TestDomain my-workflow
        '''
        key = call.run()
        return Listing(("Run ID",), [{"Run ID": key.run_id}])

It takes the options of listings after its name too. A command that does something says ``listing=False`` and returns an
exit code, or None. Both may raise what the client raises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import click

from .. import log
from ..exceptions import PayloadError
from ..replay.work import RunKey
from ..service.clock import Clock, RealClock
from ..settings import SettingError
from ..swf.client import Client
from ..swf.errors import Refused, SwfError, Unreachable
from ..swf.executions import newest_run
from .exits import Refusal, Unknown
from .options import chosen_output, listing_options
from .output import Listing, Output, write
from .targets import Shape, Target, read_target
from .times import instant

_LONGEST_PAGE = 1000

Command = Callable[..., Listing | int | None]


clock: Clock = RealClock()


def connect(endpoint_url: str | None) -> Client:
    """The client of a command; tests put another in its place."""
    return Client(endpoint_url=endpoint_url)


@dataclass(frozen=True, slots=True)
class Call:
    """What a command works with: the client, what its words name, how what it finds is shown, and the time in UTC."""

    client: Client
    target: Target
    output: Output
    now: datetime

    @property
    def domain(self) -> str:
        return self.target.domain

    @property
    def page(self) -> dict[str, int]:
        """For a request that lists rows as they are: a page need not be longer than what is shown."""
        limit = None if self.output.sort else self.output.limit
        return {} if limit is None else {"maximumPageSize": min(limit, _LONGEST_PAGE)}

    def run(self) -> RunKey:
        """The run that is named, else the newest of the workflow id, open or closed. Raises Unknown, SwfError."""
        workflow_id, run_id = self.target.workflow_id, self.target.run_id
        if run_id is not None:
            return RunKey(self.domain, workflow_id, run_id)
        key = newest_run(self.client, self.domain, workflow_id)
        if key is None:
            raise Unknown(
                f"there is no execution {workflow_id!r} in the domain {self.domain}; "
                f"`simpleflow workflow.list {self.domain}` lists the open ones, with --status closed the others."
            )
        return key

    @contextmanager
    def about(self, target: Target) -> Iterator[Call]:
        """The same call on a target that the command has read itself. Raises Unknown for what SWF does not know."""
        try:
            yield replace(self, target=target)
        except Refused as error:
            raise refused(error, target, self.client) from None


def swf_command(name: str, shape: Shape | None = None, *, listing: bool = True) -> Callable[[Command], click.Command]:
    """Make a command of ``function(call, **options)``. Without a shape it takes no words and no domain."""

    def decorate(function: Command) -> click.Command:
        @click.pass_context
        @functools.wraps(function)
        def run(ctx: click.Context, /, endpoint_url: str | None, **options: Any) -> int | None:
            output = chosen_output(ctx, options) if listing else ctx.find_object(Output) or Output()
            if listing:
                log.setup_logging(log.ColorModes(output.color))
            target = Target("", {}) if shape is None else _target(shape, options)
            try:
                client = connect(endpoint_url)
                result = function(Call(client, target, output, instant(clock.now_ms() / 1000)), **options)
                if not isinstance(result, Listing):
                    return result
                write(result, output)
                return None
            except Refused as error:
                raise refused(error, target, client) from None
            except SwfError as error:
                raise failed(error) from None
            except PayloadError as error:
                raise click.ClickException(str(error)) from None
            except SettingError as error:
                raise Refusal(str(error)) from None

        wrapped: Any = run
        for option in reversed([*_domain_options(shape), _endpoint_url, *([listing_options()] if listing else [])]):
            wrapped = option(wrapped)
        return click.command(name)(wrapped)

    return decorate


_endpoint_url = click.option("--endpoint-url", help="Where SWF is, if not at Amazon or at AWS_ENDPOINT_URL_SWF.")


#: What ``--domain`` is, by whether a domain among the words is preferred to SWF_DOMAIN.
DOMAIN_HELP = {
    True: "The SWF domain; by default the first argument, or SWF_DOMAIN where there is one too few.",
    False: "The SWF domain; by default SWF_DOMAIN, or the first argument if that is not set.",
}


def _domain_options(shape: Shape | None) -> list[Callable[[Any], Any]]:
    if shape is None:
        return []
    return [
        click.argument("words", nargs=-1, metavar=shape.usage),
        click.option("--domain", help=DOMAIN_HELP[shape.domain_first]),
    ]


def _target(shape: Shape, options: dict[str, Any]) -> Target:
    return read_target(shape, options.pop("words"), options.pop("domain"))


def failed(error: SwfError) -> click.ClickException:
    """What an error means that says nothing of an execution or a domain."""
    if isinstance(error, Refused) and error.code == "ValidationException":
        return Refusal(f"SWF does not take what was given: {error.message}.")
    if isinstance(error, Refused) and error.code == "DomainDeprecatedFault":
        undo = f"`simpleflow domain.undeprecate {error.message}` allows new executions and types in it again"
        return click.ClickException(f"the domain {error.message!r} is deprecated; {undo}.")
    if isinstance(error, Unreachable):
        hint = "check that it is up, and that --endpoint-url or AWS_ENDPOINT_URL_SWF names the right one."
        return click.ClickException(f"{error}; {hint}")
    return click.ClickException(str(error))


#: How SWF says that there is no domain, before its name.
_NO_DOMAIN = "Unknown domain: "


def refused(error: Refused, target: Target, client: Client) -> click.ClickException:
    """What SWF's refusal means for the command."""
    if error.code != "UnknownResourceFault":
        return failed(error)
    if error.message.startswith(_NO_DOMAIN):
        hint = f" To use SWF_DOMAIN ({target.passed_over}), pass it with --domain." if target.passed_over else ""
        return Unknown(
            f"there is no domain {error.message.removeprefix(_NO_DOMAIN)!r} at {client.endpoint_url}; "
            f"`simpleflow domain.list` lists those that there are, `simpleflow domain.create` makes one.{hint}"
        )
    if error.message.startswith("Unknown execution"):
        run = f" with the run id {target.run_id!r}" if target.run_id is not None else ""
        twice = target.workflow_id == target.domain
        hint = f" SWF_DOMAIN is set, so {target.domain!r} was read as the workflow id." if twice else ""
        return Unknown(
            f"there is no execution {target.workflow_id!r}{run} in the domain {target.domain}; "
            f"leave the run id out to get the newest run, or see `simpleflow workflow.list {target.domain}`.{hint}"
        )
    return Unknown(f"{error.message}.")
