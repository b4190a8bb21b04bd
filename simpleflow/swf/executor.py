"""Replays one history, for tests of users and for tools."""

from __future__ import annotations

import json
from typing import Any

from ..history import History
from ..payloads import codec
from ..payloads.objects import fields
from ..replay.engine import Engine
from ..replay.events import ATTRIBUTES
from ..replay.repair import EXTRA, Repairing
from ..replay.work import DecisionWork, Event, RunKey
from ..workflow import Workflow
from .utils import DecisionsAndContext

_LIST = "FAKE-replay"


class Executor:
    """``replay`` runs ``workflow_class`` over a history, and nothing else: it calls nobody.

    ``domain`` is a name, or anything with one. ``task_list`` overrides the task lists of all that is scheduled. With
    ``repair_with``, a History, the execution is one that repairs that run: what the run has completed is scheduled on a
    task list FAKE-…, but for activities in whose id the regular expression ``force_activities`` is found. The ids of
    that run matter to those of its children.
    """

    def __init__(
        self,
        domain: Any,
        workflow_class: type[Workflow],
        task_list: str | None = None,
        repair_with: History | None = None,
        force_activities: str | None = None,
        repair_workflow_id: str | None = None,
        repair_run_id: str | None = None,
    ) -> None:
        self.domain: str = getattr(domain, "name", domain)
        self.workflow_class = workflow_class
        self.task_list = task_list
        self.repair_with = repair_with
        self._repairing = Repairing(repair_workflow_id or "", repair_run_id or "", _LIST, force_activities)

    def replay(self, response: Any, decref_workflow: bool = True) -> DecisionsAndContext:
        """What a decider that has never seen the execution would answer.

        ``response`` is a History, or has one as ``history`` and perhaps the ids as ``execution``. The history ends with
        the start of the decision task. ``decref_workflow`` is of no use any more. Raises NondeterminismError.
        """
        history: History = getattr(response, "history", response)
        engine = Engine(
            lambda workflow_type, text: self.workflow_class, task_list=self.task_list, old_histories=self._old_history
        )
        try:
            decided = engine.decide(self._work(history, getattr(response, "execution", None)))
        finally:
            engine.close()
        context = decided.execution_context
        return DecisionsAndContext(list(decided.decisions), json.loads(context) if context else None)

    def _old_history(self, key: RunKey) -> list[Event]:
        return self.repair_with.events if self.repair_with is not None else []

    def _as_repair(self, started: Event) -> Event:
        """The start of the execution as `standalone --repair` has it."""
        attributes = started[ATTRIBUTES["WorkflowExecutionStarted"]]
        value = fields().decode(attributes.get("input")) or {}
        envelope = value if isinstance(value, dict) else {"args": value}
        extra = {**envelope.get(EXTRA, {}), **self._repairing.extra()}
        text = codec.encode({**envelope, EXTRA: extra})
        return {**started, ATTRIBUTES["WorkflowExecutionStarted"]: {**attributes, "input": text}}

    def _work(self, history: History, execution: Any) -> DecisionWork:
        events = history.events
        if self.repair_with is not None:
            events = [self._as_repair(events[0]), *events[1:]]
        kind = events[0][ATTRIBUTES["WorkflowExecutionStarted"]]["workflowType"]
        done = [event for event in events if event["eventType"] == "DecisionTaskCompleted"]
        started = ATTRIBUTES["DecisionTaskCompleted"]
        return DecisionWork(
            key=RunKey(
                self.domain, getattr(execution, "workflow_id", "") or "", getattr(execution, "run_id", "") or ""
            ),
            workflow_type=kind["name"],
            events=events,
            started_event_id=events[-1]["eventId"],
            previous_started_event_id=done[-1][started]["startedEventId"] if done else 0,
            task_token="",
        )
