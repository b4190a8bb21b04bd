"""``workflow.start``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TextIO

import click

from ..exceptions import DecisionAbandoned, InvalidTask, NondeterminismError
from ..local.clock import RealTimeClock
from ..local.outcome import COMPLETED, LocalRun
from ..local.run import WrongArguments, execute
from ..payloads.codec import EncodeError
from ..payloads.limits import JumboTooLargeError
from ..process.find import NotFound, find_workflow
from ..process.perform import Middlewares
from ..tracebacks import author_traceback
from .inputs import read_input
from .output import Refusal, watched_stdout, write_last_line

logger = logging.getLogger(__name__)

_MOST_TAGS = 5


@click.command("workflow.start")
@click.argument("workflow")
@click.option("-d", "--domain", envvar="SWF_DOMAIN", help="The SWF domain.  [env var: SWF_DOMAIN]")
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
    middleware_pre_execution: tuple[str, ...],
    middleware_post_execution: tuple[str, ...],
) -> None:
    """Start the WORKFLOW with this dotted path, such as examples.basic.BasicWorkflow.

    With --local the last line of stdout is the result, as JSON. The exit code is 1 if the workflow does not complete.
    """
    if not local:
        raise Refusal("only local mode exists yet: add --local.")
    stdout = watched_stdout()
    try:
        workflow_class = find_workflow(workflow)
        middlewares = Middlewares.load(middleware_pre_execution, middleware_post_execution)
    except NotFound as error:
        raise Refusal(str(error)) from None
    (args, kwargs), tag_list = read_input(input, input_file), split_tags(tags)
    ended = _run_here(
        lambda: execute(
            workflow_class,
            args,
            kwargs,
            check_replay=check_replay,
            middlewares=middlewares,
            clock=RealTimeClock() if real_time else None,
            workflow_id=workflow_id or "local",
            task_list=task_list,
            execution_timeout=_text(execution_timeout),
            decision_tasks_timeout=_text(decision_tasks_timeout),
            tags=tag_list,
        )
    )
    if ended.status != COMPLETED:
        raise click.ClickException(ended.explain())
    write_last_line(stdout, ended.result or "null")


def _run_here(run: Callable[[], LocalRun]) -> LocalRun:
    """Run, and tell what the author did wrong without our own frames."""
    try:
        return run()
    except (WrongArguments, EncodeError, InvalidTask, JumboTooLargeError) as error:
        raise Refusal(str(error)) from None
    except (NondeterminismError, DecisionAbandoned) as error:
        raise click.ClickException(str(error)) from None
    except Exception as error:
        logger.debug("the run was given up", exc_info=True)
        raise click.ClickException(author_traceback(error).rstrip()) from None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def split_tags(text: str | None) -> list[str]:
    tags = [tag.strip() for tag in (text or "").split(",") if tag.strip()]
    if len(tags) > _MOST_TAGS:
        raise Refusal(f"--tags has {len(tags)} tags; an execution has {_MOST_TAGS} at most.")
    return tags
