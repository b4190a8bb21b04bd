"""Errors of ``workflow.start``, in this process."""

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.swf_in_process import InProcessClient

from simpleflow import Workflow, activity
from simpleflow.cli import starting
from simpleflow.cli.main import cli


@activity.with_attributes(raises_on_failure=True)
def leave() -> None:
    sys.exit(0)


class Echo(Workflow):
    def run(self, x: Any, t: int = 30) -> Any:
        return [x, t]


class Leaves(Workflow):
    def run(self) -> Any:
        return self.submit(leave).result


class Broken(Workflow):
    def __init__(self, executor: Any) -> None:
        super().__init__(executor)
        raise KeyError("in __init__")


world: list[int] = []


class Changes(Workflow):
    def run(self) -> int:
        world.append(0)
        return len(world)


class Sleeps(Workflow):
    name, version = "sleeps", "1"

    def run(self) -> Any:
        return self.submit(self.start_timer("an hour", 3600)).result


class Waits(Workflow):
    def run(self) -> Any:
        return self.submit(self.wait_signal("nobody sends it")).result


def function() -> None: ...


def start(*arguments: str, local: bool = True) -> tuple[int, str, str]:
    options = ["--local"] if local else []
    result = CliRunner().invoke(cli, ["workflow.start", *options, *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def authors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "authors", sys.modules[__name__])
    monkeypatch.delenv("SWF_DOMAIN", raising=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["authors.Nothing"], "unable to import 'authors.Nothing': authors has no Nothing."),
        (["nosuchmodule.W"], "unable to import 'nosuchmodule.W': there is no module 'nosuchmodule' in "),
        (["authors.function"], "authors.function is of type function; expected a class that inherits"),
        (["authors.leave"], "authors.leave is an activity; expected a class that inherits"),
        (["authors.Echo"], "Echo.run(x: Any, t: int = 30) -> Any: missing a required argument: 'x'."),
        (["authors.Echo", "-i", '{"kwargs": {"x": 1, "z": 2}}'], "unexpected keyword argument 'z'"),
        (["authors.Echo", "-i", "[1"], "--input is not JSON: Expecting ',' delimiter at line 1, column 3"),
        (["authors.Echo", "-i", '["\\ud800"]'], "args[0] has a lone surrogate at index 0"),
        (["authors.Echo", "-i", '["' + "x" * 40_000 + '"]'], "Message too long (40"),
        (["authors.Echo", "-i", "[1]", "--tags", "a,b,c,d,e,f"], "--tags has 6 tags; an execution has 5 at most."),
        (["authors.Echo", "-i", "[1]", "--workflow-id", "a:b"], "workflow id 'a:b' has a character that SWF refuses"),
        (["authors.Echo", "-i", "[1]", "--task-list", "a/b"], "task list 'a/b' has a character that SWF refuses"),
        (["authors.Echo", "-i", "[1]", "--input-file", "-"], "--input and --input-file exclude each other"),
        (["authors.Echo", "-i", "[1]", "--middleware-pre-execution", "no.such"], "unable to import 'no.such'"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str) -> None:
    status, out, err = start(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert message in err


def test_an_input_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"[\xff]")
    status, _, err = start("authors.Echo", "--input-file", str(tmp_path / "input"))
    assert (status, err) == (2, f"Error: --input-file {tmp_path}/input is not UTF-8: invalid start byte at byte 1.\n")


def test_without_local_there_must_be_a_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWF_DOMAIN", raising=False)
    status, _, err = start("authors.Echo", local=False)
    assert (status, err.partition(":")[2]) == (
        2,
        " --domain is missing (or SWF_DOMAIN); to run the workflow in this process add --local.\n",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["-d", "d", "--workflow-id", "w"],
            1,
            "an execution 'w' is open in the domain d; choose another --work",
        ),
        (["-d", "e"], 3, "there is no domain 'e' at "),
    ],
)
def test_what_keeps_it_from_being_started_on_swf(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    client = InProcessClient()
    client.call("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
    monkeypatch.setattr(starting, "Client", lambda endpoint_url: client)
    begun = ["authors.Sleeps", "-d", "d", "--workflow-id", "w", "--task-list", "t"]
    assert start(*begun, local=False)[0] == 0
    status, out, err = start("authors.Sleeps", "--task-list", "t", *arguments, local=False)
    assert (status, out, err.count("\n")) == (code, "", 1)
    assert err.startswith(f"Error: {message}")


class Nameless(Workflow):
    version, task_list = "1", "t"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["authors.Nameless"], 2, "authors.Nameless has no name, which SWF asks for; give the class one."),
        (["authors.Sleeps", "-i", '["\\ud800"]'], 2, "args[0] has a lone surrogate at index 0"),
        (["authors.Sleeps", "-i", f'["{"x" * 40_000}"]'], 1, "file:///dev/null/"),
    ],
)
def test_what_no_execution_is_started_with(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, message: str
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "file:///dev/null")
    monkeypatch.setattr(Nameless, "__module__", "authors")
    monkeypatch.setattr(starting, "Client", lambda endpoint_url: InProcessClient())
    status, out, err = start(*arguments, "-d", "d", "--task-list", "t", local=False)
    assert (status, out, err.count("\n")) == (code, "", 1)
    assert err.startswith(f"Error: {message}")


@pytest.mark.parametrize("option", ["--check-replay", "--real-time"])
def test_what_only_local_mode_can_do(option: str) -> None:
    status, _, err = start("authors.Echo", option, local=False)
    assert status == 2
    assert "go with --local" in err


def test_sys_exit_in_an_activity_fails_the_workflow() -> None:
    status, _, err = start("authors.Leaves")
    assert status == 1
    assert "SystemExit: the activity called sys.exit(0)" in err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["authors.Sleeps"], 0), (["authors.Sleeps", "--execution-timeout", "10"], 4), (["authors.Waits"], 1)],
)
def test_how_the_workflow_ended_is_the_exit_code(arguments: list[str], code: int) -> None:
    status, out, err = start(*arguments)
    assert status == code
    assert bool(out) == (code == 0)
    assert "Traceback" not in err


def test_an_error_outside_of_run_shows_the_frames_of_the_author_only() -> None:
    status, _, err = start("authors.Broken")
    assert status == 1
    assert err.splitlines()[-1] == "KeyError: 'in __init__'"
    assert __file__ in err
    assert "simpleflow/replay" not in err


def test_a_difference_of_the_replay_is_told_in_one_line() -> None:
    status, out, err = start("authors.Changes")
    assert (status, out) == (1, "")
    assert err.startswith("Error: event 5 of the history records the result '1' of the workflow")
    assert err.count("\n") == 1
