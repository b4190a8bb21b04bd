"""List and count, and how long closed runs are kept."""

from __future__ import annotations

from typing import Any

import pytest
from service_kit import (
    FLOW,
    Kit,
    cancel,
    child,
    complete,
    continue_as_new,
    fail,
)

EVER = {"oldestDate": 0}
STATUSES = ["COMPLETED", "FAILED", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW", "TIMED_OUT"]


def listed(kit: Kit, state: str = "Open", **request: Any) -> list[str]:
    """The workflow ids in the order of the list, page by page; the count must agree."""
    if "closeTimeFilter" not in request:
        request.setdefault("startTimeFilter", EVER)
    names = []
    filters = {name: value for name, value in request.items() if name not in ("maximumPageSize", "reverseOrder")}
    while True:
        answer = kit.call(f"List{state}WorkflowExecutions", domain=kit.domain, **request)
        names += [info["execution"]["workflowId"] for info in answer["executionInfos"]]
        if "nextPageToken" not in answer:
            break
        request["nextPageToken"] = answer["nextPageToken"]
    count = kit.call(f"Count{state}WorkflowExecutions", domain=kit.domain, **filters)
    assert count == {"count": len(names), "truncated": False}
    return names


def test_a_run_is_listed_at_once(kit: Kit) -> None:
    assert listed(kit) == []
    run_id = kit.start()
    answer = kit.call("ListOpenWorkflowExecutions", domain="test", startTimeFilter=EVER)
    assert answer == {
        "executionInfos": [
            {
                "execution": {"workflowId": "w", "runId": run_id},
                "workflowType": FLOW,
                "startTimestamp": kit.client.now_ms / 1000,
                "executionStatus": "OPEN",
                "cancelRequested": False,
            }
        ]
    }


def test_the_newest_run_is_listed_first(kit: Kit) -> None:
    for name in "abcde":
        kit.start(name)
        kit.advance(1)
    assert listed(kit) == ["e", "d", "c", "b", "a"]
    assert listed(kit, reverseOrder=True) == ["a", "b", "c", "d", "e"]
    for size in (1, 2, 3, 5):
        assert listed(kit, maximumPageSize=size) == ["e", "d", "c", "b", "a"]
        assert listed(kit, maximumPageSize=size, reverseOrder=True) == ["a", "b", "c", "d", "e"]
    answer = kit.call("ListOpenWorkflowExecutions", domain="test", startTimeFilter=EVER, maximumPageSize=5)
    assert "nextPageToken" not in answer


def test_runs_of_one_instant_are_paged_without_loss(kit: Kit) -> None:
    for name in "abcde":
        kit.start(name)
    assert listed(kit, maximumPageSize=2) == ["e", "d", "c", "b", "a"]
    assert listed(kit, maximumPageSize=2, reverseOrder=True) == ["a", "b", "c", "d", "e"]


def close(kit: Kit, name: str) -> None:
    kit.client.call("TerminateWorkflowExecution", {"domain": "test", "workflowId": name})


def test_closed_runs_are_listed_by_the_time_asked_for(kit: Kit) -> None:
    for name in "abc":
        kit.start(name)
        kit.advance(10)
    for name in "bca":
        close(kit, name)
        kit.advance(10)
    assert listed(kit, "Closed") == ["c", "b", "a"]
    assert listed(kit, "Closed", closeTimeFilter=EVER) == ["a", "c", "b"]
    assert listed(kit, "Closed", closeTimeFilter=EVER, reverseOrder=True, maximumPageSize=2) == ["b", "c", "a"]
    start = kit.client.now_ms // 1000 - 60
    assert listed(kit, "Closed", startTimeFilter={"oldestDate": start + 5, "latestDate": start + 15}) == ["b"]
    assert listed(kit, "Closed", closeTimeFilter={"oldestDate": start + 35, "latestDate": start + 45}) == ["c"]
    assert listed(kit, "Closed", closeTimeFilter={"oldestDate": start + 45, "latestDate": start + 35}) == []


def test_one_time_filter_is_needed(kit: Kit) -> None:
    for operation in ("ListClosedWorkflowExecutions", "CountClosedWorkflowExecutions"):
        refused = kit.refused(operation, domain="test")
        assert refused == ("ValidationException", "Must specify time filter")
        refused = kit.refused(operation, domain="test", startTimeFilter=EVER, closeTimeFilter=EVER)
        message = "Cannot specify both a startTimeFilter and a closeTimeFilter"
        assert refused == ("ValidationException", message)
    null = "Value null at 'startTimeFilter' failed to satisfy constraint: Member must not be null"
    for operation in ("ListOpenWorkflowExecutions", "CountOpenWorkflowExecutions"):
        refused = kit.refused(operation, domain="test")
        assert refused == ("ValidationException", f"1 validation error detected: {null}")


FILTERS: dict[str, dict[str, str]] = {
    "executionFilter": {"workflowId": "w"},
    "typeFilter": {"name": "flow"},
    "tagFilter": {"tag": "t"},
    "closeStatusFilter": {"status": "FAILED"},
}


def test_at_most_one_other_filter(kit: Kit) -> None:
    for first in FILTERS:
        for second in FILTERS:
            if first == second:
                continue
            both = {name: FILTERS[name] for name in FILTERS if name in (first, second)}
            states = ["Closed"] if "closeStatusFilter" in both else ["Open", "Closed"]
            for operation in (f"{verb}{state}WorkflowExecutions" for verb in ("List", "Count") for state in states):
                code, message = kit.refused(operation, domain="test", startTimeFilter=EVER, **both)
                assert code == "ValidationException"
                prefix = "Cannot specify more than one exclusive filters in the same query: "
                assert message == f"{prefix}[{', '.join(both)}]"


@pytest.mark.parametrize("state", ["Open", "Closed"])
def test_filters(kit: Kit, state: str) -> None:
    kit.flow_type("flow", "2")
    kit.flow_type("flows")
    for name, type, version, tags in (
        ("a", "flow", "1", ["x"]),
        ("b", "flow", "2", ["x", "y"]),
        ("c", "flows", "1", ["xy", "x", "x"]),
        ("d", "flow", "1", []),
    ):
        kit.start(name, workflowType={"name": type, "version": version}, tagList=tags)
    if state == "Closed":
        for name in "abcd":
            close(kit, name)
        kit.start("a")
        close(kit, "a")
    again = ["a"] if state == "Closed" else []
    assert listed(kit, state, typeFilter={"name": "flow"}) == [*again, "d", "b", "a"]
    assert listed(kit, state, typeFilter={"name": "flow", "version": ""}) == [*again, "d", "b", "a"]
    assert listed(kit, state, typeFilter={"name": "flow", "version": "2"}) == ["b"]
    assert listed(kit, state, typeFilter={"name": "flo"}) == []
    assert listed(kit, state, tagFilter={"tag": "x"}) == ["c", "b", "a"]
    assert listed(kit, state, tagFilter={"tag": "y"}) == ["b"]
    assert listed(kit, state, executionFilter={"workflowId": "a"}) == [*again, "a"]
    assert listed(kit, state, executionFilter={"workflowId": "e"}) == []
    assert listed(kit, state, tagFilter={"tag": "x"}, maximumPageSize=1) == ["c", "b", "a"]


def test_the_status_filter(kit: Kit) -> None:
    kit.start("COMPLETED")
    kit.decide(complete())
    kit.start("FAILED")
    kit.decide(fail())
    kit.start("CANCELED")
    kit.decide(cancel())
    kit.start("TERMINATED")
    kit.terminate("TERMINATED")
    kit.start("CONTINUED_AS_NEW")
    kit.decide(continue_as_new())
    kit.start("TIMED_OUT", executionStartToCloseTimeout="10")
    kit.advance(10)
    for status in STATUSES:
        assert listed(kit, "Closed", closeStatusFilter={"status": status}) == [status]
        assert listed(kit, "Closed", closeStatusFilter={"status": status}, closeTimeFilter=EVER) == [status]
    answer = kit.call("ListClosedWorkflowExecutions", domain="test", startTimeFilter=EVER)
    told = {info["execution"]["workflowId"]: info["closeStatus"] for info in answer["executionInfos"]}
    assert told == {status: status for status in STATUSES}


def test_the_entry_of_a_child_names_its_parent(kit: Kit) -> None:
    parent_id = kit.start()
    kit.decide(child("c"))
    for state in ("Open", "Closed"):
        request = {"domain": "test", "startTimeFilter": EVER, "executionFilter": {"workflowId": "c"}}
        entry = kit.call(f"List{state}WorkflowExecutions", **request)["executionInfos"][0]
        assert entry["parent"] == {"workflowId": "w", "runId": parent_id}
        if state == "Open":
            close(kit, "c")


def test_bounds_are_inclusive(kit: Kit) -> None:
    second = kit.client.now_ms // 1000
    kit.start("a")
    kit.advance(0.7)
    kit.start("b")
    kit.advance(0.3)
    kit.start("c")
    kit.advance(1)
    assert listed(kit, startTimeFilter={"oldestDate": 0}) == ["c", "b", "a"]
    assert listed(kit, startTimeFilter={"oldestDate": second}) == ["c", "b", "a"]
    assert listed(kit, startTimeFilter={"oldestDate": second + 1}) == ["c"]
    assert listed(kit, startTimeFilter={"oldestDate": 0, "latestDate": second}) == ["b", "a"]
    assert listed(kit, startTimeFilter={"oldestDate": 0, "latestDate": second + 1}) == ["c", "b", "a"]
    assert listed(kit, startTimeFilter={"oldestDate": 0, "latestDate": second - 1}) == []


def test_lists_of_a_deprecated_domain(kit: Kit) -> None:
    kit.start()
    kit.call("DeprecateDomain", name="test")
    assert listed(kit) == ["w"]
    close(kit, "w")
    assert listed(kit, "Closed") == ["w"]


def test_lists_of_one_domain(kit: Kit) -> None:
    other = Kit(kit.client, "other").register()
    kit.start()
    other.start("o")
    assert listed(kit) == ["w"] and listed(other) == ["o"]


def gone(kit: Kit, run_id: str) -> bool:
    execution = {"workflowId": "w", "runId": run_id}
    known = []
    for operation in ("DescribeWorkflowExecution", "GetWorkflowExecutionHistory"):
        try:
            kit.call(operation, domain="test", execution=execution)
            known.append(True)
        except Exception as refusal:
            assert getattr(refusal, "code", None) == "UnknownResourceFault"
            known.append(False)
    known.append(listed(kit, "Closed") != [])
    assert len(set(known)) == 1
    return not known[0]


@pytest.mark.parametrize("retention", ["0", "NONE"])
def test_runs_that_are_not_kept(kit: Kit, retention: str) -> None:
    short = Kit(kit.client, f"keeps {retention}").register(retention)
    run_id = short.start()
    work_list = short.start("other")
    short.decide(complete())
    assert listed(short, "Closed") == []
    execution = {"workflowId": "w", "runId": run_id}
    refused = short.refused("DescribeWorkflowExecution", domain=short.domain, execution=execution)
    assert refused[0] == "UnknownResourceFault"
    assert short.status(work_list, "other") == "OPEN"


def test_runs_that_are_kept_for_a_day(make_client: Any) -> None:
    kit = Kit(make_client()).register("1")
    run_id = kit.start()
    kit.advance(86_000)
    close(kit, "w")
    kit.advance(86_399)
    assert not gone(kit, run_id)
    kit.advance(1)
    assert gone(kit, run_id)


def test_many_runs_are_forgotten(make_client: Any) -> None:
    kit = Kit(make_client()).register("1")
    for number in range(100):
        kit.start(f"w{number}", tagList=["t"])
        kit.decide(complete())
        kit.advance(60)
    assert len(listed(kit, "Closed", tagFilter={"tag": "t"})) == 100
    kit.advance(86_400 - 100 * 60)
    kit.advance(50 * 60 - 1)
    for _ in range(2):
        assert listed(kit, "Closed", tagFilter={"tag": "t"}, reverseOrder=True)[0] == "w50"
    kit.advance(86_400)
    assert listed(kit, "Closed") == []
