"""Starting, describing and reading executions."""

from __future__ import annotations

from typing import Any

import pytest
from service_kit import FLOW, Kit, attributes_of, complete, fail, marker, schedule, timer

ORIGIN = {
    "executionStartToCloseTimeout": "86400",
    "taskStartToCloseTimeout": "300",
    "childPolicy": "ABANDON",
    "taskList": {"name": "deciders"},
    "workflowType": FLOW,
    "parentInitiatedEventId": 0,
}


def test_a_start_writes_two_events_at_one_instant(kit: Kit) -> None:
    events = kit.history(kit.start())
    assert [event["eventType"] for event in events] == ["WorkflowExecutionStarted", "DecisionTaskScheduled"]
    assert events[0]["eventTimestamp"] == events[1]["eventTimestamp"]
    scheduled = {"taskList": {"name": "deciders"}, "startToCloseTimeout": "300", "scheduleToStartTimeout": "NONE"}
    assert attributes_of(events[1]) == scheduled


def test_the_first_event_holds_the_resolved_settings(kit: Kit) -> None:
    assert attributes_of(kit.history(kit.start())[0]) == ORIGIN
    given: dict[str, Any] = {
        "executionStartToCloseTimeout": "100",
        "taskStartToCloseTimeout": "NONE",
        "childPolicy": "TERMINATE",
        "taskList": {"name": "mine"},
        "taskPriority": "-7",
        "lambdaRole": "role",
        "input": "in",
        "tagList": ["t1", "t2"],
    }
    events = kit.history(kit.start("w2", **given), "w2")
    assert attributes_of(events[0]) == {**ORIGIN, **given}
    scheduled = {"taskList": {"name": "mine"}, "startToCloseTimeout": "NONE", "scheduleToStartTimeout": "NONE"}
    assert attributes_of(events[1]) == {**scheduled, "taskPriority": "-7"}


def test_a_type_gives_priority_and_role(kit: Kit) -> None:
    kit.flow_type("other", defaultTaskPriority="5", defaultLambdaRole="role")
    run_id = kit.start(workflowType={"name": "other", "version": "1"})
    origin = kit.last(run_id, "WES")
    assert (origin["taskPriority"], origin["lambdaRole"]) == ("5", "role")


def test_missing_settings_are_named_one_after_the_other(kit: Kit) -> None:
    kit.call("RegisterWorkflowType", domain="test", name="bare", version="1")
    request: dict[str, Any] = {"domain": "test", "workflowId": "w", "workflowType": {"name": "bare", "version": "1"}}
    for name, value in (
        ("executionStartToCloseTimeout", "10"),
        ("taskList", {"name": "l"}),
        ("taskStartToCloseTimeout", "10"),
        ("childPolicy", "ABANDON"),
    ):
        assert kit.refused("StartWorkflowExecution", **request) == ("DefaultUndefinedFault", name)
        request[name] = value
    kit.call("StartWorkflowExecution", **request)


def test_one_open_run_of_a_workflow_id(kit: Kit) -> None:
    first = kit.start()
    request = {"domain": "test", "workflowId": "w", "workflowType": FLOW}
    refused = kit.refused("StartWorkflowExecution", **request)
    assert refused[0] == "WorkflowExecutionAlreadyStartedFault"
    assert kit.types(first) == ["WES", "DTS"]
    kit.decide(complete())
    second = kit.start()
    assert second != first
    assert kit.status(first) == "COMPLETED" and kit.status(second) == "OPEN"


def test_of_many_starts_one_succeeds(kit: Kit) -> None:
    started = []
    for _ in range(8):
        try:
            started.append(kit.start())
        except Exception as refusal:
            assert getattr(refusal, "code", None) == "WorkflowExecutionAlreadyStartedFault"
    assert len(started) == 1


def test_the_checks_of_a_start_come_in_order(kit: Kit) -> None:
    kit.call("RegisterWorkflowType", domain="test", name="bare", version="1")
    bare = {"domain": "test", "workflowType": {"name": "bare", "version": "1"}, "workflowId": "w"}
    kit.start()
    assert kit.refused("StartWorkflowExecution", **bare)[0] == "DefaultUndefinedFault"
    kit.call("DeprecateWorkflowType", domain="test", workflowType=bare["workflowType"])
    refused = kit.refused("StartWorkflowExecution", **bare)
    assert refused == ("TypeDeprecatedFault", "WorkflowType=[name=bare, version=1]")


def test_tags(kit: Kit) -> None:
    tags = ["a", "b", "c", "d", "e"]
    request = {"domain": "test", "workflowId": "w", "workflowType": FLOW}
    assert kit.refused("StartWorkflowExecution", **request, tagList=[*tags, "f"])[0] == "ValidationException"
    run_id = kit.start(tagList=tags)
    assert kit.describe(run_id)["executionInfo"]["tagList"] == tags
    listed = kit.call("ListOpenWorkflowExecutions", domain="test", startTimeFilter={"oldestDate": 0})
    assert listed["executionInfos"][0]["tagList"] == tags


def test_every_history_is_well_formed(kit: Kit) -> None:
    run_id = kit.start()
    kit.advance(1)
    task = kit.task()
    kit.signal()
    kit.advance(1)
    task.decide(marker("m"), schedule("a"), timer("t", 0))
    kit.advance(1)
    kit.work().complete()
    kit.decide(fail())
    events = kit.history(run_id)  # which checks the form
    assert len(events) == 15 and events[-1]["eventType"] == "WorkflowExecutionFailed"


def test_pages_of_a_history(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(*[marker(str(number)) for number in range(5)])
    execution = {"workflowId": "w", "runId": run_id}

    def pages(**request: Any) -> list[list[int]]:
        found = []
        while True:
            answer = kit.call("GetWorkflowExecutionHistory", domain="test", execution=execution, **request)
            found.append([event["eventId"] for event in answer["events"]])
            if "nextPageToken" not in answer:
                return found
            request["nextPageToken"] = answer["nextPageToken"]

    assert pages(maximumPageSize=2) == [[1, 2], [3, 4], [5, 6], [7, 8], [9]]
    assert pages(maximumPageSize=2, reverseOrder=True) == [[9, 8], [7, 6], [5, 4], [3, 2], [1]]
    assert pages(maximumPageSize=9) == [[1, 2, 3, 4, 5, 6, 7, 8, 9]]
    assert pages(maximumPageSize=3) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert pages() == [[1, 2, 3, 4, 5, 6, 7, 8, 9]]
    kit.signal()
    kit.decide(complete())
    assert pages(maximumPageSize=5, reverseOrder=True) == [[14, 13, 12, 11, 10], [9, 8, 7, 6, 5], [4, 3, 2, 1]]


def test_a_page_is_a_thousand_events(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(*[marker("m")] * 1000)
    execution = {"workflowId": "w", "runId": run_id}
    answer = kit.call("GetWorkflowExecutionHistory", domain="test", execution=execution)
    assert len(answer["events"]) == 1000
    token = answer["nextPageToken"]
    rest = kit.call("GetWorkflowExecutionHistory", domain="test", execution=execution, nextPageToken=token)
    assert [event["eventId"] for event in rest["events"]] == [1001, 1002, 1003, 1004]


def test_the_pages_of_one_read_end_where_it_began(kit: Kit) -> None:
    run_id = kit.start()
    execution = {"workflowId": "w", "runId": run_id}
    request = {"domain": "test", "execution": execution, "maximumPageSize": 1}
    first = kit.call("GetWorkflowExecutionHistory", **request)
    kit.signal()
    second = kit.call("GetWorkflowExecutionHistory", **request, nextPageToken=first["nextPageToken"])
    assert [event["eventId"] for event in second["events"]] == [2]
    assert "nextPageToken" not in second


def test_describe_an_open_run(kit: Kit) -> None:
    run_id = kit.start()
    described = kit.describe(run_id)
    counts = described["openCounts"]
    assert counts.pop("openDecisionTasks") in (0, 1)
    zero = ("openActivityTasks", "openTimers", "openChildWorkflowExecutions", "openLambdaFunctions")
    assert counts == dict.fromkeys(zero, 0)
    assert described["executionConfiguration"] == {
        name: ORIGIN[name]
        for name in ("childPolicy", "taskList", "taskStartToCloseTimeout", "executionStartToCloseTimeout")
    }
    assert described["executionInfo"] == {
        "execution": {"workflowId": "w", "runId": run_id},
        "workflowType": FLOW,
        "startTimestamp": kit.client.now_ms / 1000,
        "executionStatus": "OPEN",
        "cancelRequested": False,
    }


def test_open_decision_tasks_are_those_that_wait(kit: Kit) -> None:
    run_id = kit.start()

    def count() -> int:
        return int(kit.describe(run_id)["openCounts"]["openDecisionTasks"])

    assert count() == 1
    task = kit.task()
    assert count() == 0
    kit.signal()
    assert count() == 1
    task.decide()
    kit.terminate()
    assert count() == 0


def test_the_latest_activity_timestamp_follows_every_activity_event(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"), timer("t", 100))

    def latest() -> float | None:
        found: float | None = kit.describe(run_id).get("latestActivityTaskTimestamp")
        return found

    assert "latestActivityTaskTimestamp" not in kit.describe(kit.start("other"), "other")
    for step in (lambda: None, kit.work, lambda: kit.signal(), kit.task):
        before = latest()
        step()
        kit.history(run_id)
        stamps = [event["eventTimestamp"] for event in kit.history(run_id) if "ActivityTask" in event["eventType"]]
        assert latest() == max(stamps)
        assert before is not None
        kit.advance(1)


def test_the_latest_activity_timestamp_of_each_outcome(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"), schedule("b"), schedule("c"), schedule("d", startToCloseTimeout="60"))
    for end in (lambda task: task.complete(), lambda task: task.fail(), lambda task: task.cancel()):
        task = kit.work()
        kit.advance(3)
        end(task)
        assert kit.describe(run_id)["latestActivityTaskTimestamp"] * 1000 == kit.client.now_ms
    kit.work()
    kit.advance(60)
    assert kit.describe(run_id)["latestActivityTaskTimestamp"] * 1000 == kit.client.now_ms


def test_the_execution_context_is_kept_until_another_is_given(kit: Kit) -> None:
    run_id = kit.start()

    def context(**more: Any) -> str | None:
        kit.signal()
        kit.decide(**more)
        found: str | None = kit.describe(run_id).get("latestExecutionContext")
        return found

    assert context() is None
    assert context(executionContext="c1") == "c1"
    assert context() == "c1"
    assert context(executionContext="") == ""
    assert context() == ""
    assert kit.last(run_id, "DTC").get("executionContext") is None


def test_open_activities_are_scheduled_or_started_and_outlive_the_close(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"), schedule("b"), timer("t"))

    def count() -> int:
        return int(kit.describe(run_id)["openCounts"]["openActivityTasks"])

    assert count() == 2
    task = kit.work()
    assert count() == 2
    task.complete()
    assert count() == 1
    kit.work()
    kit.decide(complete())
    assert kit.status(run_id) == "COMPLETED"
    assert count() == 1
    assert kit.describe(run_id)["openCounts"]["openTimers"] == 1


def test_cancel_requested_is_told_while_the_run_is_open(kit: Kit) -> None:
    run_id = kit.start()
    assert kit.describe(run_id)["executionInfo"]["cancelRequested"] is False
    kit.request_cancel()
    assert kit.describe(run_id)["executionInfo"]["cancelRequested"] is True
    kit.decide(complete())
    assert kit.describe(run_id)["executionInfo"]["cancelRequested"] is False


@pytest.mark.parametrize("closing", [complete(), fail()], ids=["complete", "fail"])
def test_describe_a_closed_run(kit: Kit, closing: dict[str, Any]) -> None:
    run_id = kit.start()
    started = kit.client.now_ms / 1000
    kit.advance(2)
    kit.decide(closing)
    kit.advance(2)
    info = kit.describe(run_id)["executionInfo"]
    assert info["executionStatus"] == "CLOSED"
    assert info["closeStatus"] == ("COMPLETED" if closing == complete() else "FAILED")
    assert info["startTimestamp"] == started
    assert info["closeTimestamp"] == kit.history(run_id)[-1]["eventTimestamp"] == started + 2
