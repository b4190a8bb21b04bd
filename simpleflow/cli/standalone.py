"""``standalone``: one workflow, with everything that it needs. What does it is in ``one_run``."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any, TextIO

import click
from click.core import ParameterSource

from .. import log, settings
from ..exceptions import NotFound, WrongArguments
from ..payloads.objects import fields
from ..process.find import find_workflow
from ..process.perform import Middlewares
from ..process.pool import default_grace
from ..process.starting import check_arguments, tags_of
from .asked import Asked, OldRun, Place
from .embedded import EmbeddedError, join
from .inputs import read_input, split_tags
from .output import Output, Refusal, watched_stdout


@click.command("standalone")
@click.argument("workflow")
@click.option("-d", "--domain", help="The SWF domain; by default SWF_DOMAIN, else `simpleflow`.")
@click.option("--workflow-id", help="The id of the execution.")
@click.option("--execution-timeout", type=click.IntRange(1), help="Seconds that it may take; by default a year.")
@click.option("--decision-tasks-timeout", type=click.IntRange(1), help="Seconds that a decision may take.")
@click.option("--tags", help="Up to 5 tags, separated by commas.")
@click.option("-i", "--input", help="The input as JSON: a list, or an object with args, kwargs or both.")
@click.option("--input-file", type=click.File("r", encoding="utf-8"), help="A file with the input; - is stdin.")
@click.option("-W", "--nb-workers", type=click.IntRange(1), default=os.cpu_count, help="Processes for activities.")
@click.option("-D", "--nb-deciders", type=click.IntRange(1), default=1, show_default=True, help="Deciders.")
@click.option("--heartbeat", type=click.IntRange(0), default=60, show_default=True, help="Seconds between heartbeats.")
@click.option("--display-status", type=bool, default=True, show_default=True, help="Whether to tell how it goes.")
@click.option("--embedded", is_flag=True, help="Use the embedded service, whatever the environment says.")
@click.option("--endpoint-url", metavar="URL", help="Use the service at this address.")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".simpleflow/swf.db"),
    show_default=True,
    help="The database of the embedded service; made if there is none.",
)
@click.option("--resume", metavar="WORKFLOW_ID", help="Go on with an execution that was stopped.")
@click.option("--repair", metavar="WORKFLOW_ID", help="Start anew an execution that failed, with what it completed.")
@click.option("--repair-run-id", metavar="RUN_ID", help="With --repair: the run; by default the newest.")
@click.option("--force-activities", metavar="REGEX", help="With --repair: activities that run anew, by their id.")
@click.option("--middleware-pre-execution", multiple=True, help="A function f(context) to call before each activity.")
@click.option("--middleware-post-execution", multiple=True, help="A function f(context, result=…) to call after it.")
@click.pass_context
def standalone(
    ctx: click.Context,
    workflow: str,
    domain: str | None,
    workflow_id: str | None,
    execution_timeout: int | None,
    decision_tasks_timeout: int | None,
    tags: str | None,
    input: str | None,
    input_file: TextIO | None,
    nb_workers: int,
    nb_deciders: int,
    heartbeat: int,
    display_status: bool,
    embedded: bool,
    endpoint_url: str | None,
    db: Path,
    resume: str | None,
    repair: str | None,
    repair_run_id: str | None,
    force_activities: str | None,
    middleware_pre_execution: tuple[str, ...],
    middleware_post_execution: tuple[str, ...],
) -> int:
    """Run the WORKFLOW with a decider and workers of its own, durably.

    It runs on the embedded service (in the file --db) unless --endpoint-url or AWS_ENDPOINT_URL_SWF names another one,
    or --domain is given and there are AWS credentials: then on Amazon SWF. The first line of stdout is the workflow id
    and the run id, the last one the result as JSON. The exit code is 0 if the workflow completed, 1 if it failed, 4 if
    it timed out, 5 if it was cancelled, 6 if it was terminated and 130 after Ctrl-C.

    Example: simpleflow standalone --embedded examples.basic.BasicWorkflow --input '[1, 5]'
    """
    stdout = watched_stdout()
    try:
        workflow_class = find_workflow(workflow)
        Middlewares.load(middleware_pre_execution, middleware_post_execution)
    except NotFound as error:
        raise Refusal(str(error)) from None
    (args, kwargs), tags_given = read_input(input, input_file), split_tags(tags)
    old = _old_run(repair, repair_run_id, force_activities, resume, input is None and input_file is None)
    new = resume is None and old is None
    try:
        if resume is None and not (old and old.inherits):
            check_arguments(workflow_class, args, kwargs)
    except WrongArguments as error:
        raise Refusal(str(error)) from None
    # complain before anything is started about settings that cannot be used
    fields()
    default_grace()
    asked = Asked(
        workflow=workflow_class,
        args=args,
        kwargs=kwargs,
        domain=domain or settings.SWF_DOMAIN or "simpleflow",
        workflow_id=workflow_id,
        execution_timeout=execution_timeout,
        decision_tasks_timeout=decision_tasks_timeout,
        tags=tags_given or (tags_of(workflow_class, args, kwargs) if new else ()),
        nb_workers=nb_workers,
        nb_deciders=nb_deciders,
        heartbeat=heartbeat,
        display=display_status,
        resume=resume,
        old=old,
        before=middleware_pre_execution,
        after=middleware_post_execution,
        color=_color(ctx),
        go_on=lambda workflow_id: _command(ctx, workflow, workflow_id),
    )
    place = _place(domain, embedded, endpoint_url, db)
    click.echo(place.told, err=True)
    status: int = _loaded().run(asked, place, stdout)
    return status


def _loaded() -> Any:
    """What runs an execution, which is loaded while the service starts.

    Ctrl-C waits for it: modules that are being imported are known to swallow it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return importlib.import_module("simpleflow.cli.one_run")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


# -- where


def _place(domain: str | None, embedded: bool, endpoint_url: str | None, db: Path) -> Place:
    """In this order: --embedded; a named endpoint; --domain with AWS credentials; the embedded service."""
    url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_SWF")
    if not embedded and url:
        os.environ["AWS_ENDPOINT_URL_SWF"] = url
        return Place(f"running on the service at {url}")
    if not embedded and domain and _has_credentials():
        return Place(f"running on Amazon SWF, domain {domain}")
    try:
        return Place(f"running on the embedded service, database {db}", join(db.absolute()))
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from None


def _has_credentials() -> bool:
    return bool(importlib.import_module("simpleflow.swf.aws").has_credentials())


def _color(ctx: click.Context) -> str:
    """Whether there are colours, for the processes of the crew, which write to pipes."""
    output = ctx.find_object(Output) or Output()
    color = "always" if log.ColorModes(output.color).enabled else "never"
    log.setup_logging(log.ColorModes(color))
    return color


def _command(ctx: click.Context, workflow: str, workflow_id: str) -> str:
    """What goes on with an execution in the same place."""
    words = ["simpleflow", "standalone", workflow, "--resume", workflow_id]
    for option in ctx.command.params:
        given = ctx.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if given and option.name in _PLACES and isinstance(option, click.Option):
            words += [option.opts[-1], *([] if option.is_flag else [str(ctx.params[option.name])])]
    return shlex.join(words)


_PLACES = frozenset({"domain", "embedded", "endpoint_url", "db"})


# -- what to repair


def _old_run(
    repair: str | None, run_id: str | None, force: str | None, resume: str | None, inherits: bool
) -> OldRun | None:
    if repair is None:
        if force is not None or run_id is not None:
            raise Refusal("--force-activities and --repair-run-id need --repair, which names the execution to repair.")
        return None
    if resume is not None:
        raise Refusal("--repair starts a new execution, --resume goes on with an open one; give one of them.")
    try:
        re.compile(force or "")
    except re.error as error:
        raise Refusal(f"--force-activities {force!r} is no regular expression: {error}.") from None
    workflow_id, space, last = repair.rpartition(" ")
    if run_id is None and space and _RUN_ID.fullmatch(last):
        return OldRun(workflow_id, last, force, inherits)  # in one word, as it used to be
    return OldRun(repair, run_id, force, inherits)


_RUN_ID = re.compile(r"[0-9]{2}[A-Za-z0-9+/]{43}=")
