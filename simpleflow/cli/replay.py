"""``workflow.replay``: histories against the code of today."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

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
from .calling import Call, swf_command
from .executions import closed_since, started_since
from .exits import Exit, Refusal, Unknown
from .output import Listing, Row, write
from .targets import DOMAIN, EXECUTION, read_target

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
@click.argument("words", nargs=-1, metavar="FILE... | [DOMAIN] WORKFLOW_ID [RUN_ID]")
@click.option("--domain", help="The SWF domain; then the arguments do not begin with it.")
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

    The exit code is 1 if a history does not fit, or cannot be replayed.

    Example: simpleflow workflow.replay histories/*.json --workflow examples.basic.BasicWorkflow
    """
    find = finder(workflows)
    whose = RunKey(domain or "", workflow_id or "", run_id or "")
    if workflow_type_name:
        target = read_target(DOMAIN, words, domain)
    elif _are_files(words):
        return _report(call, (_saved(path, whose) for path in words), find)
    else:
        target = read_target(EXECUTION, words, domain)
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
    for info in closed_since(call, days, {"typeFilter": {"name": name}}):
        execution = info["execution"]
        yield _kept(call, RunKey(call.domain, execution["workflowId"], execution["runId"]))


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
    wrong = len(outcomes) - outcomes.count(FITS)
    if wrong == 0:
        return Exit.DONE
    counted = f"{wrong} of {len(outcomes)} histories" if len(outcomes) > 1 else "the history"
    if DIFFERS in outcomes:
        raise click.ClickException(f"{counted} cannot be replayed by the code of today. {NondeterminismError.REMEDY}")
    raise click.ClickException(f"{counted} could not be replayed; the column Problem (--format human) tells why.")


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
