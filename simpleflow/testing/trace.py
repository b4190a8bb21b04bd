"""What happened in a simulated cluster, line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..swf.client import Answer

#: Of a longer trace the middle is left out.
_BEGIN, _END = 60, 140


class Trace:
    """``lines`` of virtual seconds, who and what. Tokens are told as the tasks that they stand for."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        self.lines: list[str] = []
        self._elapsed = elapsed
        self._tasks: dict[str, str] = {}

    def note(self, who: str, what: str) -> None:
        self.lines.append(f"{self._elapsed():12.3f}  {who:<10}  {what}")

    def call(self, who: str, operation: str, request: dict[str, Any], answer: Answer, outcome: str) -> None:
        """A call of SWF; ``outcome`` is what went wrong with it, if anything."""
        if operation in _POLLS:
            token = answer.get("taskToken")
            if token is None:
                return
            self._tasks[token] = _POLLS[operation](answer)
            self.note(who, f"takes {self._tasks[token]}{outcome}")
        elif operation in _ANSWERS:
            task = self._tasks.get(request["taskToken"], "a task")
            self.note(who, f"{_ANSWERS[operation].format(task=task, **_told(request))}{outcome}")
        elif operation in _OTHERS:
            self.note(who, f"{_OTHERS[operation]} {request.get('workflowId', '')}{_details(request)}{outcome}")

    def text(self) -> str:
        lines = self.lines
        if len(lines) > _BEGIN + _END:
            left_out = f"{'':12}  ... {len(lines) - _BEGIN - _END} lines left out, all are in `trace.lines` ..."
            lines = [*lines[:_BEGIN], left_out, *lines[-_END:]]
        return "\n".join(lines)


def _decision_task(answer: Answer) -> str:
    return f"decision task {answer['startedEventId']} of {answer['workflowExecution']['workflowId']}"


def _activity_task(answer: Answer) -> str:
    return f"{answer['activityId']} of {answer['workflowExecution']['workflowId']}"


_POLLS = {"PollForDecisionTask": _decision_task, "PollForActivityTask": _activity_task}
_ANSWERS = {
    "RespondDecisionTaskCompleted": "answers {task}: {decisions}",
    "RespondActivityTaskCompleted": "completes {task}",
    "RespondActivityTaskFailed": "fails {task}: {reason}",
    "RespondActivityTaskCanceled": "cancels {task}",
}
_OTHERS = {
    "StartWorkflowExecution": "starts",
    "SignalWorkflowExecution": "signals",
    "RequestCancelWorkflowExecution": "asks to cancel",
    "TerminateWorkflowExecution": "terminates",
}

#: What names the object of a decision, if anything does.
_OBJECTS = ("activityId", "timerId", "workflowId", "markerName", "signalName", "reason")


def _told(request: dict[str, Any]) -> dict[str, str]:
    decisions = ", ".join(_decision(wire) for wire in request.get("decisions", ()))
    return {"decisions": decisions or "nothing", "reason": str(request.get("reason"))}


def _decision(wire: dict[str, Any]) -> str:
    kind = wire["decisionType"]
    (given,) = [value for name, value in wire.items() if name != "decisionType"] or [{}]
    return " ".join([kind, *(str(given[name]) for name in _OBJECTS if given.get(name))][:2])


def _details(request: dict[str, Any]) -> str:
    name = request.get("signalName")
    return f": {name}" if name else ""
