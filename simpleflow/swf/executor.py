"""Replays one history, for tests of users and for tools."""

from __future__ import annotations

import json
from typing import Any

from ..history import History
from ..replay.engine import Engine
from ..replay.events import ATTRIBUTES
from ..replay.work import DecisionWork, RunKey
from ..workflow import Workflow
from .utils import DecisionsAndContext


class Executor:
    """``replay`` runs ``workflow_class`` over a history, and nothing else: it calls nobody.

    ``domain`` is a name, or anything with one. ``task_list`` overrides the task lists of all that is scheduled.
    """

    def __init__(self, domain: Any, workflow_class: type[Workflow], task_list: str | None = None) -> None:
        self.domain: str = getattr(domain, "name", domain)
        self.workflow_class = workflow_class
        self.task_list = task_list

    def replay(self, response: Any, decref_workflow: bool = True) -> DecisionsAndContext:
        """What a decider that has never seen the execution would answer.

        ``response`` is a History, or has one as ``history`` and perhaps the ids as ``execution``. The history ends with
        the start of the decision task. ``decref_workflow`` is of no use any more. Raises NondeterminismError.
        """
        history: History = getattr(response, "history", response)
        engine = Engine(lambda workflow_type, text: self.workflow_class, task_list=self.task_list)
        try:
            decided = engine.decide(self._work(history, getattr(response, "execution", None)))
        finally:
            engine.close()
        context = decided.execution_context
        return DecisionsAndContext(list(decided.decisions), json.loads(context) if context else None)

    def _work(self, history: History, execution: Any) -> DecisionWork:
        events = history.events
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
