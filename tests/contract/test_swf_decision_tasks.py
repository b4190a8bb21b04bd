"""Decision tasks: when they are scheduled, who gets them, and what they show."""

from __future__ import annotations

from typing import Any

from service_kit import FLOW, Kit, complete, marker, schedule, timer


def test_an_empty_decision_poll(kit: Kit) -> None:
    assert kit.poll() == {"previousStartedEventId": 0, "startedEventId": 0}


def test_an_empty_activity_poll(kit: Kit) -> None:
    assert kit.poll_work() == {"startedEventId": 0}


def test_a_task_can_be_polled_as_soon_as_it_is_scheduled(kit: Kit) -> None:
    assert kit.no_task()
    kit.start()
    assert not kit.no_task()


def test_what_a_decision_poll_returns(kit: Kit) -> None:
    run_id = kit.start()
    answer = kit.poll(identity="me")
    events = answer.pop("events")
    assert answer.pop("taskToken")
    assert answer == {
        "startedEventId": 3,
        "previousStartedEventId": 0,
        "workflowExecution": {"workflowId": "w", "runId": run_id},
        "workflowType": FLOW,
    }
    assert events == kit.history(run_id)
    started = {"scheduledEventId": 2, "identity": "me"}
    assert events[-1]["eventType"] == "DecisionTaskStarted"
    assert events[-1]["decisionTaskStartedEventAttributes"] == started


def test_a_reversed_poll_starts_with_the_started_event(kit: Kit) -> None:
    kit.start()
    answer = kit.poll(reverseOrder=True)
    assert [event["eventId"] for event in answer["events"]] == [3, 2, 1]


def test_one_task_goes_to_one_poller(kit: Kit) -> None:
    kit.start()
    kit.start("w2")
    answers = [kit.poll() for _ in range(10)]
    tokens = [answer["taskToken"] for answer in answers if "taskToken" in answer]
    assert len(tokens) == len(set(tokens)) == 2
    kit.client.call("RespondDecisionTaskCompleted", {"taskToken": tokens[0], "decisions": [schedule("a")]})
    assert sum("taskToken" in kit.poll_work() for _ in range(10)) == 1


def test_a_signal_during_a_decision(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.signal()
    task.decide()
    assert kit.types(run_id) == ["WES", "DTS", "DTSt", "WorkflowExecutionSignaled", "DTS", "DTC"]


def test_the_second_task_waits_for_the_first(kit: Kit) -> None:
    kit.start()
    task = kit.task()
    kit.signal()
    assert kit.no_task()
    task.decide()
    assert kit.task().answer["startedEventId"] == 7


def test_many_signals_during_a_decision_schedule_one_task(kit: Kit) -> None:
    run_id = kit.start()
    kit.task()
    for _ in range(3):
        kit.signal()
    assert kit.types(run_id, after=3) == ["WorkflowExecutionSignaled", "DTS", *["WorkflowExecutionSignaled"] * 2]


def test_signals_while_a_task_waits_schedule_none(kit: Kit) -> None:
    run_id = kit.start()
    kit.signal()
    kit.signal()
    assert kit.types(run_id) == ["WES", "DTS", "WorkflowExecutionSignaled", "WorkflowExecutionSignaled"]


def test_an_answer_without_decisions_adds_nothing_else(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.call("RespondDecisionTaskCompleted", taskToken=task.token)
    assert kit.types(run_id) == ["WES", "DTS", "DTSt", "DTC"]
    assert kit.no_task()


def test_a_task_is_answered_once(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.decide(marker("m"))
    refused = kit.refused("RespondDecisionTaskCompleted", taskToken=task.token, decisions=[complete()])
    assert refused == ("UnknownResourceFault", "Unknown decision task, scheduledEventId = 2")
    assert kit.status(run_id) == "OPEN"


def test_an_answer_to_a_closed_run(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.terminate()
    text = f"Unknown execution: WorkflowExecution=[workflowId=w, runId={run_id}]"
    assert kit.refused("RespondDecisionTaskCompleted", taskToken=task.token) == ("UnknownResourceFault", text)


def test_the_previous_started_event_is_that_of_the_last_completed_task(kit: Kit) -> None:
    kit.start(taskStartToCloseTimeout="10")
    assert kit.decide().answer["previousStartedEventId"] == 0
    kit.signal()
    lost = kit.task().answer
    assert (lost["startedEventId"], lost["previousStartedEventId"]) == (7, 3)
    kit.advance(10)
    again = kit.task()
    assert (again.answer["startedEventId"], again.answer["previousStartedEventId"]) == (10, 3)
    again.decide(timer("t", 0))
    kit.advance(0)
    assert kit.task().answer["previousStartedEventId"] == 10


def test_a_poll_that_starts_at_the_previous_started_event(kit: Kit) -> None:
    kit.start()
    first = kit.task(startAtPreviousStartedEvent=True)
    assert [event["eventId"] for event in first.answer["events"]] == [1, 2, 3]
    kit.signal()
    first.decide()
    second = kit.task(startAtPreviousStartedEvent=True)
    assert [event["eventId"] for event in second.answer["events"]] == [3, 4, 5, 6, 7]
    assert second.answer["events"][0]["eventType"] == "DecisionTaskStarted"
    second.decide()
    kit.signal()
    answer = kit.poll(startAtPreviousStartedEvent=True, reverseOrder=True)
    assert [event["eventId"] for event in answer["events"]] == [11, 10, 9, 8, 7]


def read_on(kit: Kit, answer: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The answers with the further pages of a task."""
    found = []
    while "nextPageToken" in answer:
        answer = kit.poll(nextPageToken=answer["nextPageToken"], **more)
        found.append(answer)
    return found


def test_further_pages_of_a_task(kit: Kit) -> None:
    run_id = kit.start()
    kit.start("w2")
    first = kit.poll(maximumPageSize=2)
    rest = read_on(kit, first, maximumPageSize=2)
    assert [[event["eventId"] for event in page["events"]] for page in (first, *rest)] == [[1, 2], [3]]
    for name in ("taskToken", "startedEventId", "previousStartedEventId", "workflowExecution", "workflowType"):
        assert rest[0][name] == first[name]
    assert len(kit.history(run_id)) == 3
    assert kit.task().answer["workflowExecution"]["workflowId"] == "w2"
    Kit.call(kit, "RespondDecisionTaskCompleted", taskToken=rest[0]["taskToken"])


def test_further_pages_of_a_reversed_task(kit: Kit) -> None:
    kit.start()
    kit.decide(*[marker("m")] * 3)
    kit.signal()
    first = kit.poll(maximumPageSize=4, reverseOrder=True)
    rest = read_on(kit, first, maximumPageSize=4, reverseOrder=True)
    found = [[event["eventId"] for event in page["events"]] for page in (first, *rest)]
    assert found == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]


def test_further_pages_from_the_previous_started_event(kit: Kit) -> None:
    kit.start()
    kit.decide(*[marker("m")] * 3)
    kit.signal()
    answer = kit.poll(maximumPageSize=5, startAtPreviousStartedEvent=True)
    rest = read_on(kit, answer, maximumPageSize=5)
    assert [[event["eventId"] for event in page["events"]] for page in (answer, *rest)] == [[3, 4, 5, 6, 7], [8, 9, 10]]


def test_no_page_shows_what_came_after_the_task_was_started(kit: Kit) -> None:
    kit.start()
    first = kit.poll(maximumPageSize=2)
    kit.signal()
    rest = read_on(kit, first)
    assert [event["eventId"] for page in rest for event in page["events"]] == [3]


def test_the_history_of_a_task_can_be_read_after_the_run_has_closed(kit: Kit) -> None:
    kit.start()
    first = kit.poll(maximumPageSize=2)
    kit.terminate()
    rest = read_on(kit, first)
    assert [event["eventId"] for page in rest for event in page["events"]] == [3]


def test_a_page_of_a_task_is_read_in_its_domain_alone(kit: Kit) -> None:
    other = Kit(kit.client, "other").register()
    kit.start()
    token = kit.poll(maximumPageSize=1)["nextPageToken"]
    request = {"domain": "other", "taskList": {"name": "deciders"}, "nextPageToken": token}
    assert other.refused("PollForDecisionTask", **request) == ("ValidationException", "Invalid token")


def order(kit: Kit) -> list[str]:
    """The workflow ids of the waiting tasks in the order in which they are given out."""
    found = []
    while "taskToken" in (answer := kit.poll()):
        found.append(answer["workflowExecution"]["workflowId"])
    return found


def test_tasks_are_given_out_by_priority_and_age(kit: Kit) -> None:
    for workflow_id, more in (
        ("a", {}),
        ("b", {"taskPriority": "5"}),
        ("c", {"taskPriority": "-1"}),
        ("d", {"taskPriority": "5"}),
        ("e", {"taskPriority": "0"}),
        ("f", {"taskPriority": "10"}),
    ):
        kit.start(workflow_id, **more)
        kit.advance(1)
    assert order(kit) == ["f", "b", "d", "a", "e", "c"]


def test_tasks_of_one_instant_are_given_out_as_they_came(kit: Kit) -> None:
    names = ["b", "d", "a", "c"]
    for name in names:
        kit.start(name)
    assert order(kit) == names


def test_count_of_pending_decision_tasks(kit: Kit) -> None:
    def count(name: str = "deciders") -> int:
        answer = kit.call("CountPendingDecisionTasks", domain="test", taskList={"name": name})
        assert answer.pop("truncated") is False
        return int(answer["count"])

    assert count() == 0
    kit.start()
    assert count() == 1 and count("nobody") == 0
    task = kit.task()
    assert count() == 0
    task.decide(schedule("a", taskList={"name": "deciders"}))
    assert count() == 0
    kit.signal()
    assert count() == 1
    kit.terminate()
    assert count() == 0


def test_lists_of_the_same_name_do_not_mix(kit: Kit) -> None:
    kit.start(taskList={"name": "both"})
    kit.task("both").decide(schedule("a", taskList={"name": "both"}))
    assert kit.no_task("both")
    assert kit.work("both").answer["activityId"] == "a"
