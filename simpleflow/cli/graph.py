"""``workflow.graph``: the tasks of an execution and what they follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from ..exceptions import DecisionAbandoned, NondeterminismError, NotFound, PayloadError
from ..history import History
from ..payloads.objects import fields
from ..replay import state as s
from ..replay.audit import audit
from ..replay.graph import RECEIVED, Task, reduced, watched
from ..replay.order import ordered
from ..replay.work import Event, RunKey
from ..swf.work import whole_history
from .calling import Call, swf_command
from .drawing import DRAWINGS, Box, titles
from .exits import Exit
from .output import Listing
from .replay import finder
from .targets import EXECUTION

_COLUMNS = ("Task", "Kind", "Name", "State", "After", "Known By")

#: What is said of a task of these kinds, once it has ended.
_ENDED = {s.MARKER: "recorded", s.SIGNAL: "sent", RECEIVED: "received", s.CANCEL_TIMER: "canceled"}


@dataclass(frozen=True, slots=True)
class _Known:
    """The tasks, and how it is known what they follow: by a ``replay`` or by the ``order`` of the history."""

    tasks: list[Task]
    by: str
    remark: str


@swf_command("workflow.graph", EXECUTION)
@click.option(
    "-o",
    "--of",
    "--output-format",
    "form",
    type=click.Choice(("text", *DRAWINGS)),
    default="text",
    show_default=True,
    help="A listing in any --format, or a picture for Graphviz or Mermaid.",
)
@click.option(
    "--workflow",
    metavar="PATH",
    help="The dotted path of the workflow, if it is not the one that the execution tells.",
)
def graph(call: Call, form: str, workflow: str | None) -> Listing | int:
    """Show the tasks of an execution, and which of them each one follows.

    A replay of the code tells: a task follows those whose futures are among its arguments, those whose results the code
    had seen when it submitted the task, and in a chain the one before it. Where the code is not at hand, or does not
    fit, a task follows what had ended just before it was scheduled; the column Known By is then order, not replay, and
    workflow.replay tells why.

    Example: simpleflow workflow.graph TestDomain basic-example-1438722273 --output-format dot | dot -Tsvg > basic.svg
    """
    key = call.run()
    events = whole_history(call.client, key)
    known = _known(key, events, workflow)
    states = _states(known.tasks, History(events))
    names = titles([task.id for task in known.tasks])
    if form in DRAWINGS:
        boxes = [Box(name, state, task.after) for name, state, task in zip(names, states, known.tasks, strict=True)]
        title = f"{key.workflow_id} {key.run_id}; what follows what is known by {known.remark}"
        for line in DRAWINGS[form](title, boxes):
            click.echo(line)
        return Exit.DONE
    rows = [
        {
            "Task": name,
            "Kind": task.kind,
            "Name": task.name,
            "State": state,
            "After": [names[place] for place in task.after],
            "Known By": known.by,
        }
        for name, state, task in zip(names, states, known.tasks, strict=True)
    ]
    return Listing(_COLUMNS, rows)


def _known(key: RunKey, events: Sequence[Event], workflow: str | None) -> _Known:
    find = finder((workflow,) if workflow else ())
    kind = events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
    try:
        audit(key, kind, events, find, fields=fields())
        return _Known(watched(key, kind, events, find, fields()), "replay", "a replay of its code")
    except (NotFound, NondeterminismError, DecisionAbandoned, PayloadError) as error:
        remark = f"the order of its history, since the code cannot be replayed: {error}"
        return _Known(reduced(ordered(events)), "order", remark)


def _states(tasks: Sequence[Task], history: History) -> list[str]:
    entries = {s.ACTIVITY: history.activities, s.CHILD: history.child_workflows, s.TIMER: history.timers}
    found = []
    for task in tasks:
        entry = entries.get(task.kind, {}).get(task.id)
        if entry is not None:
            found.append(str(entry["state"]))
        else:
            found.append(_ENDED.get(task.kind, "completed") if task.ended else "waiting")
    return found
