"""Options of the command line that scripts rely on."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import simpleflow
from simpleflow import Workflow, activity, futures, local
from simpleflow.cli.main import cli

told: list[Any] = []


@activity.with_attributes(name="kept_commands.add")
def add(x: int, y: int = 0) -> int:
    return x + y


class Told(Workflow):
    """Gives its arguments and its run context; what it was started with is in ``told``."""

    name, version, task_list = "told", "1", "decisions"

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return {"args": args, "kwargs": kwargs, "context": self.get_run_context()}

    def after_closed(self, history: Any) -> None:
        told.append(history.events[0]["workflowExecutionStartedEventAttributes"])


class AllOfIt(Workflow):
    """The features that local mode of simpleflow 0.35 lacked."""

    name, version, task_list = "all", "1", "decisions"

    def run(self, again: bool = True) -> Any:
        if again:
            self.submit(self.continue_as_new(again=False))
        early = self.submit(self.signal("s", 1))
        priority = self.submit(add, 1, __priority=3)
        timer = self.submit(self.start_timer("t", 3600))
        signal = self.submit(self.wait_signal("s"))
        futures.wait(early, timer)
        details = self.get_event_details("signal", "s")
        return [priority.result, signal.result["args"], self.submit(add, "not a number").result, details["type"]]

    def on_task_failure(self, failure_context: Any) -> Any:
        failure_context.a_task.args[0] = 10 * failure_context.attempt_number
        if failure_context.attempt_number == 1:
            failure_context.a_task.args[0] = "still none"
        return failure_context.decide_retry(60)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This module can be named on the command line."""
    monkeypatch.setitem(sys.modules, "kept_commands", sys.modules[__name__])
    monkeypatch.delenv("SWF_DOMAIN", raising=False)
    monkeypatch.delenv("SIMPLEFLOW_FORMAT", raising=False)
    told.clear()
    yield


def start(*arguments: str, stdin: str | None = None) -> Any:
    result = CliRunner().invoke(cli, ["workflow.start", "--local", *arguments, "kept_commands.Told"], input=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("[1, 5]", [1, 5], {}),
        ('{"args": [1]}', [1], {}),
        ('{"kwargs": {"x": 1}}', [], {"x": 1}),
        ('{"args": [1], "kwargs": {"t": 5}}', [1], {"t": 5}),
        ("{}", [], {}),
    ],
)
def test_forms_of_the_input(text: str, args: list[Any], kwargs: dict[str, Any], tmp_path: Path) -> None:
    given = start("--input", text)
    assert (given["args"], given["kwargs"]) == (args, kwargs)
    assert start("-i", text)["args"] == args
    file = tmp_path / "input.json"
    file.write_text(text)
    assert start("--input-file", str(file))["kwargs"] == kwargs
    assert start("--input-file", "-", stdin=text)["kwargs"] == kwargs


def test_what_the_execution_is_started_with() -> None:
    context = start(
        *("--workflow-id", "mine", "--task-list", "elsewhere", "--tags", "a,b"),
        *("--execution-timeout", "1000", "--decision-tasks-timeout", "20"),
    )["context"]
    assert (context["workflow_id"], context["tag_list"]) == ("mine", ["a", "b"])
    (attributes,) = told
    assert attributes["taskList"] == {"name": "elsewhere"}
    assert (attributes["executionStartToCloseTimeout"], attributes["taskStartToCloseTimeout"]) == ("1000", "20")


def test_local_mode_takes_a_domain_and_needs_none() -> None:
    contexts = [start(*options)["context"] for options in ((), ("--domain", "Other"), ("-d", "Other"))]
    assert [context["domain_name"] for context in contexts] == ["local"] * 3


def test_more_than_five_tags_are_refused() -> None:
    result = CliRunner().invoke(cli, ["workflow.start", "--local", "--tags", "a,b,c,d,e,f", "kept_commands.Told"])
    assert result.exit_code == 2
    assert "--tags has 6 tags; an execution has 5 at most" in result.stderr


def test_local_mode_has_what_the_other_modes_have() -> None:
    """Retry, on_task_failure, continue_as_new, signals, timers, priorities and details of events."""
    result = CliRunner().invoke(cli, ["workflow.start", "--local", "--check-replay", "kept_commands.AllOfIt"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1]) == [1, [1], 20, "signal"]


def test_the_local_executor() -> None:
    executor = local.Executor(Told)
    assert executor.run({"args": [1], "kwargs": {"a": 2}})["args"] == [1]


def test_a_result_has_no_header() -> None:
    outputs = []
    for option in ("--header", "--no-header"):
        result = CliRunner().invoke(cli, [option, "workflow.start", "--local", "kept_commands.Told"])
        outputs.append(list(json.loads(result.stdout)))
    assert outputs == [["args", "context", "kwargs"]] * 2


def test_help_and_version() -> None:
    for flag in ("-h", "--help"):
        assert "workflow.start" in CliRunner().invoke(cli, [flag]).stdout
    assert simpleflow.__version__ in CliRunner().invoke(cli, ["--version"]).stdout


def test_the_package_can_be_run() -> None:
    result = subprocess.run([sys.executable, "-m", "simpleflow", "--version"], capture_output=True, text=True)
    assert simpleflow.__version__ in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--format", "sql"], {}),
        ([], {"SIMPLEFLOW_FORMAT": "sql"}),
        (["--color", "blue"], {}),
    ],
)
def test_formats_and_colours_are_checked(arguments: list[str], variables: dict[str, str]) -> None:
    result = CliRunner(env=variables).invoke(cli, [*arguments, "workflow.start", "--local", "kept_commands.Told"])
    assert result.exit_code == 2
    assert "is not one of" in result.stderr and "Traceback" not in result.stderr


def test_colours_are_as_asked() -> None:
    arguments = ["workflow.start", "--local", "examples.failing.FailingWorkflow", "--input", "[10]"]
    root = Path(__file__).resolve().parents[2]

    def stderr(*options: str) -> str:
        command = [sys.executable, "-m", "simpleflow", *options, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=root).stderr

    assert "\x1b[" in stderr("--color", "always")
    assert "\x1b[" not in stderr("--color", "never")
