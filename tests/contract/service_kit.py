"""How the contract tests talk to a service, wherever it runs.

A client has `call`, `advance`, `now_ms`, `limited` and `elsewhere`; an error is a `Refusal`. `Kit` is the vocabulary of
the tests over such a client: a registered domain with its types, a decider, a worker, the reading of histories.
"""

from __future__ import annotations

import random
from typing import Any, Protocol

from simpleflow.service import model
from simpleflow.service.clock import VirtualClock
from simpleflow.service.core import DEFAULT_REGION, Service
from simpleflow.service.events import ATTRIBUTES
from simpleflow.service.faults import Fault
from simpleflow.service.limits import Limits

Record = dict[str, Any]


class Refusal(Exception):
    """A fault as a client sees it."""

    def __init__(self, code: str, message: str | None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class Client(Protocol):
    def call(self, operation: str, request: Record) -> Record:
        """Call an operation as boto3 would; raises Refusal."""

    def advance(self, seconds: float) -> None:
        """Let time pass for the service."""

    @property
    def now_ms(self) -> int: ...

    def elsewhere(self, region: str) -> Client:
        """The same service in another region."""


class InProcess:
    """A service in this process, with a clock that moves when told, behind the checks that HTTP makes too."""

    def __init__(self, limits: Limits, region: str = DEFAULT_REGION, service: Service | None = None) -> None:
        self.service = service or Service(limits, entropy=random.Random(0).randbytes)
        self.region = region
        self._clock = VirtualClock()

    def call(self, operation: str, request: Record) -> Record:
        try:
            model.validate(operation, request)
            return self.service.call(operation, request, self._clock.now_ms(), self.region)
        except Fault as fault:
            raise Refusal(fault.code, fault.message) from None

    def advance(self, seconds: float) -> None:
        """Time passes as in a server: what falls due happens at its instant."""
        until = self._clock.now_ms() + round(seconds * 1000)
        while (due := self.service.next_due()) is not None and due <= until:
            self._clock.jump(due)
            self.service.expire(self._clock.now_ms())
        self._clock.jump(until)

    @property
    def now_ms(self) -> int:
        return self._clock.now_ms()

    def elsewhere(self, region: str) -> InProcess:
        other = InProcess(Limits(), region, self.service)
        other._clock = self._clock
        return other


# -- decisions ---------------------------------------------------------------------------------------


def decision(decision_type: str, **attributes: Any) -> Record:
    made: Record = {"decisionType": decision_type}
    if attributes:
        made[decision_type[0].lower() + decision_type[1:] + "DecisionAttributes"] = attributes
    return made


def schedule(activity_id: str, name: str = "work", version: str = "1", **attributes: Any) -> Record:
    type = {"name": name, "version": version}
    return decision("ScheduleActivityTask", activityId=activity_id, activityType=type, **attributes)


def timer(timer_id: str, seconds: int = 60, **attributes: Any) -> Record:
    return decision("StartTimer", timerId=timer_id, startToFireTimeout=str(seconds), **attributes)


def cancel_timer(timer_id: str) -> Record:
    return decision("CancelTimer", timerId=timer_id)


def marker(name: str, **attributes: Any) -> Record:
    return decision("RecordMarker", markerName=name, **attributes)


def child(workflow_id: str, name: str = "flow", version: str = "1", **attributes: Any) -> Record:
    type = {"name": name, "version": version}
    return decision("StartChildWorkflowExecution", workflowId=workflow_id, workflowType=type, **attributes)


def complete(**attributes: Any) -> Record:
    return decision("CompleteWorkflowExecution", **attributes)


def fail(**attributes: Any) -> Record:
    return decision("FailWorkflowExecution", **attributes)


def cancel(**attributes: Any) -> Record:
    return decision("CancelWorkflowExecution", **attributes)


def continue_as_new(**attributes: Any) -> Record:
    return decision("ContinueAsNewWorkflowExecution", **attributes)


def signal_external(workflow_id: str, name: str = "go", **attributes: Any) -> Record:
    return decision("SignalExternalWorkflowExecution", workflowId=workflow_id, signalName=name, **attributes)


def cancel_external(workflow_id: str, **attributes: Any) -> Record:
    return decision("RequestCancelExternalWorkflowExecution", workflowId=workflow_id, **attributes)


def cancel_activity(activity_id: str) -> Record:
    return decision("RequestCancelActivityTask", activityId=activity_id)


# -- histories ---------------------------------------------------------------------------------------


def attributes_of(event: Record) -> Record:
    found: Record = event[ATTRIBUTES[event["eventType"]]]
    return found


#: The links between events, by the letters that the tests write for them.
LINKS = {
    "s": "scheduledEventId",
    "st": "startedEventId",
    "d": "decisionTaskCompletedEventId",
    "i": "initiatedEventId",
}
SHORT = {
    "DTS": "DecisionTaskScheduled",
    "DTSt": "DecisionTaskStarted",
    "DTC": "DecisionTaskCompleted",
    "DTTO": "DecisionTaskTimedOut",
    "ATS": "ActivityTaskScheduled",
    "ATSt": "ActivityTaskStarted",
    "ATC": "ActivityTaskCompleted",
    "WES": "WorkflowExecutionStarted",
    "WEC": "WorkflowExecutionCompleted",
    "CWES": "ChildWorkflowExecutionStarted",
    "SCWEI": "StartChildWorkflowExecutionInitiated",
}
_LONG = {name: short for short, name in SHORT.items()}


def line(event: Record) -> str:
    """An event on one line: `12 DTC s8 st9`."""
    found = attributes_of(event)
    links = [f"{letter}{found[name]}" for letter, name in LINKS.items() if name in found]
    return " ".join([str(event["eventId"]), _LONG.get(event["eventType"], event["eventType"]), *links])


class Task:
    """A decision task or an activity task as it was polled."""

    def __init__(self, kit: Kit, answer: Record) -> None:
        self.kit = kit
        self.answer = answer
        self.token: str = answer["taskToken"]
        self.run_id: str = answer["workflowExecution"]["runId"]

    # as a decision task

    def decide(self, *decisions: Record, **more: Any) -> None:
        self.kit.call("RespondDecisionTaskCompleted", taskToken=self.token, decisions=list(decisions), **more)

    # as an activity task

    def complete(self, **more: Any) -> None:
        self.kit.call("RespondActivityTaskCompleted", taskToken=self.token, **more)

    def fail(self, **more: Any) -> None:
        self.kit.call("RespondActivityTaskFailed", taskToken=self.token, **more)

    def cancel(self, **more: Any) -> None:
        self.kit.call("RespondActivityTaskCanceled", taskToken=self.token, **more)

    def beat(self, **more: Any) -> bool:
        answer = self.kit.call("RecordActivityTaskHeartbeat", taskToken=self.token, **more)
        return bool(answer["cancelRequested"])


FLOW = {"name": "flow", "version": "1"}
WORK = {"name": "work", "version": "1"}

FLOW_DEFAULTS = {
    "defaultTaskStartToCloseTimeout": "300",
    "defaultExecutionStartToCloseTimeout": "86400",
    "defaultTaskList": {"name": "deciders"},
    "defaultChildPolicy": "ABANDON",
}
WORK_DEFAULTS = {
    "defaultTaskStartToCloseTimeout": "600",
    "defaultTaskHeartbeatTimeout": "NONE",
    "defaultTaskList": {"name": "workers"},
    "defaultTaskScheduleToStartTimeout": "NONE",
    "defaultTaskScheduleToCloseTimeout": "NONE",
}


class Kit:
    """The tests' words for what they do to one domain."""

    def __init__(self, client: Client, domain: str = "test") -> None:
        self.client = client
        self.domain = domain

    def call(self, operation: str, **request: Any) -> Record:
        return self.client.call(operation, request)

    def refused(self, operation: str, **request: Any) -> tuple[str, str | None]:
        """The code and the message of the fault that the call gets."""
        try:
            self.call(operation, **request)
        except Refusal as refusal:
            return refusal.code, refusal.message
        raise AssertionError(f"{operation} was accepted")

    def advance(self, seconds: float) -> None:
        self.client.advance(seconds)

    # -- registry --

    def register(self, retention: str = "7") -> Kit:
        """The domain with a workflow type `flow` and an activity type `work`, both of version 1."""
        self.call("RegisterDomain", name=self.domain, workflowExecutionRetentionPeriodInDays=retention)
        self.flow_type()
        self.activity_type()
        return self

    def flow_type(self, name: str = "flow", version: str = "1", **changed: Any) -> None:
        self._type("RegisterWorkflowType", name, version, {**FLOW_DEFAULTS, **changed})

    def activity_type(self, name: str = "work", version: str = "1", **changed: Any) -> None:
        self._type("RegisterActivityType", name, version, {**WORK_DEFAULTS, **changed})

    def _type(self, operation: str, name: str, version: str, settings: Record) -> None:
        kept = {key: value for key, value in settings.items() if value is not None}
        self.call(operation, domain=self.domain, name=name, version=version, **kept)

    # -- executions --

    def start(self, workflow_id: str = "w", **more: Any) -> str:
        request = {"domain": self.domain, "workflowId": workflow_id, "workflowType": FLOW, **more}
        return str(self.call("StartWorkflowExecution", **request)["runId"])

    def signal(self, workflow_id: str = "w", name: str = "go", **more: Any) -> None:
        request = {"domain": self.domain, "workflowId": workflow_id, "signalName": name, **more}
        self.call("SignalWorkflowExecution", **request)

    def request_cancel(self, workflow_id: str = "w", **more: Any) -> None:
        self.call("RequestCancelWorkflowExecution", domain=self.domain, workflowId=workflow_id, **more)

    def terminate(self, workflow_id: str = "w", **more: Any) -> None:
        self.call("TerminateWorkflowExecution", domain=self.domain, workflowId=workflow_id, **more)

    def describe(self, run_id: str, workflow_id: str = "w") -> Record:
        execution = {"workflowId": workflow_id, "runId": run_id}
        return self.call("DescribeWorkflowExecution", domain=self.domain, execution=execution)

    def status(self, run_id: str, workflow_id: str = "w") -> str:
        info = self.describe(run_id, workflow_id)["executionInfo"]
        return str(info.get("closeStatus", info["executionStatus"]))

    # -- tasks --

    def poll(self, task_list: str = "deciders", **more: Any) -> Record:
        return self.call("PollForDecisionTask", domain=self.domain, taskList={"name": task_list}, **more)

    def task(self, task_list: str = "deciders", **more: Any) -> Task:
        """The next decision task."""
        return Task(self, self.poll(task_list, **more))

    def decide(self, *decisions: Record, **more: Any) -> Task:
        """Take the next decision task and answer it at once."""
        task = self.task()
        task.decide(*decisions, **more)
        return task

    def no_task(self, task_list: str = "deciders") -> bool:
        return "taskToken" not in self.poll(task_list)

    def poll_work(self, task_list: str = "workers", **more: Any) -> Record:
        return self.call("PollForActivityTask", domain=self.domain, taskList={"name": task_list}, **more)

    def work(self, task_list: str = "workers", **more: Any) -> Task:
        """The next activity task."""
        return Task(self, self.poll_work(task_list, **more))

    def no_work(self, task_list: str = "workers") -> bool:
        return "taskToken" not in self.poll_work(task_list)

    # -- histories --

    def history(self, run_id: str, workflow_id: str = "w") -> list[Record]:
        """All events of a run, after a look at what holds for every history."""
        execution = {"workflowId": workflow_id, "runId": run_id}
        request: Record = {"domain": self.domain, "execution": execution}
        events: list[Record] = []
        while True:
            answer = self.call("GetWorkflowExecutionHistory", **request)
            events += answer["events"]
            if "nextPageToken" not in answer:
                break
            request["nextPageToken"] = answer["nextPageToken"]
        check_history(events)
        return events

    def types(self, run_id: str, workflow_id: str = "w", after: int = 0) -> list[str]:
        """The event types beyond event `after`, in their short form."""
        events = self.history(run_id, workflow_id)[after:]
        return [_LONG.get(event["eventType"], event["eventType"]) for event in events]

    def lines(self, run_id: str, workflow_id: str = "w") -> list[str]:
        return [line(event) for event in self.history(run_id, workflow_id)]

    def last(self, run_id: str, event_type: str, workflow_id: str = "w") -> Record:
        """The attributes of the last event of a type."""
        wanted = SHORT.get(event_type, event_type)
        found = [event for event in self.history(run_id, workflow_id) if event["eventType"] == wanted]
        return attributes_of(found[-1])


_CLOSES = {
    "WorkflowExecutionCompleted",
    "WorkflowExecutionFailed",
    "WorkflowExecutionCanceled",
    "WorkflowExecutionTerminated",
    "WorkflowExecutionContinuedAsNew",
    "WorkflowExecutionTimedOut",
}


def check_history(events: list[Record]) -> None:
    """Ids without gaps, time that does not go back, one attributes member each, nothing behind a close."""
    assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
    stamps = [event["eventTimestamp"] for event in events]
    assert stamps == sorted(stamps)
    for event in events:
        assert set(event) == {"eventId", "eventTimestamp", "eventType", ATTRIBUTES[event["eventType"]]}
    closes = [event["eventId"] for event in events if event["eventType"] in _CLOSES]
    assert closes in ([], [len(events)])
