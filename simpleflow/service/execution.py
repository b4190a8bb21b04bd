"""The aggregate of one run: commands in, events out.

A command is a method here. It appends events; each event is folded into the `State` as it is appended, and nothing else
changes the state. The rules of the decision task live in `append` and the methods around it:

* At most one decision task is scheduled and at most one is started. An event that wakes the decider writes
  DecisionTaskScheduled right behind it, with its timestamp, unless one is scheduled already; whether one is *started*
  does not matter, but then the new one stays on its list, not ready, until the started one ends.
* While a batch of decisions is applied the waking is put off (`defer`) and done once, behind the batch and behind what
  the batch does to other runs (`resume`).

Beside the state there are two indexes of what is open, shared by all runs: the deadlines and the task lists. Commands
keep them up to date; `arm` makes the entries of a run that was read back. What a command finds out about other runs is
none of its business: see `runs`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from . import deadlines as ranks
from .deadlines import Deadlines
from .events import TRIGGERS, Attributes, Event, attributes_of, event_ms, make_event
from .journal import Appended, Change, Heartbeat, Run
from .limits import Limits
from .state import Activity, State, Timer, duration_ms
from .tasklists import ListName, TaskLists


@dataclass(slots=True)
class Ledger:
    """What the runs of a service share: the instant of the call, what it changed, and the indexes of what is open."""

    limits: Limits
    task_lists: TaskLists[Execution]
    deadlines: Deadlines[Execution] = field(default_factory=Deadlines)
    now_ms: int = 0
    changes: list[Change] = field(default_factory=list)
    #: Runs that closed in this transaction and whose relatives have not heard of it yet.
    closed: deque[Execution] = field(default_factory=deque)
    #: Runs whose history has reached the limit.
    overlong: list[Execution] = field(default_factory=list)


class Execution:
    __slots__ = ("_deferring", "_ledger", "_woken", "events", "run", "state")

    def __init__(self, run: Run, ledger: Ledger) -> None:
        self.run = run
        self.events: list[Event] = []
        self.state = State()
        self._ledger = ledger
        self._deferring = False
        self._woken = False

    # -- events --------------------------------------------------------------------------------------

    def append(self, event_type: str, attributes: Attributes, nonce: str | None = None) -> int:
        """Write an event, and DecisionTaskScheduled behind it if it wakes the decider; the id of the event.

        `nonce` is kept beside it, not in it.
        """
        ledger = self._ledger
        at_ms = max(ledger.now_ms, self.state.last_ms)
        event_id = len(self.events) + 1
        event = make_event(event_id, at_ms, event_type, attributes)
        self.events.append(event)
        self.state.apply(event_id, at_ms, event_type, attributes)
        ledger.changes.append(Appended(self.run, event, nonce))
        limit = ledger.limits.history_events
        if limit is not None and event_id >= limit:
            ledger.overlong.append(self)
        if event_type in TRIGGERS:
            self._wake()
        return event_id

    def replay(self, event: Event) -> None:
        """Fold an event that the journal gave back."""
        self.events.append(event)
        self.state.apply(event["eventId"], event_ms(event), event["eventType"], attributes_of(event))

    def attributes(self, event_id: int) -> Attributes:
        return attributes_of(self.events[event_id - 1])

    def defer(self) -> None:
        """Put off waking the decider until `resume`."""
        self._deferring = True

    def resume(self) -> None:
        self._deferring = False
        if self._woken:
            self._wake()

    def _wake(self) -> None:
        self._woken = self._deferring
        if not self._deferring and self.state.is_open and self.state.scheduled is None:
            self._schedule_decision()

    # -- decision tasks ------------------------------------------------------------------------------

    def _schedule_decision(self) -> None:
        state = self.state
        attributes: Attributes = {
            "taskList": {"name": state.task_list},
            "startToCloseTimeout": state.origin["taskStartToCloseTimeout"],
            "scheduleToStartTimeout": state.override_timeout or "NONE",
        }
        if "taskPriority" in state.origin:
            attributes["taskPriority"] = state.origin["taskPriority"]
        self.append("DecisionTaskScheduled", attributes)
        self._arm_scheduled_decision()

    def start_decision(self, identity: str | None, nonce: str) -> None:
        """Hand out the scheduled decision task, which has left its list."""
        scheduled = self.state.scheduled
        assert scheduled is not None
        self._ledger.deadlines.drop(ranks.DECISION, self.run.serial, scheduled.scheduled_id)
        attributes: Attributes = {"scheduledEventId": scheduled.scheduled_id}
        if identity is not None:
            attributes["identity"] = identity
        self.append("DecisionTaskStarted", attributes, nonce)
        started = self.state.started
        assert started is not None
        started.nonce = nonce
        self._arm_started_decision()

    def complete_decision(self, answer: Attributes) -> int:
        """End the started decision task; `answer` is what the decider says besides its decisions."""
        started = self.state.started
        assert started is not None
        self._ledger.deadlines.drop(ranks.DECISION, self.run.serial, started.scheduled_id)
        links = {"scheduledEventId": started.scheduled_id, "startedEventId": started.started_id}
        completed_id = self.append("DecisionTaskCompleted", {**links, **answer})
        self._release_decision()
        return completed_id

    def time_out_decision(self, scheduled_id: int) -> None:
        """The decision task was not started, or not completed, in time."""
        state, ledger, serial = self.state, self._ledger, self.run.serial
        ledger.deadlines.drop(ranks.DECISION, serial, scheduled_id)
        attributes: Attributes = {"scheduledEventId": scheduled_id, "startedEventId": 0}
        if state.scheduled is not None and state.scheduled.scheduled_id == scheduled_id:
            ledger.task_lists.drop((serial, scheduled_id))
            self.append("DecisionTaskTimedOut", {"timeoutType": "SCHEDULE_TO_START", **attributes})
            return
        assert state.started is not None
        attributes["startedEventId"] = state.started.started_id
        waited = state.scheduled is not None
        self.append("DecisionTaskTimedOut", {"timeoutType": "START_TO_CLOSE", **attributes})
        if waited:
            self._release_decision()

    def _release_decision(self) -> None:
        scheduled = self.state.scheduled
        if scheduled is not None:
            self._ledger.task_lists.release((self.run.serial, scheduled.scheduled_id))

    # -- activity tasks ------------------------------------------------------------------------------

    def schedule_activity(self, attributes: Attributes) -> None:
        scheduled_id = self.append("ActivityTaskScheduled", attributes)
        activity = self.state.scheduled_activities[scheduled_id]
        self._queue_activity(activity)
        self._arm_activity(activity)

    def start_activity(self, activity: Activity, identity: str | None, nonce: str) -> None:
        """Hand out a scheduled activity task, which has left its list."""
        attributes: Attributes = {"scheduledEventId": activity.scheduled_id}
        if identity is not None:
            attributes["identity"] = identity
        self.append("ActivityTaskStarted", attributes, nonce)
        activity.nonce = nonce
        self._arm_activity(activity)

    def beat(self, activity: Activity, details: str | None) -> None:
        """Record a heartbeat, which is no event."""
        now_ms = max(self._ledger.now_ms, activity.beat_ms)
        kept = activity.details if details is None else details
        self.restore_heartbeat(activity.scheduled_id, now_ms, kept)
        self._ledger.changes.append(Heartbeat(self.run, activity.scheduled_id, now_ms, kept))
        self._arm_activity(activity)

    def end_activity(self, event_type: str, activity: Activity, outcome: Attributes) -> None:
        """Close an activity task with an event of that type."""
        ledger, serial = self._ledger, self.run.serial
        ledger.deadlines.drop(ranks.ACTIVITY, serial, activity.scheduled_id)
        ledger.task_lists.drop((serial, activity.scheduled_id))
        links = {"scheduledEventId": activity.scheduled_id, "startedEventId": activity.started_id}
        self.append(event_type, {**outcome, **links})

    def cancel_activity(self, activity: Activity, outcome: Attributes) -> None:
        if activity.cancel_requested_id:
            outcome = {**outcome, "latestCancelRequestedEventId": activity.cancel_requested_id}
        self.end_activity("ActivityTaskCanceled", activity, outcome)

    def time_out_activity(self, scheduled_id: int) -> None:
        activity = self.state.scheduled_activities[scheduled_id]
        deadline = activity.deadline()
        assert deadline is not None
        outcome: Attributes = {"timeoutType": deadline[1]}
        if activity.details is not None:
            outcome["details"] = activity.details
        self.end_activity("ActivityTaskTimedOut", activity, outcome)

    # -- timers --------------------------------------------------------------------------------------

    def start_timer(self, attributes: Attributes) -> None:
        self.append("TimerStarted", attributes)
        self._arm_timer(self.state.timers[attributes["timerId"]])

    def fire_timer(self, started_id: int) -> None:
        timer_id = self.attributes(started_id)["timerId"]
        self.append("TimerFired", {"timerId": timer_id, "startedEventId": started_id})

    def cancel_timer(self, timer: Timer, completed_id: int) -> None:
        self._ledger.deadlines.drop(ranks.TIMER, self.run.serial, timer.started_id)
        links = {"startedEventId": timer.started_id, "decisionTaskCompletedEventId": completed_id}
        self.append("TimerCanceled", {"timerId": timer.timer_id, **links})

    # -- the run itself ------------------------------------------------------------------------------

    def start(self, attributes: Attributes) -> None:
        self.append("WorkflowExecutionStarted", attributes)
        self._arm_execution()

    def close(self, event_type: str, attributes: Attributes) -> None:
        """End the run. What is open in it ends without an event."""
        self._disarm()
        self.append(event_type, attributes)
        self._ledger.closed.append(self)

    def terminate(self, cause: str, details: Attributes) -> None:
        """End the run from outside; its own child policy holds unless `details` names another."""
        policy = {"childPolicy": self.state.origin["childPolicy"]}
        self.close("WorkflowExecutionTerminated", {**policy, **details, "cause": cause})

    def time_out(self) -> None:
        policy = self.state.origin["childPolicy"]
        self.close("WorkflowExecutionTimedOut", {"timeoutType": "START_TO_CLOSE", "childPolicy": policy})

    def expire(self, rank: int, ref: int) -> None:
        """Let happen what was due; the entry has left the deadlines."""
        _EXPIRE[rank](self, ref)

    # -- what is no event ----------------------------------------------------------------------------

    def restore_nonce(self, scheduled_id: int, nonce: str) -> None:
        """The nonce of a started task; of a task that has ended it is forgotten."""
        started = self.state.started
        task = started if started and started.scheduled_id == scheduled_id else None
        holder = task or self.state.scheduled_activities.get(scheduled_id)
        if holder is not None:
            holder.nonce = nonce

    def restore_heartbeat(self, scheduled_id: int, at_ms: int, details: str | None) -> None:
        """The last heartbeat of a started activity, with the latest details given."""
        activity = self.state.scheduled_activities.get(scheduled_id)
        if activity is not None:
            activity.beat_ms = at_ms
            activity.details = details

    # -- the indexes ---------------------------------------------------------------------------------

    def arm(self) -> None:
        """Enter all that is open in this run into the deadlines and the task lists."""
        self._arm_execution()
        for timer in self.state.timers.values():
            self._arm_timer(timer)
        for activity in self.state.scheduled_activities.values():
            self._arm_activity(activity)
            if not activity.started_id:
                self._queue_activity(activity)
        if self.state.started is not None:
            self._arm_started_decision()
        if self.state.scheduled is not None:
            self._arm_scheduled_decision()

    def _disarm(self) -> None:
        state, serial = self.state, self.run.serial
        due, lists = self._ledger.deadlines, self._ledger.task_lists
        due.drop(ranks.EXECUTION, serial, 1)
        for timer in state.timers.values():
            due.drop(ranks.TIMER, serial, timer.started_id)
        for scheduled_id in state.scheduled_activities:
            due.drop(ranks.ACTIVITY, serial, scheduled_id)
            lists.drop((serial, scheduled_id))
        for task in (state.scheduled, state.started):
            if task is not None:
                due.drop(ranks.DECISION, serial, task.scheduled_id)
                lists.drop((serial, task.scheduled_id))

    def _set(self, rank: int, ref: int, since_ms: int, timeout_ms: int | None) -> None:
        if timeout_ms is not None:
            self._ledger.deadlines.set(rank, self.run.serial, ref, since_ms + timeout_ms, self)

    def _arm_execution(self) -> None:
        timeout = duration_ms(self.state.origin["executionStartToCloseTimeout"])
        self._set(ranks.EXECUTION, 1, self.state.started_ms, timeout)

    def _arm_timer(self, timer: Timer) -> None:
        self._set(ranks.TIMER, timer.started_id, timer.due_ms, 0)

    def _arm_activity(self, activity: Activity) -> None:
        deadline = activity.deadline()
        if deadline is None:
            self._ledger.deadlines.drop(ranks.ACTIVITY, self.run.serial, activity.scheduled_id)
        else:
            self._set(ranks.ACTIVITY, activity.scheduled_id, deadline[0], 0)

    def _arm_scheduled_decision(self) -> None:
        scheduled = self.state.scheduled
        assert scheduled is not None
        self._set(ranks.DECISION, scheduled.scheduled_id, scheduled.scheduled_ms, scheduled.schedule_to_start)
        self._ledger.task_lists.add(
            self._list("decision", scheduled.task_list),
            (self.run.serial, scheduled.scheduled_id),
            self,
            priority=self.state.priority,
            scheduled_ms=scheduled.scheduled_ms,
            ready=self.state.started is None,
        )

    def _arm_started_decision(self) -> None:
        started = self.state.started
        assert started is not None
        timeout = duration_ms(self.state.origin["taskStartToCloseTimeout"])
        self._set(ranks.DECISION, started.scheduled_id, started.started_ms, timeout)

    def _queue_activity(self, activity: Activity) -> None:
        self._ledger.task_lists.add(
            self._list("activity", activity.task_list),
            (self.run.serial, activity.scheduled_id),
            self,
            priority=activity.priority,
            scheduled_ms=activity.scheduled_ms,
            ready=True,
        )

    def _list(self, kind: str, name: str) -> ListName:
        return ListName(kind, self.run.region, self.run.domain, name)


_EXPIRE: dict[int, Callable[[Execution, int], None]] = {
    ranks.EXECUTION: lambda execution, ref: execution.time_out(),
    ranks.TIMER: Execution.fire_timer,
    ranks.ACTIVITY: Execution.time_out_activity,
    ranks.DECISION: Execution.time_out_decision,
}
