"""``standalone``: one workflow, with everything that it needs, from the start to the end."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from ..payloads import codec
from ..payloads.objects import fields
from ..process.find import NotFound, find_workflow
from ..process.nursery import Plan
from ..process.perform import Middlewares
from ..process.signals import stop_on_signals
from ..process.supervisor import Forks, Supervisor
from ..process.trees import kill_tree
from ..replay.work import RunKey
from ..swf.client import Client
from ..swf.errors import SwfError, Unreachable
from ..swf.start import YEAR_SECONDS, End, Start, end_of, open_run, start, tell_interruption
from ..workflow import Workflow
from .decider import DeciderOptions, decide, prepare
from .embedded import Embedded, EmbeddedError, join
from .exits import Exit, exit_of
from .inputs import read_input
from .output import LineWatcher, Refusal, watched_stdout, write_last_line
from .worker import WorkerOptions, serve
from .workflow import split_tags

_LOOK_SECONDS = 0.1
_LOOK_AT_AMAZON_SECONDS = 2.0
_GRACE_SECONDS = 0.6  # for processes that have nothing to do any more
_PATIENCE_SECONDS = 10.0  # for activities that run when the user stops
_ENDING_SECONDS = 8.0  # for what they do about being ended


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
@click.option("--endpoint-url", help="Use the service at this address.")
@click.option("--db", type=click.Path(path_type=Path), default=Path(".simpleflow/swf.db"), show_default=True)
@click.option("--resume", metavar="WORKFLOW_ID", help="Go on with an execution that was stopped.")
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
    place = _place(domain, embedded, endpoint_url, db)
    click.echo(place.told, err=True)
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
        tuple(tag_list),
    )
    color = ctx.find_root().params.get("color", "auto")
    plan = Plan((), middleware_pre_execution, middleware_post_execution, color)
    crew = _Crew(workflow_class, domain, nb_deciders, nb_workers, heartbeat, plan)
    try:
        key, task_list = _begun(what, resume)
        crew.start(task_list)
        stdout.write(f"{key.workflow_id} {key.run_id}\n")
        stdout.flush()
        ended = _follow(key, place, display_status, crew)
    except SwfError as error:
        raise click.ClickException(str(error)) from None
    finally:
        crew.stop()
    if ended is None:
        click.echo(f"stopped; to go on: simpleflow standalone {workflow} --resume {key.workflow_id}", err=True)
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


# -- who


class _Crew:
    """The deciders and workers of this run, each kept by a supervisor."""

    def __init__(
        self, workflow: type[Workflow], domain: str, deciders: int, workers: int, heartbeat: int, plan: Plan
    ) -> None:
        self._workflow = workflow
        self._domain = domain
        self._deciders = deciders
        self._workers = workers
        self._heartbeat = heartbeat
        self._plan = plan
        self._pids: list[int] = []

    def start(self, task_list: str) -> None:
        deciding = DeciderOptions(self._domain, task_list, (self._workflow,), override=task_list)
        working = WorkerOptions(
            domain=self._domain,
            task_list=task_list,
            endpoint_url=None,
            nb_processes=self._workers,
            concurrency=1,
            max_tasks_per_child=None,
            heartbeat=self._heartbeat,
            plan=self._plan,
            patience=_PATIENCE_SECONDS,
        )
        self._supervise("Decider", self._deciders, lambda: decide(deciding))
        self._supervise("Worker", 1, lambda: serve(working))

    def _supervise(self, name: str, count: int, target: Callable[[], int]) -> None:
        def supervise() -> int:
            os.setpgrp()  # Ctrl-C in a terminal is for standalone, which stops its crew
            forks = Forks()
            return Supervisor(lambda number: forks.start(target), count, name).run()

        self._pids.append(_forks().start(supervise).pid)

    def stop(self, patience: float = _GRACE_SECONDS) -> None:
        """Let them finish what they do, for so many seconds."""
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + patience
        waiting = threading.Event()
        while self._pids and time.monotonic() < limit:
            self._pids = [pid for pid in self._pids if os.waitpid(pid, os.WNOHANG)[0] == 0]
            waiting.wait(0.01)
        for pid in self._pids:
            kill_tree(pid)
            os.waitpid(pid, 0)
        self._pids = []


_made: list[Forks] = []


def _forks() -> Forks:
    """Lives as long as this process: its children end with it."""
    if not _made:
        _made.append(Forks())
    return _made[0]


# -- from the start to the end


def _begun(what: Start, resume: str | None) -> tuple[RunKey, str]:
    """Start the execution, or find the one to go on with; its task list."""
    client = Client()
    try:
        prepare(DeciderOptions(what.domain, what.task_list, (what.workflow,)))
        if resume is None:
            return start(client, what), what.task_list
        key = open_run(client, what.domain, resume)
        if key is None:
            raise Refusal(f"there is no open execution {resume!r} in the domain {what.domain}; it may have ended.")
        return key, tell_interruption(client, key)
    finally:
        client.close()


def _follow(key: RunKey, place: Place, display: bool, crew: _Crew) -> End | None:
    """Wait for the end; None if the user stops first. A run that is continued is followed."""
    stop = stop_on_signals()
    client = Client()
    shown = ""
    while not stop.wait(place.look_seconds):
        try:
            ended = end_of(client, key)
            if ended is None:
                shown = _show(client, key, shown) if display else shown
            elif ended.status == "ContinuedAsNew":
                key = key._replace(run_id=ended.attributes["newExecutionRunId"])
            else:
                return ended
        except Unreachable:
            if place.service is None:
                raise
            place.service.revive()
    click.echo("stopping; activities that run have 10 s to finish", err=True)
    crew.stop(_PATIENCE_SECONDS + _ENDING_SECONDS)
    return None


def _show(client: Client, key: RunKey, shown: str) -> str:
    """A line on stderr when something has changed."""
    execution = {"workflowId": key.workflow_id, "runId": key.run_id}
    counts = client.call("DescribeWorkflowExecution", {"domain": key.domain, "execution": execution})["openCounts"]
    told = ", ".join(
        f"{counts[member]} {one if counts[member] == 1 else more}"
        for member, one, more in (
            ("openActivityTasks", "activity", "activities"),
            ("openTimers", "timer", "timers"),
            ("openChildWorkflowExecutions", "child", "children"),
        )
        if counts[member]
    )
    if told != shown and told:
        click.echo(f"status: {told} open", err=True)
    return told


def _tell(ended: End, stdout: LineWatcher) -> int:
    attributes = ended.attributes
    click.echo(f"execution {ended.status.lower()}", err=True)
    if ended.status == "Completed":
        write_last_line(stdout, codec.canonical(fields().fetch(attributes.get("result"))))
    else:
        for member in ("reason", "details", "timeoutType"):
            if attributes.get(member):
                click.echo(_readable(str(fields().fetch(attributes[member]))), err=True)
    return exit_of(ended.status)


def _readable(text: str) -> str:
    """Details as our workers write them: their traceback; anything else as it is."""
    try:
        told = json.loads(text)
        return str(told["traceback"]).rstrip()
    except (ValueError, KeyError, TypeError):
        return text
