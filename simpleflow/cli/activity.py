"""``activity.rerun``: an activity of a history, once more, here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from .. import settings
from ..exceptions import NotFound
from ..payloads import codec
from ..payloads.objects import fields
from ..process.find import find_activity
from ..process.perform import ActivityCallData, Completed, Failed, Middlewares, perform
from ..replay.events import ATTRIBUTES, of_type
from ..replay.work import Event, RunKey
from ..swf.work import whole_history
from ..utils.quiet import plain_lines
from . import programs
from .calling import Call, swf_command
from .exits import Exit, Refusal, Unknown
from .inputs import read_input
from .output import watched_stdout, write_last_line
from .targets import EXECUTION, read_target


@swf_command("activity.rerun", listing=False)
@click.option("--workflow-id", required=True, help="The workflow id of its execution.")
@click.option("--run-id", help="The run id; by default the newest run.")
@click.option("-d", "--domain", help="The SWF domain; by default SWF_DOMAIN.")
@click.option("--scheduled-id", type=click.IntRange(1), help="The event that scheduled it, of any attempt.")
@click.option("--activity-id", help="Its id; the input is that of the latest attempt.")
@click.option("-i", "--input", "text", help="Another input, as JSON: a list, or an object with args, kwargs or both.")
def rerun(
    call: Call,
    workflow_id: str,
    run_id: str | None,
    domain: str | None,
    scheduled_id: int | None,
    activity_id: str | None,
    text: str | None,
) -> int:
    """Execute an activity of an execution once more, in this process: to see why it failed, or whether it does now.

    SWF hears nothing of it. The last line of stdout is the result, as JSON; the exit code is 1 if the activity fails.

    Example: simpleflow activity.rerun --domain TestDomain --workflow-id my-workflow --scheduled-id 5
    """
    if (scheduled_id is None) == (activity_id is None):
        raise Refusal("give one of --scheduled-id and --activity-id; `simpleflow task.list` lists the ids.")
    words = (workflow_id,) if run_id is None else (workflow_id, run_id)
    if not (domain or settings.SWF_DOMAIN):
        raise Refusal("the domain is missing: give it with --domain or in SWF_DOMAIN.")
    target = read_target(EXECUTION, words, domain or settings.SWF_DOMAIN)
    with call.about(target) as meant:
        key = meant.run()
        events = whole_history(meant.client, key)
    task = _task(key, _scheduling(key, events, scheduled_id, activity_id))
    if text is not None:
        args, kwargs = read_input(text, None)
        task = replace(task, input=codec.encode({"args": args, "kwargs": kwargs}))
    return _performed(task)


def _scheduling(
    key: RunKey, events: Sequence[Event], scheduled_id: int | None, activity_id: str | None
) -> dict[str, Any]:
    """What the event says that scheduled the attempt. Raises Unknown."""
    found = None
    for event in of_type(events, "ActivityTaskScheduled"):
        attributes = event[ATTRIBUTES["ActivityTaskScheduled"]]
        if event["eventId"] == scheduled_id or attributes["activityId"] == activity_id:
            found = dict(attributes)
    if found is None:
        wanted = f"activity {activity_id!r}" if scheduled_id is None else f"activity scheduled by event {scheduled_id}"
        raise Unknown(
            f"the execution {key.workflow_id!r} has no {wanted}; `simpleflow task.list {key.domain} {key.workflow_id}` "
            "lists the activities, `simpleflow workflow.history` the events."
        )
    return found


def _task(key: RunKey, scheduled: dict[str, Any]) -> ActivityCallData:
    return ActivityCallData(
        name=scheduled["activityType"]["name"],
        version=scheduled["activityType"]["version"],
        activity_id=scheduled["activityId"],
        input=scheduled.get("input"),
        workflow_id=key.workflow_id,
        run_id=key.run_id,
        domain_name=key.domain,
        task_list=scheduled["taskList"]["name"],
    )


def _performed(task: ActivityCallData) -> int:
    stdout = watched_stdout()
    try:
        activity = find_activity(task.name)
        outcome = perform(task, Middlewares.load((programs.FETCH,)), activity=activity)
    except NotFound as error:
        raise click.ClickException(str(error)) from None
    if isinstance(outcome, Completed):
        write_last_line(stdout, codec.canonical(fields().fetch(outcome.result)))
        return Exit.DONE
    click.echo(plain_lines(_told(outcome)), err=True)
    return Exit.FAILED


def _told(failure: Failed) -> str:
    """The author's traceback, which ends with the reason; else the reason."""
    told = codec.decode(fields().fetch(failure.details))
    traceback = str(told.get("traceback") or "") if isinstance(told, dict) else ""
    return traceback.rstrip() or f"Error: {fields().fetch(failure.reason)}"
