"""Histories of yesterday against the code of today."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.exceptions import NondeterminismError
from simpleflow.testing import WorkflowEnvironment, replay


@activity.with_attributes(name="saved.one")
def one(x: Any) -> Any:
    return x


@activity.with_attributes(name="saved.two")
def two(x: Any) -> Any:
    return x


class Yesterday(Workflow):
    name, version, task_list = "saved", "1", "decisions"

    def run(self, x: Any) -> Any:
        return self.submit(one, self.submit(one, x)).result


class Listener(Workflow):
    name, version, task_list = "listener", "1", "decisions"

    def run(self) -> Any:
        return self.submit(self.wait_signal("go")).result["args"]


class Speaker(Listener):
    name = "speaker"

    def run(self) -> Any:
        return self.submit(Listener).result


def test_a_signal_that_0_35_has_passed_on_is_not_passed_on_again() -> None:
    environment = WorkflowEnvironment()
    execution = environment.start(Speaker, workflow_id="speaker")
    environment.settle()
    environment.call(
        "SignalWorkflowExecution",
        workflowId="speaker",
        signalName="go",
        input='{"__propagate":true,"args":[1],"kwargs":{}}',
    )
    assert execution.result == [1]
    events = json.loads(json.dumps(list(execution.events)))
    (told,) = (e for e in events if e["eventType"] == "SignalExternalWorkflowExecutionInitiated")
    del told["signalExternalWorkflowExecutionInitiatedEventAttributes"]["control"]
    replay(events, Speaker, workflow_id="speaker", run_id=execution.run_id)


def test_an_activity_is_no_workflow_to_replay() -> None:
    with pytest.raises(TypeError, match="is no class that inherits from"):
        replay([], one)  # type: ignore[arg-type]


class Same(Yesterday):
    def run(self, x: Any) -> Any:
        first = self.submit(one, x)
        second = self.submit(one, first)
        return second.result


class Other(Yesterday):
    def run(self, x: Any) -> Any:
        return self.submit(two, self.submit(one, x)).result


class ByChance(Yesterday):
    def run(self, x: Any) -> Any:
        return self.submit(one, [self.random.random(), self.get_run_context()["workflow_id"]]).result


def saved(path: Path, workflow: type[Workflow] = Yesterday) -> Path:
    execution = WorkflowEnvironment().start(workflow, [1])
    assert execution.exception is None
    execution.save(path / "history.json")
    return path / "history.json"


def as_aws_prints_it(path: Path) -> dict[str, Any]:
    """As version 2 of the aws command does: other time stamps, and no word on whose history it is."""
    events = json.loads(path.read_text())["events"]
    for event in events:
        event["eventTimestamp"] = datetime.fromtimestamp(event["eventTimestamp"], timezone.utc).isoformat()
    return {"events": events}


def test_every_form_of_a_history(tmp_path: Path) -> None:
    path = saved(tmp_path)
    decoded = json.loads(path.read_text())
    for form in (path, str(path), path.read_text(), decoded, decoded["events"], json.dumps(decoded["events"])):
        replay(form, Same)
        with pytest.raises(NondeterminismError, match=r"saved\.two"):
            replay(form, Other)


def test_an_event_on_each_line(tmp_path: Path) -> None:
    events = json.loads(saved(tmp_path).read_text())["events"]
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    replay(lines, Same)
    (tmp_path / "history.jsonl").write_text(lines)
    with pytest.raises(NondeterminismError):
        replay(tmp_path / "history.jsonl", Other)
    with pytest.raises(ValueError, match="not JSON"):
        replay(lines[:-10], Same)


def test_the_form_of_the_aws_command(tmp_path: Path) -> None:
    history = as_aws_prints_it(saved(tmp_path))
    replay(history, Same)
    replay({"events": history["events"][::-1]}, Same)
    zulu = json.dumps(history).replace("+00:00", "Z")
    replay(zulu, Same)
    with pytest.raises(NondeterminismError):
        replay(zulu, Other)


class Less(Yesterday):
    def run(self, x: Any) -> Any:
        return self.submit(one, x).result


class More(Yesterday):
    def run(self, x: Any) -> Any:
        beside = self.submit(two, x)
        return [self.submit(one, self.submit(one, x)).result, beside.result]


class Stuck(Yesterday):
    def run(self, x: Any) -> Any:
        self.submit(self.wait_signal("never"))
        self.submit(one, x).result
        return self.submit(self.wait_signal("never")).result


@pytest.mark.parametrize(
    ("workflow", "event", "recorded", "submitted"),
    [
        (
            Other,
            "one-2",
            r"activity 'activity-saved\.one-2' of saved\.one with input",
            r"activity 'activity-saved\.two-1'",
        ),
        (
            More,
            "",
            r"a decision that asked for activity 'activity-saved\.one-1' only",
            r"activity 'activity-saved\.two-1'",
        ),
        (Less, "one-2", r"activity 'activity-saved\.one-2'", "the end CompleteWorkflowExecution without it"),
        (Stuck, "one-2", r"activity 'activity-saved\.one-2'", "nothing more: `run` waits"),
    ],
)
def test_the_first_difference_is_told(
    workflow: type[Workflow], event: str, recorded: str, submitted: str, tmp_path: Path
) -> None:
    history = json.loads(saved(tmp_path).read_text())
    with pytest.raises(NondeterminismError) as caught:
        replay(history, workflow)
    found = history["events"][caught.value.event_id - 1]
    assert found["eventType"] == ("ActivityTaskScheduled" if event else "DecisionTaskCompleted")
    assert event in json.dumps(found)
    assert re.search(recorded, caught.value.recorded)
    assert re.search(submitted, caught.value.submitted)


def test_a_decision_that_asked_for_nothing(tmp_path: Path) -> None:
    class Waits(Yesterday):
        def run(self, x: Any) -> Any:
            return self.submit(self.wait_signal("go")).result

    environment = WorkflowEnvironment()
    execution = environment.start(Waits, [1])
    environment.settle()
    execution.save(tmp_path / "history.json")
    with pytest.raises(NondeterminismError, match="records a decision that asked for nothing, but"):
        replay(tmp_path / "history.json", Yesterday)


def test_a_history_that_has_not_ended(tmp_path: Path) -> None:
    history = json.loads(saved(tmp_path).read_text())
    lengths = [e["eventId"] for e in history["events"] if e["eventType"] == "DecisionTaskStarted"]
    assert len(lengths) == 4
    for length in lengths:
        replay({**history, "events": history["events"][:length]}, Same)


def test_chance_and_names_are_those_of_the_execution(tmp_path: Path) -> None:
    path = saved(tmp_path, ByChance)
    replay(path, ByChance)
    whose = json.loads(path.read_text())["execution"]
    anonymous = as_aws_prints_it(path)
    replay(anonymous, ByChance, workflow_id=whose["workflowId"], run_id=whose["runId"])
    with pytest.raises(NondeterminismError):
        replay(anonymous, ByChance)


SCHEDULED: dict[str, Any] = {
    "eventType": "DecisionTaskScheduled",
    "eventId": 1,
    "decisionTaskScheduledEventAttributes": {"taskList": {"name": "x"}},
}


@pytest.mark.parametrize(
    ("history", "problem"),
    [
        ("{", "not JSON"),
        ({}, "no history"),
        ({"events": []}, "no history"),
        ("[1]", "no event"),
        ([{"eventType": "Nothing", "eventId": 1}], "no event"),
        ([{"eventType": "DecisionTaskScheduled", "eventId": 2}], "event 2 is without its decisionTaskScheduledEvent"),
        ([SCHEDULED | {"eventId": 2}], "event 1 is missing"),
        ([SCHEDULED | {"eventTimestamp": "noon"}], "no time stamp"),
    ],
)
def test_what_is_no_history(history: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        replay(history, Same)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replay(tmp_path / "history.json", Same)
