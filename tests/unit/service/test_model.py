"""Requests against the rules of swf/2012-01-25: what is refused, and in which words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow.service import model
from simpleflow.service.faults import Fault

VALIDATION = "com.amazon.coral.validate#ValidationException"
SERIALIZATION = "com.amazon.coral.service#SerializationException"
DECISION_TYPES = (
    "[CompleteWorkflowExecution, StartTimer, RequestCancelExternalWorkflowExecution, "
    "SignalExternalWorkflowExecution, CancelTimer, RecordMarker, ScheduleActivityTask, "
    "ContinueAsNewWorkflowExecution, ScheduleLambdaFunction, FailWorkflowExecution, RequestCancelActivityTask, "
    "StartChildWorkflowExecution, CancelWorkflowExecution]"
)


def refusal(operation: str, request: object) -> Fault:
    with pytest.raises(Fault) as caught:
        model.validate(operation, request)
    assert caught.value.status == 400
    return caught.value


def message(operation: str, request: object) -> str:
    fault = refusal(operation, request)
    assert fault.type == VALIDATION
    assert fault.message is not None
    return fault.message


def decide(*decisions: object) -> dict[str, object]:
    return {"taskToken": "t", "decisions": list(decisions)}


def activity(**attributes: object) -> dict[str, object]:
    required = {"activityType": {"name": "n", "version": "v"}, "activityId": "a"}
    return {
        "decisionType": "ScheduleActivityTask",
        "scheduleActivityTaskDecisionAttributes": {**required, **attributes},
    }


# -- operations and bodies -----------------------------------------------------------------------


def test_the_39_operations() -> None:
    assert len(model.operations()) == 39
    assert {"StartWorkflowExecution", "UntagResource"} <= set(model.operations())
    assert list(model.operations()) == sorted(model.operations())


def test_unknown_operation() -> None:
    assert refusal("DropAllTables", {}).code == "UnknownOperationException"


@pytest.mark.parametrize("request_body", [[], "x", 3, None, True])
def test_a_request_is_an_object(request_body: object) -> None:
    assert refusal("ListDomains", request_body).type in (SERIALIZATION, VALIDATION)


def test_unknown_members_are_ignored() -> None:
    model.validate("DescribeDomain", {"name": "d", "colour": {"deep": [None]}})


# -- messages ------------------------------------------------------------------------------------


def test_missing_member() -> None:
    assert message("DescribeDomain", {}) == (
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
    )


def test_null_is_missing_where_required_and_absent_where_not() -> None:
    assert "Value null at 'name'" in message("DescribeDomain", {"name": None})
    model.validate("RespondActivityTaskCompleted", {"taskToken": "t", "result": None})
    model.validate("StartWorkflowExecution", {**START, "taskList": None, "tagList": None})


START: dict[str, object] = {"domain": "d", "workflowId": "w", "workflowType": {"name": "n", "version": "v"}}


def test_every_error_is_listed_in_the_order_of_the_model() -> None:
    text = message("StartWorkflowExecution", {"childPolicy": "FOO", "workflowType": {"name": ""}, "domain": "d"})
    assert text == (
        "4 validation errors detected: "
        "Value null at 'workflowId' failed to satisfy constraint: Member must not be null; "
        "Value '' at 'workflowType.name' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
        "Value null at 'workflowType.version' failed to satisfy constraint: Member must not be null; "
        "Value 'FOO' at 'childPolicy' failed to satisfy constraint: "
        "Member must satisfy enum value set: [TERMINATE, REQUEST_CANCEL, ABANDON]"
    )


@pytest.mark.parametrize("member, limit", [("details", 32768), ("reason", 256)])
def test_length_counts_characters_and_echoes_the_value(member: str, limit: int) -> None:
    model.validate("RespondActivityTaskFailed", {"taskToken": "t", member: "\U0001f600" * limit})
    value = "é" * (limit + 1)
    assert message("RespondActivityTaskFailed", {"taskToken": "t", member: value}) == (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}"
    )


@pytest.mark.parametrize(
    "operation, required",
    [
        ("GetWorkflowExecutionHistory", {"domain": "d", "execution": {"workflowId": "w", "runId": "r"}}),
        ("ListActivityTypes", {"domain": "d", "registrationStatus": "REGISTERED"}),
        ("ListClosedWorkflowExecutions", {"domain": "d"}),
        ("ListDomains", {"registrationStatus": "REGISTERED"}),
        ("ListOpenWorkflowExecutions", {"domain": "d", "startTimeFilter": {"oldestDate": 0}}),
        ("ListWorkflowTypes", {"domain": "d", "registrationStatus": "REGISTERED"}),
        ("PollForDecisionTask", {"domain": "d", "taskList": {"name": "l"}}),
    ],
)
def test_page_size(operation: str, required: dict[str, object]) -> None:
    for size in (0, 1, 1000):
        model.validate(operation, {**required, "maximumPageSize": size})
    expected = "1 validation error detected: Value '{}' at 'maximumPageSize' failed to satisfy constraint: "
    assert message(operation, {**required, "maximumPageSize": 1001}) == expected.format(1001) + (
        "Member must have value less than or equal to 1000"
    )
    assert message(operation, {**required, "maximumPageSize": -1}) == expected.format(-1) + (
        "Member must have value greater than or equal to 0"
    )


def test_tags_are_counted() -> None:
    model.validate("StartWorkflowExecution", {**START, "tagList": ["a"] * 5})
    assert message("StartWorkflowExecution", {**START, "tagList": list("abcdef")}) == (
        "1 validation error detected: Value '[a, b, c, d, e, f]' at 'tagList' failed to satisfy constraint: "
        "Member must have length less than or equal to 5"
    )
    assert "Value null at 'tagList.2.member'" in message("StartWorkflowExecution", {**START, "tagList": ["a", None]})


# -- wrong JSON types ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation, request_body, words",
    [
        ("DescribeDomain", {"name": 7}, "'name' must be a string, not a number"),
        ("DescribeDomain", {"name": True}, "'name' must be a string, not a boolean"),
        ("DescribeDomain", [], "The request must be an object, not a list"),
        ("StartWorkflowExecution", {**START, "taskList": "l"}, "'taskList' must be an object, not a string"),
        ("StartWorkflowExecution", {**START, "tagList": "x"}, "'tagList' must be a list, not a string"),
        ("StartWorkflowExecution", {**START, "tagList": [1]}, "'tagList.1.member' must be a string, not a number"),
        ("StartWorkflowExecution", {**START, "childPolicy": 1}, "'childPolicy' must be a string, not a number"),
        (
            "ListDomains",
            {"registrationStatus": "REGISTERED", "reverseOrder": None},
            "'reverseOrder' must be true or false, not null",
        ),
        (
            "ListDomains",
            {"registrationStatus": "REGISTERED", "maximumPageSize": True},
            "'maximumPageSize' must be an integer of 32 bits, not a boolean",
        ),
        (
            "ListDomains",
            {"registrationStatus": "REGISTERED", "maximumPageSize": 2**31},
            "'maximumPageSize' must be an integer of 32 bits, not a number",
        ),
        (
            "CountOpenWorkflowExecutions",
            {"domain": "d", "startTimeFilter": {"oldestDate": "2020-01-01"}},
            "'startTimeFilter.oldestDate' must be a number of seconds since 1970, not a string",
        ),
    ],
)
def test_a_wrong_type_is_a_serialization_exception(operation: str, request_body: object, words: str) -> None:
    fault = refusal(operation, request_body)
    assert (fault.type, fault.message) == (SERIALIZATION, words)


@pytest.mark.parametrize("value", [None, 1.5, 10.0, "10"])
def test_page_sizes_that_are_no_integers(value: object) -> None:
    request_body = {"registrationStatus": "REGISTERED", "maximumPageSize": value}
    assert refusal("ListDomains", request_body).type == SERIALIZATION


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, -(10**400), True])
def test_timestamps_that_are_no_dates(value: object) -> None:
    request_body = {"domain": "d", "startTimeFilter": {"oldestDate": value}}
    assert refusal("CountOpenWorkflowExecutions", request_body).type == SERIALIZATION


@pytest.mark.parametrize("value", [0, 0.0, -1.5, 1577836800, 253402300799])
def test_timestamps(value: float) -> None:
    model.validate("CountOpenWorkflowExecutions", {"domain": "d", "startTimeFilter": {"oldestDate": value}})


def test_a_wrong_type_wins_over_other_errors() -> None:
    assert refusal("StartWorkflowExecution", {"domain": "", "input": 5}).type == SERIALIZATION


# -- decisions -----------------------------------------------------------------------------------


def test_unknown_decision_types_are_told_in_the_order_of_the_service() -> None:
    text = message("RespondDecisionTaskCompleted", decide({"decisionType": "FooBar"}))
    assert text == (
        "1 validation error detected: Value 'FooBar' at 'decisions.1.member.decisionType' "
        f"failed to satisfy constraint: Member must satisfy enum value set: {DECISION_TYPES}"
    )


def test_every_decision_type_of_the_model_is_recited() -> None:
    shapes = Loader().load_service_model("swf", "service-2")["shapes"]
    assert sorted(DECISION_TYPES.strip("[]").split(", ")) == sorted(shapes["DecisionType"]["enum"])


@pytest.mark.parametrize("absent", [{}, {"startTimerDecisionAttributes": None}, {"startTimerDecisionAttributes": {}}])
def test_attributes_of_the_type_are_required(absent: dict[str, object]) -> None:
    text = message("RespondDecisionTaskCompleted", decide(activity(), {"decisionType": "StartTimer", **absent}))
    path = "decisions.2.member.startTimerDecisionAttributes"
    assert text == (
        f"2 validation errors detected: "
        f"Value null at '{path}.timerId' failed to satisfy constraint: Member must not be null; "
        f"Value null at '{path}.startToFireTimeout' failed to satisfy constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    "kind",
    [
        "CompleteWorkflowExecution",
        "FailWorkflowExecution",
        "CancelWorkflowExecution",
        "ContinueAsNewWorkflowExecution",
    ],
)
def test_closing_decisions_may_come_bare(kind: str) -> None:
    model.validate("RespondDecisionTaskCompleted", decide({"decisionType": kind}))


def test_attributes_of_another_type_are_checked_too() -> None:
    stray = {"decisionType": "CompleteWorkflowExecution", "cancelTimerDecisionAttributes": {}}
    text = message("RespondDecisionTaskCompleted", decide(stray))
    assert "'decisions.1.member.cancelTimerDecisionAttributes.timerId'" in text


@pytest.mark.parametrize("decision, words", [(None, "Value null at 'decisions.1.member'"), ({}, "decisionType'")])
def test_decisions_that_are_none(decision: object, words: str) -> None:
    assert words in message("RespondDecisionTaskCompleted", decide(decision))


@pytest.mark.parametrize("decision", [3, "StartTimer", {"decisionType": ["StartTimer"]}, {"decisionType": 3}])
def test_decisions_of_a_wrong_type(decision: object) -> None:
    assert refusal("RespondDecisionTaskCompleted", decide(decision)).type == SERIALIZATION


def test_of_a_list_no_more_than_a_hundred_problems_are_told() -> None:
    text = message("RespondDecisionTaskCompleted", decide(*[{}] * 1000))
    assert text.startswith("100 validation errors detected: ") and "decisions.100.member.decisionType" in text
    assert text.count("Member must not be null") == 100


def test_a_batch_without_decisions() -> None:
    model.validate("RespondDecisionTaskCompleted", {"taskToken": "t"})
    model.validate("RespondDecisionTaskCompleted", {"taskToken": "t", "decisions": []})


# -- names, durations, priorities, retention -----------------------------------------------------

BAD_NAMES = ["a:b", "a/b", "a|b", "a\nb", "\x00", "\x7f", "\x9f", "arn"]
GOOD_NAMES = ["timer 1", "arnold", "None", "a.b_c-d", "é\u200b", " lead"]


def with_name(place: str, name: str) -> tuple[str, dict[str, object]]:
    timer = {"decisionType": "CancelTimer", "cancelTimerDecisionAttributes": {"timerId": name}}
    poll = {"domain": "d", "taskList": {"name": name}}
    child = {"workflowId": "w", "workflowType": {"name": "n", "version": "v"}, "taskList": {"name": name}}
    return {
        "domain": ("DescribeDomain", {"name": name}),
        "type": ("StartWorkflowExecution", {**START, "workflowType": {"name": name, "version": "v"}}),
        "version": ("StartWorkflowExecution", {**START, "workflowType": {"name": "n", "version": name}}),
        "task list": ("PollForDecisionTask", poll),
        "activity list": ("PollForActivityTask", poll),
        "child list": (
            "RespondDecisionTaskCompleted",
            decide(
                {
                    "decisionType": "StartChildWorkflowExecution",
                    "startChildWorkflowExecutionDecisionAttributes": child,
                }
            ),
        ),
        "activityId": ("RespondDecisionTaskCompleted", decide(activity(activityId=name))),
        "timerId": ("RespondDecisionTaskCompleted", decide(timer)),
    }[place]


TRIMMED = ("domain", "activity list", "child list")
LOOSE = ("type", "version", "task list", "activityId", "timerId")


@pytest.mark.parametrize("place", TRIMMED + LOOSE)
@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names(place: str, name: str) -> None:
    text = message(*with_name(place, name))
    assert text.startswith(f"1 validation error detected: Value '{name}' at '")
    assert "failed to satisfy constraint: Member must not contain" in text


@pytest.mark.parametrize("place", LOOSE)
@pytest.mark.parametrize("name", GOOD_NAMES)
def test_good_names(place: str, name: str) -> None:
    model.validate(*with_name(place, name))


@pytest.mark.parametrize("place", TRIMMED)
@pytest.mark.parametrize("name", [" x", "x ", "\u00a0x"])
def test_names_without_space_around(place: str, name: str) -> None:
    assert "whitespace" in message(*with_name(place, name))
    model.validate(*with_name(place, "x x"))


@pytest.mark.parametrize("workflow_id", ["22X5/+=:1", "a:b", "a|b", "arn"])
def test_workflow_ids_are_free(workflow_id: str) -> None:
    model.validate("StartWorkflowExecution", {**START, "workflowId": workflow_id})


OPTIONAL_DURATION = ("scheduleToStartTimeout", "scheduleToCloseTimeout", "startToCloseTimeout", "heartbeatTimeout")


@pytest.mark.parametrize("member", OPTIONAL_DURATION)
def test_activity_timeouts(member: str) -> None:
    for good in ("0", "300", "NONE", "99999999", "", "007"):
        model.validate("RespondDecisionTaskCompleted", decide(activity(**{member: good})))
    path = f"decisions.1.member.scheduleActivityTaskDecisionAttributes.{member}"
    for bad in ("-1", "1.5", "none", "FOREVER", " 1", "1\n", "\u0661", "\u00b2", "1_0", "+1"):
        text = message("RespondDecisionTaskCompleted", decide(activity(**{member: bad})))
        assert f"Value '{bad}' at '{path}'" in text
    assert "less than or equal to 8" in message(
        "RespondDecisionTaskCompleted", decide(activity(**{member: "100000000"}))
    )


@pytest.mark.parametrize("bad", ["NONE", "31536001", "-1", "x"])
@pytest.mark.parametrize(
    "operation, request_body, member",
    [
        ("StartWorkflowExecution", START, "executionStartToCloseTimeout"),
        (
            "RegisterWorkflowType",
            {"domain": "d", "name": "n", "version": "v"},
            "defaultExecutionStartToCloseTimeout",
        ),
    ],
)
def test_an_execution_lasts_at_most_a_year(
    operation: str, request_body: dict[str, object], member: str, bad: str
) -> None:
    for good in ("0", "31536000", ""):
        model.validate(operation, {**request_body, member: good})
    assert f"'{member}'" in message(operation, {**request_body, member: bad})


def test_decision_timeouts_may_be_none() -> None:
    model.validate("StartWorkflowExecution", {**START, "taskStartToCloseTimeout": "NONE"})
    model.validate(
        "RespondDecisionTaskCompleted",
        {"taskToken": "t", "taskList": {"name": "l"}, "taskListScheduleToStartTimeout": "NONE"},
    )


@pytest.mark.parametrize("bad", ["NONE", "", "-1", "1.0", "123456789"])
def test_timers_last_a_number_of_seconds(bad: str) -> None:
    def timer(seconds: str) -> dict[str, object]:
        attributes = {"timerId": "t", "startToFireTimeout": seconds}
        return decide({"decisionType": "StartTimer", "startTimerDecisionAttributes": attributes})

    for good in ("0", "99999999"):
        model.validate("RespondDecisionTaskCompleted", timer(good))
    assert "startToFireTimeout" in message("RespondDecisionTaskCompleted", timer(bad))


def test_lambda_functions_have_a_quarter_of_an_hour() -> None:
    def schedule(seconds: str) -> dict[str, object]:
        attributes = {"id": "i", "name": "f", "startToCloseTimeout": seconds}
        return decide(
            {"decisionType": "ScheduleLambdaFunction", "scheduleLambdaFunctionDecisionAttributes": attributes}
        )

    for good in ("1", "900", ""):
        model.validate("RespondDecisionTaskCompleted", schedule(good))
    for bad in ("0", "901", "NONE"):
        assert "from 1 to 900" in message("RespondDecisionTaskCompleted", schedule(bad))


def test_task_priority() -> None:
    for good in ("0", "-2147483648", "2147483647", "+5"):
        model.validate("StartWorkflowExecution", {**START, "taskPriority": good})
    for bad in ("", "high", "2147483648", "-2147483649", "1.0", "9" * 5000, "\u0663"):
        assert "'taskPriority'" in message("StartWorkflowExecution", {**START, "taskPriority": bad})


def test_retention() -> None:
    def register(days: str) -> dict[str, object]:
        return {"name": "d", "workflowExecutionRetentionPeriodInDays": days}

    for good in ("0", "90", "NONE"):
        model.validate("RegisterDomain", register(good))
    for bad in ("91", "", "-1", "none"):
        assert "'workflowExecutionRetentionPeriodInDays'" in message("RegisterDomain", register(bad))


def test_resource_tags() -> None:
    def tag(key: str, value: str) -> dict[str, object]:
        return {"resourceArn": "arn:aws:swf:x:1:/domain/d", "tags": [{"key": key, "value": value}]}

    model.validate("TagResource", tag("cost centre/é_.:=+-@", ""))
    assert "'tags.1.member.key'" in message("TagResource", tag("a#b", "v"))
    assert "'tags.1.member.value'" in message("TagResource", tag("a", "v;"))


# -- against botocore ----------------------------------------------------------------------------

SWF = ServiceModel(Loader().load_service_model("swf", "service-2"))
OPERATIONS = st.sampled_from(sorted(SWF.operation_names))
DURATIONS = st.integers(0, 31_536_000).map(str)
SPECIAL: dict[str, st.SearchStrategy[str]] = {
    "DurationInSeconds": DURATIONS,
    "DurationInSecondsOptional": DURATIONS,
    "DurationInDays": st.integers(0, 90).map(str),
    "TaskPriority": st.integers(-(2**31), 2**31 - 1).map(str),
    **{
        name: st.text("abz -._1é", min_size=1, max_size=64).map(lambda text: f"x{text}x"[:64])
        for name in ("DomainName", "Name", "Version", "VersionOptional", "ActivityId", "TimerId")
    },
    "ResourceTagKey": st.text("abz -._1é", min_size=1, max_size=128),
    "ResourceTagValue": st.text("abz -._1é", max_size=256),
}


def requests(shape: Shape) -> st.SearchStrategy[Any]:
    """Requests that follow the model and the rules beyond it."""
    if shape.type_name == "structure":
        members = {name: requests(member) for name, member in shape.members.items()}
        if shape.name == "ScheduleLambdaFunctionDecisionAttributes":
            members["startToCloseTimeout"] = st.integers(1, 900).map(str)
        if shape.name == "Decision":
            return st.sampled_from(shape.members["decisionType"].enum).flatmap(lambda kind: a_decision(members, kind))
        required = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(required, optional=members)
    if shape.type_name == "list":
        return st.lists(requests(shape.member), max_size=min(shape.metadata.get("max", 3), 3))
    if shape.type_name == "string":
        if shape.name in SPECIAL:
            return SPECIAL[shape.name]
        if shape.enum:
            return st.sampled_from(shape.enum)
        return st.text(min_size=shape.metadata.get("min", 0), max_size=min(shape.metadata["max"], 40))
    return {
        "integer": st.integers(shape.metadata.get("min"), shape.metadata.get("max")),
        "boolean": st.booleans(),
        "timestamp": st.integers(0, 4_000_000_000),
    }[shape.type_name]


def a_decision(members: dict[str, st.SearchStrategy[Any]], kind: str) -> st.SearchStrategy[Any]:
    attributes = f"{kind[0].lower()}{kind[1:]}DecisionAttributes"
    return st.fixed_dictionaries({"decisionType": st.just(kind), attributes: members[attributes]})


REQUESTS = {name: requests(SWF.operation_model(name).input_shape) for name in SWF.operation_names}
SPOILERS = st.one_of(
    st.just(""), st.integers(-5, 5), st.booleans(), st.floats(), st.just([]), st.just({}), st.just([""])
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a request."""
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [place for key, item in inside for place in [(value, key), *places(item)]]


def botocore_refuses(operation: str, request_body: object) -> bool:
    shape = SWF.operation_model(operation).input_shape
    return ParamValidator().validate(request_body, shape).has_errors()


@settings(max_examples=100, deadline=None)
@given(st.data(), OPERATIONS)
def test_generated_requests_pass(data: st.DataObject, operation: str) -> None:
    request_body = data.draw(REQUESTS[operation])
    assert not botocore_refuses(operation, request_body)
    model.validate(operation, request_body)


@settings(max_examples=200, deadline=None)
@given(st.data(), OPERATIONS)
def test_whatever_botocore_refuses_is_refused(data: st.DataObject, operation: str) -> None:
    request_body = copy.deepcopy(data.draw(REQUESTS[operation]))
    for container, key in data.draw(st.lists(st.sampled_from(places(request_body) or [({}, "x")]), max_size=2)):
        if data.draw(st.booleans()):
            container[key] = data.draw(SPOILERS)
        elif isinstance(container, dict):
            container.pop(key, None)
    if botocore_refuses(operation, request_body):
        assert refusal(operation, request_body).type in (VALIDATION, SERIALIZATION)
