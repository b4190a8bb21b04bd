"""Every example is run by the commands that its docstring gives, and gives what it promises."""

import ast
import importlib
import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import s3_server
from support.examples import COMMANDS, EXAMPLES, EXPECTED, ROOT, commands_of, expected, furnish

from simpleflow import local
from simpleflow.cli.main import cli

CASES = [pytest.param(example, number, id=f"{example}-{number + 1}") for example, number in COMMANDS]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """The command sets up logging, for good."""
    logger = logging.getLogger("simpleflow")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.propagate = handlers, propagate
    logger.setLevel(level)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.s3_server(tmp_path_factory.mktemp("s3")) as url:
        yield url
    s3_server.forget()


@pytest.fixture
def buckets(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that examples need, as new."""
    s3_server.use(monkeypatch, s3)
    for name, value in furnish(s3, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.environ["PATH"])


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the activity ``delay`` has slept, in no time."""
    seconds: list[float] = []
    basic = importlib.import_module("examples.basic")
    monkeypatch.setattr(basic, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


def test_every_example_has_a_case() -> None:
    assert sorted(EXPECTED) == EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_command_of_an_example_has_an_outcome(example: str) -> None:
    assert len(commands_of(example)) == len(EXPECTED[example])


@pytest.mark.parametrize("flags", [(), ("--check-replay",)], ids=["plain", "check-replay"])
@pytest.mark.parametrize(("example", "number"), CASES)
@pytest.mark.usefixtures("buckets")
def test_example(example: str, number: int, flags: tuple[str, ...], slept: list[float]) -> None:
    told = expected(example, number)
    command, *arguments = commands_of(example)[number]
    result: Result = CliRunner().invoke(cli, [command, *flags, *arguments])
    *printed, last = result.stdout.splitlines() or [""]
    if told.error:
        assert result.exit_code == 1
        assert told.error in result.stderr
        assert "Traceback" in result.stderr
        assert (printed, last) == ([], "")
    else:
        assert result.exit_code == 0, result.stderr
        assert tuple(printed) == told.printed
        assert json.loads(last) == told.result
    assert slept == ([5] if example == "basic" else [])


def test_waiting_for_a_signal_that_nobody_sends_ends_as_blocked() -> None:
    line = next(
        number
        for number, text in enumerate((ROOT / "examples" / "signals.py").read_text().splitlines(), 1)
        if 'wait_signal("go on")' in text
    )
    result = CliRunner().invoke(cli, ["workflow.start", "--local", "examples.signals.WaitingWorkflow"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "blocked: waits for signal go on" in result.stderr
    assert f"signals.py:{line})" in result.stderr


def decisions(run: local.LocalRun, event_type: str) -> list[dict[str, Any]]:
    member = f"{event_type[0].lower()}{event_type[1:]}EventAttributes"
    return [event[member] for event in run.history if event["eventType"] == event_type]


def executed(path: str, *args: Any) -> local.LocalRun:
    module, name = path.split(".")
    run = local.execute(getattr(importlib.import_module(f"examples.{module}"), name), args)
    assert run.status == "COMPLETED", run.explain()
    return run


def test_priorities_as_scheduled() -> None:
    scheduled = decisions(executed("priorities.PrioritiesWorkflow"), "ActivityTaskScheduled")
    assert [task.get("taskPriority") for task in scheduled] == ["5", "10", None, "7", None]


def test_children_go_to_the_task_lists_of_their_arguments() -> None:
    children = decisions(
        executed("dyn_task_list.DynTaskListWorkflow", ["eu", "us"]), "StartChildWorkflowExecutionInitiated"
    )
    assert [child["taskList"]["name"] for child in children] == ["deciders-eu", "deciders-us"]


def test_an_activity_goes_to_the_task_list_of_its_options() -> None:
    region = decisions(executed("dyn_task_list.RegionWorkflow", "eu"), "ActivityTaskScheduled")
    assert [task["taskList"]["name"] for task in region] == ["workers-eu"]


def test_each_run_that_continues_as_new_has_a_short_history() -> None:
    run = executed("continue_as_new.SumWorkflow", 10)
    assert run.value == 55
    assert len(decisions(run, "ActivityTaskScheduled")) == 1
    assert json.loads(run.history[0]["workflowExecutionStartedEventAttributes"]["input"]) == {
        "args": [10],
        "kwargs": {"i": 10, "so_far": 45},
    }


def test_a_retry_waits_as_long_as_its_policy_says() -> None:
    timers = decisions(executed("failing.FailingWorkflow", 10), "TimerStarted")
    assert sorted(int(timer["startToFireTimeout"]) for timer in timers) == [1, 2, 5]


def test_source_statistics_of_known_files(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / f"package{number % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"module{number}.py").write_text(
            "import os.path, sys\nfrom json import loads\nfrom . import near\n\n\n"
            "class A:\n    def method(self):\n        async def inner(): ...\n"
        )
    (tmp_path / "only.py").write_text("import sys\n")
    run = executed("source_statistics.SourceStatisticsWorkflow", str(tmp_path), 2)
    assert run.value == {
        "files": 21,
        "lines": 20 * 8 + 1,
        "functions": 40,
        "classes": 20,
        "imports": [["sys", 21], ["json", 20]],
    }
    # 21 files, 3 heaps of at most eight, and one of those
    assert len(decisions(run, "ActivityTaskScheduled")) == 1 + 21 + 3 + 1


def test_source_statistics_of_nothing(tmp_path: Path) -> None:
    workflow = importlib.import_module("examples.source_statistics").SourceStatisticsWorkflow
    run = local.execute(workflow, [str(tmp_path)])
    assert run.status == "FAILED"
    assert "there is no Python file below" in (run.reason or "")


def test_the_quick_start_of_the_readme_is_the_example() -> None:
    blocks = re.findall(r"^\.\. code:: python\n\n((?: {4}.*\n|\n)+)", (ROOT / "README.rst").read_text(), re.MULTILINE)
    code = "".join(re.sub("^ {4}", "", block, flags=re.MULTILINE) for block in blocks[:2])
    assert "class BasicWorkflow" in code
    assert definitions(code) == definitions((ROOT / "examples" / "basic.py").read_text())


def definitions(code: str) -> list[str]:
    body = ast.parse(code).body
    return [ast.dump(node) for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
