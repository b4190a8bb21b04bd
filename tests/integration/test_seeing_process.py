"""Commands as processes that look at a service which is one too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from service_process import ServiceProcess

from simpleflow.swf.client import Client

SIGNALS = 600


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """That of a shell which a service with one long execution has been told."""
    service = ServiceProcess(tmp_path_factory.mktemp("service") / "swf.db")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SWF_", "SIMPLEFLOW_"))},
        "AWS_ENDPOINT_URL_SWF": service.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            patch.setenv(name, variables[name])
        client = Client(endpoint_url=service.url)
        flow = {"name": "flow", "version": "1"}
        client.call("RegisterDomain", {"name": "Märkte", "workflowExecutionRetentionPeriodInDays": "1"})
        client.call("RegisterWorkflowType", {"domain": "Märkte", **flow})
        execution = {"domain": "Märkte", "workflowId": "größte"}
        more = {
            "workflowType": flow,
            "taskList": {"name": "nobody"},
            "childPolicy": "TERMINATE",
            "executionStartToCloseTimeout": "3600",
            "taskStartToCloseTimeout": "NONE",
            "input": '["日本"]',
        }
        client.call("StartWorkflowExecution", {**execution, **more})
        for number in range(SIGNALS):
            signal = {**execution, "signalName": f"s{number}", "input": json.dumps("é" * 200)}
            client.call("SignalWorkflowExecution", signal)
        client.close()
    yield variables
    service.stop()


def simpleflow(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "simpleflow", *arguments]
    return subprocess.run(command, capture_output=True, env=variables, timeout=60)


def test_what_the_service_holds(environment: dict[str, str]) -> None:
    listed = simpleflow("--format", "csv", "workflow.list", "Märkte", **environment)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert listed.stdout.decode() == "Workflow ID,Workflow Type,Status\ngrößte,flow,OPEN\n"
    told = simpleflow("workflow.info", "größte", "--format", "jsonl", SWF_DOMAIN="Märkte", **environment)
    assert json.loads(told.stdout)["input"] == ["日本"]
    events = simpleflow("workflow.history", "größte", "--domain", "Märkte", "--format", "jsonl", **environment)
    assert len(events.stdout.splitlines()) == SIGNALS + 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminals_that_know_no_unicode(encoding: str, environment: dict[str, str]) -> None:
    told = simpleflow("workflow.info", "Märkte", "größte", "--format", "json", PYTHONIOENCODING=encoding, **environment)
    assert (told.returncode, told.stderr) == (0, b"")
    assert json.loads(told.stdout)[0]["workflow_id"] == "größte"
    assert told.stdout.isascii()


def test_what_does_not_exist_is_the_exit_code(environment: dict[str, str]) -> None:
    unknown = simpleflow("workflow.info", "Märkte", "kleinste", **environment)
    assert (unknown.returncode, unknown.stdout) == (3, b"")
    assert unknown.stderr.count(b"\n") == 1
    environment = {**environment, "SWF_CONNECTION_RETRIES": "1"}
    nobody = simpleflow("workflow.list", "Märkte", "--endpoint-url", "http://127.0.0.1:9", **environment)
    assert (nobody.returncode, nobody.stdout) == (1, b"")
    assert b"cannot be reached at http://127.0.0.1:9" in nobody.stderr and nobody.stderr.count(b"\n") == 1


def test_a_reader_that_leaves_is_no_error_to_tell(environment: dict[str, str]) -> None:
    """As ``| head -1`` does."""
    command = [sys.executable, "-m", "simpleflow", "--format", "jsonl"]
    process = subprocess.Popen(
        [*command, "workflow.history", "Märkte", "größte"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["eventType"] == "WorkflowExecutionStarted"
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait(30) == 1
