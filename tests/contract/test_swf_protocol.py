"""Faults and tokens: what an operation says when it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from service_kit import Client, Kit, Refusal, schedule

TOKEN_OPERATIONS = [
    "RespondDecisionTaskCompleted",
    "RecordActivityTaskHeartbeat",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RespondActivityTaskCanceled",
]
SINCE_EVER = {"startTimeFilter": {"oldestDate": 0}}


def paginated(run_id: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("ListDomains", {"registrationStatus": "REGISTERED"}),
        ("ListWorkflowTypes", {"domain": "test", "registrationStatus": "REGISTERED"}),
        ("ListActivityTypes", {"domain": "test", "registrationStatus": "REGISTERED"}),
        ("ListOpenWorkflowExecutions", {"domain": "test", **SINCE_EVER}),
        ("ListClosedWorkflowExecutions", {"domain": "test", **SINCE_EVER}),
        ("GetWorkflowExecutionHistory", {"domain": "test", "execution": {"workflowId": "w", "runId": run_id}}),
        ("PollForDecisionTask", {"domain": "test", "taskList": {"name": "nobody"}}),
    ]


def test_unknown_domain(kit: Kit) -> None:
    refusal = "UnknownResourceFault", "Unknown domain: nowhere"
    assert kit.refused("DescribeDomain", name="nowhere") == refusal
    for kind in ("Decision", "Activity"):
        for operation in (f"PollFor{kind}Task", f"CountPending{kind}Tasks"):
            assert kit.refused(operation, domain="nowhere", taskList={"name": "deciders"}) == refusal
    for state in ("Open", "Closed"):
        for operation in (f"List{state}WorkflowExecutions", f"Count{state}WorkflowExecutions"):
            assert kit.refused(operation, domain="nowhere", **SINCE_EVER) == refusal


def test_unknown_run(kit: Kit) -> None:
    run_id = kit.start()
    for workflow_id, wanted in (("w", "r"), ("other", run_id)):
        text = f"Unknown execution: WorkflowExecution=[workflowId={workflow_id}, runId={wanted}]"
        execution = {"workflowId": workflow_id, "runId": wanted}
        for operation in ("DescribeWorkflowExecution", "GetWorkflowExecutionHistory"):
            assert kit.refused(operation, domain="test", execution=execution) == ("UnknownResourceFault", text)


def test_a_run_is_known_in_its_own_domain_alone(kit: Kit) -> None:
    other = Kit(kit.client, "other").register()
    run_id = kit.start()
    execution = {"workflowId": "w", "runId": run_id}
    assert other.refused("DescribeWorkflowExecution", domain="other", execution=execution)[0] == "UnknownResourceFault"


def test_unknown_type(kit: Kit) -> None:
    nothing = {"name": "n", "version": "2"}
    request = {"domain": "test", "workflowType": nothing}
    workflow = "UnknownResourceFault", "Unknown type: WorkflowType=[name=n, version=2]"
    assert kit.refused("DescribeWorkflowType", **request) == workflow
    assert kit.refused("StartWorkflowExecution", workflowId="w", **request) == workflow
    activity = "UnknownResourceFault", "Unknown type: ActivityType=[name=n, version=2]"
    assert kit.refused("DeprecateActivityType", domain="test", activityType=nothing) == activity


def test_text_that_is_too_long_is_refused_and_the_task_stays_open(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    task = kit.work()
    details, reason = "x" * 32_769, "y" * 257
    too_long = f"1 validation error detected: Value '{details}' at 'details' failed to satisfy constraint: "
    too_long += "Member must have length less than or equal to 32768"
    refused = kit.refused("RespondActivityTaskFailed", taskToken=task.token, details=details)
    assert refused == ("ValidationException", too_long)
    code, message = kit.refused("RespondActivityTaskFailed", taskToken=task.token, reason=reason)
    assert code == "ValidationException"
    assert message is not None and "at 'reason'" in message and message.endswith("equal to 256")
    task.fail(details=details[:32_768], reason=reason[:256])
    assert kit.last(run_id, "ActivityTaskFailed")["details"] == "x" * 32_768


def test_a_page_has_at_most_1000_items(kit: Kit) -> None:
    for operation, request in paginated(kit.start()):
        code, message = kit.refused(operation, **request, maximumPageSize=1001)
        assert code == "ValidationException"
        assert message == (
            "1 validation error detected: Value '1001' at 'maximumPageSize' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000"
        )
        assert kit.call(operation, **request, maximumPageSize=0) == kit.call(operation, **request)


@pytest.mark.parametrize("token", ["garbage", "WyJMaXN0Il0=", "Ww==", "\u00e9", "W" * 2000])
def test_a_malformed_page_token_is_refused(kit: Kit, token: str) -> None:
    for operation, request in paginated(kit.start()):
        refused = kit.refused(operation, **request, nextPageToken=token)
        assert refused == ("ValidationException", "Invalid token"), operation


def test_a_page_token_serves_its_own_operation_alone(kit: Kit) -> None:
    run_id = kit.start()
    kit.signal()
    polled = kit.poll(maximumPageSize=1)["nextPageToken"]
    execution = {"workflowId": "w", "runId": run_id}
    read = kit.call("GetWorkflowExecutionHistory", domain="test", execution=execution, maximumPageSize=1)
    refused = kit.refused("GetWorkflowExecutionHistory", domain="test", execution=execution, nextPageToken=polled)
    assert refused == ("ValidationException", "Invalid token")
    request = {"domain": "test", "taskList": {"name": "deciders"}, "nextPageToken": read["nextPageToken"]}
    assert kit.refused("PollForDecisionTask", **request) == ("ValidationException", "Invalid token")


def test_a_page_token_lives_for_a_day(kit: Kit) -> None:
    for name in "ab":
        kit.flow_type(name)
    request = {"domain": "test", "registrationStatus": "REGISTERED", "maximumPageSize": 1}
    token = kit.call("ListWorkflowTypes", **request)["nextPageToken"]
    kit.advance(86_400)
    assert kit.call("ListWorkflowTypes", **request, nextPageToken=token)["typeInfos"]
    kit.advance(1)
    refused = kit.refused("ListWorkflowTypes", **request, nextPageToken=token)
    assert refused == ("ValidationException", "Specified token has exceeded its maximum lifetime")


@pytest.mark.parametrize("operation", TOKEN_OPERATIONS)
@pytest.mark.parametrize("token", ["garbage", "d1.r.x.n", "a1.r.x.n", "a1.r.-1.n", "d1.r.\u0661.n", "..."])
def test_a_malformed_task_token_is_refused(kit: Kit, operation: str, token: str) -> None:
    assert kit.refused(operation, taskToken=token) == ("ValidationException", "Invalid token")


def test_a_task_token_serves_tasks_of_its_kind_alone(kit: Kit) -> None:
    kit.start()
    task = kit.task()
    refused = kit.refused("RespondActivityTaskCompleted", taskToken=task.token)
    assert refused == ("ValidationException", "Invalid token")
    task.decide(schedule("a"))
    refused = kit.refused("RespondDecisionTaskCompleted", taskToken=kit.work().token)
    assert refused == ("ValidationException", "Invalid token")


def test_a_task_token_cannot_be_guessed(kit: Kit) -> None:
    kit.start()
    task = kit.task()
    forged = task.token[:-1] + ("0" if task.token[-1] != "0" else "1")
    refused = kit.refused("RespondDecisionTaskCompleted", taskToken=forged)
    assert refused == ("UnknownResourceFault", "Unknown decision task, scheduledEventId = 2")
    task.decide(schedule("a"))
    work = kit.work()
    forged = work.token[:-1] + ("0" if work.token[-1] != "0" else "1")
    assert kit.refused("RespondActivityTaskCompleted", taskToken=forged)[0] == "UnknownResourceFault"
    work.complete()


def test_a_number_for_a_string_is_a_serialization_exception(kit: Kit) -> None:
    with pytest.raises(Refusal) as refused:
        kit.call("SignalWorkflowExecution", domain="test", workflowId="w", signalName=7)
    assert refused.value.code == "SerializationException"


def test_regions_do_not_know_each_other(kit: Kit, client: Client) -> None:
    west = Kit(client.elsewhere("us-west-2"))
    assert west.refused("DescribeDomain", name="test") == ("UnknownResourceFault", "Unknown domain: test")
    west.register()
    run_id = kit.start()
    west.start()
    assert ":us-west-2:" in west.call("DescribeDomain", name="test")["domainInfo"]["arn"]
    execution = {"workflowId": "w", "runId": run_id}
    assert west.refused("DescribeWorkflowExecution", domain="test", execution=execution)[0] == "UnknownResourceFault"
    task = kit.task()
    refused = west.refused("RespondDecisionTaskCompleted", taskToken=task.token)
    assert refused == ("UnknownResourceFault", f"Unknown execution, runId = {run_id}")
    task.decide()
    assert not west.no_task() and kit.no_task()


def test_answers_hold_no_null_and_keep_what_was_given_empty(kit: Kit) -> None:
    run_id = kit.start(input="")
    kit.decide(schedule("a", input=""), executionContext="")
    task = kit.work()
    assert task.answer["input"] == "" and kit.last(run_id, "WES")["input"] == ""
    described = kit.describe(run_id)
    assert described["latestExecutionContext"] == ""

    def values(found: Any) -> list[Any]:
        children = found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
        return [found, *(value for child in children for value in values(child))]

    assert None not in values([kit.history(run_id), described, task.answer, kit.call("DescribeDomain", name="test")])


def test_timestamps_are_seconds_with_milliseconds(kit: Kit) -> None:
    kit.advance(0.123)
    stamp = kit.history(kit.start())[0]["eventTimestamp"]
    assert round(stamp * 1000) == kit.client.now_ms
    assert stamp == round(stamp, 3)
