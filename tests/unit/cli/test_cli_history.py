"""``workflow.history``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from support import stage as stages
from support.command_line import Ran, run
from support.stage import DOMAIN, INPUT, Stage


@pytest.fixture(scope="module")
def shared() -> Stage:
    return Stage()


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    shared.client.calls.clear()
    return stages.use(monkeypatch, shared)


def shown(*arguments: str) -> Ran:
    ran = run("--utc", "workflow.history", "--domain", DOMAIN, *arguments)
    assert (ran.code, ran.stderr) == (0, "")
    return ran


def wire_events(stage: Stage, workflow_id: str) -> list[dict[str, Any]]:
    execution = {"workflowId": workflow_id, "runId": stage.runs[workflow_id][-1]}
    request = {"domain": DOMAIN, "execution": execution}
    return list(stage.client.pages("GetWorkflowExecutionHistory", "events", request))


def seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize("format", ["json", "prettyjson", "jsonl"])
def test_raw_events_are_those_of_swf_all_of_them(format: str, stage: Stage) -> None:
    ran = shown("long", "--format", format)
    events = [json.loads(line) for line in ran.lines] if format == "jsonl" else ran.json()
    for event in events:
        event["eventTimestamp"] = seconds(event["eventTimestamp"])
    assert events == wire_events(stage, "long")
    assert len(events) > 1800


def test_the_newest_first(stage: Stage) -> None:
    forward = shown("long", "--format", "jsonl").lines
    assert shown("long", "--format", "jsonl", "--reverse-order", "true").lines == forward[::-1]


def test_pages_are_read_as_they_are_printed(stage: Stage) -> None:
    assert len(shown("long", "--format", "csv", "--limit", "1000", "--no-header").lines) == 1000
    assert len(stage.client.requests("GetWorkflowExecutionHistory")) == 1
    shown("open", "--limit", "3")
    assert stage.client.requests("GetWorkflowExecutionHistory")[-1]["maximumPageSize"] == 3


@pytest.mark.parametrize("option", ["-o", "--of", "--output-format"])
def test_events_with_their_payloads(option: str, stage: Stage) -> None:
    first, *_, last = (json.loads(line) for line in shown("failed", option, "events", "--format", "jsonl").lines)
    assert (first["id"], first["type"], first["input"]) == (1, "WorkflowExecutionStarted", INPUT)
    assert first["workflow_type"] == {"name": "examples.basic", "version": "example"}
    assert first["execution_start_to_close_timeout"] == "31536000"
    assert last["details"] == {"error": "ValueError", "message": "nö", "traceback": "Traceback:\n  line\n"}
    (row,) = shown("failed", option, "events", "--format", "csv", "--limit", "1", "--no-header").lines
    assert row.startswith("1,1970-01-01T00:16:40.") and "WorkflowExecutionStarted" in row


def test_a_payload_that_cannot_be_decoded_is_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    stage.on("SignalWorkflowExecution", workflowId="open", signalName="odd", input="[NaN]")
    events = [json.loads(line) for line in shown("open", "-o", "events", "--format", "jsonl").lines]
    assert events[-1]["input"] == "[NaN]"


def test_a_payload_that_is_no_json_is_its_text(stage: Stage) -> None:
    events = [json.loads(line) for line in shown("canceled", "-o", "events", "--format", "jsonl").lines]
    assert events[-1]["details"] == "as you wish"


def test_what_the_events_add_up_to(stage: Stage) -> None:
    cooked = shown("open", "-o", "cooked", "--format", "prettyjson").json()
    assert sorted(cooked) == [
        "activities",
        "child_workflows",
        "external_workflows_signaling",
        "markers",
        "signal_lists",
        "signaled_workflows",
        "signals",
        "timers",
        "workflow",
    ]
    assert cooked["workflow"]["input"] == INPUT
    assert cooked["activities"]["activity-examples.basic.increment-2"]["state"] == "started"
    assert cooked["markers"]["märk"][0]["details"] == "é"
    assert shown("open", "-o", "cooked", "--format", "jsonl").json() == cooked


def test_what_the_events_add_up_to_as_a_table(stage: Stage) -> None:
    rows = [line.split(",")[:3] for line in shown("open", "-o", "cooked", "--format", "csv").lines]
    assert rows == [
        ["part", "name", "state"],
        ["workflow", "examples.basic", "started"],
        ["activities", "activity-examples.basic.increment-1", "completed"],
        ["activities", "activity-examples.basic.increment-2", "started"],
        ["activities", "activity-examples.basic.increment-3", "scheduled"],
        ["child_workflows", "child", "started"],
        ["markers", "märk", "recorded"],
        ["timers", "a timer", "started"],
        ["signal_lists", "gö", "signaled"],
    ]


def test_the_domain_is_taken_from_the_environment_first(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it always was: its two words are the workflow id and the run id."""
    monkeypatch.setenv("SWF_DOMAIN", DOMAIN)
    older = stage.runs["completed"][0]
    assert "an older run" in run("workflow.history", "completed", older, "--format", "jsonl").stdout
    assert run("workflow.history", DOMAIN, "completed").code == 3
