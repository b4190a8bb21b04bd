"""Children and continue-as-new."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from service_kit import (
    FLOW,
    Kit,
    Record,
    cancel,
    child,
    complete,
    continue_as_new,
    fail,
    signal_external,
)

CHILDREN = {"name": "children"}


@pytest.fixture
def family(kit: Kit) -> Family:
    return Family(kit)


class Family:
    """A parent `w` with one child `c` whose decider polls a list of its own."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    def start(self, parent: Record | None = None, **more: Any) -> tuple[str, str]:
        """The run ids of parent and child; the parent has decided again, and nothing waits for its decider."""
        parent_id = self.kit.start(**(parent or {}))
        self.kit.decide(child("c", taskList=CHILDREN, **more))
        self.kit.decide()
        return parent_id, self.child_of(parent_id)

    def child_of(self, parent_id: str) -> str:
        started = self.kit.last(parent_id, "CWES")
        return str(started["workflowExecution"]["runId"])

    def decide(self, *decisions: Record) -> None:
        """The child decides."""
        self.kit.task("children").decide(*decisions)


def test_a_child_starts_behind_its_batch(kit: Kit) -> None:
    parent_id = kit.start()
    kit.decide(child("c"))
    assert kit.lines(parent_id)[4:] == ["5 SCWEI d4", "6 CWES i5", "7 DTS"]
    events = kit.history(parent_id)
    assert events[5]["eventTimestamp"] == events[6]["eventTimestamp"]
    child_id = events[5]["childWorkflowExecutionStartedEventAttributes"]["workflowExecution"]["runId"]
    assert kit.types(child_id, "c") == ["WES", "DTS"]
    assert kit.describe(parent_id)["openCounts"]["openChildWorkflowExecutions"] == 1


def test_what_parent_and_child_say_of_each_other(kit: Kit) -> None:
    parent_id = kit.start(taskPriority="9", tagList=["parents"])
    kit.decide(child("c", input="in", control="con", tagList=["t"]))
    settings = {
        "workflowType": FLOW,
        "executionStartToCloseTimeout": "86400",
        "taskStartToCloseTimeout": "300",
        "childPolicy": "ABANDON",
        "taskList": {"name": "deciders"},
        "input": "in",
        "tagList": ["t"],
    }
    initiated = {"workflowId": "c", "control": "con", "decisionTaskCompletedEventId": 4, **settings}
    assert kit.last(parent_id, "SCWEI") == initiated
    started = kit.last(parent_id, "CWES")
    child_id = started["workflowExecution"]["runId"]
    execution = {"workflowId": "c", "runId": child_id}
    assert started == {"workflowExecution": execution, "workflowType": FLOW, "initiatedEventId": 5}
    parent = {"workflowId": "w", "runId": parent_id}
    links = {"parentWorkflowExecution": parent, "parentInitiatedEventId": 5}
    assert kit.last(child_id, "WES", "c") == {**settings, **links}
    assert kit.describe(child_id, "c")["executionInfo"]["parent"] == parent


def test_settings_of_a_child_come_from_its_type_or_the_decision(kit: Kit) -> None:
    kit.flow_type("other", defaultTaskPriority="2", defaultChildPolicy="REQUEST_CANCEL")
    parent_id = kit.start(taskList={"name": "p"}, executionStartToCloseTimeout="50", childPolicy="TERMINATE")
    kit.task("p").decide(child("c1", "other"), child("c2", "other", taskPriority="3", childPolicy="ABANDON"))
    first, second = (
        event["startChildWorkflowExecutionInitiatedEventAttributes"] for event in kit.history(parent_id)[4:6]
    )
    assert (first["taskPriority"], first["childPolicy"]) == ("2", "REQUEST_CANCEL")
    assert (second["taskPriority"], second["childPolicy"]) == ("3", "ABANDON")
    assert first["taskList"] == {"name": "deciders"} and first["executionStartToCloseTimeout"] == "86400"


@pytest.mark.parametrize(
    ("closing", "event_type", "said"),
    [
        (complete(result="r"), "ChildWorkflowExecutionCompleted", {"result": "r"}),
        (complete(), "ChildWorkflowExecutionCompleted", {}),
        (fail(reason="why", details="d"), "ChildWorkflowExecutionFailed", {"reason": "why", "details": "d"}),
        (cancel(details="d"), "ChildWorkflowExecutionCanceled", {"details": "d"}),
    ],
)
def test_the_parent_hears_of_the_end_of_a_child(
    kit: Kit, family: Family, closing: Record, event_type: str, said: Record
) -> None:
    parent_id, child_id = family.start()
    family.decide(closing)
    assert kit.types(parent_id, after=9) == [event_type, "DTS"]
    assert kit.last(parent_id, event_type) == {
        **said,
        "workflowExecution": {"workflowId": "c", "runId": child_id},
        "workflowType": FLOW,
        "initiatedEventId": 5,
        "startedEventId": 6,
    }
    assert kit.describe(parent_id)["openCounts"]["openChildWorkflowExecutions"] == 0


def test_the_parent_hears_of_the_timeout_of_a_child(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start(executionStartToCloseTimeout="10")
    kit.advance(10)
    assert kit.types(parent_id, after=9) == ["ChildWorkflowExecutionTimedOut", "DTS"]
    assert kit.last(parent_id, "ChildWorkflowExecutionTimedOut") == {
        "timeoutType": "START_TO_CLOSE",
        "workflowExecution": {"workflowId": "c", "runId": child_id},
        "workflowType": FLOW,
        "initiatedEventId": 5,
        "startedEventId": 6,
    }


def test_the_parent_hears_of_the_termination_of_a_child(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start()
    kit.terminate("c", reason="r", details="d")
    assert kit.types(parent_id, after=9) == ["ChildWorkflowExecutionTerminated", "DTS"]
    assert kit.last(parent_id, "ChildWorkflowExecutionTerminated") == {
        "workflowExecution": {"workflowId": "c", "runId": child_id},
        "workflowType": FLOW,
        "initiatedEventId": 5,
        "startedEventId": 6,
    }


def test_a_child_that_is_running_already(kit: Kit) -> None:
    kit.start("c", taskList=CHILDREN)
    parent_id = kit.start()
    kit.decide(child("c", control="con"))
    assert kit.types(parent_id, after=4) == ["SCWEI", "StartChildWorkflowExecutionFailed", "DTS"]
    assert kit.last(parent_id, "StartChildWorkflowExecutionFailed") == {
        "workflowId": "c",
        "workflowType": FLOW,
        "cause": "WORKFLOW_ALREADY_RUNNING",
        "initiatedEventId": 5,
        "decisionTaskCompletedEventId": 4,
        "control": "con",
    }
    assert kit.describe(parent_id)["openCounts"]["openChildWorkflowExecutions"] == 0


def test_two_children_of_one_id_in_a_batch(kit: Kit) -> None:
    parent_id = kit.start()
    kit.decide(child("c"), child("c"))
    assert kit.lines(parent_id)[4:] == [
        "5 SCWEI d4",
        "6 SCWEI d4",
        "7 CWES i5",
        "8 StartChildWorkflowExecutionFailed d4 i6",
        "9 DTS",
    ]


def bare_types(kit: Kit) -> dict[str, str]:
    """Workflow types that lack one default each, and the causes that go with them."""
    causes = {
        "defaultExecutionStartToCloseTimeout": "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        "defaultTaskList": "DEFAULT_TASK_LIST_UNDEFINED",
        "defaultTaskStartToCloseTimeout": "DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        "defaultChildPolicy": "DEFAULT_CHILD_POLICY_UNDEFINED",
    }
    for name in causes:
        kit.flow_type(name, **{name: None})
    kit.flow_type("old")
    kit.call("DeprecateWorkflowType", domain="test", workflowType={"name": "old", "version": "1"})
    return {**causes, "never": "WORKFLOW_TYPE_DOES_NOT_EXIST", "old": "WORKFLOW_TYPE_DEPRECATED"}


def test_why_a_child_is_not_started(kit: Kit) -> None:
    for name, cause in bare_types(kit).items():
        parent_id = kit.start()
        kit.decide(child("c", name, control="con"))
        assert kit.types(parent_id, after=4) == ["StartChildWorkflowExecutionFailed", "DTS"]
        assert kit.last(parent_id, "StartChildWorkflowExecutionFailed") == {
            "workflowId": "c",
            "workflowType": {"name": name, "version": "1"},
            "cause": cause,
            "initiatedEventId": 0,
            "decisionTaskCompletedEventId": 4,
            "control": "con",
        }
        kit.terminate()


def test_the_limits_of_children_and_open_runs(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(open_children=2, open_executions=4)
    parent_id = kit.start()
    kit.decide(child("c1"), child("c2", taskList=CHILDREN), child("c3"))
    failure = kit.last(parent_id, "StartChildWorkflowExecutionFailed")
    assert (failure["cause"], failure["initiatedEventId"]) == ("OPEN_CHILDREN_LIMIT_EXCEEDED", 0)
    kit.task("children").decide(child("c4"), child("c5"))
    second = kit.call("ListOpenWorkflowExecutions", domain="test", startTimeFilter={"oldestDate": 0})
    runs = {info["execution"]["workflowId"]: info["execution"]["runId"] for info in second["executionInfos"]}
    assert sorted(runs) == ["c1", "c2", "c4", "w"]
    failure = kit.last(runs["c2"], "StartChildWorkflowExecutionFailed", "c2")
    assert failure["cause"] == "OPEN_WORKFLOWS_LIMIT_EXCEEDED"
    request = {"domain": "test", "workflowId": "more", "workflowType": FLOW}
    assert kit.refused("StartWorkflowExecution", **request)[0] == "LimitExceededFault"
    kit.terminate("c4")
    kit.start("more")


# -- child policy ------------------------------------------------------------------------------------


def test_a_terminated_parent_terminates_its_children(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start({"childPolicy": "TERMINATE"}, childPolicy="TERMINATE")
    family.decide(child("grandchild", childPolicy="REQUEST_CANCEL", taskList={"name": "grandchildren"}))
    family.decide()
    grandchild_id = kit.last(child_id, "CWES", "c")["workflowExecution"]["runId"]
    kit.task("grandchildren").decide(child("last", taskList={"name": "nobody"}))
    last_id = kit.last(grandchild_id, "CWES", "grandchild")["workflowExecution"]["runId"]
    kit.terminate(reason="r")
    assert kit.types(parent_id)[-1] == "WorkflowExecutionTerminated"
    applied = {"cause": "CHILD_POLICY_APPLIED"}
    assert kit.last(child_id, "WorkflowExecutionTerminated", "c") == {"childPolicy": "TERMINATE", **applied}
    terminated = kit.last(grandchild_id, "WorkflowExecutionTerminated", "grandchild")
    assert terminated == {"childPolicy": "REQUEST_CANCEL", **applied}
    assert kit.status(last_id, "last") == "OPEN"
    assert "WorkflowExecutionCancelRequested" in kit.types(last_id, "last")


def test_a_terminated_parent_asks_its_children_to_cancel(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start({"childPolicy": "REQUEST_CANCEL"})
    family.decide()
    kit.terminate()
    assert kit.types(child_id, "c", after=4) == ["WorkflowExecutionCancelRequested", "DTS"]
    assert kit.last(child_id, "WorkflowExecutionCancelRequested", "c") == {
        "cause": "CHILD_POLICY_APPLIED",
        "externalInitiatedEventId": 0,
        "externalWorkflowExecution": {"workflowId": "w", "runId": parent_id},
    }


def test_a_terminated_parent_abandons_its_children(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start({"childPolicy": "ABANDON"})
    kit.terminate()
    before = kit.history(parent_id)
    family.decide(complete())
    assert kit.status(child_id, "c") == "COMPLETED"
    assert kit.history(parent_id) == before


def test_the_policy_is_not_applied_when_the_parent_closes_itself(kit: Kit, family: Family) -> None:
    _, child_id = family.start({"childPolicy": "TERMINATE"})
    kit.signal()
    kit.decide(complete())
    assert kit.types(child_id, "c") == ["WES", "DTS"]
    family.decide(fail())
    assert kit.status(child_id, "c") == "FAILED"


def test_terminate_may_name_another_policy(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start({"childPolicy": "TERMINATE"})
    kit.terminate(childPolicy="ABANDON")
    assert kit.last(parent_id, "WorkflowExecutionTerminated")["childPolicy"] == "ABANDON"
    assert kit.status(child_id, "c") == "OPEN"


def test_the_timeout_of_a_parent_applies_its_policy(kit: Kit, family: Family) -> None:
    parent_id, child_id = family.start({"childPolicy": "TERMINATE", "executionStartToCloseTimeout": "10"})
    kit.advance(10)
    timed_out = {"timeoutType": "START_TO_CLOSE", "childPolicy": "TERMINATE"}
    assert kit.last(parent_id, "WorkflowExecutionTimedOut") == timed_out
    assert kit.status(parent_id) == "TIMED_OUT"
    assert kit.status(child_id, "c") == "TERMINATED"


def test_a_deep_family_is_terminated_as_a_whole(kit: Kit) -> None:
    kit.flow_type("deep", defaultChildPolicy="TERMINATE")
    kit.start(workflowType={"name": "deep", "version": "1"})
    depth = 1100
    for number in range(depth):
        task = kit.task()
        while task.answer["workflowExecution"]["workflowId"] != ("w" if number == 0 else f"c{number - 1}"):
            task.decide()
            task = kit.task()
        task.decide(child(f"c{number}", "deep"))
    kit.terminate()
    window = {"startTimeFilter": {"oldestDate": 0}}
    assert kit.call("CountOpenWorkflowExecutions", domain="test", **window)["count"] == 0
    closed = kit.call(
        "CountClosedWorkflowExecutions", domain="test", closeStatusFilter={"status": "TERMINATED"}, **window
    )
    assert closed["count"] == depth + 1


def test_a_child_of_a_batch_that_closes_the_parent(kit: Kit) -> None:
    parent_id = kit.start(childPolicy="TERMINATE")
    kit.decide(child("c"), child("c"), signal_external("nobody"), complete())
    initiated = ["SCWEI", "SCWEI", "SignalExternalWorkflowExecutionInitiated"]
    assert kit.types(parent_id, after=4) == [*initiated, "WEC"]
    task = kit.task()
    origin = task.answer["events"][0]["workflowExecutionStartedEventAttributes"]
    assert origin["parentWorkflowExecution"] == {"workflowId": "w", "runId": parent_id}
    task.decide(complete())
    assert kit.types(parent_id)[-1] == "WEC"
    assert kit.describe(parent_id)["openCounts"]["openChildWorkflowExecutions"] == 0


# -- continue as new ---------------------------------------------------------------------------------


def test_continue_as_new(kit: Kit) -> None:
    first = kit.start(input="old", tagList=["old"], taskStartToCloseTimeout="7", taskList={"name": "first"})
    kit.task("first").decide(continue_as_new(input="new", childPolicy="TERMINATE"))
    settings = {
        "input": "new",
        "childPolicy": "TERMINATE",
        "taskList": {"name": "deciders"},
        "executionStartToCloseTimeout": "86400",
        "taskStartToCloseTimeout": "300",
        "workflowType": FLOW,
    }
    continued = dict(kit.last(first, "WorkflowExecutionContinuedAsNew"))
    second = continued.pop("newExecutionRunId")
    assert continued == {**settings, "decisionTaskCompletedEventId": 4}
    assert kit.status(first) == "CONTINUED_AS_NEW" and kit.status(second) == "OPEN"
    assert kit.types(second) == ["WES", "DTS"]
    assert kit.last(second, "WES") == {**settings, "continuedExecutionRunId": first, "parentInitiatedEventId": 0}
    assert kit.refused("StartWorkflowExecution", domain="test", workflowId="w", workflowType=FLOW)[0] == (
        "WorkflowExecutionAlreadyStartedFault"
    )
    kit.signal()
    assert kit.types(second)[-1] == "WorkflowExecutionSignaled"


def test_continue_as_new_with_another_version(kit: Kit) -> None:
    kit.flow_type("flow", "2", defaultTaskPriority="4")
    first = kit.start()
    kit.decide(continue_as_new(workflowTypeVersion="2", tagList=["t"], executionStartToCloseTimeout="10"))
    second = kit.last(first, "WorkflowExecutionContinuedAsNew")["newExecutionRunId"]
    origin = kit.last(second, "WES")
    assert origin["workflowType"] == {"name": "flow", "version": "2"}
    assert (origin["tagList"], origin["taskPriority"]) == (["t"], "4")
    kit.advance(10)
    assert kit.status(second) == "TIMED_OUT"


def test_a_child_that_continues_as_new_stays_a_child(kit: Kit, family: Family) -> None:
    parent_id, first = family.start({"childPolicy": "TERMINATE"})
    family.decide(continue_as_new(taskList=CHILDREN))
    second = kit.last(first, "WorkflowExecutionContinuedAsNew", "c")["newExecutionRunId"]
    assert len(kit.history(parent_id)) == 9
    origin = kit.last(second, "WES", "c")
    assert origin["parentWorkflowExecution"] == {"workflowId": "w", "runId": parent_id}
    assert origin["parentInitiatedEventId"] == 5
    assert kit.describe(parent_id)["openCounts"]["openChildWorkflowExecutions"] == 1
    family.decide(complete(result="r"))
    assert kit.last(parent_id, "ChildWorkflowExecutionCompleted") == {
        "result": "r",
        "workflowExecution": {"workflowId": "c", "runId": second},
        "workflowType": FLOW,
        "initiatedEventId": 5,
        "startedEventId": 6,
    }


def test_the_policy_reaches_a_child_that_continued_as_new(kit: Kit, family: Family) -> None:
    _, first = family.start({"childPolicy": "TERMINATE"})
    family.decide(continue_as_new(taskList=CHILDREN))
    second = kit.last(first, "WorkflowExecutionContinuedAsNew", "c")["newExecutionRunId"]
    kit.terminate()
    assert kit.status(second, "c") == "TERMINATED"
    assert kit.status(first, "c") == "CONTINUED_AS_NEW"


def test_children_of_a_run_that_continued_as_new_report_to_nobody(kit: Kit, family: Family) -> None:
    first, child_id = family.start({"childPolicy": "TERMINATE"})
    kit.signal()
    kit.decide(continue_as_new())
    second = kit.last(first, "WorkflowExecutionContinuedAsNew")["newExecutionRunId"]
    kit.terminate()
    assert kit.status(child_id, "c") == "OPEN"
    family.decide(complete())
    assert kit.types(second) == ["WES", "DTS", "WorkflowExecutionTerminated"]


def test_why_a_run_does_not_continue(kit: Kit) -> None:
    kit.flow_type("flow", "old")
    kit.call("DeprecateWorkflowType", domain="test", workflowType={"name": "flow", "version": "old"})
    given = {"executionStartToCloseTimeout": "9", "taskList": {"name": "deciders"}, "taskStartToCloseTimeout": "9"}
    kit.call("RegisterWorkflowType", domain="test", name="bare", version="1")
    run_id = kit.start(workflowType={"name": "bare", "version": "1"}, childPolicy="ABANDON", **given)
    tries: list[tuple[Record, str]] = [
        ({"workflowTypeVersion": "2"}, "WORKFLOW_TYPE_DOES_NOT_EXIST"),
        ({}, "DEFAULT_EXECUTION_START_TO_CLOSE_TIMEOUT_UNDEFINED"),
        ({"executionStartToCloseTimeout": "1"}, "DEFAULT_TASK_LIST_UNDEFINED"),
        (given | {"taskStartToCloseTimeout": ""}, "DEFAULT_TASK_START_TO_CLOSE_TIMEOUT_UNDEFINED"),
        (given, "DEFAULT_CHILD_POLICY_UNDEFINED"),
    ]
    for attributes, cause in tries:
        task = kit.task()
        task.decide({"decisionType": "ContinueAsNewWorkflowExecution"} | _attributes(attributes))
        failure = kit.last(run_id, "ContinueAsNewWorkflowExecutionFailed")
        assert failure.pop("decisionTaskCompletedEventId")
        assert failure == {"cause": cause}
        assert kit.types(run_id)[-2:] == ["ContinueAsNewWorkflowExecutionFailed", "DTS"]
        assert kit.status(run_id) == "OPEN"
    other = kit.start("other")
    kit.terminate()
    kit.decide(continue_as_new(workflowTypeVersion="old"))
    assert kit.last(other, "ContinueAsNewWorkflowExecutionFailed", "other")["cause"] == "WORKFLOW_TYPE_DEPRECATED"


def _attributes(attributes: Record) -> Record:
    return {"continueAsNewWorkflowExecutionDecisionAttributes": attributes}
