"""``service.start``, ``service.check`` and ``service.backup``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ..service import server
from ..service.backup import backup as copy_database
from ..service.check import Report, repair
from ..service.check import check as look_at
from ..service.core import DEFAULT_REGION
from ..service.database import StoreError
from ..service.signatures import KeyFileError
from .output import Refusal
from .values import Number

_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
_DEFAULT_DB = Path(".simpleflow", "swf.db")


@click.command("service.start")
@click.option("--db", type=_FILE, default=_DEFAULT_DB, show_default=True, help="The database; made if there is none.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=server.DEFAULT_PORT,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--poll-hold",
    type=Number(0, min_open=True),
    default=server.DEFAULT_HOLD_S,
    show_default=True,
    help="Seconds that a poll waits for a task.",
)
@click.option(
    "--access-key-file",
    type=_FILE,
    help="Lines `ACCESS_KEY SECRET`; every request must then be signed with one of them.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    help="A name of this machine to answer to besides localhost, for requests that are not signed; may be repeated.",
)
def start(
    db: Path, host: str, port: int, poll_hold: float, access_key_file: Path | None, allow_hosts: tuple[str, ...]
) -> None:
    """Serve Amazon SWF from a database on this machine, until SIGTERM or Ctrl-C; what is under way is answered then.

    Prints the environment variables that point any SWF client to it.

    Example: simpleflow service.start --db /var/lib/simpleflow/swf.db
    """
    options = server.Options(
        db=db,
        host=host,
        port=port,
        poll_hold_s=poll_hold,
        access_key_file=access_key_file,
        allow_hosts=allow_hosts,
    )
    try:
        server.run(options, lambda url: click.echo(_exports(url, signed=access_key_file is not None)))
    except KeyFileError as error:
        raise Refusal(str(error)) from None
    except (server.CannotServe, StoreError) as error:
        raise click.ClickException(str(error)) from None


def _exports(url: str, *, signed: bool) -> str:
    """The lines for a shell. With an access key file, clients have keys of their own."""
    variables = {
        "AWS_ENDPOINT_URL_SWF": url,
        "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
    }
    if not signed:
        variables |= {"AWS_ACCESS_KEY_ID": "dummy", "AWS_SECRET_ACCESS_KEY": "dummy"}
    return "\n".join(f"export {name}={value}" for name, value in variables.items())


@click.command("service.check")
@click.option("--db", type=_EXISTING, default=_DEFAULT_DB, show_default=True, help="The database.")
@click.option(
    "--repair", "mend", is_flag=True, help="Make anew what can be derived from the events; no server may run."
)
def check(db: Path, mend: bool) -> int:
    """Look whether the histories in a database are sound and everything else agrees with them.

    May run beside a server. Exits with 1 if anything is wrong.

    Example: simpleflow service.check --db /var/lib/simpleflow/swf.db
    """
    try:
        report = repair(db) if mend else look_at(db)
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    for finding in (*report.primary, *report.derived):
        click.echo(finding)
    click.echo(f"{report.runs} executions, {report.events} events: {_verdict(report, db)}")
    return 0 if report.clean else 1


def _verdict(report: Report, db: Path) -> str:
    if report.primary:
        return "damaged; go back to a backup (service.backup makes them)"
    if report.derived:
        return f"the events are sound; mend the rest with: simpleflow service.check --db {db} --repair"
    return "clean"


@click.command("service.backup")
@click.option("--db", type=_EXISTING, default=_DEFAULT_DB, show_default=True, help="The database.")
@click.argument("target", type=_FILE)
def backup(db: Path, target: Path) -> None:
    """Copy the database to the new file TARGET, beside a running server if there is one.

    The copy holds all that the service had answered for when the command began.

    Example: simpleflow service.backup --db /var/lib/simpleflow/swf.db /backup/swf.db
    """
    try:
        copy_database(db, target)
    except StoreError as error:
        raise click.ClickException(str(error)) from None
