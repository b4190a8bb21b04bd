"""The replay engine: from a decision task to decisions.

Theory of operation
-------------------
A workflow is a program whose every question to the world is answered by the history of its execution. The engine runs
the program in greenlets (``fibers``), feeds it the history decision by decision (``events.split``, ``fold``) and
collects what it asks for (``outbox``, ``response``).

*Live runs.* After a decision the program stays parked. When the next decision task of the run comes, only its new
events are folded and the program goes on where it waited: the cost is that of the new events. A run is live only if
the last task that it answered is the last one that SWF saw completed (``previous_started_event_id``) and the new
events follow without a gap; in all other cases the run is built again from event 1.

*Fresh runs* go through the same steps, once for each batch that an earlier decision saw. Because the program goes on
after each batch exactly as it did live, whatever it can observe (``future.done``, ``wait(FIRST_COMPLETED)``,
``list_markers``, free places in a group) is as it was. What a later batch tells is not seen before its turn.

*Claims.* What the program asks for waits in the outbox until the event that confirms it is folded: at the next
decision, or later if the response was cut at a limit. There it is compared by type and by the value of its input. So
an id can never change its meaning without NondeterminismError, and a decision that was lost is simply sent again.

*Purity.* No clock, no AWS, and no I/O but that of the ``fields`` that are passed in, for payloads that stand outside
the history. What ``decide`` raises leaves no trace: the run is dropped and built again.
"""

from __future__ import annotations

import json
import logging
from bisect import bisect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ..exceptions import DecisionAbandoned, DecisionDeadlock, NondeterminismError, PayloadError, PayloadUnavailable
from ..history import History
from ..payloads.fields import INLINE, Fields
from . import state as s
from .decisions import decision
from .endings import failed
from .events import ATTRIBUTES, CLOSING, Batch, of_type, split
from .limits import Limits
from .repair import OldHistories, Repair, repairing_of
from .response import respond
from .run import Run, Stopped
from .work import Decisions, DecisionWork, Event, RunKey

logger = logging.getLogger(__name__)

#: Finds the Workflow class of an execution: by the ``class`` in ``__extra`` of its input, or the name of its type.
FindWorkflow = Callable[[str, str], type[Any]]

_CLOSE_HOOKS = frozenset({"on_completed", "on_failure", "on_canceled", "after_closed"})


class HistoryNeeded(Exception):
    """The run is not live: the task has to be brought with all events from event 1."""


class Engine:
    """Decides for any number of executions; belongs to one thread.

    ``capacity`` and ``capacity_bytes`` bound the live runs. ``task_list`` overrides the task lists of everything that
    is scheduled (used by standalone). ``fields`` stores and fetches what is too long for the history;
    ``old_histories`` gives those that executions repair.
    """

    def __init__(
        self,
        find_workflow: FindWorkflow,
        limits: Limits | None = None,
        capacity: int = 1000,
        capacity_bytes: int = 512 * 1024**2,
        task_list: str | None = None,
        fields: Fields = INLINE,
        old_histories: OldHistories | None = None,
    ) -> None:
        self._find_workflow = find_workflow
        self._limits = limits or Limits()
        self._capacity = capacity
        self._capacity_bytes = capacity_bytes
        self._task_list = task_list
        self._fields = fields
        self._old_histories = old_histories
        self._live: OrderedDict[RunKey, Run] = OrderedDict()
        self._bytes = 0

    def decide(self, work: DecisionWork) -> Decisions:
        """The decisions for a task.

        Raises NondeterminismError where the code does not fit the history, DecisionAbandoned where the outside world
        failed, HistoryNeeded where the run is not live and the events do not begin with event 1.
        """
        run, batches = self._resumed(work)
        newest = batches.pop()
        try:
            for batch in batches:
                run.advance(batch, replaying=True)
            self._hook(run, "before_replay")
            try:
                run.advance(newest, replaying=False)
            finally:
                self._hook(run, "after_replay")
            decisions = respond(run, self._limits)
        except BaseException as error:
            run.close()
            if isinstance(error, Stopped):
                raise error.error from None
            raise
        self._warn_of_length(work)
        if decisions.objects:
            self._put(run, decisions)
        self._keep(work.key, run)
        return decisions

    def seen(self, key: RunKey) -> int:
        """The id of the last event that a live run has seen; 0 if the run is not live."""
        run = self._live.get(key)
        return run.state.last_event_id if run is not None else 0

    def live(self, key: RunKey) -> Run | None:
        """The live run, to look at."""
        return self._live.get(key)

    def drop(self, key: RunKey) -> None:
        """Forget a live run: its response was refused, or it is over."""
        run = self._live.pop(key, None)
        if run is not None:
            self._bytes -= run.state.weight
            run.close()

    def wants_close(self, key: RunKey) -> bool:
        """Whether the author of a live run wants to hear of its close."""
        run = self._live.get(key)
        return run is not None and not _CLOSE_HOOKS.isdisjoint(run.hooks)

    def closed(self, key: RunKey, workflow_type: str, events: Sequence[Event]) -> None:
        """The whole history shows that the execution is closed: tell the author's hooks, and forget the run."""
        run = self._live.get(key)
        if run is None:
            run = Run(key, self._find(workflow_type, events[0]), self._task_list, fields=self._fields)
        run.events = list(events)
        try:
            self._tell(run, events[-1])
        finally:
            self.drop(key)

    def close(self) -> None:
        """Drop all live runs."""
        for key in tuple(self._live):
            self.drop(key)

    # -- live and fresh

    def _resumed(self, work: DecisionWork) -> tuple[Run, list[Batch]]:
        run = self._live.pop(work.key, None)
        if run is not None:
            self._bytes -= run.state.weight
            events = work.events
            seen = run.state.last_event_id + 1 - events[0]["eventId"]
            if run.last_started == work.previous_started_event_id and 0 <= seen < len(events):
                return run, [Batch(events[seen:], work.started_event_id, events[-1]["eventTimestamp"])]
            run.close()
        return self._fresh(work)

    def _fresh(self, work: DecisionWork) -> tuple[Run, list[Batch]]:
        if work.events[0]["eventId"] != 1:
            raise HistoryNeeded(f"the run {work.key} is not live; its history from event 1 is needed")
        workflow_class, effects = self._find(work.workflow_type, work.events[0]), side_effects(work.events)
        run = Run(work.key, workflow_class, self._task_list, effects, self._fields)
        run.repair = self._repair(work)
        return run, split(work.events, work.started_event_id)

    def _repair(self, work: DecisionWork) -> Repair | None:
        if self._old_histories is None:
            return None
        try:
            repairing = repairing_of(work.events[0], self._fields)
        except PayloadError:  # the run will tell
            return None
        if repairing is None:
            return None
        old = RunKey(work.key.domain, repairing.workflow_id, repairing.run_id)
        return Repair(repairing, self._old_histories(old))

    def _find(self, workflow_type: str, started: Event) -> type[Any]:
        return find_class(self._find_workflow, workflow_type, started, self._fields)

    def _put(self, run: Run, decisions: Decisions) -> None:
        """Nothing that is sent refers to an object that is not there."""
        try:
            for reference, body in decisions.objects:
                self._fields.put(reference, body)
        except PayloadUnavailable as error:
            run.close()
            raise DecisionAbandoned(str(error)) from error

    def _keep(self, key: RunKey, run: Run) -> None:
        self._live[key] = run
        self._bytes += run.state.weight
        while len(self._live) > self._capacity or (self._bytes > self._capacity_bytes and len(self._live) > 1):
            self.drop(next(iter(self._live)))

    # -- hooks

    def _hook(self, run: Run, name: str) -> None:
        if name in run.hooks:
            self._observe(run, name, run.history())

    def _observe(self, run: Run, name: str, *args: Any) -> None:
        """Hooks observe: what they raise changes nothing."""
        try:
            with run.fibers.observed_by(f"the hook {name}"):
                getattr(run.workflow, name)(*args)
        except (KeyboardInterrupt, DecisionDeadlock):
            raise
        except BaseException:
            logger.exception("%s of %s failed", name, run.workflow_class.__name__)

    def _tell(self, run: Run, event: Event) -> None:
        kind = event["eventType"]
        attributes = event[ATTRIBUTES[kind]]
        history = History(run.events)
        if kind == "WorkflowExecutionCompleted":
            self._observe(run, "on_completed", history)
        elif kind == "WorkflowExecutionFailed":
            self._observe(run, "on_failure", history, attributes.get("reason"), attributes.get("details"))
        elif kind == "WorkflowExecutionCanceled":
            self._observe(run, "on_canceled", history)
        if kind in CLOSING:
            self._observe(run, "after_closed", history)

    def _warn_of_length(self, work: DecisionWork) -> None:
        lengths = self._limits.history_warnings
        if bisect(lengths, work.previous_started_event_id) != bisect(lengths, work.started_event_id):
            logger.warning(
                "the history of %s has %d events; Amazon SWF ends an execution at 25,000. "
                "Let the workflow submit self.continue_as_new(…) in time.",
                work.key.workflow_id,
                work.started_event_id,
            )


def find_class(find_workflow: FindWorkflow, workflow_type: str, started: Event, fields: Fields) -> type[Any]:
    """The Workflow class of an execution. Raises DecisionAbandoned."""
    text = started[ATTRIBUTES["WorkflowExecutionStarted"]].get("input") or ""
    try:
        return find_workflow(workflow_type, fields.outer(text) or "")
    except PayloadUnavailable as error:
        raise DecisionAbandoned(str(error)) from error
    except PayloadError:  # the run will tell
        return find_workflow(workflow_type, "")


def side_effects(events: Sequence[Event]) -> list[str]:
    """The recorded side effects of a history, in order."""
    markers = (event["markerRecordedEventAttributes"] for event in of_type(events, "MarkerRecorded"))
    return [marker.get("details", "") for marker in markers if marker["markerName"] == s.SIDE_EFFECT]


def answer_nondeterminism(error: NondeterminismError, work: DecisionWork, fails: bool = False) -> Decisions:
    """What a decider answers when the code does not fit: wait and look again, so that a roll-back heals the execution.

    The wait doubles from a minute to an hour; there is one at a time. With ``fails`` the execution fails.
    """
    if fails:
        return Decisions((failed(f"nondeterminism: {error}").wire,), closes=True)
    context = json.dumps({"error": "nondeterminism", "event": error.event_id, "message": str(error)[:4000]})
    waits = {
        event["eventId"]: int(event["timerStartedEventAttributes"]["startToFireTimeout"])
        for event in of_type(work.events, "TimerStarted")
        if event["timerStartedEventAttributes"]["timerId"] == s.ROLL_BACK_TIMER
    }
    fired = {event["timerFiredEventAttributes"]["startedEventId"] for event in of_type(work.events, "TimerFired")}
    if waits.keys() - fired:
        return Decisions(execution_context=context, shared_task_list=True)
    seconds = min(3600, max([60, *(2 * wait for wait in waits.values())]))
    wake_up = decision("StartTimer", timerId=s.ROLL_BACK_TIMER, startToFireTimeout=str(seconds))
    return Decisions((wake_up,), execution_context=context, shared_task_list=True)
