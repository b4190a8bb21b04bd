"""Timeouts of runs and decision tasks, the task list override, and the length of a history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from service_kit import Kit, child, complete, marker, schedule, timer

STICKY = {"taskList": {"name": "sticky"}, "taskListScheduleToStartTimeout": "5"}


def test_the_timeout_of_a_run(kit: Kit) -> None:
    run_id = kit.start(executionStartToCloseTimeout="100")
    kit.decide(schedule("a"), timer("t", 100))
    kit.advance(99.999)
    assert kit.status(run_id) == "OPEN"
    kit.advance(0.001)
    assert kit.types(run_id)[-1] == "WorkflowExecutionTimedOut"
    assert kit.last(run_id, "WorkflowExecutionTimedOut") == {"timeoutType": "START_TO_CLOSE", "childPolicy": "ABANDON"}
    assert kit.status(run_id) == "TIMED_OUT"
    assert kit.no_work()


def test_no_run_is_longer_than_a_year(kit: Kit) -> None:
    run_id = kit.start(executionStartToCloseTimeout="31536000")
    kit.decide(timer("t", 99_999_999))
    kit.advance(31_535_999)
    assert kit.status(run_id) == "OPEN"
    kit.advance(1)
    assert kit.types(run_id, after=5) == ["WorkflowExecutionTimedOut"]


def test_the_timeout_of_a_decision_task(kit: Kit) -> None:
    run_id = kit.start(taskStartToCloseTimeout="10")
    kit.advance(50)
    task = kit.task()
    kit.advance(10)
    assert kit.lines(run_id)[3:] == ["4 DTTO s2 st3", "5 DTS"]
    assert kit.last(run_id, "DTTO")["timeoutType"] == "START_TO_CLOSE"
    refused = kit.refused("RespondDecisionTaskCompleted", taskToken=task.token)
    assert refused == ("UnknownResourceFault", "Unknown decision task, scheduledEventId = 2")
    kit.decide(complete())
    assert kit.status(run_id) == "COMPLETED"


def test_the_timeout_of_a_decision_task_when_the_next_one_waits(kit: Kit) -> None:
    run_id = kit.start(taskStartToCloseTimeout="10")
    kit.task()
    kit.signal()
    kit.advance(10)
    assert kit.lines(run_id)[3:] == ["4 WorkflowExecutionSignaled", "5 DTS", "6 DTTO s2 st3"]
    assert kit.task().answer["startedEventId"] == 7
    assert kit.no_task()


def test_a_decision_task_without_a_timeout(kit: Kit) -> None:
    run_id = kit.start(taskStartToCloseTimeout="NONE")
    task = kit.task()
    kit.advance(86_000)
    task.decide(complete())
    assert kit.status(run_id) == "COMPLETED"


def scheduled(kit: Kit, run_id: str) -> tuple[str, str]:
    """List and schedule-to-start timeout of the last decision task."""
    found = kit.last(run_id, "DTS")
    return found["taskList"]["name"], found["scheduleToStartTimeout"]


def test_a_permanent_task_list(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(taskList={"name": "mine"})
    assert kit.last(run_id, "DTC")["taskList"] == {"name": "mine"}
    assert "taskListScheduleToStartTimeout" not in kit.last(run_id, "DTC")
    for _ in range(2):
        kit.signal()
        assert scheduled(kit, run_id) == ("mine", "NONE")
        kit.task("mine").decide()
    assert kit.describe(run_id)["executionConfiguration"]["taskList"] == {"name": "mine"}
    assert kit.last(run_id, "WES")["taskList"] == {"name": "deciders"}


def test_a_temporary_task_list_that_is_served(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(**STICKY)
    completed = kit.last(run_id, "DTC")
    assert {name: completed[name] for name in STICKY} == STICKY
    for _ in range(2):
        kit.signal()
        assert scheduled(kit, run_id) == ("sticky", "5")
        assert kit.no_task()
        kit.advance(4.999)
        kit.task("sticky").decide()
        kit.advance(100)
    assert "DTTO" not in kit.types(run_id)


def test_a_temporary_task_list_that_is_not_served(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(**STICKY)
    kit.signal()
    kit.advance(4.999)
    assert kit.types(run_id)[-1] == "DTS"
    kit.advance(0.001)
    assert kit.lines(run_id)[6:] == ["7 DTTO s6 st0", "8 DTS"]
    assert kit.last(run_id, "DTTO")["timeoutType"] == "SCHEDULE_TO_START"
    assert scheduled(kit, run_id) == ("deciders", "NONE")
    assert kit.no_task("sticky")
    kit.decide()
    kit.signal()
    assert scheduled(kit, run_id) == ("deciders", "NONE")


def test_a_temporary_task_list_whose_decider_dies(kit: Kit) -> None:
    run_id = kit.start(taskStartToCloseTimeout="10")
    kit.decide(**STICKY)
    kit.signal()
    kit.task("sticky")
    kit.advance(10)
    assert kit.types(run_id)[-2:] == ["DTTO", "DTS"]
    assert kit.last(run_id, "DTTO")["timeoutType"] == "START_TO_CLOSE"
    assert scheduled(kit, run_id) == ("deciders", "NONE")
    assert kit.describe(run_id)["executionConfiguration"]["taskList"] == {"name": "deciders"}


def test_a_task_of_the_old_list_that_times_out_leaves_the_temporary_list(kit: Kit) -> None:
    run_id = kit.start(taskStartToCloseTimeout="10")
    task = kit.task()
    kit.signal()
    task.decide(**STICKY)
    kit.task()
    kit.advance(10)
    assert scheduled(kit, run_id) == ("sticky", "5")


def test_temporary_and_permanent_lists_replace_each_other(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(taskList={"name": "mine"})
    kit.signal()
    kit.task("mine").decide(**STICKY)
    kit.signal()
    kit.task("sticky").decide(**{**STICKY, "taskList": {"name": "sticky2"}})
    kit.signal()
    kit.advance(5)
    assert scheduled(kit, run_id) == ("mine", "NONE")
    kit.task("mine").decide(**STICKY)
    kit.signal()
    kit.task("sticky").decide(taskList={"name": "final"})
    kit.signal()
    assert scheduled(kit, run_id) == ("final", "NONE")
    kit.advance(100)
    assert not kit.no_task("final")


def test_a_task_that_waits_stays_on_its_list(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.signal()
    task.decide(**STICKY)
    assert kit.no_task("sticky")
    kit.decide()
    kit.signal()
    assert scheduled(kit, run_id) == ("sticky", "5")


def test_an_override_timeout_needs_a_list(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    request: dict[str, Any] = {"taskToken": task.token, "taskListScheduleToStartTimeout": "5"}
    assert kit.refused("RespondDecisionTaskCompleted", **request)[0] == "ValidationException"
    assert len(kit.history(run_id)) == 3
    task.decide()


def test_an_override_without_end_is_reverted_by_a_dead_decider_alone(kit: Kit) -> None:
    run_id = kit.start(taskStartToCloseTimeout="10")
    kit.decide(taskList={"name": "sticky"}, taskListScheduleToStartTimeout="NONE")
    kit.signal()
    kit.advance(1000)
    assert scheduled(kit, run_id) == ("sticky", "NONE")
    kit.task("sticky")
    kit.advance(10)
    assert scheduled(kit, run_id) == ("deciders", "NONE")


def test_children_and_successors_do_not_inherit_the_override(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(child("c"), **STICKY)
    child_id = kit.last(run_id, "CWES")["workflowExecution"]["runId"]
    assert kit.last(child_id, "DTS", "c")["taskList"] == {"name": "deciders"}
    kit.task("sticky").decide({"decisionType": "ContinueAsNewWorkflowExecution"})
    following = kit.last(run_id, "WorkflowExecutionContinuedAsNew")["newExecutionRunId"]
    assert scheduled(kit, following) == ("deciders", "NONE")


def test_a_history_that_reaches_its_limit(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(history_events=20)
    run_id = kit.start(childPolicy="TERMINATE")
    kit.decide(child("c", taskList={"name": "nobody"}))
    kit.decide(*[marker("m")] * 10)
    assert len(kit.history(run_id)) == 19
    kit.signal()
    assert kit.types(run_id, after=19) == ["WorkflowExecutionSignaled", "DTS", "WorkflowExecutionTerminated"]
    terminated = {"cause": "EVENT_LIMIT_EXCEEDED", "childPolicy": "TERMINATE"}
    assert kit.last(run_id, "WorkflowExecutionTerminated") == terminated
    child_id = kit.last(run_id, "CWES")["workflowExecution"]["runId"]
    assert kit.status(child_id, "c") == "TERMINATED"


def test_a_batch_that_crosses_the_limit_is_written_whole(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(history_events=10)
    run_id = kit.start()
    kit.decide(*[marker("m")] * 20)
    assert kit.types(run_id, after=4) == ["MarkerRecorded"] * 20 + ["WorkflowExecutionTerminated"]
    other = kit.start("other")
    kit.decide(*[marker("m")] * 20, complete())
    assert kit.status(other, "other") == "COMPLETED"


def test_a_task_is_handed_over_even_at_the_limit(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(history_events=3)
    run_id = kit.start()
    task = kit.task()
    assert kit.status(run_id) == "OPEN"
    task.decide(complete())
    assert kit.status(run_id) == "COMPLETED"
    run_id = kit.start()
    kit.decide()
    assert kit.status(run_id) == "TERMINATED"


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_overdue_comes_in_order_of_its_instant(kit: Kit, at_once: bool) -> None:
    run_id = kit.start(executionStartToCloseTimeout="50", taskStartToCloseTimeout="20")
    kit.decide(timer("late", 60), timer("early", 10), schedule("a", scheduleToStartTimeout="10"))
    kit.signal()
    kit.task()
    for _ in range(1 if at_once else 60):
        kit.advance(60 if at_once else 1)
    assert kit.types(run_id, after=10) == [
        "TimerFired",
        "DTS",
        "ActivityTaskTimedOut",
        "DTTO",
        "WorkflowExecutionTimedOut",
    ]
