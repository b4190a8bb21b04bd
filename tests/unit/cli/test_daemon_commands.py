"""``decider.start`` and ``standalone``: what they refuse before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simpleflow.cli import decider, standalone

BASIC = "examples.basic.BasicWorkflow"


def invoke(command: object, *args: str, **environment: str) -> Result:
    return CliRunner().invoke(command, args, env={"SWF_DOMAIN": None, "AWS_ENDPOINT_URL_SWF": None, **environment})  # type: ignore[arg-type]


def test_a_decider_needs_a_domain() -> None:
    done = invoke(decider.start, BASIC)
    assert done.exit_code == 2
    assert "--domain" in done.output


def test_a_decider_needs_a_task_list_or_a_workflow_that_has_one() -> None:
    done = invoke(decider.start, SWF_DOMAIN="d")
    assert done.exit_code == 2
    assert "--task-list is missing" in done.output


def test_the_log_level_of_old_scripts_is_taken_and_without_effect() -> None:
    done = invoke(decider.start, "--log-level", "DEBUG", "-d", "d")
    assert "--task-list is missing" in done.output


@pytest.mark.parametrize("command", [decider.start, standalone.standalone])
def test_a_workflow_that_is_not_there(command: object) -> None:
    done = invoke(command, "examples.basic.NoWorkflow", "--domain", "d")
    assert done.exit_code == 2
    assert done.output.startswith("Error: unable to import 'examples.basic.NoWorkflow'")
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "[1"], "--input is not JSON"),
        (["--tags", "a,b,c,d,e,f"], "--tags has 6 tags"),
        (["--middleware-pre-execution", "no.such"], "unable to import 'no.such'"),
        (["--middleware-post-execution", "no.such"], "unable to import 'no.such'"),
    ],
)
def test_standalone_refuses_bad_input(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = invoke(standalone.standalone, BASIC, "--db", str(tmp_path / "swf.db"), *arguments)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert not list(tmp_path.iterdir())
