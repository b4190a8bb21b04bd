"""``workflow.replay``: histories against the code of today."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..exceptions import DecisionAbandoned, NondeterminismError, NotFound, PayloadError
from ..payloads.objects import fields
from ..process.find import find_workflow
from ..replay.audit import audit
from ..replay.engine import FindWorkflow
from ..replay.events import ATTRIBUTES
from ..replay.work import Event, RunKey
from ..swf.find import Workflows
from ..swf.work import whole_history
from ..testing.histories import read_history
from .calling import DOMAIN_HELP, Call, swf_command
from .executions import closed_since, started_since
from .exits import Exit, Refusal, Unknown
from .output import Listing, Row, write
from .targets import DOMAIN, EXECUTION, Target, read_target

logger = logging.getLogger(__name__)

_COLUMNS = ("History", "Workflow Type", "Events", "Outcome", "Event", "Recorded", "Submitted", "Problem")

_ANONYMOUS = "maybe nothing but that the file does not tell whose history it is: give --workflow-id and --run-id"

FITS, DIFFERS, FAILED = "fits", "differs", "not replayed"


@dataclass(frozen=True, slots=True)
class _Subject:
    """A history and whose it is, or what keeps it from being read."""

    name: str
    key: RunKey
    events: list[Event]
    problem: str | None = None


@swf_command("workflow.replay")
@click.argument(
    "words",
    nargs=-1,
    metavar="FILE... | [DOMAIN] WORKFLOW_ID [RUN_ID]",
    shell_complete=lambda _ctx, _parameter, begun: [CompletionItem(begun, type="file")],
)
@click.option("--domain", help=DOMAIN_HELP[True])
@click.option(
    "--workflow",
    "workflows",
    multiple=True,
    metavar="PATH",
    help="The dotted path of the workflow for executions of its type, if not the one that they tell; may be repeated.",
)
@click.option("--workflow-type-name", help="All closed executions of this type, in place of WORKFLOW_ID.")
@started_since
@click.option("--workflow-id", help="Whose history FILE is, where it does not tell.")
@click.option("--run-id", help="Of which run FILE is the history, where it does not tell.")
def replay(
    call: Call,
    words: tuple[str, ...],
    domain: str | None,
    workflows: tuple[str, ...],
    workflow_type_name: str | None,
    started_since: float,
    workflow_id: str | None,
    run_id: str | None,
) -> int:
    """Replay histories against the code of today, and tell the first difference of each: the event, what it records,
    and what the code submits now. Nothing is scheduled, and the output of the code goes nowhere.

    FILE is what workflow.history --format json (or jsonl) or aws swf get-workflow-execution-history has printed.
    An argument is a file if it has a / in it or if there is a file of this name. Names of children, and chance, depend
    on the ids of an execution: give --workflow-id and --run-id where the file does not tell them.

    The exit code is 1 if a history does not fit, or cannot be replayed, and 3 if there is none.

    Example: simpleflow workflow.replay histories/*.json --workflow examples.basic.BasicWorkflow
    """
    find = finder(workflows)
    whose = RunKey(domain or "", workflow_id or "", run_id or "")
    if workflow_type_name:
        target = read_target(DOMAIN, words, domain)
    elif _are_files(words):
        return _report(call, (_saved(path, whose) for path in words), find)
    else:
        target = _execution(words, domain)
    if workflow_id or run_id:
        raise Refusal("--workflow-id and --run-id go with a FILE; expected [DOMAIN] WORKFLOW_ID [RUN_ID].")
    with call.about(target) as meant:
        if workflow_type_name is None:
            return _report(meant, [_kept(meant, meant.run())], find)
        return _report(meant, _of_type(meant, workflow_type_name, started_since), find)


def finder(paths: tuple[str, ...]) -> FindWorkflow:
    """Finds the workflows at these paths by the names of their types, others as a decider does. Raises Refusal."""
    try:
        named = {workflow.name: workflow for workflow in map(find_workflow, paths)}
    except NotFound as error:
        raise Refusal(f"--workflow: {error}") from None
    return lambda kind, text: named.get(kind) or Workflows().find(kind, text)


# -- which histories


def _are_files(words: tuple[str, ...]) -> bool:
    return bool(words) and all("/" in word or Path(word).is_file() for word in words)


def _execution(words: Sequence[str], domain: str | None) -> Target:
    """The execution that the words name; where they name none they may have been meant as files. Raises Refusal."""
    try:
        return read_target(EXECUTION, words, domain)
    except Refusal as error:
        missing = next((word for word in words if not Path(word).is_file()), None)
        hint = "or name a FILE" if missing is None else f"if it is to be a FILE, there is no file {missing!r}"
        raise Refusal(f"{error.message.rstrip('.')}; {hint}.") from None


def _saved(path: str, whose: RunKey) -> _Subject:
    try:
        saved = read_history(Path(path))
    except FileNotFoundError:
        raise Unknown(f"there is no file {path!r}; `simpleflow workflow.history --format json` prints one.") from None
    except (OSError, ValueError) as error:
        return _Subject(path, whose, [], str(error))
    key = RunKey(whose.domain, whose.workflow_id or saved.workflow_id, whose.run_id or saved.run_id)
    return _Subject(path, key, saved.events)


def _kept(call: Call, key: RunKey) -> _Subject:
    return _Subject(f"{key.workflow_id} {key.run_id}", key, whole_history(call.client, key))


def _of_type(call: Call, name: str, days: float) -> Iterator[_Subject]:
    execution = None
    for info in closed_since(call, days, {"typeFilter": {"name": name}}):
        execution = info["execution"]
        yield _kept(call, RunKey(call.domain, execution["workflowId"], execution["runId"]))
    if execution is None:
        raise Unknown(
            f"there is no closed execution of the type {name!r} that started in the last {days:g} days; "
            f"`simpleflow type.list {call.domain}` lists the types, --started-since looks further back."
        )


# -- what comes of them


def _report(call: Call, subjects: Iterable[_Subject], find: FindWorkflow) -> int:
    """Write a row for each; the exit code. The remedy is told once, at the end."""
    outcomes: list[str] = []

    def rows() -> Iterator[Row]:
        for subject in subjects:
            row = _row(subject, find)
            outcomes.append(row["Outcome"])
            yield row

    write(Listing(_COLUMNS, rows(), activity="replaying"), call.output)
    told = [f"{_counted(outcomes, FAILED)} could not be replayed; the column Problem (--format human) tells why."]
    if DIFFERS in outcomes:
        differ = f"{_counted(outcomes, DIFFERS)} cannot be replayed by the code of today. {NondeterminismError.REMEDY}"
        told = [differ, *told] if FAILED in outcomes else [differ]
    elif FAILED not in outcomes:
        return Exit.DONE
    raise click.ClickException(" ".join(told))


def _counted(outcomes: list[str], outcome: str) -> str:
    return f"{outcomes.count(outcome)} of {len(outcomes)} histories" if len(outcomes) > 1 else "the history"


def _row(subject: _Subject, find: FindWorkflow) -> Row:
    row: dict[str, Any] = dict.fromkeys(_COLUMNS)
    row |= {"History": subject.name, "Events": len(subject.events), "Outcome": FAILED, "Problem": subject.problem}
    if subject.problem is not None:
        return row
    try:
        started = subject.events[0][ATTRIBUTES["WorkflowExecutionStarted"]]
        row["Workflow Type"] = kind = started["workflowType"]["name"]
        audit(subject.key, kind, subject.events, find, fields=fields())
    except NondeterminismError as error:
        found = {"Event": error.event_id, "Recorded": error.recorded, "Submitted": error.submitted}
        return row | found | {"Outcome": DIFFERS, "Problem": None if subject.key.run_id else _ANONYMOUS}
    except NotFound as error:
        return row | {"Problem": f"{error} Name the workflow with --workflow."}
    except (DecisionAbandoned, PayloadError) as error:
        return row | {"Problem": str(error)}
    except (LookupError, TypeError, ValueError) as error:
        logger.debug("%s cannot be replayed", subject.name, exc_info=True)
        return row | {"Problem": f"the events are not as SWF writes them: {error!r}"}
    return row | {"Outcome": FITS}
