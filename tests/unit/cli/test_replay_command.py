"""``workflow.replay``: histories of files and of SWF against the code of today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import command_line
from support.command_line import Ran, run
from support.swf_in_process import InProcessClient

from simpleflow import Workflow, activity
from simpleflow.cli.exits import Exit
from simpleflow.exceptions import NondeterminismError
from simpleflow.testing import WorkflowEnvironment

DOMAIN = "Replays"
DOCUMENTATION = Path(__file__).resolve().parents[3] / "docs" / "commands.rst"


@activity.with_attributes(name="replays.one", version="1")
def one(x: Any) -> Any:
    return x


@activity.with_attributes(name="replays.two", version="1")
def two(x: Any) -> Any:
    return x


class Flow(Workflow):
    name, version, task_list = "replays.flow", "1", "decisions"

    def run(self, x: Any) -> Any:
        return self.submit(one, self.submit(one, x)).result


class Changed(Flow):
    def run(self, x: Any) -> Any:
        return self.submit(two, self.submit(one, x)).result


class ByChance(Flow):
    name = "replays.chance"

    def run(self, x: Any) -> Any:
        return self.submit(one, self.random.random()).result


SAME, OTHER = f"{__name__}.Flow", f"{__name__}.Changed"
CHANCE = f"{__name__}.ByChance"


class Clock:
    def now_ms(self) -> int:
        return 1_100_000


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch) -> InProcessClient:
    client = InProcessClient()
    command_line.use(monkeypatch, client, Clock())
    return client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return saved(tmp_path / "history.json")


def saved(path: Path, workflow: type[Workflow] = Flow) -> Path:
    execution = WorkflowEnvironment().start(workflow, ["é"])
    assert execution.exception is None
    execution.save(path)
    return path


def rows(ran: Ran) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ran.json()
    return found


def replayed(*words: str | Path) -> Ran:
    return run("workflow.replay", *map(str, words), "--format", "json")


# -- files


def test_a_history_that_fits(file: Path) -> None:
    ran = replayed(file, "--workflow", SAME)
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    (row,) = rows(ran)
    assert (row["History"], row["Workflow Type"], row["Outcome"]) == (str(file), "replays.flow", "fits")
    assert row["Events"] == len(json.loads(file.read_text())["events"])
    assert (row["Event"], row["Recorded"], row["Submitted"], row["Problem"]) == (None,) * 4


def test_the_first_difference_is_told_with_both_meanings_and_a_remedy(file: Path) -> None:
    ran = replayed(file, "--workflow", OTHER)
    (row,) = rows(ran)
    assert (ran.code, row["Outcome"]) == (Exit.FAILED, "differs")
    event = json.loads(file.read_text())["events"][row["Event"] - 1]
    assert event["activityTaskScheduledEventAttributes"]["activityId"] == "activity-replays.one-2"
    assert row["Recorded"].startswith("activity 'activity-replays.one-2' of replays.one with input")
    assert row["Submitted"].startswith("activity 'activity-replays.two-1' of replays.two with input")
    assert row["Problem"] is None
    assert ran.stderr == f"Error: the history cannot be replayed by the code of today. {NondeterminismError.REMEDY}\n"


def test_each_of_several_files_has_a_row(file: Path, tmp_path: Path) -> None:
    chance, no_history = saved(tmp_path / "chance.json", ByChance), tmp_path / "none.json"
    no_history.write_text("{}")
    ran = replayed(file, no_history, chance, "--workflow", OTHER, "--workflow", CHANCE)
    assert [row["Outcome"] for row in rows(ran)] == ["differs", "not replayed", "fits"]
    assert rows(ran)[1]["Problem"].startswith("this is no history: expected the JSON")
    assert (ran.code, ran.stderr.count("\n")) == (Exit.FAILED, 1)
    assert ran.stderr.startswith("Error: 1 of 3 histories cannot be replayed by the code of today. ")
    assert ran.stderr.endswith(
        " 1 of 3 histories could not be replayed; the column Problem (--format human) tells why.\n"
    )


def test_events_that_swf_would_not_write(file: Path) -> None:
    told = json.loads(file.read_text())
    for position, removed in ((0, "workflowType"), (2, None)):
        events = json.loads(json.dumps(told["events"]))
        (attributes,) = (value for name, value in events[position].items() if name.endswith("Attributes"))
        attributes.clear() if removed is None else attributes.pop(removed)
        events[3]["decisionTaskCompletedEventAttributes"].clear()
        file.write_text(json.dumps(events))
        (row,) = rows(replayed(file, "--workflow", SAME))
        assert row["Outcome"] == "not replayed"
        assert row["Problem"].startswith("the events are not as SWF writes them: KeyError(")


def test_code_that_is_not_at_hand(file: Path) -> None:
    told = json.loads(file.read_text())
    told["events"][0]["workflowExecutionStartedEventAttributes"]["input"] = '{"args": ["é"]}'
    file.write_text(json.dumps(told))
    ran = replayed(file)
    (row,) = rows(ran)
    assert row["Problem"].startswith("unable to import 'replays.flow'")
    assert row["Problem"].endswith("Name the workflow with --workflow.")
    assert ran.code == Exit.FAILED
    assert "the column Problem" in ran.stderr


def test_a_file_that_does_not_tell_whose_history_it_is(tmp_path: Path) -> None:
    """As ``aws swf get-workflow-execution-history`` prints it."""
    told = json.loads(saved(tmp_path / "chance.json", ByChance).read_text())
    path, whose = tmp_path / "aws.json", told["execution"]
    path.write_text(json.dumps({"events": told["events"]}))
    (row,) = rows(replayed(path, "--workflow", CHANCE))
    assert row["Outcome"] == "differs"
    assert row["Problem"].endswith("give --workflow-id and --run-id")
    ids = ("--workflow-id", whose["workflowId"], "--run-id", whose["runId"])
    assert rows(replayed(path, "--workflow", CHANCE, *ids))[0]["Outcome"] == "fits"


def test_a_file_in_this_directory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert rows(replayed(file.name, "--workflow", SAME))[0]["Outcome"] == "fits"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    ran = replayed(tmp_path / "history.json")
    assert (ran.code, ran.stdout) == (Exit.NOT_FOUND, "")
    assert ran.stderr.startswith("Error: there is no file ") and ran.stderr.count("\n") == 1


# -- executions


@pytest.fixture
def kept(client: InProcessClient, file: Path) -> InProcessClient:
    """Two closed executions, of which the newer has the history of the file, and an open one."""
    call = client.call
    call("RegisterDomain", {"name": DOMAIN, "workflowExecutionRetentionPeriodInDays": "30"})
    for workflow in (Flow, ByChance):
        call("RegisterWorkflowType", {"domain": DOMAIN, "name": workflow.name, "version": "1"})
    call("RegisterActivityType", {"domain": DOMAIN, "name": "replays.one", "version": "1"})
    for workflow_id in ("older", "newer", "open"):
        _start(client, workflow_id)
    _play(client, "older", '"ö"')
    _play(client, "newer", '"é"')
    return client


def _start(client: InProcessClient, workflow_id: str) -> None:
    request = {
        "domain": DOMAIN,
        "workflowId": workflow_id,
        "workflowType": {"name": "replays.flow", "version": "1"},
        "taskList": {"name": workflow_id},
        "input": json.dumps({"args": ["é"], "kwargs": {}}),
        "executionStartToCloseTimeout": "1000",
        "taskStartToCloseTimeout": "NONE",
        "childPolicy": "TERMINATE",
    }
    client.call("StartWorkflowExecution", request)


def _play(client: InProcessClient, workflow_id: str, argument: str) -> None:
    for number in (1, 2):
        _decide(client, workflow_id, "ScheduleActivityTask", **_work(workflow_id, number, argument))
        task = client.call("PollForActivityTask", {"domain": DOMAIN, "taskList": {"name": workflow_id}})
        client.call("RespondActivityTaskCompleted", {"taskToken": task["taskToken"], "result": '"é"'})
    _decide(client, workflow_id, "CompleteWorkflowExecution", result='"é"')


def _work(workflow_id: str, number: int, argument: str) -> dict[str, Any]:
    timeouts = ("scheduleToStart", "scheduleToClose", "startToClose", "heartbeat")
    return {
        "activityId": f"activity-replays.one-{number}",
        "activityType": {"name": "replays.one", "version": "1"},
        "taskList": {"name": workflow_id},
        "input": f'{{"args": [{argument}], "kwargs": {{}}}}',
        **{f"{name}Timeout": "NONE" for name in timeouts},
    }


def _decide(client: InProcessClient, workflow_id: str, kind: str, **attributes: Any) -> None:
    task = client.call("PollForDecisionTask", {"domain": DOMAIN, "taskList": {"name": workflow_id}})
    decision = {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes}
    client.call("RespondDecisionTaskCompleted", {"taskToken": task["taskToken"], "decisions": [decision]})


def test_an_execution_of_swf(kept: InProcessClient) -> None:
    ran = replayed(DOMAIN, "newer", "--workflow", SAME)
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    (row,) = rows(ran)
    assert row["History"].startswith("newer ") and (row["Events"], row["Outcome"]) == (17, "fits")
    (differing,) = rows(replayed("--domain", DOMAIN, "older", "--workflow", SAME))
    assert (differing["Outcome"], differing["Event"]) == ("differs", 5)


def test_all_closed_executions_of_a_type(kept: InProcessClient) -> None:
    words = (DOMAIN, "--workflow-type-name", "replays.flow", "--workflow", SAME)
    ran = replayed(*words)
    assert [(row["History"].split()[0], row["Outcome"]) for row in rows(ran)] == [
        ("newer", "fits"),
        ("older", "differs"),
    ]
    assert (ran.code, "1 of 2 histories" in ran.stderr) == (Exit.FAILED, True)
    assert len(rows(replayed(*words, "--limit", "1"))) == 1


@pytest.mark.parametrize("format", ["tabular", "csv", "json"])
def test_a_type_of_which_nothing_has_closed(kept: InProcessClient, format: str) -> None:
    ran = run("--format", format, "workflow.replay", DOMAIN, "--workflow-type-name", "replays.chance")
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (Exit.NOT_FOUND, "", 1)
    assert ran.stderr.startswith("Error: there is no closed execution of the type 'replays.chance' that started in")


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_what_workflow_history_prints_can_be_replayed(kept: InProcessClient, tmp_path: Path, format: str) -> None:
    path = tmp_path / "printed"
    path.write_text(run("workflow.history", "--domain", DOMAIN, "newer", "--format", format).stdout)
    assert rows(replayed(path, "--workflow", SAME))[0]["Outcome"] == "fits"
    assert rows(replayed(path, "--workflow", OTHER))[0]["Outcome"] == "differs"


def test_an_execution_that_is_not_there(kept: InProcessClient) -> None:
    for words in ((DOMAIN, "nobody"), (DOMAIN, "newer", "no-such-run"), ("Nowhere", "newer")):
        ran = replayed(*words, "--workflow", SAME)
        assert (ran.code, ran.stdout) == (Exit.NOT_FOUND, "")
        assert ran.stderr.startswith("Error: there is no ") and ran.stderr.count("\n") == 1


def test_wrong_usage(file: Path) -> None:
    for words, told in (
        ((), "expected [DOMAIN] WORKFLOW_ID [RUN_ID]; or name a FILE."),
        (("basic.json",), "; if it is to be a FILE, there is no file 'basic.json'."),
        ((file.name, "a", "b", "c"), f"; if it is to be a FILE, there is no file {file.name!r}."),
        ((file, "--workflow", "no.such.Flow"), "--workflow: unable to import 'no.such.Flow'"),
        ((DOMAIN, "newer", "--run-id", "x"), "--workflow-id and --run-id go with a FILE"),
    ):
        ran = replayed(*words)
        assert (ran.code, ran.stdout) == (Exit.USAGE, "")
        assert told in ran.stderr


def test_every_format_tells_of_every_history(file: Path) -> None:
    for format in ("tabular", "csv", "tsv", "human", "json", "prettyjson", "jsonl"):
        ran = run("--format", format, "workflow.replay", str(file), str(file), "--workflow", OTHER)
        assert ran.code == Exit.FAILED
        assert ran.stdout.count("activity-replays.two-1") == 2


def test_help_has_an_example() -> None:
    assert "Example: simpleflow workflow.replay histories/*.json" in run("workflow.replay", "--help").stdout


def test_documented_lines_are_understood(kept: InProcessClient, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documented = re.findall(r"^   simpleflow (workflow\.replay .*)$", DOCUMENTATION.read_text(), re.MULTILINE)
    assert len(documented) == 3
    for line in documented:
        line = line.replace("histories/*.json", str(file)).replace("basic-example-1438722273", "newer")
        line = line.replace("TestDomain", DOMAIN).replace("examples.basic.BasicWorkflow", SAME)
        line = line.replace("--workflow-type-name basic", "--workflow-type-name replays.flow")
        assert run(*line.split()).code in (Exit.DONE, Exit.FAILED)
