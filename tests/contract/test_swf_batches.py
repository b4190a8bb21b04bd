"""Batches of decisions, and what closes a run."""

from __future__ import annotations

from typing import Any

import pytest
from service_kit import (
    Kit,
    cancel,
    cancel_activity,
    cancel_external,
    cancel_timer,
    child,
    complete,
    continue_as_new,
    decision,
    fail,
    marker,
    schedule,
    signal_external,
    timer,
)

DECISION_TYPES = (
    "CompleteWorkflowExecution, StartTimer, RequestCancelExternalWorkflowExecution, SignalExternalWorkflowExecution, "
    "CancelTimer, RecordMarker, ScheduleActivityTask, ContinueAsNewWorkflowExecution, ScheduleLambdaFunction, "
    "FailWorkflowExecution, RequestCancelActivityTask, StartChildWorkflowExecution, CancelWorkflowExecution"
)
CLOSES = {
    "CompleteWorkflowExecution": "WorkflowExecutionCompleted",
    "FailWorkflowExecution": "WorkflowExecutionFailed",
    "CancelWorkflowExecution": "WorkflowExecutionCanceled",
    "ContinueAsNewWorkflowExecution": "WorkflowExecutionContinuedAsNew",
}
EACH_CLOSE = pytest.mark.parametrize("closing", CLOSES)


def refused(kit: Kit, *decisions: dict[str, Any]) -> str | None:
    """The message of the refusal of a batch, which leaves no trace."""
    run_id = kit.start()
    task = kit.task()
    before = kit.history(run_id)
    code, message = kit.refused("RespondDecisionTaskCompleted", taskToken=task.token, decisions=list(decisions))
    assert code == "ValidationException"
    assert kit.history(run_id) == before
    task.decide(complete())
    assert kit.status(run_id) == "COMPLETED"
    return message


def test_an_unknown_decision_type(kit: Kit) -> None:
    assert refused(kit, marker("m"), {"decisionType": "Unknown"}) == (
        "1 validation error detected: Value 'Unknown' at 'decisions.2.member.decisionType' failed to satisfy "
        f"constraint: Member must satisfy enum value set: [{DECISION_TYPES}]"
    )


@EACH_CLOSE
def test_a_close_is_the_last_decision(kit: Kit, closing: str) -> None:
    assert refused(kit, decision(closing), marker("m")) == "Close must be last decision in list"


def test_two_closes(kit: Kit) -> None:
    assert refused(kit, complete(), fail()) == "Close must be last decision in list"


@EACH_CLOSE
@pytest.mark.parametrize("other", [timer("t"), schedule("a"), decision("ScheduleLambdaFunction", id="i", name="n")])
def test_what_may_not_stand_beside_a_close(kit: Kit, closing: str, other: dict[str, Any]) -> None:
    wanted = "Specified decision is incompatible with close decision"
    assert refused(kit, marker("m"), other, decision(closing)) == wanted


def test_what_may_stand_beside_a_close(kit: Kit) -> None:
    run_id = kit.start()
    other = kit.start("other")
    kit.decide(timer("t"), schedule("a"))
    kit.task().decide()
    kit.signal()
    kit.decide(
        cancel_timer("t"),
        marker("m"),
        cancel_activity("a"),
        child("c"),
        cancel_external("other"),
        signal_external("other"),
        complete(),
    )
    assert kit.types(run_id, after=9) == [
        "DTC",
        "TimerCanceled",
        "MarkerRecorded",
        "ActivityTaskCancelRequested",
        "ActivityTaskCanceled",
        "SCWEI",
        "RequestCancelExternalWorkflowExecutionInitiated",
        "SignalExternalWorkflowExecutionInitiated",
        "WEC",
    ]
    reached = ["WorkflowExecutionCancelRequested", "DTS", "WorkflowExecutionSignaled"]
    assert kit.types(other, "other", after=4) == reached
    listed = kit.call("ListOpenWorkflowExecutions", domain="test", startTimeFilter={"oldestDate": 0})
    assert [info["execution"]["workflowId"] for info in listed["executionInfos"]] == ["c", "other"]


def test_missing_members_are_counted(kit: Kit) -> None:
    null = "failed to satisfy constraint: Member must not be null"
    empty: dict[str, Any] = {"decisionType": "CancelTimer", "cancelTimerDecisionAttributes": {}}
    where = "decisions.1.member.cancelTimerDecisionAttributes.timerId"
    assert refused(kit, empty) == f"1 validation error detected: Value null at '{where}' {null}"
    path = "decisions.1.member.startTimerDecisionAttributes"
    message = refused(kit, {"decisionType": "StartTimer", "startTimerDecisionAttributes": {}})
    assert message is not None
    head, _, items = message.partition(": ")
    assert head == "2 validation errors detected"
    assert sorted(items.split("; ")) == [
        f"Value null at '{path}.startToFireTimeout' {null}",
        f"Value null at '{path}.timerId' {null}",
    ]


def test_decision_events_follow_their_batch(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.signal()
    kit.advance(1)
    task.decide(marker("m1"), schedule("a"), timer("t"), marker("m2"), cancel_timer("t"))
    events = kit.history(run_id)[5:]
    assert [event["eventType"] for event in events] == [
        "DecisionTaskCompleted",
        "MarkerRecorded",
        "ActivityTaskScheduled",
        "TimerStarted",
        "MarkerRecorded",
        "TimerCanceled",
    ]
    assert len({event["eventTimestamp"] for event in events}) == 1
    lines = kit.lines(run_id)[6:]
    assert all(line.endswith(" d6") for line in lines)


@EACH_CLOSE
def test_a_close_is_refused_when_there_is_news(kit: Kit, closing: str) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.signal()
    task.decide(marker("m"), decision(closing))
    assert kit.types(run_id, after=3) == [
        "WorkflowExecutionSignaled",
        "DTS",
        "DTC",
        "MarkerRecorded",
        f"{closing}Failed",
    ]
    assert kit.last(run_id, f"{closing}Failed") == {"cause": "UNHANDLED_DECISION", "decisionTaskCompletedEventId": 6}
    assert kit.status(run_id) == "OPEN"
    again = kit.task()
    assert again.answer["startedEventId"] == 9
    assert kit.lines(run_id)[-1] == "9 DTSt s5"
    again.decide(decision(closing))
    assert kit.types(run_id)[-1] == ("WEC" if closing == "CompleteWorkflowExecution" else CLOSES[closing])


@EACH_CLOSE
def test_open_work_does_not_hinder_a_close(kit: Kit, closing: str) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"), timer("t"), child("c"))
    kit.task("deciders").decide()  # the child's
    kit.decide(decision(closing))
    assert kit.history(run_id)[-1]["eventType"] == CLOSES[closing]
    counts = kit.describe(run_id)["openCounts"]
    assert (counts["openActivityTasks"], counts["openTimers"], counts["openChildWorkflowExecutions"]) == (1, 1, 1)


def test_nothing_is_added_to_a_closed_run(kit: Kit) -> None:
    run_id = kit.start(executionStartToCloseTimeout="1000")
    kit.decide(schedule("a"), schedule("b", scheduleToStartTimeout="20"), timer("t", 10))
    work = kit.work()
    kit.signal()
    kit.decide(complete())
    before = kit.history(run_id)
    text = f"Unknown execution: WorkflowExecution=[workflowId=w, runId={run_id}]"
    unknown = "UnknownResourceFault", text
    assert kit.refused("RespondActivityTaskCompleted", taskToken=work.token) == unknown
    assert kit.refused("RecordActivityTaskHeartbeat", taskToken=work.token) == unknown
    kit.advance(2000)
    gone = "UnknownResourceFault", "Unknown execution, workflowId = w"
    request = {"domain": "test", "workflowId": "w"}
    assert kit.refused("SignalWorkflowExecution", **request, signalName="s") == gone
    assert kit.refused("TerminateWorkflowExecution", **request) == gone
    assert kit.refused("RequestCancelWorkflowExecution", **request, runId=run_id) == unknown
    assert kit.history(run_id) == before


def test_an_activity_of_a_closed_run_is_not_given_out(kit: Kit) -> None:
    kit.start()
    kit.decide(schedule("a"))
    kit.signal()
    kit.decide(complete())
    assert kit.no_work()
    assert kit.call("CountPendingActivityTasks", domain="test", taskList={"name": "workers"})["count"] == 0


@EACH_CLOSE
def test_a_close_needs_no_attributes(kit: Kit, closing: str) -> None:
    run_id = kit.start()
    kit.decide({"decisionType": closing})
    attributes = kit.last(run_id, CLOSES[closing])
    if closing == "ContinueAsNewWorkflowExecution":
        assert attributes.pop("newExecutionRunId")
        assert attributes.pop("workflowType") == {"name": "flow", "version": "1"}
        assert "input" not in attributes and "tagList" not in attributes
    else:
        assert attributes == {"decisionTaskCompletedEventId": 4}


def test_what_a_close_says(kit: Kit) -> None:
    for closing, said in (
        (complete(result="r"), {"result": "r"}),
        (fail(reason="why", details="d"), {"reason": "why", "details": "d"}),
        (cancel(details="d"), {"details": "d"}),
    ):
        run_id = kit.start()
        kit.decide(closing)
        event_type = CLOSES[closing["decisionType"]]
        assert kit.last(run_id, event_type) == {**said, "decisionTaskCompletedEventId": 4}


def test_a_failed_decision_schedules_one_task_behind_the_batch(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(cancel_timer("x"), marker("m"), cancel_activity("y"), timer("t"))
    assert kit.types(run_id, after=3) == [
        "DTC",
        "CancelTimerFailed",
        "MarkerRecorded",
        "RequestCancelActivityTaskFailed",
        "TimerStarted",
        "DTS",
    ]


def test_a_failed_decision_adds_no_task_when_one_waits(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.signal()
    task.decide(cancel_timer("x"))
    assert kit.types(run_id, after=3) == ["WorkflowExecutionSignaled", "DTS", "DTC", "CancelTimerFailed"]
    assert kit.task().answer["startedEventId"] == 8


def test_a_batch_that_fails_and_closes(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(cancel_timer("x"), complete())
    assert kit.types(run_id, after=3) == ["DTC", "CancelTimerFailed", "WEC"]
    assert kit.no_task()


def test_continue_as_new_beside_news_starts_nothing(kit: Kit) -> None:
    kit.start()
    task = kit.task()
    kit.signal()
    task.decide(continue_as_new())
    count = kit.call("CountOpenWorkflowExecutions", domain="test", startTimeFilter={"oldestDate": 0})
    assert count == {"count": 1, "truncated": False}
