import importlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from simpleflow.cli.exits import MEANINGS
from simpleflow.cli.main import COMMANDS, cli


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_is_there_and_says_what_the_list_says(name: str) -> None:
    module, function, help = COMMANDS[name]
    command = getattr(importlib.import_module(module), function)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.callback is not None
    assert cli.commands[name] is command
    listed = CliRunner().invoke(cli, ["--help"]).output
    assert [name, *help.split()] in [line.split() for line in listed.splitlines()]


def test_help_tells_the_exit_codes() -> None:
    listed = [line.split(maxsplit=1) for line in CliRunner().invoke(cli, ["--help"]).output.splitlines()]
    assert all([str(int(code)), meaning] in listed for code, meaning in MEANINGS.items())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_each_command_has_one_example_on_one_line(name: str) -> None:
    lines = [line.strip() for line in CliRunner().invoke(cli, [name, "--help"]).output.splitlines()]
    (example,) = [line for line in lines if line.startswith("Example")]
    assert example.startswith("Example: simpleflow ") and f" {name} " in f"{example} "


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    def completed(words: str, number: int) -> list[str]:
        variables = {"_SIMPLEFLOW_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
        if shell == "fish":
            variables["COMP_CWORD"] = words.split(" ")[number]
        return CliRunner(env=variables).invoke(cli, [], prog_name="simpleflow").output.replace(",", "\n").split()

    assert {"workflow.list", "workflow.info"} <= set(completed("simpleflow workflow.", 1))
    assert "standalone" not in completed("simpleflow workflow.", 1)
    assert "--columns" in completed("simpleflow --col", 1)
    assert "--started-since" in completed("simpleflow workflow.list --started", 2)
    source = CliRunner(env={"_SIMPLEFLOW_COMPLETE": f"{shell}_source"}).invoke(cli, [], prog_name="simpleflow").output
    assert "_SIMPLEFLOW_COMPLETE" in source


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from simpleflow.cli.main import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = set(shown.split())
    assert "workflow.start" in shown
    assert {
        "boto3",
        "botocore",
        "simpleflow.cli.workflow",
        "simpleflow.service",
        "simpleflow.replay",
    } & modules == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml", "workflow.start"], "Invalid value for '--format': 'xml' is not one of"),
        (["workflow.stop"], "No such command 'workflow.stop'."),
        (["workflow.start", "--tags", "a"], "Missing argument 'WORKFLOW'."),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_a_setting_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    result = CliRunner().invoke(cli, ["workflow.start", "a.B"])
    assert result.exit_code == 2
    assert "LOUD" in result.output
