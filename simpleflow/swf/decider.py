"""The decider: decision tasks in, decisions out, for any number of executions.

One thread runs the engine and all workflow code. Two threads poll: the shared task list, and a list of this process's
own. Every answer asks SWF to offer the next decision task of the run on the own list first (for ``AFFINITY_SECONDS``),
where the run is live and only its new events travel; if this process is gone, SWF hands the task to the shared list.
A poller asks for the next task only when the last one has been taken up.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from .. import logging_context
from ..exceptions import DecisionAbandoned, DecisionDeadlock, NondeterminismError, NotFound
from ..log import Payload
from ..payloads.objects import fields
from ..process.forks import forks_end_here
from ..registry import registry
from ..replay.endings import failed
from ..replay.engine import Engine, HistoryNeeded, answer_nondeterminism, find_class
from ..replay.events import CLOSING
from ..replay.work import Decisions, DecisionWork, MissingType
from .client import Client, backed_off
from .errors import Refused, SwfError
from .find import Workflows
from .heartbeats import UNKNOWN
from .identity import swf_identity
from .shunned import Shunned
from .types import register_type
from .watchdog import Watchdog
from .work import poll_decision, whole_history

logger = logging.getLogger(__name__)

AFFINITY_SECONDS = 10
_TICK = 0.5  # seconds between two looks at whether to stop


class Decider:
    """``run`` decides until ``stop`` is set. ``connect`` makes a client for the calling thread.

    ``own_list`` is by default one like no other. Who takes the place of another decider may go on with that one's list:
    what waits there need not wait until it is handed to the shared list.

    A ``patient`` decider ends only when its last poll has come back by itself: Amazon SWF hands a task to a poll whose
    client has gone, and the task is then stuck until its timeout. Others hang up, and take what they still get.
    """

    def __init__(
        self,
        connect: Callable[[], Client],
        domain: str,
        task_list: str,
        engine: Engine,
        workflows: Workflows,
        *,
        affinity: bool = True,
        own_list: str | None = None,
        patient: bool = True,
        watchdog: Watchdog | None = None,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        shunned: Shunned | None = None,
    ) -> None:
        self._connect = connect
        self._domain = domain
        self._task_list = task_list
        self._engine = engine
        self._workflows = workflows
        self._patient = patient
        self._watchdog = watchdog or Watchdog()
        self._shunned = Shunned() if shunned is None else shunned
        self._wait = wait
        self._identity = swf_identity()
        self._own_list = (own_list or _own_list(task_list)) if affinity else None
        self._tasks: queue.Queue[tuple[DecisionWork, threading.Event] | None] = queue.Queue()
        self._chance = random.Random()

    def run(self, stop: threading.Event) -> None:
        """Decide until ``stop`` is set, then answer what has been polled."""
        client = self._connect()
        lists = [self._task_list, self._own_list] if self._own_list else [self._task_list]
        polls = [(name, stop, self._connect()) for name in lists]
        pollers = [threading.Thread(target=self._poll, args=poll, daemon=True) for poll in polls]
        leaver = threading.Thread(target=self._leave, args=(stop, [poll for _, _, poll in polls]), daemon=True)
        for thread in (*pollers, leaver):
            thread.start()
        try:
            while not stop.is_set():
                self._take(client, stop)
            while not self._tasks.empty() or any(poller.is_alive() for poller in pollers):
                self._take(client, stop)
            self._drain(client)
        finally:
            self._engine.close()

    def _take(self, client: Client, stop: threading.Event) -> None:
        try:
            task = self._tasks.get(timeout=_TICK)
        except queue.Empty:
            return
        if task is None:
            return
        work, taken = task
        taken.set()
        self._carry_out(client, work, leaving=stop.is_set())

    def _carry_out(self, client: Client, work: DecisionWork, leaving: bool) -> None:
        try:
            self.handle(client, work, leaving=leaving)
        except KeyboardInterrupt:  # of the workflow: in this process Ctrl-C is a signal that raises nothing
            logger.exception("%s: the decision is given up", _name(work))
            self._engine.drop(work.key)

    def _leave(self, stop: threading.Event, polling: Sequence[Client]) -> None:
        """Let nobody wait for a task who could stop."""
        stop.wait()
        if not self._patient:
            for client in polling:
                client.hang_up()
        self._tasks.put(None)

    def _drain(self, client: Client) -> None:
        """Answer what waits on the own list: nobody else will look there for a while."""
        if self._own_list is None:
            return
        own = {"domain": self._domain, "taskList": {"name": self._own_list}}
        polling = self._connect()
        # then SWF hands them on; a service that takes no notice is not to keep this process
        limit = threading.Timer(AFFINITY_SECONDS, polling.hang_up)
        limit.daemon = True
        if not self._patient:
            limit.start()
        try:
            while polling.call("CountPendingDecisionTasks", own)["count"]:
                work = poll_decision(
                    polling, self._domain, self._own_list, self._identity, since_last=True, pager=client
                )
                if work is not None:
                    self._carry_out(client, work, leaving=True)
        except SwfError as error:
            logger.warning("tasks may be left on %s; SWF hands them on after a while: %s", self._own_list, error)
        finally:
            limit.cancel()
            polling.close()

    # -- polling

    def _poll(self, task_list: str, stop: threading.Event, client: Client) -> None:
        """Poll one list for ever: nothing that SWF or the network does ends it."""
        with logging_context.bound(domain=self._domain, task_list=task_list):
            self._poll_on(task_list, stop, client)

    def _poll_on(self, task_list: str, stop: threading.Event, client: Client) -> None:
        pager = self._connect()
        own = task_list == self._own_list
        failures = 0
        while not stop.is_set():
            try:
                work = poll_decision(client, self._domain, task_list, self._identity, since_last=own, pager=pager)
            except Exception as error:
                failures += 1
                unknown = not isinstance(error, SwfError)
                if stop.is_set() and not unknown:
                    return
                logger.warning("poll of %s failed (%d in a row): %s", task_list, failures, error, exc_info=unknown)
                self._wait(stop, backed_off(failures, self._chance))
                continue
            failures = 0
            if work is not None:
                taken = threading.Event()
                self._tasks.put((work, taken))
                taken.wait()

    # -- deciding

    def handle(self, client: Client, work: DecisionWork, *, leaving: bool = False) -> None:
        """Decide and answer one task. Never raises for what SWF, the network or a workflow does."""
        with logging_context.bound(
            domain=self._domain,
            workflow_id=work.key.workflow_id,
            run_id=work.key.run_id,
            task_type=work.workflow_type,
            event_id=work.started_event_id,
        ):
            self._handle(client, work, leaving)

    def _handle(self, client: Client, work: DecisionWork, leaving: bool) -> None:
        try:
            decisions = self._decide(client, work)
            if decisions is not None:
                logger.debug("decided: %s", _Told(decisions))
                for missing in decisions.register:
                    register_type(client, self._domain, missing, self._task_list)
                self._respond(client, work, decisions, leaving)
        except SwfError as error:
            logger.warning("%s: the decision is given up: %s", _name(work), error)
            self._engine.drop(work.key)
        except KeyboardInterrupt:
            raise
        except BaseException:  # one execution must not end the decider of the others, with sys.exit in __init__ say
            logger.exception("%s: the decision is given up", _name(work))
            self._engine.drop(work.key)

    def _decide(self, client: Client, work: DecisionWork) -> Decisions | None:
        if work.key in self._shunned:
            logger.error("%s: not decided here for now, it has held the thread before", _name(work))
            return None
        try:
            with self._watchdog.watching(_name(work), lambda: self._shunned.add(work.key)), forks_end_here():
                try:
                    return self._engine.decide(work)
                except HistoryNeeded:
                    work = replace(work, events=whole_history(client, work.key, work.started_event_id))
                    return self._engine.decide(work)
        except DecisionDeadlock:
            return None
        except NondeterminismError as error:
            logger.error("%s: %s", _name(work), error.without_inputs())
            logger.debug("recorded: %s; submitted: %s", Payload(error.recorded), Payload(error.submitted))
            if work.events[0]["eventId"] != 1:
                work = replace(work, events=whole_history(client, work.key, work.started_event_id))
            return answer_nondeterminism(error, work, self._fails_on_nondeterminism(work))
        except NotFound as error:
            logger.error("%s: %s", _name(work), error)
            return Decisions((failed(str(error)).wire,), closes=True)
        except DecisionAbandoned as error:
            logger.error("%s: not decided now, SWF will offer it again: %s", _name(work), error)
            return None

    def _fails_on_nondeterminism(self, work: DecisionWork) -> bool:
        workflow = find_class(self._workflows.find, work.workflow_type, work.events[0], fields())
        return getattr(workflow, "on_nondeterminism", None) == "fail"

    def _respond(self, client: Client, work: DecisionWork, decisions: Decisions, leaving: bool) -> None:
        try:
            client.call("RespondDecisionTaskCompleted", self._answer(work, decisions, leaving))
        except Refused as error:
            if decisions.closes and error.code == UNKNOWN:
                self._after_close(client, work)  # it may have been accepted, and the acknowledgement lost
            self._engine.drop(work.key)
            if error.code == "ValidationException" and not decisions.closes:
                logger.error("%s: SWF refuses the decisions, the execution is failed: %s", _name(work), error)
                refused = Decisions((failed(f"decisions refused: {error.message}").wire,), closes=True)
                client.call("RespondDecisionTaskCompleted", self._answer(work, refused, leaving))
            else:
                logger.warning("%s: the answer is refused, the run is built again: %s", _name(work), error)
            return
        if decisions.closes:
            self._after_close(client, work)

    def _answer(self, work: DecisionWork, decisions: Decisions, leaving: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {"taskToken": work.task_token, "decisions": list(decisions.decisions)}
        if decisions.execution_context is not None:
            answer["executionContext"] = decisions.execution_context
        if self._own_list is None or decisions.closes:
            return answer
        if leaving or decisions.shared_task_list:
            return {**answer, "taskList": {"name": self._task_list}}
        return {
            **answer,
            "taskList": {"name": self._own_list},
            "taskListScheduleToStartTimeout": str(AFFINITY_SECONDS),
        }

    def _after_close(self, client: Client, work: DecisionWork) -> None:
        """An accepted close proves nothing: SWF may have refused it for a new event. The history tells."""
        if not self._engine.wants_close(work.key):
            self._engine.drop(work.key)
            return
        events = whole_history(client, work.key)
        if events[-1]["eventType"] in CLOSING:
            with forks_end_here():
                self._engine.closed(work.key, work.workflow_type, events)


class _Told:
    """The decisions by their types, for a line that may not be written."""

    __slots__ = ("_decisions",)

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions.decisions

    def __str__(self) -> str:
        counts = Counter(decision["decisionType"] for decision in self._decisions)
        return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing yet"


def _own_list(task_list: str) -> str:
    own = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    return f"{task_list[: 255 - len(own)]}-{own}"


def _name(work: DecisionWork) -> str:
    return f"{work.key.workflow_id} {work.key.run_id}"


def missing_types(workflows: Iterable[Any]) -> list[MissingType]:
    """The types to register for workflows that a decider is started with."""
    return [MissingType("workflow", workflow.name, str(workflow.version)) for workflow in workflows if workflow.name]


def known_activities() -> list[MissingType]:
    """The types of all activities that have been imported: those that workflows here may ask for."""
    activities = registry[None].values()
    return [MissingType("activity", known.name, str(known.version)) for known in activities if known.version]
