"""What each decision does: one function per decision type, in a table.

A decision either writes its event or, when it cannot be carried out, its `...Failed` event with a cause; neither stops
the others of the batch. What a decision does to other runs waits until the whole batch is written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import faults
from .events import Attributes, given
from .execution import Execution
from .journal import Domain
from .limits import Limits, reached
from .rates import Buckets
from .registry import (
    ACTIVITY,
    ACTIVITY_OPTIONS,
    ACTIVITY_SETTINGS,
    DEPRECATED,
    WORKFLOW,
    Missing,
    Registry,
    origin,
    resolve,
)
from .runs import Runs

Decision = dict[str, Any]

#: The causes that go with a setting that is nowhere.
_UNDEFINED = {
    "executionStartToCloseTimeout": "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED",
    "taskList": "DEFAULT_TASK_LIST_UNDEFINED",
    "taskStartToCloseTimeout": "DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED",
    "childPolicy": "DEFAULT_CHILD_POLICY_UNDEFINED",
    "scheduleToStartTimeout": "DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED",
    "scheduleToCloseTimeout": "DEFAULT_SCHEDULE_TO_CLOSE_TIMEOUT_UNDEFINED",
    "startToCloseTimeout": "DEFAULT_START_TO_CLOSE_TIMEOUT_UNDEFINED",
    "heartbeatTimeout": "DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED",
}

_RATE_EXCEEDED = {
    "SignalExternalWorkflowExecution": "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
    "RequestCancelExternalWorkflowExecution": "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
}

#: Does to other runs what an Initiated event announces.
Effect = Callable[[Execution, int], None]


class Refused(Exception):
    """A decision that cannot be carried out, and why."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Creations:
    """How often decisions may create something."""

    buckets: Buckets
    region: str
    now_ms: int

    def exceeded(self, decision_type: str) -> bool:
        """Whether one more would be too many for now; if not, it counts."""
        return not self.buckets.take(self.region, decision_type, self.now_ms)


@dataclass(slots=True)
class Batch:
    """The decisions of one decision task while they are applied."""

    execution: Execution
    domain: Domain
    registry: Registry
    runs: Runs
    limits: Limits
    creations: Creations
    #: DecisionTaskCompleted.
    completed_id: int
    #: Whether a decision task was scheduled already when the answer came: then the run may not close.
    unhandled: bool
    #: What is done to other runs behind the batch: a function and the Initiated event that it carries out.
    effects: list[tuple[Effect, int]] = field(default_factory=list)
    new_children: int = 0

    def write(self, event_type: str, attributes: Attributes) -> int:
        attributes["decisionTaskCompletedEventId"] = self.completed_id
        return self.execution.append(event_type, attributes)


# -- the batch ---------------------------------------------------------------------------------------

_CLOSES = {
    "CompleteWorkflowExecution",
    "FailWorkflowExecution",
    "CancelWorkflowExecution",
    "ContinueAsNewWorkflowExecution",
}
_NOT_BESIDE_A_CLOSE = {"ScheduleActivityTask", "StartTimer", "ScheduleLambdaFunction"}


def check(decisions: list[Decision]) -> None:
    """ValidationException when the batch breaks the rules for closing decisions."""
    types = [decision["decisionType"] for decision in decisions]
    if not _CLOSES.isdisjoint(types[:-1]):
        raise faults.validation("Close must be last decision in list")
    if types and types[-1] in _CLOSES and not _NOT_BESIDE_A_CLOSE.isdisjoint(types):
        raise faults.validation("Specified decision is incompatible with close decision")


def apply(batch: Batch, decisions: list[Decision]) -> None:
    """Write the events of the decisions, then do what they do to other runs, then wake the decider if need be."""
    for decision in decisions:
        decision_type = decision["decisionType"]
        DECISIONS[decision_type](batch, decision.get(_MEMBERS[decision_type]) or {})
    batch.runs.settle()
    for effect, initiated_id in batch.effects:
        effect(batch.execution, initiated_id)


# -- activities --------------------------------------------------------------------------------------


def schedule_activity_task(batch: Batch, wanted: Attributes) -> None:
    ref = wanted["activityType"]
    execution = batch.execution
    try:
        type = batch.registry.find(batch.domain, ACTIVITY, ref)
        if type is None:
            raise Refused("ACTIVITY_TYPE_DOES_NOT_EXIST")
        if type.status == DEPRECATED:
            raise Refused("ACTIVITY_TYPE_DEPRECATED")
        if wanted["activityId"] in execution.state.activities:
            raise Refused("ACTIVITY_ID_ALREADY_IN_USE")
        settings = resolve(type, wanted, ACTIVITY_SETTINGS, ACTIVITY_OPTIONS)
        if reached(len(execution.state.activities), batch.limits.open_activities):
            raise Refused("OPEN_ACTIVITIES_LIMIT_EXCEEDED")
        if batch.creations.exceeded("ScheduleActivityTask"):
            raise Refused("ACTIVITY_CREATION_RATE_EXCEEDED")
    except (Refused, Missing) as refusal:
        failure = {"activityType": _type_ref(ref), "activityId": wanted["activityId"], "cause": _cause(refusal)}
        batch.write("ScheduleActivityTaskFailed", failure)
        return
    settings["activityType"] = type.ref
    settings["activityId"] = wanted["activityId"]
    for name in ("input", "control"):
        value = wanted.get(name)
        if value is not None:
            settings[name] = value
    settings["decisionTaskCompletedEventId"] = batch.completed_id
    execution.schedule_activity(settings)


def request_cancel_activity_task(batch: Batch, wanted: Attributes) -> None:
    activity = batch.execution.state.activities.get(wanted["activityId"])
    named = {"activityId": wanted["activityId"]}
    if activity is None:
        batch.write("RequestCancelActivityTaskFailed", {**named, "cause": "ACTIVITY_ID_UNKNOWN"})
        return
    batch.write("ActivityTaskCancelRequested", named)
    if not activity.started_id:
        batch.execution.cancel_activity(activity, {})


# -- timers and markers ------------------------------------------------------------------------------


def start_timer(batch: Batch, wanted: Attributes) -> None:
    timers = batch.execution.state.timers
    cause = None
    if wanted["timerId"] in timers:
        cause = "TIMER_ID_ALREADY_IN_USE"
    elif reached(len(timers), batch.limits.open_timers):
        cause = "OPEN_TIMERS_LIMIT_EXCEEDED"
    elif batch.creations.exceeded("StartTimer"):
        cause = "TIMER_CREATION_RATE_EXCEEDED"
    if cause is not None:
        batch.write("StartTimerFailed", {"timerId": wanted["timerId"], "cause": cause})
        return
    timer = given(wanted, ("timerId", "startToFireTimeout", "control"))
    batch.execution.start_timer({**timer, "decisionTaskCompletedEventId": batch.completed_id})


def cancel_timer(batch: Batch, wanted: Attributes) -> None:
    timer = batch.execution.state.timers.get(wanted["timerId"])
    if timer is None:
        batch.write("CancelTimerFailed", {"timerId": wanted["timerId"], "cause": "TIMER_ID_UNKNOWN"})
    else:
        batch.execution.cancel_timer(timer, batch.completed_id)


def record_marker(batch: Batch, wanted: Attributes) -> None:
    batch.write("MarkerRecorded", given(wanted, ("markerName", "details")))


# -- closing the run ---------------------------------------------------------------------------------


def _close(batch: Batch, event_type: str, refusal: str, attributes: Attributes) -> None:
    if batch.unhandled:
        batch.write(refusal, {"cause": "UNHANDLED_DECISION"})
    else:
        batch.execution.close(event_type, {**attributes, "decisionTaskCompletedEventId": batch.completed_id})


def complete_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    result = given(wanted, ("result",))
    _close(batch, "WorkflowExecutionCompleted", "CompleteWorkflowExecutionFailed", result)


def fail_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    failure = given(wanted, ("reason", "details"))
    _close(batch, "WorkflowExecutionFailed", "FailWorkflowExecutionFailed", failure)


def cancel_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    details = given(wanted, ("details",))
    _close(batch, "WorkflowExecutionCanceled", "CancelWorkflowExecutionFailed", details)


def continue_as_new_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    current = batch.execution.state.origin["workflowType"]
    ref = {"name": current["name"], "version": wanted.get("workflowTypeVersion") or current["version"]}
    settings: Attributes = {}
    try:
        if not batch.unhandled:
            settings = {**_settings(batch, ref, wanted), "newExecutionRunId": batch.runs.new_run_id()}
    except (Refused, Missing) as refusal:
        batch.write("ContinueAsNewWorkflowExecutionFailed", {"cause": _cause(refusal)})
        return
    _close(batch, "WorkflowExecutionContinuedAsNew", "ContinueAsNewWorkflowExecutionFailed", settings)


def _settings(batch: Batch, ref: dict[str, str], wanted: Attributes) -> Attributes:
    """What a run of that type starts with; raises Refused and Missing."""
    type = batch.registry.find(batch.domain, WORKFLOW, ref)
    if type is None:
        raise Refused("WORKFLOW_TYPE_DOES_NOT_EXIST")
    if type.status == DEPRECATED:
        raise Refused("WORKFLOW_TYPE_DEPRECATED")
    return origin(type, wanted)


# -- other runs --------------------------------------------------------------------------------------


def start_child_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    ref = wanted["workflowType"]
    named = given(wanted, ("workflowId", "control"))
    open_runs = batch.runs.open_count(batch.domain.region, batch.domain.name) + batch.new_children
    try:
        settings = _settings(batch, ref, wanted)
        if reached(len(batch.execution.state.children), batch.limits.open_children):
            raise Refused("OPEN_CHILDREN_LIMIT_EXCEEDED")
        if reached(open_runs, batch.limits.open_executions):
            raise Refused("OPEN_WORKFLOWS_LIMIT_EXCEEDED")
        if batch.creations.exceeded("StartChildWorkflowExecution"):
            raise Refused("CHILD_CREATION_RATE_EXCEEDED")
    except (Refused, Missing) as refusal:
        failure = {**named, "workflowType": _type_ref(ref), "cause": _cause(refusal), "initiatedEventId": 0}
        batch.write("StartChildWorkflowExecutionFailed", failure)
        return
    batch.new_children += 1
    initiated_id = batch.write("StartChildWorkflowExecutionInitiated", {**settings, **named})
    batch.effects.append((batch.runs.start_child, initiated_id))


def signal_external_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    signal = given(wanted, ("workflowId", "runId", "signalName", "input", "control"))
    initiated_id = batch.write("SignalExternalWorkflowExecutionInitiated", signal)
    _reach(batch, "SignalExternalWorkflowExecution", wanted, initiated_id, batch.runs.signal)


def request_cancel_external_workflow_execution(batch: Batch, wanted: Attributes) -> None:
    request = given(wanted, ("workflowId", "runId", "control"))
    initiated_id = batch.write("RequestCancelExternalWorkflowExecutionInitiated", request)
    _reach(batch, "RequestCancelExternalWorkflowExecution", wanted, initiated_id, batch.runs.request_cancel)


def _reach(batch: Batch, decision_type: str, wanted: Attributes, initiated_id: int, effect: Effect) -> None:
    """Do to another run what was initiated, unless that happens too often."""
    if not batch.creations.exceeded(decision_type):
        batch.effects.append((effect, initiated_id))
        return
    failure = given(wanted, ("workflowId", "runId", "control"))
    cause = _RATE_EXCEEDED[decision_type]
    batch.write(f"{decision_type}Failed", {**failure, "cause": cause, "initiatedEventId": initiated_id})


def schedule_lambda_function(batch: Batch, wanted: Attributes) -> None:
    """There are no Lambda functions here."""
    failure = {**given(wanted, ("id", "name")), "cause": "LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION"}
    batch.write("ScheduleLambdaFunctionFailed", failure)


def _cause(refusal: Refused | Missing) -> str:
    return refusal.cause if isinstance(refusal, Refused) else _UNDEFINED[refusal.setting]


def _type_ref(ref: dict[str, str]) -> dict[str, str]:
    return {"name": ref["name"], "version": ref["version"]}


DECISIONS: dict[str, Callable[[Batch, Attributes], None]] = {
    "CompleteWorkflowExecution": complete_workflow_execution,
    "StartTimer": start_timer,
    "RequestCancelExternalWorkflowExecution": request_cancel_external_workflow_execution,
    "SignalExternalWorkflowExecution": signal_external_workflow_execution,
    "CancelTimer": cancel_timer,
    "RecordMarker": record_marker,
    "ScheduleActivityTask": schedule_activity_task,
    "ContinueAsNewWorkflowExecution": continue_as_new_workflow_execution,
    "ScheduleLambdaFunction": schedule_lambda_function,
    "FailWorkflowExecution": fail_workflow_execution,
    "RequestCancelActivityTask": request_cancel_activity_task,
    "StartChildWorkflowExecution": start_child_workflow_execution,
    "CancelWorkflowExecution": cancel_workflow_execution,
}

#: The member of a decision that holds its attributes.
_MEMBERS = {name: name[0].lower() + name[1:] + "DecisionAttributes" for name in DECISIONS}
