"""``decider.start``."""

from __future__ import annotations

import itertools
import logging
import os
import random
import threading
from contextlib import closing
from dataclasses import dataclass, field, replace

import click

from .. import log
from ..exceptions import NotFound
from ..payloads.objects import fields
from ..process.find import find_workflow
from ..process.signals import stop_on_signals
from ..process.supervisor import Forks, Supervisor
from ..replay.engine import Engine
from ..swf.client import Client, backed_off
from ..swf.decider import Decider, known_activities, missing_types
from ..swf.errors import Refused, SwfError
from ..swf.find import Workflows
from ..swf.repair import Histories
from ..swf.shunned import Shunned
from ..swf.types import register_domain, register_type
from ..workflow import Workflow
from .calling import failed
from .following import passes
from .options import domain_option
from .output import Refusal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeciderOptions:
    """What a decider process needs. ``override`` is the task list of everything that it schedules, if not its own.

    Made before the fork: what one process writes to ``shunned``, the next one reads. ``prepared`` is whether everything
    is registered. ``own_list`` is that of the process that this one takes the place of, and of the one after it.
    """

    domain: str
    task_list: str
    workflows: tuple[type[Workflow], ...] = ()
    endpoint_url: str | None = None
    affinity: bool = True
    override: str | None = None
    prepared: bool = True
    own_list: str | None = None
    shunned: Shunned = field(default_factory=Shunned)

    def connect(self, attempts: int | None = None) -> Client:
        return Client(endpoint_url=self.endpoint_url, attempts=attempts)


@click.command("decider.start")
@click.argument("workflows", nargs=-1)
@domain_option(required=True)
@click.option("-t", "--task-list", help="The task list to serve; by default that of the first workflow.")
@click.option(
    "-N",
    "--nb-processes",
    type=click.IntRange(1),
    default=os.cpu_count,
    help="Processes that decide; by default one per CPU.",
)
@click.option("--affinity/--no-affinity", default=True, help="Whether a process keeps the runs that it decides for.")
@click.option("--endpoint-url", help="Where SWF is, if not at Amazon or at AWS_ENDPOINT_URL_SWF.")
@click.option("-l", "--log-level", expose_value=False, help="Without effect; set LOG_LEVEL instead.")
def start(
    workflows: tuple[str, ...],
    domain: str,
    task_list: str | None,
    nb_processes: int,
    affinity: bool,
    endpoint_url: str | None,
) -> int:
    """Decide for the executions of a task list, until SIGTERM or Ctrl-C. A second one does not wait.

    WORKFLOWS are dotted paths such as examples.basic.BasicWorkflow; their domain and types are registered. Others are
    found by the name of their type if that is a dotted path.

    Example: simpleflow decider.start --domain TestDomain --task-list test examples.basic.BasicWorkflow
    """
    try:
        classes = tuple(find_workflow(path) for path in workflows)
    except NotFound as error:
        raise Refusal(str(error)) from None
    task_list = task_list or next((workflow.task_list for workflow in classes), None)
    if not task_list:
        raise Refusal("--task-list is missing: name the task list to serve, or a workflow that has one.")
    options = DeciderOptions(domain, task_list, classes, endpoint_url, affinity)
    try:
        prepare(options)
    except SwfError as error:
        if not passes(error):
            raise failed(error) from None
        logger.warning("%s; the decider goes on trying", error)
        options = replace(options, prepared=False)
    forks = Forks()
    return Supervisor(lambda number: forks.start(lambda: decide(options)), nb_processes, "Decider").run()


def prepare(options: DeciderOptions, attempts: int | None = None) -> None:
    """Register the domain and the types of workflows and activities, where missing. Raises SwfError, SettingError."""
    fields()  # complains now, and not in each process, about settings that cannot be used
    with closing(options.connect(attempts)) as client:
        register_domain(client, options.domain)
        for missing in missing_types(options.workflows):
            register_type(client, options.domain, missing, options.task_list)
        for missing in known_activities() if options.workflows else ():
            try:
                register_type(client, options.domain, missing)
            except Refused as error:  # whoever asks for it will hear of it
                logger.warning("%s %s: %s", missing.name, missing.version, error)


def decide(options: DeciderOptions) -> int:
    """One decider process: until it is told to stop."""
    log.silence_replays()  # workflows may have configured logging when they were imported
    stop = stop_on_signals()
    if not options.prepared:
        _prepare_at_last(options, stop)
    workflows = Workflows(options.workflows)
    client = options.connect()
    decider = Decider(
        client.another,
        options.domain,
        options.task_list,
        Engine(workflows.find, task_list=options.override, fields=fields(), old_histories=Histories(client.another).of),
        workflows,
        affinity=options.affinity,
        # at Amazon a poll of a process that was killed may still wait there, and would get its tasks
        own_list=None if client.is_amazon else options.own_list,
        shunned=options.shunned,
        patient=client.is_amazon,
    )
    decider.run(stop)
    return 0


def _prepare_at_last(options: DeciderOptions, stop: threading.Event) -> None:
    """Prepare as soon as SWF can be reached. What it refuses then, it refuses as well when it is asked for tasks."""
    chance = random.Random()
    for failures in itertools.count(1):
        if stop.is_set():
            return
        try:
            return prepare(options, attempts=1)
        except SwfError as error:
            logger.warning("nothing can be registered yet (%d in a row): %s", failures, error)
            stop.wait(backed_off(failures, chance))
