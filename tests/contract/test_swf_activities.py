"""Activity tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from service_kit import WORK, Kit, Task, cancel_activity, complete, schedule, timer

TIMEOUTS = {
    "scheduleToStartTimeout": "NONE",
    "scheduleToCloseTimeout": "NONE",
    "startToCloseTimeout": "600",
    "heartbeatTimeout": "NONE",
}


def begin(kit: Kit, *decisions: dict[str, Any]) -> str:
    """A run whose first decision task was answered with these decisions."""
    run_id = kit.start()
    kit.decide(*decisions)
    return run_id


def test_the_scheduled_event_records_everything_resolved(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"))
    resolved: dict[str, Any] = {"activityId": "a", "activityType": WORK, "taskList": {"name": "workers"}, **TIMEOUTS}
    assert kit.last(run_id, "ATS") == {**resolved, "decisionTaskCompletedEventId": 4}
    given = {
        "input": "in",
        "control": "c",
        "taskList": {"name": "l"},
        "taskPriority": "3",
        "scheduleToStartTimeout": "1",
        "scheduleToCloseTimeout": "2",
        "startToCloseTimeout": "3",
        "heartbeatTimeout": "4",
    }
    kit.signal()
    kit.decide(schedule("b", **given))
    wanted = {"activityId": "b", "activityType": WORK, "decisionTaskCompletedEventId": 9, **given}
    assert kit.last(run_id, "ATS") == wanted


def test_why_an_activity_is_not_scheduled(kit: Kit) -> None:
    kit.activity_type("old")
    kit.call("DeprecateActivityType", domain="test", activityType={"name": "old", "version": "1"})
    defaults = {
        "defaultTaskList": "DEFAULT_TASK_LIST_UNDEFINED",
        "defaultTaskScheduleToStartTimeout": "DEFAULT_SCHEDULE_TO_START_TIMEOUT_UNDEFINED",
        "defaultTaskScheduleToCloseTimeout": "DEFAULT_SCHEDULE_TO_CLOSE_TIMEOUT_UNDEFINED",
        "defaultTaskStartToCloseTimeout": "DEFAULT_START_TO_CLOSE_TIMEOUT_UNDEFINED",
        "defaultTaskHeartbeatTimeout": "DEFAULT_HEARTBEAT_TIMEOUT_UNDEFINED",
    }
    for name in defaults:
        kit.activity_type(name, **{name: None})
    kit.activity_type("bare", **dict.fromkeys(defaults))
    run_id = begin(kit, schedule("a"))
    tries = [
        (schedule("a", "never"), "ACTIVITY_TYPE_DOES_NOT_EXIST"),
        (schedule("a", "work", "2"), "ACTIVITY_TYPE_DOES_NOT_EXIST"),
        (schedule("a", "old"), "ACTIVITY_TYPE_DEPRECATED"),
        (schedule("a", "bare"), "ACTIVITY_ID_ALREADY_IN_USE"),
        (schedule("b", "bare"), "DEFAULT_TASK_LIST_UNDEFINED"),
        *((schedule("b", name), cause) for name, cause in defaults.items()),
    ]
    for wanted, cause in tries:
        kit.signal()
        kit.decide(wanted)
        attributes = wanted["scheduleActivityTaskDecisionAttributes"]
        failure = kit.last(run_id, "ScheduleActivityTaskFailed")
        assert failure.pop("decisionTaskCompletedEventId")
        named = {name: attributes[name] for name in ("activityId", "activityType")}
        assert failure == {**named, "cause": cause}
        assert kit.types(run_id)[-2:] == ["ScheduleActivityTaskFailed", "DTS"]


def test_an_activity_id_is_free_again_once_it_has_closed(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"), schedule("a"))
    assert kit.types(run_id, after=4) == ["ATS", "ScheduleActivityTaskFailed", "DTS"]
    kit.work().complete()
    kit.decide(schedule("a"))
    assert kit.types(run_id)[-1] == "ATS"


def test_the_limit_of_open_activities(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(open_activities=2)
    run_id = begin(kit, schedule("a"), schedule("b"))
    task = kit.work()
    kit.signal()
    kit.decide(schedule("c"))
    assert kit.last(run_id, "ScheduleActivityTaskFailed")["cause"] == "OPEN_ACTIVITIES_LIMIT_EXCEEDED"
    task.complete()
    kit.decide(schedule("c"))
    assert kit.types(run_id)[-1] == "ATS"


def test_a_started_activity_schedules_no_decision(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"))
    kit.work(identity="me")
    assert kit.types(run_id, after=4) == ["ATS", "ATSt"]
    assert kit.last(run_id, "ATSt") == {"scheduledEventId": 5, "identity": "me"}


OUTCOMES: list[tuple[str, Callable[[Task], None], dict[str, str]]] = [
    ("ATC", lambda task: task.complete(result="r"), {"result": "r"}),
    ("ATC", lambda task: task.complete(), {}),
    ("ActivityTaskFailed", lambda task: task.fail(reason="why", details="d"), {"reason": "why", "details": "d"}),
    ("ActivityTaskFailed", lambda task: task.fail(), {}),
    ("ActivityTaskCanceled", lambda task: task.cancel(details="d"), {"details": "d"}),
    ("ActivityTaskCanceled", lambda task: task.cancel(), {}),
    ("ActivityTaskTimedOut", lambda task: task.kit.advance(600), {"timeoutType": "START_TO_CLOSE"}),
]


@pytest.mark.parametrize(("event_type", "end", "said"), OUTCOMES)
def test_each_outcome_schedules_a_decision(
    kit: Kit, event_type: str, end: Callable[[Task], None], said: dict[str, str]
) -> None:
    run_id = begin(kit, schedule("a"))
    end(kit.work())
    assert kit.types(run_id, after=6) == [event_type, "DTS"]
    assert kit.last(run_id, event_type) == {**said, "scheduledEventId": 5, "startedEventId": 6}
    assert kit.describe(run_id)["openCounts"]["openActivityTasks"] == 0


def test_what_an_activity_poll_returns(kit: Kit) -> None:
    run_id = begin(kit, schedule("a", input="in"), schedule("b"))
    answer = kit.poll_work()
    assert answer.pop("taskToken")
    assert answer == {
        "activityId": "a",
        "activityType": WORK,
        "startedEventId": 7,
        "workflowExecution": {"workflowId": "w", "runId": run_id},
        "input": "in",
    }
    assert "input" not in kit.poll_work()


def test_a_heartbeat_tells_of_a_cancel_request(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"))
    task = kit.work()
    before = kit.history(run_id)
    assert task.beat(details="x") is False
    assert kit.history(run_id) == before
    kit.signal()
    kit.decide(cancel_activity("a"))
    assert task.beat() is True


def test_canceling_an_activity_that_nobody_has_taken(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"))
    kit.signal()
    kit.decide(cancel_activity("a"))
    assert kit.lines(run_id)[-3:] == ["10 ActivityTaskCancelRequested d9", "11 ActivityTaskCanceled s5 st0", "12 DTS"]
    canceled = {"scheduledEventId": 5, "startedEventId": 0, "latestCancelRequestedEventId": 10}
    assert kit.last(run_id, "ActivityTaskCanceled") == canceled
    assert kit.no_work()


def test_canceling_an_activity_that_runs(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"))
    task = kit.work()
    kit.signal()
    kit.decide(cancel_activity("a"), cancel_activity("a"))
    assert kit.lines(run_id)[-2:] == ["11 ActivityTaskCancelRequested d10", "12 ActivityTaskCancelRequested d10"]
    task.cancel(details="d")
    canceled = {"details": "d", "scheduledEventId": 5, "startedEventId": 6, "latestCancelRequestedEventId": 12}
    assert kit.last(run_id, "ActivityTaskCanceled") == canceled
    assert kit.types(run_id)[-1] == "DTS"


@pytest.mark.parametrize(("event_type", "end", "said"), OUTCOMES)
def test_every_outcome_is_accepted_after_a_cancel_request(
    kit: Kit, event_type: str, end: Callable[[Task], None], said: dict[str, str]
) -> None:
    run_id = begin(kit, schedule("a"))
    task = kit.work()
    kit.signal()
    kit.decide(cancel_activity("a"))
    end(task)
    assert kit.types(run_id)[-2:] == [event_type, "DTS"]


def test_canceling_an_unknown_activity(kit: Kit) -> None:
    run_id = begin(kit, cancel_activity("a"))
    assert kit.types(run_id, after=4) == ["RequestCancelActivityTaskFailed", "DTS"]
    failure = {"activityId": "a", "cause": "ACTIVITY_ID_UNKNOWN", "decisionTaskCompletedEventId": 4}
    assert kit.last(run_id, "RequestCancelActivityTaskFailed") == failure


@pytest.mark.parametrize(
    ("name", "timeout_type", "started"),
    [
        ("scheduleToStartTimeout", "SCHEDULE_TO_START", False),
        ("scheduleToCloseTimeout", "SCHEDULE_TO_CLOSE", False),
        ("scheduleToCloseTimeout", "SCHEDULE_TO_CLOSE", True),
        ("startToCloseTimeout", "START_TO_CLOSE", True),
        ("heartbeatTimeout", "HEARTBEAT", True),
    ],
)
def test_each_timeout_of_an_activity(kit: Kit, name: str, timeout_type: str, started: bool) -> None:
    run_id = begin(kit, schedule("a", **{name: "10"}))
    kit.advance(1)
    if started:
        kit.work()
    late = timeout_type in ("START_TO_CLOSE", "HEARTBEAT")
    kit.advance(9.999 if late else 8.999)
    assert "ActivityTaskTimedOut" not in kit.types(run_id)
    kit.advance(0.001)
    assert kit.types(run_id)[-2:] == ["ActivityTaskTimedOut", "DTS"]
    links = {"scheduledEventId": 5, "startedEventId": 6 if started else 0}
    assert kit.last(run_id, "ActivityTaskTimedOut") == {"timeoutType": timeout_type, **links}
    assert kit.history(run_id)[-1]["eventTimestamp"] * 1000 == kit.client.now_ms
    assert kit.no_work()


def test_a_taken_activity_no_longer_waits_for_its_start(kit: Kit) -> None:
    run_id = begin(kit, schedule("a", scheduleToStartTimeout="10"))
    kit.work()
    kit.advance(11)
    assert kit.types(run_id)[-1] == "ATSt"


def test_a_taken_activity_may_take_for_ever(kit: Kit) -> None:
    run_id = begin(kit, schedule("a", scheduleToStartTimeout="10", startToCloseTimeout="NONE"))
    kit.work()
    kit.advance(86_000)
    assert kit.types(run_id)[-1] == "ATSt"


def test_of_two_timeouts_at_one_instant_start_to_close_is_told(kit: Kit) -> None:
    run_id = begin(kit, schedule("a", scheduleToCloseTimeout="10", startToCloseTimeout="10", heartbeatTimeout="10"))
    kit.work()
    kit.advance(10)
    assert kit.last(run_id, "ActivityTaskTimedOut")["timeoutType"] == "START_TO_CLOSE"
    assert kit.types(run_id).count("ActivityTaskTimedOut") == 1


def test_a_heartbeat_restarts_its_clock_and_leaves_its_details(kit: Kit) -> None:
    run_id = begin(kit, schedule("a", heartbeatTimeout="10"))
    task = kit.work()
    for details in ({"details": "1"}, {"details": "2"}, {}):
        kit.advance(9)
        task.beat(**details)
    kit.advance(9.9)
    assert kit.types(run_id)[-1] == "ATSt"
    kit.advance(0.1)
    timed_out = {"timeoutType": "HEARTBEAT", "details": "2", "scheduledEventId": 5, "startedEventId": 6}
    assert kit.last(run_id, "ActivityTaskTimedOut") == timed_out


def test_a_heartbeat_does_not_prolong_the_task(kit: Kit) -> None:
    run_id = begin(kit, schedule("a", heartbeatTimeout="10", startToCloseTimeout="15"))
    task = kit.work()
    kit.advance(9)
    task.beat(details="d")
    kit.advance(6)
    timed_out = kit.last(run_id, "ActivityTaskTimedOut")
    assert (timed_out["timeoutType"], timed_out["details"]) == ("START_TO_CLOSE", "d")


def test_none_is_no_timeout(kit: Kit) -> None:
    none = dict.fromkeys(TIMEOUTS, "NONE")
    run_id = begin(kit, schedule("a", **none), schedule("b", **none))
    kit.work()
    kit.advance(86_000)
    assert kit.types(run_id, after=6) == ["ATSt"]


def test_an_answer_after_the_timeout(kit: Kit) -> None:
    begin(kit, schedule("a", startToCloseTimeout="10"), timer("t", 5))
    task = kit.work()
    kit.advance(10)
    unknown = "UnknownResourceFault", "Unknown activity, scheduledEventId = 5"
    for operation in (
        "RespondActivityTaskCompleted",
        "RespondActivityTaskFailed",
        "RespondActivityTaskCanceled",
        "RecordActivityTaskHeartbeat",
    ):
        assert kit.refused(operation, taskToken=task.token) == unknown


def test_an_activity_is_answered_once(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"))
    task = kit.work()
    task.complete()
    refused = kit.refused("RespondActivityTaskFailed", taskToken=task.token)
    assert refused == ("UnknownResourceFault", "Unknown activity, scheduledEventId = 5")
    kit.decide(schedule("a"))
    kit.work()
    assert kit.refused("RespondActivityTaskFailed", taskToken=task.token) == refused
    assert "ActivityTaskFailed" not in kit.types(run_id)


def test_count_of_pending_activity_tasks(kit: Kit) -> None:
    def count(name: str = "workers") -> dict[str, Any]:
        return kit.call("CountPendingActivityTasks", domain="test", taskList={"name": name})

    begin(kit, schedule("a"), schedule("b"), schedule("c", taskList={"name": "other"}))
    assert count() == {"count": 2, "truncated": False}
    kit.work()
    assert count() == {"count": 1, "truncated": False}
    assert count("nobody")["count"] == 0


def test_a_decision_overrides_the_priority_of_the_type(kit: Kit) -> None:
    kit.activity_type("eager", defaultTaskPriority="5")
    run_id = begin(
        kit,
        schedule("plain"),
        schedule("typed", "eager"),
        schedule("lowered", "eager", taskPriority="-5"),
        schedule("raised", "eager", taskPriority="10"),
        schedule("typed too", "eager"),
    )
    assert [kit.work().answer["activityId"] for _ in range(5)] == ["raised", "typed", "typed too", "plain", "lowered"]
    scheduled = [event for event in kit.history(run_id) if event["eventType"] == "ActivityTaskScheduled"]
    found = [event["activityTaskScheduledEventAttributes"].get("taskPriority") for event in scheduled]
    assert found == [None, "5", "-5", "10", "5"]


def test_completing_an_activity_while_the_decider_is_at_work(kit: Kit) -> None:
    run_id = begin(kit, schedule("a"), schedule("b"))
    kit.work().complete()
    task = kit.task()
    kit.work().complete()
    task.decide(complete())
    assert kit.types(run_id)[-2:] == ["DTC", "CompleteWorkflowExecutionFailed"]
