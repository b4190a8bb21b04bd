import importlib
import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from simpleflow import log
from simpleflow.cli.exits import MEANINGS
from simpleflow.cli.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[3]
COMMANDS_PAGE = (ROOT / "docs" / "commands.rst").read_text()


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


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_tells_what_each_option_is_and_of_the_domain_that_may_be_left_out(name: str) -> None:
    options = [option for option in cli.commands[name].params if isinstance(option, click.Option)]
    told = {
        option.name: f"{option.help or ''} {option.envvar or ''}".strip() for option in options if not option.hidden
    }
    assert all(told.values()), told
    assert "SWF_DOMAIN" in told.get("domain", "SWF_DOMAIN")


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
    assert completed("simpleflow workflow.replay hist", 2)[0].startswith("file")


def test_fish_shows_whole_descriptions() -> None:
    source = CliRunner(env={"_SIMPLEFLOW_COMPLETE": "fish_source"}).invoke(cli, [], prog_name="simpleflow").output
    assert 'set -l metadata (string split --max 1 "," $completion);' in source


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
        (["--format", "xml", "workflow.start"], "'--format' (env var: 'SIMPLEFLOW_FORMAT'): 'xml' is not one of"),
        (["workflow.stop"], "No such command 'workflow.stop'."),
        (["workflow.start", "--tags", "a"], "Missing argument 'WORKFLOW'."),
        (["workflow.info", "d", "\udcff"], "'\\udcff' is not UTF-8, or not in the encoding of the locale"),
        (["workflow.start", "a.B", "--workflow-id", "\udcff"], "Invalid value for '--workflow-id'"),
        (["workflow.list", "d", "--started-since", "nan"], "'nan' is no number."),
        (["workflow.wait", "d", "w", "--timeout", "nan"], "'nan' is no number."),
        (["service.start", "--poll-hold", "nan"], "'nan' is no number."),
        (["standalone", "a.B", "--db", "."], "Invalid value for '--db': File '.' is a directory."),
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


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module with settings."""
    module = types.ModuleType("settings_of_a_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", module.__name__)
    for name in ("SIMPLEFLOW_FORMAT", "SWF_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    return module


def test_the_format_may_stand_in_the_module_of_settings(
    monkeypatch: pytest.MonkeyPatch, module: types.ModuleType
) -> None:
    module.SIMPLEFLOW_FORMAT = "jsonl"  # type: ignore[attr-defined]
    told = CliRunner().invoke(cli, ["info", "versions", "--columns", "name"]).output
    assert told.splitlines()[0] == '{"Name":"simpleflow"}'
    monkeypatch.setenv("SIMPLEFLOW_FORMAT", "xml")
    told = CliRunner().invoke(cli, ["info", "versions"]).output
    assert "Invalid value for '--format' (env var: 'SIMPLEFLOW_FORMAT'): 'xml' is not one of" in told


@pytest.mark.parametrize("command", [["decider.start"], ["worker.start"], ["workflow.start", "a.B"]])
def test_the_domain_may_stand_in_the_module_of_settings(module: types.ModuleType, command: list[str]) -> None:
    def domain() -> str | None:
        context = cli.commands[command[0]].make_context(command[0], command[1:])
        found: str | None = context.params["domain"]
        return found

    module.SWF_DOMAIN = "there"  # type: ignore[attr-defined]
    assert domain() == "there"
    module.SWF_DOMAIN = None  # type: ignore[attr-defined]
    if command[0] == "workflow.start":  # --local needs none
        assert domain() is None
    else:
        with pytest.raises(click.MissingParameter):
            domain()


def test_the_format_of_logs_is_for_all_processes_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []
    monkeypatch.setenv("SIMPLEFLOW_LOG_FORMAT", "text")
    monkeypatch.setattr(log, "setup_logging", lambda color: seen.append(os.environ.get("SIMPLEFLOW_LOG_FORMAT")))
    assert CliRunner().invoke(cli, ["--log-format", "json", "info", "versions"]).exit_code == 0
    assert CliRunner().invoke(cli, ["info", "versions"]).exit_code == 0
    assert seen == ["json", "text"]
    assert "'xml' is not one of 'text', 'json'" in CliRunner().invoke(cli, ["--log-format", "xml", "info"]).output


SHELLS = {
    "bash": "COMP_WORDS=(simpleflow workflow.li) COMP_CWORD=1; _simpleflow_completion simpleflow; echo $COMPREPLY",
    "zsh": "",
    "fish": "complete --do-complete 'simpleflow workflow.li'",
}
COMPLETION = re.findall(r"^ +\* - (bash|zsh|fish)\n +- ``(\S+)``\n +- ``(.+)``$", COMMANDS_PAGE, re.MULTILINE)


def test_each_shell_is_documented() -> None:
    assert [shell for shell, _, _ in COMPLETION] == list(SHELLS)


@pytest.mark.parametrize(("shell", "line"), [(shell, line) for shell, _, line in COMPLETION])
def test_completion_is_enabled_as_documented(shell: str, line: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    script = tmp_path / "simpleflow"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m simpleflow "$@"\n')
    script.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [shell, "-c", f"{'autoload -Uz compinit; compinit -u;' if shell == 'zsh' else ''}{line}\n{SHELLS[shell]}"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "workflow.list" in told.stdout or shell == "zsh"


def in_shell(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process of Python with its streams as a shell redirects them."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_place_of_a_stream_that_is_closed(closed: str, tmp_path: Path) -> None:
    ran = in_shell(closed, "-m", "simpleflow", "info", "versions")
    assert (ran.returncode, ran.stderr) == (0, "")
    code = "import sys; from simpleflow.cli import main; main.run = lambda: open(sys.argv[1]).fileno(); main.main()"
    (tmp_path / "database").touch()
    assert in_shell(closed, "-c", code, str(tmp_path / "database")).returncode > 2


def test_input_from_a_stream_that_is_closed() -> None:
    local = ("workflow.start", "--local", "examples.basic.BasicWorkflow", "--input-file", "-")
    ran = in_shell("<&-", "-m", "simpleflow", *local)
    assert ran.returncode == 2
    assert "is not JSON" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", [["info"], ["--help"], ["--format", "jsonl", "info"]])
def test_a_full_disk_is_told(command: list[str]) -> None:
    ran = in_shell(">/dev/full", "-m", "simpleflow", *command)
    assert (ran.returncode, ran.stderr) == (1, "Error: cannot write to stdout: No space left on device\n")


def test_what_stdout_cannot_encode_is_escaped() -> None:
    code = "import click; from simpleflow.cli import main; main.run = lambda: click.echo('é✓'); main.main()"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, cwd=ROOT
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"\xe9\\u2713\n", b"")
