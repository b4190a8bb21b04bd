from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner
from support import command_line

from simpleflow.cli.main import cli

NO_DATA = "--poll-data is not the answer to PollForActivityTask as JSON in base 64: "


def refusal(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["worker.start", *arguments])
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nobody has set up AWS, or simpleflow."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "SWF_DOMAIN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '-d' / '--domain' (env var: 'SWF_DOMAIN')."),
        (["-d", "d"], "Error: --task-list is missing: name the task list to serve."),
        (["-d", "d", "-t", "t", "-N", "0"], "0 is not in the range x>=1"),
        (["-d", "d", "-t", "t", "--heartbeat", "-1"], "-1 is not in the range x>=0"),
        (["-d", "d", "-t", "t", "--module", "nosuchmodule"], "Error: --module nosuchmodule: there is no such module"),
        (["-d", "d", "-t", "t", "--module", "os.nosuchmodule"], "Error: --module os.nosuchmodule: there is no such"),
        (["-d", "d", "-t", "t", "--module", ".relative"], "Error: --module .relative: there is no such module"),
        (["-d", "d", "-t", "t", "--middleware-pre-execution", "nosuchmodule.f"], "unable to import 'nosuchmodule.f'"),
        (["-d", "d", "-t", "t", "--middleware-post-execution", "sys.path"], "sys.path is of type list"),
        (["-d", "d", "--poll-data", "%"], NO_DATA + "Error: "),
        (["-d", "d", "--poll-data", base64.b64encode(b"{").decode()], NO_DATA + "JSONDecodeError: "),
        (["-d", "d", "--poll-data", base64.b64encode(b"{}").decode()], NO_DATA + "KeyError: 'workflowExecution'."),
    ],
)
def test_wrong_usage_is_told_in_a_line(arguments: list[str], message: str) -> None:
    code, output = refusal(*arguments)
    assert code == 2
    assert message in output
    assert "Traceback" not in output


@pytest.mark.parametrize("code", ["1 / 0", "raise SystemExit(3)", "def :"])
def test_a_package_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    package = tmp_path / f"broken{abs(hash(code))}"
    package.mkdir()
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    code_, output = refusal("-d", "d", "-t", "t", "--module", f"{package.name}.sub")
    assert (code_, "Traceback" in output) == (2, False)
    assert f"--module {package.name}.sub cannot be imported: " in output


def test_a_grace_that_is_no_number_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIVITY_SIGTERM_WAIT_SEC", "soon")
    flow = ["--embedded", "examples.basic.BasicWorkflow", "--input", "[1]"]
    for words in (["worker.start", "-d", "d", "-t", "t"], ["standalone", *flow]):
        ran = command_line.run(*words)
        assert ran.code == 2 and "ACTIVITY_SIGTERM_WAIT_SEC is 'soon'" in ran.stderr


def test_the_log_level_of_old_scripts_is_taken_and_without_effect() -> None:
    for option in ("-l", "--log-level"):
        assert "--task-list is missing" in refusal("-d", "d", option, "DEBUG")[1]


def test_missing_credentials_are_told_in_a_line() -> None:
    code, output = refusal("-d", "d", "-t", "t", "--endpoint-url", "http://127.0.0.1:9")
    assert code == 1
    assert output.startswith("Error: no AWS credentials for http://127.0.0.1:9: set AWS_ACCESS_KEY_ID")
    assert len(output.splitlines()) == 1
