"""Waiting commands as processes: what Ctrl-C does to them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.daemons import COMMAND, Daemons
from support.processes import wait_until

from simpleflow.cli.exits import Exit
from simpleflow.replay.work import MissingType
from simpleflow.swf.client import Client
from simpleflow.swf.types import register_domain, register_type


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Daemons]:
    """With an execution that nobody decides for."""
    with Daemons(tmp_path) as daemons:
        daemons.start_service()
        with daemons.environ():
            client = Client()
        register_domain(client, "d")
        register_type(client, "d", MissingType("workflow", "flow", "1"))
        request = {"domain": "d", "workflowId": "w", "workflowType": {"name": "flow", "version": "1"}}
        timeouts = {"executionStartToCloseTimeout": "600", "taskStartToCloseTimeout": "600", "childPolicy": "TERMINATE"}
        client.call("StartWorkflowExecution", {**request, **timeouts, "taskList": {"name": "t"}})
        client.close()
        yield daemons


@pytest.mark.parametrize("command", [["workflow.wait"], ["workflow.result", "--wait"], ["workflow.watch"]])
def test_ctrl_c(service: Daemons, command: list[str], tmp_path: Path) -> None:
    script = "import sys; from simpleflow.cli import following, main; " + (
        "pause = following.pause; following.pause = lambda s: (open('waits', 'w').close(), pause(s)); "
        "sys.argv[0] = 'simpleflow'; main.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, *command, "d", "w"],
        cwd=tmp_path,
        env=service.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "waits").exists, "the wait", 60)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert told.strip() == "interrupted"
    assert out.count("\n") == (1 if command == ["workflow.watch"] else 0)


def test_the_exit_code_of_a_process(service: Daemons) -> None:
    def code(*words: str) -> int:
        return subprocess.run(
            [*COMMAND, *words], env=service.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode

    assert code("workflow.wait", "d", "w", "--timeout", "0.1") == Exit.TIMED_OUT
    assert code("workflow.terminate", "d", "w") == Exit.DONE
    assert code("workflow.result", "d", "w") == Exit.TERMINATED
