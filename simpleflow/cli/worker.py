"""``worker.start``."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import json
import logging
import os
import threading
from contextlib import closing
from dataclasses import dataclass, field, replace

import click

from ..exceptions import NotFound
from ..payloads.objects import fields
from ..process.channel import MOST_FDS
from ..process.nursery import Plan
from ..process.perform import Middlewares
from ..process.pool import Pool, default_grace
from ..process.signals import stop_on_signals
from ..process.supervisor import Forks, Supervisor
from ..swf.activity_work import ActivityWork, activity_work
from ..swf.client import Client
from ..swf.errors import NotConfigured, SwfError
from ..swf.worker import Worker
from . import programs
from .exits import Exit, Refusal
from .options import domain_option

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker process needs; ``heartbeat`` is in seconds."""

    domain: str
    task_list: str
    nb_processes: int = 1
    concurrency: int = 1
    max_tasks_per_child: int | None = None
    heartbeat: int = 60
    plan: Plan = field(default_factory=Plan)
    endpoint_url: str | None = None
    patience: float | None = None

    def connect(self) -> Client:
        return Client(endpoint_url=self.endpoint_url)


@click.command("worker.start")
@domain_option(required=True)
@click.option("-t", "--task-list", help="The task list to serve; required unless there is --poll-data.")
@click.option(
    "-N",
    "--nb-processes",
    type=click.IntRange(1),
    default=os.cpu_count,
    help="Processes that execute activities; by default one per CPU.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, MOST_FDS - 1),
    default=1,
    show_default=True,
    help="Activities that a process executes at a time, each in a thread; for those that wait most of the time.",
)
@click.option(
    "--max-tasks-per-child",
    type=click.IntRange(1),
    help="Replace a process after so many activities; by default it lives as long as the worker.",
)
@click.option(
    "--heartbeat",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="Seconds between two heartbeats of a running activity; 0 sends only those that its code asks for.",
)
@click.option("--one-task", is_flag=True, help="Execute one activity and end.")
@click.option("--poll-data", help="Execute this task and end: the answer to a poll, as JSON in base 64.")
@click.option(
    "--module",
    "modules",
    multiple=True,
    help="Import this module at the start, and nothing outside of such modules later; may be repeated.",
)
@click.option(
    "--middleware-pre-execution",
    multiple=True,
    help="A function f(context) to call before each activity; may be repeated.",
)
@click.option(
    "--middleware-post-execution",
    multiple=True,
    help="A function f(context, result=…) to call after each activity; may be repeated.",
)
@click.option("--endpoint-url", help="Where SWF is, if not at Amazon or at AWS_ENDPOINT_URL_SWF.")
@click.option("-l", "--log-level", expose_value=False, help="Without effect; set LOG_LEVEL instead.")
@click.pass_context
def start(
    ctx: click.Context,
    domain: str,
    task_list: str | None,
    nb_processes: int,
    concurrency: int,
    max_tasks_per_child: int | None,
    heartbeat: int,
    one_task: bool,
    poll_data: str | None,
    modules: tuple[str, ...],
    middleware_pre_execution: tuple[str, ...],
    middleware_post_execution: tuple[str, ...],
    endpoint_url: str | None,
) -> int:
    """Execute the activities of a task list, until SIGTERM or Ctrl-C; what runs then is finished.

    A second SIGTERM or Ctrl-C ends that too.

    Example: simpleflow worker.start --domain TestDomain --task-list quickstart
    """
    if task_list is None and poll_data is None:
        raise Refusal("--task-list is missing: name the task list to serve.")
    for module in modules:
        _check_module(module)
    try:
        Middlewares.load(middleware_pre_execution, middleware_post_execution)
    except NotFound as error:
        raise Refusal(str(error)) from None
    color = ctx.find_root().params.get("color", "auto")
    single = one_task or poll_data is not None
    options = WorkerOptions(
        domain=domain,
        task_list=task_list or "",
        endpoint_url=endpoint_url,
        nb_processes=1 if single else nb_processes,
        concurrency=1 if single else concurrency,
        max_tasks_per_child=max_tasks_per_child,
        heartbeat=heartbeat,
        plan=Plan(modules, middleware_pre_execution, middleware_post_execution, color),
    )
    work = None if poll_data is None else _work(domain, task_list, poll_data)
    # complain now, and not in each task or process, about settings that cannot be used
    fields()
    default_grace()
    _check_access(options)
    if single:
        return _execute_one(options, work)
    forks = Forks()
    return Supervisor(lambda number: forks.start(lambda: serve(options)), 1, "Worker").run()


def serve(options: WorkerOptions) -> int:
    """One worker process: until it is told to stop."""
    stop = stop_on_signals()
    with _pool(options, stop) as pool:
        _worker(options, pool).run(stop)
        return int(pool.broken)


def _execute_one(options: WorkerOptions, work: ActivityWork | None) -> int:
    stop = stop_on_signals(on_second=lambda: os._exit(Exit.INTERRUPTED))
    with _pool(options, stop) as pool:
        worker = _worker(options, pool)
        if work is None:
            worker.run_one(stop)
        else:
            worker.handle(work, stop)
        return int(pool.broken)


def _pool(options: WorkerOptions, stop: threading.Event) -> Pool:
    return Pool(
        options.nb_processes,
        options.concurrency,
        options.max_tasks_per_child,
        replace(options.plan, before=(programs.FETCH, *options.plan.before)),
        on_broken=stop.set,
    )


def _worker(options: WorkerOptions, pool: Pool) -> Worker:
    client = options.connect()
    return Worker(
        client.another,
        options.domain,
        options.task_list,
        pool,
        heartbeat=options.heartbeat,
        patience=options.patience,
        patient=client.is_amazon,
    )


def _check_module(name: str) -> None:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    except (Exception, SystemExit) as error:  # of a package that it is in
        raise Refusal(f"--module {name} cannot be imported: {type(error).__name__}: {error}") from None
    if found is None:
        raise Refusal(f"--module {name}: there is no such module here; expected a name as in package.module.")


def _work(domain: str, task_list: str | None, poll_data: str) -> ActivityWork:
    try:
        return activity_work(domain, task_list, json.loads(base64.b64decode(poll_data, validate=True)))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise Refusal(
            f"--poll-data is not the answer to PollForActivityTask as JSON in base 64: {type(error).__name__}: {error}."
        ) from None


def _check_access(options: WorkerOptions) -> None:
    """Say now what keeps the worker from calling SWF at all; the rest may get better while it runs."""
    request = {"domain": options.domain, "taskList": {"name": options.task_list or "default"}}
    try:
        with closing(options.connect().another(attempts=1)) as client:
            client.call("CountPendingActivityTasks", request)
    except NotConfigured as error:
        raise click.ClickException(str(error)) from None
    except SwfError as error:
        logger.warning("%s; the worker goes on trying", error)
