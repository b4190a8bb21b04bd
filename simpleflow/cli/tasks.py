"""``workflow.tasks``, ``workflow.profile``, ``task.list`` and ``task.info``: the tasks of an execution."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from ..history import Entry, History
from ..swf.stats.base import Timing, WorkflowStats, ended, scheduled, when
from ..swf.work import whole_history
from .calling import Call, swf_command
from .exits import Refusal, Unknown
from .output import Listing, Row
from .targets import EXECUTION, TASK

_nb_tasks = click.option("-n", "--nb-tasks", type=click.IntRange(1), metavar="N", help="The first N of them.")


def history_of(call: Call) -> History:
    """The whole history of the run that is meant."""
    return History(whole_history(call.client, call.run()))


def _reason(entry: Entry) -> Any:
    """Why a task did not complete: what it says itself, or what SWF says."""
    return entry.get("reason") or entry.get("timeout_type") or entry.get("cause")


# -- workflow.tasks


@swf_command("workflow.tasks", EXECUTION)
@_nb_tasks
def tasks(call: Call, nb_tasks: int | None) -> Listing:
    """List the tasks of an execution and the signals that it got, the newest first.

    Example: simpleflow --header workflow.tasks TestDomain basic-example-1438722273 --nb-tasks 3
    """
    newest = reversed(history_of(call).tasks)
    rows: list[Row] = [
        {
            "Tasks": entry["name"],
            "Last State": entry["state"],
            "Last State Time": when(entry),
            "Scheduled Time": scheduled(entry),
        }
        for entry in newest
    ]
    return Listing(("Tasks", "Last State", "Last State Time", "Scheduled Time"), rows[:nb_tasks])


# -- workflow.profile

_PROFILE = (
    "Task",
    "Last State",
    "Scheduled",
    "Time Scheduled",
    "Start",
    "Time Running",
    "End",
    "Percentage of total time",
)


@swf_command("workflow.profile", EXECUTION)
@_nb_tasks
@click.option(
    "--chart",
    "charted",
    is_flag=True,
    help="Draw a Gantt chart instead, with timers, and with a * at the tasks of the critical path.",
)
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="With --chart: draw it as SVG into this file.",
)
def profile(call: Call, nb_tasks: int | None, charted: bool, file: Path | None) -> Listing | None:
    """Tell how long the activities and child workflows of an execution waited and ran, the longest first.

    Times are in seconds; what still runs counts up to now. A task that was tried again shows its latest attempt.
    The critical path leads from the task that ended last to what had ended just before it was scheduled, and so on.

    Example: simpleflow --header workflow.profile TestDomain basic-example-1438722273
    """
    if file is not None and not charted:
        raise Refusal("--output goes with --chart.")
    if charted:
        draw = importlib.import_module("simpleflow.cli.draw_chart")  # listings begin without it
        draw.draw(history_of(call), call, nb_tasks, file)
        return None
    stats = WorkflowStats(history_of(call), now=call.now)
    rows = [_profiled(timing, stats) for timing in stats.timings()]
    rows.sort(key=lambda row: -1.0 if row["Time Running"] is None else row["Time Running"], reverse=True)
    return Listing(_PROFILE, rows[:nb_tasks])


def _profiled(timing: Timing, stats: WorkflowStats) -> Row:
    return {
        "Task": timing.id,
        "Last State": timing.state,
        "Scheduled": timing.scheduled,
        "Time Scheduled": timing.waited,
        "Start": timing.started,
        "Time Running": timing.ran,
        "End": timing.ended,
        "Percentage of total time": stats.percentage(timing),
    }


# -- task.list


@swf_command("task.list", EXECUTION)
def list_tasks(call: Call) -> Listing:
    """List the activities, child workflows and timers of an execution by their ids, the oldest first.

    Example: simpleflow --header task.list TestDomain basic-example-1438722273
    """
    return Listing(_TASK_COLUMNS, [_listed(entry) for entry in _with_ids(history_of(call))])


_TASK_COLUMNS = ("ID", "Type", "Name", "Version", "State", "Attempt", "Scheduled", "Started", "Ended", "Reason")


def _listed(entry: Entry) -> Row:
    return {
        "ID": entry["id"],
        "Type": entry["type"],
        "Name": entry.get("name"),
        "Version": entry.get("version"),
        "State": entry["state"],
        "Attempt": _attempt(entry),
        "Scheduled": scheduled(entry),
        "Started": entry.get("started_timestamp"),
        "Ended": ended(entry),
        "Reason": _reason(entry),
    }


def _attempt(entry: Entry) -> int | None:
    """The number of the attempt that the entry tells of: ``retry`` counts the failures from 0."""
    if entry["type"] == "timer":
        return None
    failures: int = entry.get("retry", -1) + 1
    return failures if entry["state"] in ("failed", "timed_out") else failures + 1


def _with_ids(history: History) -> Iterable[Entry]:
    named = [*history.activities.values(), *history.child_workflows.values(), *history.timers.values()]
    return sorted(named, key=lambda entry: History.get_event_id(entry) or 0)


# -- task.info


@swf_command("task.info", TASK)
@click.option(
    "--details/--no-details", default=False, show_default=True, help="Whether to show the details of a failure."
)
def task_info(call: Call, details: bool) -> Listing:
    """Tell what a task was given and how it went. TASK_ID is as in task.list and workflow.profile.

    Example: simpleflow --header task.info TestDomain basic-example-1438722273 activity-examples.basic.increment-1
    """
    history, task_id = history_of(call), call.target.words["TASK_ID"]
    kinds = (history.activities, history.child_workflows, history.timers)
    entry = next((kind[task_id] for kind in kinds if task_id in kind), None)
    if entry is None:
        raise Unknown(
            f"the execution {call.target.workflow_id!r} has no task {task_id!r}; "
            f"`simpleflow task.list {call.domain} {call.target.workflow_id}` lists those that it has."
        )
    row = {
        "type": entry["type"],
        "id": entry["id"],
        "name": entry.get("name"),
        "version": entry.get("version"),
        "state": entry["state"],
        "timestamp": when(entry),
        "input": entry.get("input"),
        "result": entry.get("result"),
        "reason": _reason(entry),
    }
    if details:
        row["details"] = entry.get("details")
    return Listing(tuple(row), [row])
