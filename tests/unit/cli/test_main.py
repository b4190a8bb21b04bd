import importlib
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

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
