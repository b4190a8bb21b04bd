"""Domains, their tags, and types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from service_kit import FLOW, Client, Kit, complete, schedule

KINDS = [("WorkflowType", "workflowType"), ("ActivityType", "activityType")]
TYPES = pytest.mark.parametrize(("kind", "member"), KINDS, ids=["workflow", "activity"])


def domains(kit: Kit, status: str = "REGISTERED", **more: Any) -> list[str]:
    answer = kit.call("ListDomains", registrationStatus=status, **more)
    return [info["name"] for info in answer["domainInfos"]]


def register(kit: Kit, *names: str) -> None:
    for name in names:
        kit.call("RegisterDomain", name=name, workflowExecutionRetentionPeriodInDays="1")


def pages(kit: Kit, operation: str, member: str, **request: Any) -> list[list[Any]]:
    """The items of each page."""
    found = []
    while True:
        answer = kit.call(operation, **request)
        found.append(answer[member])
        if "nextPageToken" not in answer:
            return found
        request["nextPageToken"] = answer["nextPageToken"]


def test_a_domain_is_registered_once(kit: Kit) -> None:
    request = {"name": "test", "workflowExecutionRetentionPeriodInDays": "1"}
    assert kit.refused("RegisterDomain", **request) == ("DomainAlreadyExistsFault", "test")
    kit.call("DeprecateDomain", name="test")
    assert kit.refused("RegisterDomain", **request) == ("DomainAlreadyExistsFault", "test")


@pytest.mark.parametrize("retention", ["0", "07", "90", "NONE"])
def test_describe_domain(client: Client, retention: str) -> None:
    kit = Kit(client)
    kit.call("RegisterDomain", name="d", workflowExecutionRetentionPeriodInDays=retention, description="why")
    answer = kit.call("DescribeDomain", name="d")
    assert answer["configuration"] == {"workflowExecutionRetentionPeriodInDays": retention}
    info = answer["domainInfo"]
    prefix, account, path = info.pop("arn").rsplit(":", 2)
    assert (prefix, path) == ("arn:aws:swf:us-east-1", "/domain/d")
    assert len(account) == 12 and account.isdecimal()
    assert info == {"name": "d", "status": "REGISTERED", "description": "why"}


def test_domains_are_listed_by_name_and_status(client: Client) -> None:
    kit = Kit(client)
    register(kit, "c", "a", "e", "b", "d")
    assert domains(kit) == ["a", "b", "c", "d", "e"]
    kit.call("DeprecateDomain", name="b")
    assert domains(kit) == ["a", "c", "d", "e"]
    assert domains(kit, "DEPRECATED") == ["b"]


def test_a_reversed_list_is_reversed_before_it_is_paged(client: Client) -> None:
    kit = Kit(client)
    register(kit, *"abcde")
    request = {"registrationStatus": "REGISTERED", "maximumPageSize": 3}
    found = pages(kit, "ListDomains", "domainInfos", reverseOrder=True, **request)
    assert [[info["name"] for info in page] for page in found] == [["e", "d", "c"], ["b", "a"]]
    found = pages(kit, "ListDomains", "domainInfos", **request)
    assert [[info["name"] for info in page] for page in found] == [["a", "b", "c"], ["d", "e"]]


def test_a_deprecated_domain_takes_its_types_along(kit: Kit) -> None:
    kit.call("DeprecateDomain", name="test")
    for kind, member in KINDS:
        listed = kit.call(f"List{kind}s", domain="test", registrationStatus="DEPRECATED")["typeInfos"]
        assert len(listed) == 1 and listed[0]["deprecationDate"] * 1000 == kit.client.now_ms
        assert kit.call(f"List{kind}s", domain="test", registrationStatus="REGISTERED")["typeInfos"] == []
        assert kit.call(f"Describe{kind}", domain="test", **{member: listed[0][member]})["typeInfo"] == listed[0]
    assert kit.refused("DeprecateDomain", name="test") == ("DomainDeprecatedFault", "test")


def test_a_domain_comes_back_without_its_types(kit: Kit) -> None:
    assert kit.refused("UndeprecateDomain", name="test") == ("DomainAlreadyExistsFault", "test")
    kit.call("DeprecateDomain", name="test")
    kit.call("UndeprecateDomain", name="test")
    assert kit.call("DescribeDomain", name="test")["domainInfo"]["status"] == "REGISTERED"
    request = {"domain": "test", "workflowId": "w", "workflowType": FLOW}
    assert kit.refused("StartWorkflowExecution", **request)[0] == "TypeDeprecatedFault"
    kit.call("UndeprecateWorkflowType", domain="test", workflowType=FLOW)
    kit.start()


def test_nothing_new_in_a_deprecated_domain(kit: Kit) -> None:
    kit.call("DeprecateDomain", name="test")
    for kind, _ in KINDS:
        refused = kit.refused(f"Register{kind}", domain="test", name="n", version="1")
        assert refused == ("DomainDeprecatedFault", "test")
    refused = kit.refused("StartWorkflowExecution", domain="test", workflowId="w", workflowType=FLOW)
    assert refused == ("DomainDeprecatedFault", "test")


@TYPES
def test_a_type_is_registered_once(kit: Kit, kind: str, member: str) -> None:
    type = {"name": "n", "version": "1"}
    text = f"{kind}=[name=n, version=1]"
    kit.call(f"Register{kind}", domain="test", **type)
    assert kit.refused(f"Register{kind}", domain="test", **type) == ("TypeAlreadyExistsFault", text)
    kit.call(f"Register{kind}", domain="test", name="n", version="2")
    kit.call(f"Deprecate{kind}", domain="test", **{member: type})
    assert kit.refused(f"Register{kind}", domain="test", **type) == ("TypeAlreadyExistsFault", text)


@TYPES
def test_a_type_is_deprecated_and_undeprecated_once(kit: Kit, kind: str, member: str) -> None:
    type = {"name": "n", "version": "1"}
    request = {"domain": "test", member: type}
    text = f"{kind}=[name=n, version=1]"
    kit.call(f"Register{kind}", domain="test", **type)
    assert kit.refused(f"Undeprecate{kind}", **request) == ("TypeAlreadyExistsFault", text)
    created = kit.client.now_ms / 1000
    kit.advance(5)
    kit.call(f"Deprecate{kind}", **request)
    info = {member: type, "status": "DEPRECATED", "creationDate": created, "deprecationDate": created + 5}
    assert kit.call(f"Describe{kind}", **request)["typeInfo"] == info
    assert kit.refused(f"Deprecate{kind}", **request) == ("TypeDeprecatedFault", text)
    kit.call(f"Undeprecate{kind}", **request)
    info = {member: type, "status": "REGISTERED", "creationDate": created}
    assert kit.call(f"Describe{kind}", **request)["typeInfo"] == info


@TYPES
def test_only_a_deprecated_type_is_deleted(kit: Kit, kind: str, member: str) -> None:
    type = {"name": "n", "version": "1"}
    request = {"domain": "test", member: type}
    kit.call(f"Register{kind}", domain="test", **type)
    refused = kit.refused(f"Delete{kind}", **request)
    message = "The type is currently registered and cannot be deleted in its current state"
    assert refused == ("TypeNotDeprecatedFault", message)
    kit.call(f"Deprecate{kind}", **request)
    kit.call(f"Delete{kind}", **request)
    unknown = "UnknownResourceFault", f"Unknown type: {kind}=[name=n, version=1]"
    for verb in ("Describe", "Deprecate", "Undeprecate", "Delete"):
        assert kit.refused(f"{verb}{kind}", **request) == unknown
    listed = kit.call(f"List{kind}s", domain="test", registrationStatus="DEPRECATED", name="n")
    assert listed["typeInfos"] == []
    kit.call(f"Register{kind}", domain="test", **type)


@TYPES
def test_describe_type_tells_what_was_registered(kit: Kit, kind: str, member: str) -> None:
    type = {"name": "n", "version": "1"}
    kit.call(f"Register{kind}", domain="test", **type, description="what for")
    answer = kit.call(f"Describe{kind}", domain="test", **{member: type})
    assert answer["configuration"] == {}
    assert answer["typeInfo"]["description"] == "what for"
    assert "deprecationDate" not in answer["typeInfo"]


def test_describe_type_tells_every_default(kit: Kit) -> None:
    flow = {
        "defaultTaskStartToCloseTimeout": "NONE",
        "defaultExecutionStartToCloseTimeout": "31536000",
        "defaultTaskList": {"name": "l"},
        "defaultTaskPriority": "-3",
        "defaultChildPolicy": "REQUEST_CANCEL",
        "defaultLambdaRole": "role",
    }
    kit.call("RegisterWorkflowType", domain="test", name="n", version="1", **flow)
    described = kit.call("DescribeWorkflowType", domain="test", workflowType={"name": "n", "version": "1"})
    assert described["configuration"] == flow
    work = {
        "defaultTaskStartToCloseTimeout": "1",
        "defaultTaskHeartbeatTimeout": "2",
        "defaultTaskList": {"name": "l"},
        "defaultTaskPriority": "4",
        "defaultTaskScheduleToStartTimeout": "NONE",
        "defaultTaskScheduleToCloseTimeout": "5",
    }
    kit.call("RegisterActivityType", domain="test", name="n", version="1", **work)
    described = kit.call("DescribeActivityType", domain="test", activityType={"name": "n", "version": "1"})
    assert described["configuration"] == work


@TYPES
def test_types_are_listed_by_name_and_version(kit: Kit, kind: str, member: str) -> None:
    for name, version in (("y", "2"), ("x", "1"), ("y", "1"), ("xx", "1")):
        kit.call(f"Register{kind}", domain="test", name=name, version=version)
    request = {"domain": "test", "registrationStatus": "REGISTERED"}

    def listed(**more: Any) -> list[list[str]]:
        found = pages(kit, f"List{kind}s", "typeInfos", **request, **more)
        return [[info[member]["name"] + info[member]["version"] for info in page] for page in found]

    ours = kit.call(f"List{kind}s", **request)["typeInfos"][0][member]
    first = ours["name"] + ours["version"]
    assert listed() == [[first, "x1", "xx1", "y1", "y2"]]
    assert listed(name="x") == [["x1"]]
    assert listed(name="y", maximumPageSize=2) == [["y1", "y2"]]
    assert listed(name="y", maximumPageSize=1, reverseOrder=True) == [["y2"], ["y1"]]
    assert listed(maximumPageSize=2) == [[first, "x1"], ["xx1", "y1"], ["y2"]]


@pytest.mark.parametrize("name", ["a:b", "a/b", "a|b", "a\x00b", "a\x9fb", "arn"])
def test_names_that_are_refused(kit: Kit, name: str) -> None:
    tries = [
        ("RegisterDomain", {"name": name, "workflowExecutionRetentionPeriodInDays": "1"}),
        ("RegisterWorkflowType", {"domain": "test", "name": name, "version": "1"}),
        ("RegisterActivityType", {"domain": "test", "name": "n", "version": name}),
        ("PollForActivityTask", {"domain": "test", "taskList": {"name": name}}),
    ]
    for operation, request in tries:
        assert kit.refused(operation, **request)[0] == "ValidationException", operation


def test_a_workflow_id_may_hold_what_names_may_not(kit: Kit) -> None:
    run_id = kit.start("22abc/+=:7")
    assert kit.describe(run_id, "22abc/+=:7")["executionInfo"]["executionStatus"] == "OPEN"


def test_resource_tags(kit: Kit) -> None:
    arn = kit.call("DescribeDomain", name="test")["domainInfo"]["arn"]

    def tags() -> dict[str, str]:
        listed = kit.call("ListTagsForResource", resourceArn=arn)["tags"]
        return {tag["key"]: tag["value"] for tag in listed}

    assert tags() == {}
    kit.call("TagResource", resourceArn=arn, tags=[{"key": "team", "value": "a b"}, {"key": "x", "value": ""}])
    kit.call("TagResource", resourceArn=arn, tags=[{"key": "team", "value": "c"}])
    assert tags() == {"team": "c", "x": ""}
    kit.call("UntagResource", resourceArn=arn, tagKeys=["x", "never"])
    assert tags() == {"team": "c"}
    many = [{"key": f"k{number}", "value": "v"} for number in range(50)]
    assert kit.refused("TagResource", resourceArn=arn, tags=many)[0] == "TooManyTagsFault"
    assert tags() == {"team": "c"}
    kit.call("TagResource", resourceArn=arn, tags=many[:49])
    assert len(tags()) == 50
    kit.call("TagResource", resourceArn=arn, tags=[{"key": "team", "value": "d"}])
    for wrong in (arn + "x", arn.replace("us-east-1", "us-west-1"), "test"):
        assert kit.refused("ListTagsForResource", resourceArn=wrong)[0] == "UnknownResourceFault"


def test_a_domain_is_registered_with_tags(client: Client) -> None:
    kit = Kit(client)
    request = {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"}
    many = [{"key": f"k{number}", "value": "v"} for number in range(51)]
    assert kit.refused("RegisterDomain", **request, tags=many)[0] == "TooManyTagsFault"
    kit.call("RegisterDomain", **request, tags=many[:2])
    arn = kit.call("DescribeDomain", name="d")["domainInfo"]["arn"]
    assert kit.call("ListTagsForResource", resourceArn=arn)["tags"] == many[:2]


def test_what_was_started_before_a_deprecation_goes_on(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    kit.call("DeprecateActivityType", domain="test", activityType={"name": "work", "version": "1"})
    kit.call("DeprecateDomain", name="test")
    kit.signal()
    kit.work().complete()
    kit.decide(complete())
    assert kit.status(run_id) == "COMPLETED"


def test_what_was_started_before_a_deletion_goes_on(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    for kind, member, name in (("WorkflowType", "workflowType", "flow"), ("ActivityType", "activityType", "work")):
        for verb in ("Deprecate", "Delete"):
            kit.call(f"{verb}{kind}", domain="test", **{member: {"name": name, "version": "1"}})
    kit.work().complete()
    kit.decide(complete())
    assert kit.status(run_id) == "COMPLETED"


def test_limits_on_domains_and_types(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(domains=2, types=2)
    kit.call("DeprecateDomain", name="test")
    register(kit, "b")
    refused = kit.refused("RegisterDomain", name="c", workflowExecutionRetentionPeriodInDays="1")
    assert refused[0] == "LimitExceededFault"
    other = Kit(kit.client, "b")
    for kind, member in KINDS:
        for version in "12":
            other.call(f"Register{kind}", domain="b", name="n", version=version)
        other.call(f"Deprecate{kind}", domain="b", **{member: {"name": "n", "version": "1"}})
        assert other.refused(f"Register{kind}", domain="b", name="n", version="3")[0] == "LimitExceededFault"
        other.call(f"Delete{kind}", domain="b", **{member: {"name": "n", "version": "1"}})
        other.call(f"Register{kind}", domain="b", name="n", version="3")
