"""``workflow.start``."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import click

from ..exceptions import DecisionAbandoned, InvalidTask, NondeterminismError, NotFound, WrongArguments
from ..local.clock import RealTimeClock
from ..local.durable import Durability, OtherExecution
from ..local.outcome import COMPLETED, LocalRun
from ..local.run import execute
from ..payloads.codec import EncodeError
from ..payloads.limits import JumboTooLargeError
from ..process.find import find_workflow
from ..process.perform import Middlewares
from ..service.database import StoreError
from ..settings import SettingError
from ..tracebacks import author_traceback
from ..utils.quiet import plain_lines
from . import programs
from .exits import exit_of
from .inputs import read_input, split_tags
from .options import domain_option
from .output import Refusal, watched_stdout, write_last_line, write_started

logger = logging.getLogger(__name__)


@click.command("workflow.start")
@click.argument("workflow")
@domain_option()
@click.option("--workflow-id", help="The id of the execution.")
@click.option("--task-list", help="The task list for decisions; by default that of the class.")
@click.option("--execution-timeout", type=click.IntRange(1), help="Seconds that the execution may take.")
@click.option("--decision-tasks-timeout", type=click.IntRange(1), help="Seconds that a decision may take.")
@click.option("--tags", help="Up to 5 tags, separated by commas.")
@click.option("--input-file", type=click.File("r", encoding="utf-8"), help="A file with the input; - is stdin.")
@click.option("-i", "--input", help="The input as JSON: a list, or an object with args, kwargs or both.")
@click.option("--local", is_flag=True, help="Run the workflow, its children and its activities in this process.")
@click.option("--check-replay", is_flag=True, help="With --local: take each decision once more, from scratch.")
@click.option("--real-time", is_flag=True, help="With --local: wait for timers instead of jumping over them.")
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --local: keep the execution --workflow-id in this database; the same command goes on after a crash.",
)
@click.option("--endpoint-url", help="Where SWF is, if not at Amazon or at AWS_ENDPOINT_URL_SWF.")
@click.option(
    "--middleware-pre-execution",
    multiple=True,
    help="With --local: a function f(context) to call before each activity; may be repeated.",
)
@click.option(
    "--middleware-post-execution",
    multiple=True,
    help="With --local: a function f(context, result=…) to call after each activity; may be repeated.",
)
def start(
    workflow: str,
    domain: str | None,
    workflow_id: str | None,
    task_list: str | None,
    execution_timeout: int | None,
    decision_tasks_timeout: int | None,
    tags: str | None,
    input_file: TextIO | None,
    input: str | None,
    local: bool,
    check_replay: bool,
    real_time: bool,
    db: Path | None,
    endpoint_url: str | None,
    middleware_pre_execution: tuple[str, ...],
    middleware_post_execution: tuple[str, ...],
) -> None:
    """Start the WORKFLOW with this dotted path, such as examples.basic.BasicWorkflow.

    stdout gets the workflow id and the run id. With --local its last line is the result, as JSON, and the exit code
    tells how the workflow ended: 0 completed, 1 failed, 4 timed out, 5 cancelled, 6 terminated.

    Example: simpleflow workflow.start --local examples.basic.BasicWorkflow --input '[1, 5]'
    """
    stdout = watched_stdout()
    try:
        workflow_class = find_workflow(workflow)
        middlewares = Middlewares.load((programs.FETCH, *middleware_pre_execution), middleware_post_execution)
    except NotFound as error:
        raise Refusal(str(error)) from None
    middlewares_given = middleware_pre_execution or middleware_post_execution
    if not local and (middlewares_given or check_replay or real_time or db):
        raise Refusal(
            "--middleware-…, --check-replay, --real-time and --db go with --local; workers have middlewares too."
        )
    if db is not None and (task_list or not workflow_id):
        raise Refusal("--db needs a --workflow-id, by which the execution is found again, and takes no --task-list.")
    (args, kwargs), tag_list = read_input(input, input_file), split_tags(tags)
    if not local:
        if not domain:
            raise Refusal("--domain is missing (or SWF_DOMAIN); to run the workflow in this process add --local.")
        if not (task_list or workflow_class.task_list):
            raise Refusal("--task-list is missing: the workflow has none of its own.")
        starting = importlib.import_module("simpleflow.cli.starting")  # boto3 is not for local runs
        what = starting.Start(
            domain,
            workflow_class,
            workflow_id or f"{workflow_class.name}-{workflow_class.version}-{RealTimeClock().now_ms() // 1000}",
            args,
            kwargs,
            task_list or workflow_class.task_list,
            execution_timeout,
            decision_tasks_timeout,
            tuple(tag_list),
        )
        key = starting.start_on_swf(what, endpoint_url)
        write_started(key.workflow_id, key.run_id)
        return
    ended = _run_here(
        lambda: execute(
            workflow_class,
            args,
            kwargs,
            check_replay=check_replay,
            middlewares=middlewares,
            clock=RealTimeClock() if real_time and db is None else None,
            durability=_durability(db),
            workflow_id=workflow_id or "local",
            task_list=task_list,
            execution_timeout=_text(execution_timeout),
            decision_tasks_timeout=_text(decision_tasks_timeout),
            tags=tag_list,
        ),
        "stopped; the same command goes on" if db else "",
    )
    if ended.status != COMPLETED:
        click.ClickException(plain_lines(ended.explain())).show()
        click.get_current_context().exit(exit_of(ended.status))
    write_last_line(stdout, ended.json())


def _durability(db: Path | None) -> Durability | None:
    if db is None:
        return None
    os.environ.setdefault("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", f"file://{db.absolute().parent / 'objects'}")
    return Durability(db, lambda text: click.echo(text, err=True))


def _run_here(run: Callable[[], LocalRun], farewell: str) -> LocalRun:
    """Run, and tell what the author did wrong without our own frames. ``farewell`` is what Ctrl-C is answered."""
    try:
        return run()
    except KeyboardInterrupt:
        if farewell:
            click.echo(farewell, err=True)
        raise
    except (WrongArguments, EncodeError, InvalidTask, JumboTooLargeError, OtherExecution, SettingError) as error:
        raise Refusal(str(error)) from None
    except (NondeterminismError, DecisionAbandoned, StoreError, NotFound) as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:
        logger.debug("the run was given up", exc_info=True)
        raise click.ClickException(author_traceback(error).rstrip()) from None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
