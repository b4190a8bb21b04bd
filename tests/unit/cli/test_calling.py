"""What the commands on SWF have in common."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from support import command_line
from support.command_line import run

from simpleflow.cli import calling
from simpleflow.cli.exits import Exit
from simpleflow.swf.errors import NotConfigured, Refused, Unreachable


class Failing:
    """A client whose calls all end so."""

    endpoint_url = "https://swf.example"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def call(self, operation: str, request: dict[str, Any]) -> Any:
        raise self._error

    def pages(self, operation: str, member: str, request: dict[str, Any]) -> Any:
        yield self.call(operation, request)


def refused(code: str, message: str = "") -> Refused:
    return Refused("ListOpenWorkflowExecutions", code, message, 400)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (Unreachable("SWF cannot be reached at https://swf.example: no route"), Exit.FAILED, "SWF cannot be reached"),
        (
            Unreachable("no route"),
            Exit.FAILED,
            "no route; check that it is up, and that --endpoint-url or",
        ),
        (refused("DomainDeprecatedFault", "d"), Exit.FAILED, "the domain 'd' is deprecated; `simpleflow domain.undep"),
        (refused("ValidationException", "'' is too short"), Exit.USAGE, "SWF does not take what was given: '' is too"),
        (NotConfigured("no AWS credentials for https://swf.example: set"), Exit.FAILED, "no AWS credentials for"),
        (refused("ThrottlingException", "Rate exceeded"), Exit.FAILED, "Executions: ThrottlingException: Rate exceed"),
        (refused("UnknownResourceFault", "Unknown domain: d"), Exit.NOT_FOUND, "there is no domain 'd' at https://swf"),
        (refused("UnknownResourceFault", "Unknown type: t"), Exit.NOT_FOUND, "Unknown type: t."),
    ],
)
@pytest.mark.parametrize("command", [["workflow.list", "d"], ["workflow.info", "d", "w"]])
def test_what_the_client_raises_is_told_in_a_line(
    error: Exception, code: Exit, message: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.use(monkeypatch, Failing(error))
    ran = run(*command)
    assert (ran.code, ran.stdout) == (code, "")
    assert ran.stderr.startswith("Error: ") and message in ran.stderr and ran.stderr.count("\n") == 1


def test_a_workflow_id_that_was_read_as_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.use(monkeypatch, Failing(refused("UnknownResourceFault", "Unknown domain: w")))
    monkeypatch.setenv("SWF_DOMAIN", "mine")
    hint = "To use SWF_DOMAIN (mine), pass it with --domain."
    assert hint in run("workflow.info", "w", "run-id").stderr
    assert hint not in run("workflow.info", "--domain", "other", "w", "run-id").stderr
    assert hint not in run("workflow.info", "w").stderr


def test_a_domain_that_was_read_as_the_workflow_id(monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.use(monkeypatch, Failing(refused("UnknownResourceFault", "Unknown execution")))
    hint = "SWF_DOMAIN is set, so 'mine' was read as the workflow id."
    monkeypatch.setenv("SWF_DOMAIN", "mine")
    assert hint in run("workflow.history", "mine", "w").stderr
    assert hint not in run("workflow.history", "w", "run-id").stderr


def test_the_endpoint_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.use(monkeypatch, None)
    named: list[str | None] = []

    def connect(endpoint_url: str | None) -> Failing:
        named.append(endpoint_url)
        return Failing(Unreachable("nobody"))

    monkeypatch.setattr(calling, "connect", connect)
    for options in ([], ["--endpoint-url", "http://127.0.0.1:7933"]):
        assert run("workflow.list", "d", *options).code == Exit.FAILED
    assert named == [None, "http://127.0.0.1:7933"]


def test_a_setting_that_cannot_be_used_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.use(monkeypatch, None)
    monkeypatch.undo()
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "many")
    ran = run("workflow.list", "d", "--endpoint-url", "http://127.0.0.1:9")
    assert ran.code == Exit.USAGE
    assert "SWF_CONNECTION_RETRIES is 'many'" in ran.stderr


def test_a_setting_module_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", "no_such_settings")
    ran = run("workflow.list")
    assert ran.code == Exit.USAGE
    assert "no_such_settings" in ran.stderr


def test_ctrl_c_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.use(monkeypatch, Failing(KeyboardInterrupt()))  # type: ignore[arg-type]
    ran = run("workflow.list", "d")
    assert (ran.code, ran.stderr.strip()) == (Exit.INTERRUPTED, "interrupted")


def test_options_after_the_command_win(monkeypatch: pytest.MonkeyPatch) -> None:
    class Two(Failing):
        def pages(self, operation: str, member: str, request: dict[str, Any]) -> Any:
            for name in ("b", "a"):
                yield {"execution": {"workflowId": name}, "workflowType": {"name": "t"}, "executionStatus": "OPEN"}

    command_line.use(monkeypatch, Two(AssertionError()))
    before = ("--format", "csv", "--no-header", "--columns", "status", "--limit", "1")
    assert run(*before, "workflow.list", "d").stdout == "OPEN\n"
    after = ("--columns", "workflow-id", "--sort", "workflow-id", "--limit", "2", "--format", "tsv", "--header")
    assert run(*before, "workflow.list", "d", *after).stdout == "Workflow ID\na\nb\n"
    monkeypatch.setenv("SIMPLEFLOW_FORMAT", "jsonl")
    assert run("--columns", "workflow-id", "workflow.list", "d").stdout == '{"Workflow ID":"b"}\n{"Workflow ID":"a"}\n'
    assert run("--format", "csv", "workflow.list", "d", "--columns", "Workflow ID").lines == ["Workflow ID", "b", "a"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_colour_is_that_of_logs_too(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Telling(Failing):
        def call(self, operation: str, request: dict[str, Any]) -> Any:
            logging.getLogger("simpleflow.here").warning("told")
            raise self._error

    command_line.use(monkeypatch, Telling(Unreachable("nobody")))
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    command, option = ["workflow.list", "d"], ["--color", "always"]
    plain = run(*command).stderr
    colored = run(*(option + command if where == "before" else command + option)).stderr
    assert "WARNING" in plain and "\x1b[" not in plain
    assert "\x1b[33mWARNING" in colored
