"""``decider.start`` and ``standalone``: what they refuse before anything is started."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner, Result
from support.swf_in_process import InProcessClient

from simpleflow.cli import decider, standalone
from simpleflow.process.find import find_workflow
from simpleflow.registry import registry
from simpleflow.swf.client import Client
from simpleflow.swf.errors import Refused

BASIC = "examples.basic.BasicWorkflow"


def invoke(command: object, *args: str, **environment: str) -> Result:
    return CliRunner().invoke(command, args, env={"SWF_DOMAIN": None, "AWS_ENDPOINT_URL_SWF": None, **environment})  # type: ignore[arg-type]


class Prepared(decider.DeciderOptions):
    """Options whose client speaks to a service in this process."""

    swf = InProcessClient()

    def connect(self, attempts: int | None = None) -> Client:
        return cast(Client, self.swf)


def test_types_are_registered_before_anybody_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(decider.logger, "warning", lambda text, *args: warnings.append(text % args))
    workflow = find_workflow(BASIC)
    odd = SimpleNamespace(name="of another version", version="v" * 65)
    known = {name: task for name, task in registry[None].items() if name.startswith("examples.basic.")}
    monkeypatch.setitem(registry._tasks, None, {"odd": odd, **known})
    options = Prepared("d", "list", (workflow,))
    refused = Refused("RegisterActivityType", "ValidationException", "version is too long", 400)
    options.swf.fail_next["RegisterActivityType"] = [refused]
    decider.prepare(options)
    names = {}
    for kind in ("activity", "workflow"):
        request = {"domain": "d", "registrationStatus": "REGISTERED"}
        listed = options.swf.call(f"List{kind.capitalize()}Types", request)["typeInfos"]
        names[kind] = {info[f"{kind}Type"]["name"] for info in listed}
    assert names == {"activity": set(known), "workflow": {workflow.name}}
    assert warnings == [f"of another version {odd.version}: {refused}"]


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
