"""What ``standalone`` does once it is known what is to run and where: from the start of the execution to its end."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from dataclasses import replace

import click

from .. import settings
from ..exceptions import InvalidTask, PayloadError
from ..payloads.codec import EncodeError
from ..payloads.limits import JumboTooLargeError
from ..payloads.objects import fields
from ..process.nursery import Plan
from ..replay.repair import Repairing
from ..replay.work import RunKey
from ..service.clock import RealClock
from ..swf.client import Client
from ..swf.errors import SwfError, Unreachable
from ..swf.executions import newest_run
from ..swf.repair import NotRepairable, repair_of, repairing_run
from ..swf.start import (
    YEAR_SECONDS,
    End,
    Start,
    end_in,
    end_of,
    events_after,
    start,
    tell_interruption,
)
from .asked import Asked, OldRun, Place
from .calling import failed
from .crew import ENDING_SECONDS, GRACE_SECONDS, PATIENCE_SECONDS, Crew, Roles, Stop
from .decider import DeciderOptions, prepare
from .embedded import Embedded, EmbeddedError
from .exits import Exit, Refusal, Unknown, exit_of
from .following import passes, readable, result_of
from .output import LineWatcher, write_last_line, write_started
from .progress import Progress, picture
from .screen import Relay, Screen

_LOOK_SECONDS = 0.1
_LOOK_AT_AMAZON_SECONDS = 2.0
_TELL_SECONDS = 1.0  # between two lines of status
_MOST_LINES = 16  # of the picture of the progress

#: What a decision may take here: the decider gives up one that takes longer than 15 s. When it is killed in the middle,
#: the decision is offered again after this time.
_DECISION_SECONDS = 30


def run(asked: Asked, place: Place, stdout: LineWatcher) -> int:
    """Run the execution to its end, or until the user stops it; the exit code."""
    service = _served(place)
    _set_defaults()
    screen = Screen(stdout, live=asked.display and sys.stderr.isatty())
    relay, stop = Relay(screen), Stop()
    plan = Plan((), asked.before, asked.after, asked.color)
    crew = Crew(Roles(asked.workflow, asked.domain, asked.nb_deciders, asked.nb_workers, asked.heartbeat, plan), relay)
    key, ended, patience = None, None, GRACE_SECONDS
    try:
        what = _what(asked)
        if asked.old is not None:
            what = _repairing(what, asked.old)
        key, task_list, repairing = _begun(what, asked.resume)
        write_started(key.workflow_id, key.run_id, f"to go on: {asked.go_on(key.workflow_id)}")
        if not stop.wait(0):
            if task_list is not None:
                crew.start(task_list, repairing)
                relay.begin()
            ended = _Follower(key, service, screen, asked).follow(stop)
        if ended is None:
            patience = PATIENCE_SECONDS + ENDING_SECONDS
            screen.say(f"stopping; activities that run have {PATIENCE_SECONDS:g} s to finish")
    except (SwfError, EmbeddedError) as error:
        told = failed(error) if isinstance(error, SwfError) else click.ClickException(str(error))
        if key is None:
            raise told from None
        raise click.ClickException(f"{told.message}\nto go on: {asked.go_on(key.workflow_id)}") from None
    except (EncodeError, InvalidTask, JumboTooLargeError) as error:
        raise Refusal(str(error)) from None
    except PayloadError as error:
        raise click.ClickException(str(error)) from None
    finally:
        crew.stop(patience, stop)
        relay.end()
    if ended is None:
        screen.say(f"stopped; to go on: {asked.go_on(key.workflow_id)}")
        return Exit.INTERRUPTED
    return _tell(ended, stdout)


def _served(place: Place) -> Embedded | None:
    """The embedded service, to which this process and those that it starts turn from now on."""
    if place.service is None:
        return None
    try:
        service = place.service.finish()
    except EmbeddedError as error:
        raise click.ClickException(str(error)) from None
    os.environ.update(service.environment)
    # on one machine long payloads need no bucket
    os.environ.setdefault("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", f"file://{service.db.parent / 'objects'}")
    return service


def _what(asked: Asked) -> Start:
    workflow = asked.workflow
    name = str(workflow.name or workflow.__name__)
    return Start(
        asked.domain,
        workflow,
        asked.workflow_id or asked.resume or f"{name}-{uuid.uuid4().hex[:12]}",
        asked.args,
        asked.kwargs,
        f"{name[:200]}-{uuid.uuid4().hex}",
        asked.execution_timeout or getattr(workflow, "execution_timeout", None) or YEAR_SECONDS,
        asked.decision_tasks_timeout,
        tuple(asked.tags),
    )


def _set_defaults() -> None:
    """Executions live for a year, children too, unless the user has a setting for it."""
    for name, value in (
        ("WORKFLOW_DEFAULT_EXECUTION_TIME", YEAR_SECONDS),
        ("WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT", _DECISION_SECONDS),
    ):
        if settings.lookup(name)[1] == "default":
            os.environ[name] = str(value)


def _repairing(what: Start, old: OldRun) -> Start:
    """Start it as a repair. It has the input and the tags of the old run, unless it is given its own."""
    client = Client()
    try:
        type_name = str(what.workflow.name)
        found = repair_of(client, what.domain, old.workflow_id, old.run_id, old.force, type_name)
    except NotRepairable as error:
        raise Unknown(str(error)) from None
    finally:
        client.close()
    repairing, args, kwargs, tags = found
    what = replace(what, repairing=repairing, tags=what.tags or tags)
    return replace(what, args=args, kwargs=kwargs) if old.inherits else what


def _begun(what: Start, resume: str | None) -> tuple[RunKey, str | None, Repairing | None]:
    """Start the execution, or find the one to go on with.

    Gives its task list, or None if it has ended, and what it repairs.
    """
    client = Client()
    try:
        prepare(DeciderOptions(what.domain, what.task_list, (what.workflow,)))
        if resume is None:
            return start(client, what, since=None), what.task_list, what.repairing
        key = newest_run(client, what.domain, resume)
        if key is None:
            raise Unknown(f"there is no execution {resume!r} in the domain {what.domain}; was it started elsewhere?")
        if end_of(client, key) is not None:
            return key, None, None
        return key, tell_interruption(client, key), repairing_run(client, key)
    finally:
        client.close()


class _Follower:
    """Watches an execution to its end; a run that is continued as new is followed."""

    def __init__(self, key: RunKey, service: Embedded | None, screen: Screen, asked: Asked) -> None:
        self._client = Client()
        self._key = key
        self._service = service
        self._screen = screen
        self._color = asked.color == "always"
        self._display = asked.display
        self._progress = Progress(key.workflow_id)
        self._told = ""
        self._tell_next = 0.0
        self._troubled = False

    def follow(self, stop: Stop) -> End | None:
        """The end; None if the user stops first."""
        look_seconds = _LOOK_AT_AMAZON_SECONDS if self._service is None else _LOOK_SECONDS
        while not stop.wait(look_seconds):
            try:
                ended = self._look()
            except SwfError as error:
                self._bear(error)
                continue
            self._troubled = False
            if ended is not None:
                return ended
        return None

    def _bear(self, error: SwfError) -> None:
        """The execution goes on whether or not it can be watched just now. Raises what will not pass."""
        if not passes(error):
            raise error
        if self._service is not None and isinstance(error, Unreachable):
            self._service.revive()
        elif not self._troubled:
            self._troubled = True
            self._screen.say(f"{error}; still waiting")

    def _look(self) -> End | None:
        if not self._display:
            ended = end_of(self._client, self._key)
        else:
            events = events_after(self._client, self._key, self._progress.last_event_id)
            self._progress.take(events)
            self._show()
            ended = end_in(events)
        if ended is None or ended.status != "ContinuedAsNew":
            return ended
        self._key = self._key._replace(run_id=ended.attributes["newExecutionRunId"])
        self._progress = Progress(self._key.workflow_id)
        return None

    def _show(self) -> None:
        now = RealClock().now_ms() / 1000
        if self._screen.live:
            width, height = shutil.get_terminal_size()
            self._screen.draw(picture(self._progress, now, width, min(height - 1, _MOST_LINES), color=self._color))
            return
        told = self._progress.told()
        if told != self._told and now >= self._tell_next:
            self._told, self._tell_next = told, now + _TELL_SECONDS
            self._screen.say(f"status: {told or 'deciding'}")


def _tell(ended: End, stdout: LineWatcher) -> int:
    attributes = ended.attributes
    click.echo(f"execution {_TOLD.get(ended.status, ended.status.lower())}", err=True)
    if ended.status == "Completed":
        write_last_line(stdout, result_of(ended))
    else:
        for member in ("reason", "details"):
            if attributes.get(member):
                click.echo(readable(str(fields().fetch(attributes[member]))), err=True)
    return exit_of(ended.status)


_TOLD = {"TimedOut": "timed out: it took longer than its timeout"}
