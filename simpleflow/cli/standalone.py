"""``standalone``: one workflow, with everything that it needs, from the start to the end."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import click
from click.core import ParameterSource

from .. import log, settings
from ..exceptions import NotFound, WrongArguments
from ..payloads.objects import fields
from ..process.find import find_workflow
from ..process.nursery import Plan
from ..process.perform import Middlewares
from ..process.starting import check_arguments, tags_of
from ..replay.repair import Repairing
from ..replay.work import RunKey
from ..service.clock import RealClock
from ..swf.client import Client
from ..swf.errors import SwfError, Unreachable
from ..swf.executions import newest_run
from ..swf.repair import NotRepairable, repair_of, repairing_run
from ..swf.start import (
    YEAR_SECONDS,
    End,
    Start,
    end_in,
    end_of,
    events_after,
    start,
    tell_interruption,
)
from .crew import ENDING_SECONDS, GRACE_SECONDS, PATIENCE_SECONDS, Crew, Roles, Stop
from .decider import DeciderOptions, prepare
from .embedded import Embedded, EmbeddedError, join
from .exits import Exit, Unknown, exit_of
from .following import readable, result_of
from .inputs import read_input, split_tags
from .output import LineWatcher, Output, Refusal, watched_stdout, write_last_line
from .progress import Progress, picture
from .screen import Relay, Screen

_LOOK_SECONDS = 0.1
_LOOK_AT_AMAZON_SECONDS = 2.0
_TELL_SECONDS = 1.0  # between two lines of status
_MOST_LINES = 16  # of the picture of the progress

#: What a decision may take here: the decider gives up one that takes longer than 15 s. When it is killed in the middle,
#: the decision is offered again after this time.
_DECISION_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workflow runs. ``service`` is the embedded one, if it is that."""

    told: str
    service: Embedded | None = None

    @property
    def look_seconds(self) -> float:
        return _LOOK_SECONDS if self.service else _LOOK_AT_AMAZON_SECONDS


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
@click.option("--db", type=click.Path(path_type=Path), default=Path(".simpleflow/swf.db"), show_default=True)
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
    (args, kwargs), tag_list = read_input(input, input_file), split_tags(tags)
    old = _old_run(repair, repair_run_id, force_activities, resume)
    inherits = old is not None and input is None and input_file is None
    try:
        if resume is None and not inherits:
            check_arguments(workflow_class, args, kwargs)
    except WrongArguments as error:
        raise Refusal(str(error)) from None
    place = _place(domain, embedded, endpoint_url, db)
    click.echo(place.told, err=True)
    fields()  # complains before anything is started about settings that cannot be used
    domain = domain or os.environ.get("SWF_DOMAIN") or "simpleflow"
    name = str(workflow_class.name or workflow_class.__name__)
    what = Start(
        domain,
        workflow_class,
        workflow_id or resume or f"{name}-{uuid.uuid4().hex[:12]}",
        args,
        kwargs,
        f"{name[:200]}-{uuid.uuid4().hex}",
        execution_timeout or getattr(workflow_class, "execution_timeout", None) or YEAR_SECONDS,
        decision_tasks_timeout,
        tuple(tag_list or (tags_of(workflow_class, args, kwargs) if resume is None and old is None else ())),
    )
    color = _color(ctx)
    _set_defaults()
    plan = Plan((), middleware_pre_execution, middleware_post_execution, color)
    screen = Screen(stdout, live=display_status and sys.stderr.isatty())
    relay, stop = Relay(screen), Stop()
    crew = Crew(Roles(workflow_class, domain, nb_deciders, nb_workers, heartbeat, plan), relay)
    ended, patience = None, GRACE_SECONDS
    try:
        if old is not None:
            what = _repairing(what, old, inherits)
        key, task_list, repairing = _begun(what, resume)
        stdout.write(f"{key.workflow_id} {key.run_id}\n")
        stdout.flush()
        if not stop.wait(0):
            if task_list is not None:
                crew.start(task_list, repairing)
                relay.begin()
            ended = _Follower(key, place, screen, color == "always", display_status).follow(stop)
        if ended is None:
            patience = PATIENCE_SECONDS + ENDING_SECONDS
            screen.say(f"stopping; activities that run have {PATIENCE_SECONDS:g} s to finish")
    except SwfError as error:
        raise click.ClickException(str(error)) from None
    finally:
        crew.stop(patience, stop)
        relay.end()
    if ended is None:
        click.echo(f"stopped; to go on: {_command(ctx, workflow, key.workflow_id)}", err=True)
        return Exit.INTERRUPTED
    return _tell(ended, stdout)


# -- where


def _place(domain: str | None, embedded: bool, endpoint_url: str | None, db: Path) -> Place:
    """In this order: --embedded; a named endpoint; --domain with AWS credentials; the embedded service."""
    url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_SWF")
    if not embedded and url:
        os.environ["AWS_ENDPOINT_URL_SWF"] = url
        return Place(f"running on the service at {url}")
    if not embedded and domain and Client.has_credentials():
        return Place(f"running on Amazon SWF, domain {domain}")
    try:
        service = join(db.absolute())
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from None
    os.environ.update(service.environment)
    # on one machine long payloads need no bucket
    os.environ.setdefault("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", f"file://{db.absolute().parent / 'objects'}")
    return Place(f"running on the embedded service, database {db}", service)


def _set_defaults() -> None:
    """Executions live for a year, children too, unless the user has a setting for it."""
    for name, value in (
        ("WORKFLOW_DEFAULT_EXECUTION_TIME", YEAR_SECONDS),
        ("WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT", _DECISION_SECONDS),
    ):
        if settings.lookup(name)[1] == "default":
            os.environ[name] = str(value)


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


# -- from the start to the end


@dataclass(frozen=True, slots=True)
class _OldRun:
    """What the user wants to have repaired, and which activities anew."""

    workflow_id: str
    run_id: str | None
    force: str | None


def _old_run(repair: str | None, run_id: str | None, force: str | None, resume: str | None) -> _OldRun | None:
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
        return _OldRun(workflow_id, last, force)  # in one word, as it used to be
    return _OldRun(repair, run_id, force)


_RUN_ID = re.compile(r"[0-9]{2}[A-Za-z0-9+/]{43}=")


def _repairing(what: Start, old: _OldRun, inherits: bool) -> Start:
    """Start it as a repair. It has the input and the tags of the old run, unless it is given its own."""
    client = Client()
    try:
        type_name = str(what.workflow.name)
        found = repair_of(client, what.domain, old.workflow_id, old.run_id, old.force, type_name)
    except NotRepairable as error:
        raise Unknown(str(error)) from None
    finally:
        client.close()
    repairing, args, kwargs, tags = found
    what = replace(what, repairing=repairing, tags=what.tags or tags)
    return replace(what, args=args, kwargs=kwargs) if inherits else what


def _begun(what: Start, resume: str | None) -> tuple[RunKey, str | None, Repairing | None]:
    """Start the execution, or find the one to go on with.

    Gives its task list, or None if it has ended, and what it repairs.
    """
    client = Client()
    try:
        prepare(DeciderOptions(what.domain, what.task_list, (what.workflow,)))
        if resume is None:
            return start(client, what), what.task_list, what.repairing
        key = newest_run(client, what.domain, resume)
        if key is None:
            raise Unknown(f"there is no execution {resume!r} in the domain {what.domain}; was it started elsewhere?")
        if end_of(client, key) is not None:
            return key, None, None
        return key, tell_interruption(client, key), repairing_run(client, key)
    finally:
        client.close()


class _Follower:
    """Watches an execution to its end; a run that is continued as new is followed."""

    def __init__(self, key: RunKey, place: Place, screen: Screen, color: bool, display: bool) -> None:
        self._client = Client()
        self._key = key
        self._place = place
        self._screen = screen
        self._color = color
        self._display = display
        self._progress = Progress(key.workflow_id)
        self._told = ""
        self._tell_next = 0.0

    def follow(self, stop: Stop) -> End | None:
        """The end; None if the user stops first."""
        while not stop.wait(self._place.look_seconds):
            try:
                ended = self._look()
            except Unreachable:
                if self._place.service is None:
                    raise
                self._place.service.revive()
                continue
            if ended is not None:
                return ended
        return None

    def _look(self) -> End | None:
        if not self._display:
            ended = end_of(self._client, self._key)
        else:
            events = events_after(self._client, self._key, self._progress.last_event_id)
            self._progress.take(events)
            self._show()
            ended = end_in(events)
        if ended is None or ended.status != "ContinuedAsNew":
            return ended
        self._key = self._key._replace(run_id=ended.attributes["newExecutionRunId"])
        self._progress = Progress(self._key.workflow_id)
        return None

    def _show(self) -> None:
        now = RealClock().now_ms() / 1000
        if self._screen.live:
            width, height = shutil.get_terminal_size()
            self._screen.draw(picture(self._progress, now, width, min(height - 1, _MOST_LINES), color=self._color))
            return
        told = self._progress.told()
        if told != self._told and now >= self._tell_next:
            self._told, self._tell_next = told, now + _TELL_SECONDS
            self._screen.say(f"status: {told or 'deciding'}")


def _tell(ended: End, stdout: LineWatcher) -> int:
    attributes = ended.attributes
    click.echo(f"execution {_TOLD.get(ended.status, ended.status.lower())}", err=True)
    if ended.status == "Completed":
        write_last_line(stdout, result_of(ended))
    else:
        for member in ("reason", "details"):
            if attributes.get(member):
                click.echo(readable(str(fields().fetch(attributes[member]))), err=True)
    return exit_of(ended.status)


_TOLD = {"TimedOut": "timed out: it took longer than its timeout"}
