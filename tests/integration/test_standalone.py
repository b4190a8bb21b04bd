"""The same workflow on the embedded service: with standalone, and with daemons. Real processes, the real command."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from support import processes
from support.daemons import Daemons
from support.processes import wait_until

from simpleflow.replay.work import RunKey
from simpleflow.swf.client import Client
from simpleflow.swf.start import end_of

_LIMIT = 60

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return processes.environment(tmp_path)


@pytest.fixture
def command() -> list[str]:
    return [sys.executable, "-m", "simpleflow"]


@pytest.fixture
def run(tmp_path: Path, environment: dict[str, str], command: list[str]) -> Run:
    def run(*args: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *args],
            cwd=tmp_path,
            env={**environment, **changes},
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )

    return run


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """Every process of ours that works in this test's directory is gone soon after the test."""
    yield
    wait_until(lambda: not processes.processes_in(tmp_path), "the end of all processes")


def test_the_quick_start(run: Run) -> None:
    done = run("standalone", "--embedded", "examples.basic.BasicWorkflow", "--input", "[1, 0]", "--workflow-id", "w")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"w \S{46}", lines[0])
    assert lines[1:] == ["(1 + 1) * 2 = 4", "4"]
    assert "running on the embedded service, database .simpleflow/swf.db" in done.stderr


FAILS = """
from simpleflow import Workflow, activity

@activity.with_attributes(task_list="x", raises_on_failure=True)
def explode(what):
    raise ValueError(what)

class Explodes(Workflow):
    name, version, task_list = "explodes", "1", "x"
    def run(self):
        return self.submit(explode, "boom").result

class Counts(Workflow):
    name, version, task_list = "counts", "1", "x"
    def run(self, i=0):
        if i < 3:
            self.submit(self.continue_as_new(i=i + 1))
        return i
"""


BIG = """
from simpleflow import Workflow, activity

@activity.with_attributes(task_list="x")
def text(n):
    return "x" * n

@activity.with_attributes(task_list="x")
def size(value):
    return len(value)

class Big(Workflow):
    name, version, task_list = "big", "1", "x"
    def run(self, n):
        return self.submit(size, self.submit(text, n)).result
"""


def test_long_payloads_need_no_bucket(run: Run, tmp_path: Path) -> None:
    (tmp_path / "big.py").write_text(BIG)
    done = run("standalone", "--embedded", "big.Big", "--input", "[1000000]")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1000000"), done.stderr
    assert len(list((tmp_path / ".simpleflow" / "objects").iterdir())) == 1


def test_a_failure_is_told_and_is_the_exit_code(run: Run, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    done = run("standalone", "fails.Explodes")
    assert done.returncode == 1
    assert 'Workflow execution error in activity-fails.explode: "ValueError: boom"' in done.stderr
    assert "raise ValueError(what)" in done.stderr
    assert "simpleflow/process" not in done.stderr


def test_a_run_that_continues_as_new_is_followed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILS)
    done = run("standalone", "fails.Counts")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3"), done.stderr


SLOW = """
import pathlib
from simpleflow import Workflow, activity

@activity.with_attributes(task_list="x", retry=0, raises_on_failure=True)
def wait_for(path, x):
    pathlib.Path("started").touch()
    while not pathlib.Path(path).exists():
        activity.heartbeat()
    return x + 1

class Slow(Workflow):
    name, version, task_list = "slow", "1", "x"
    def run(self, x):
        return self.submit(wait_for, "go", self.submit(wait_for, "go", x)).result
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_and_resumed(
    run: Run,
    command: list[str],
    environment: dict[str, str],
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    """Ctrl-C lets the activity finish what it can; kill -9 leaves it to be run again. Neither is a failure."""
    (tmp_path / "slow.py").write_text(SLOW.replace("retry=0", "retry=0, start_to_close_timeout=3"))
    stopped = subprocess.Popen(
        [*command, "standalone", "--embedded", "slow.Slow", "--input", "[1]", "--workflow-id", "w"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "started").exists, "the start of the activity", _LIMIT)
    stopped.send_signal(how)
    if how == signal.SIGINT:
        (tmp_path / "go").touch()
    _, told = stopped.communicate(timeout=_LIMIT)
    if how == signal.SIGINT:
        assert stopped.returncode == 130
        assert "to go on: simpleflow standalone slow.Slow --resume w" in told
    (tmp_path / "go").touch()
    done = run("standalone", "--embedded", "slow.Slow", "--resume", "w")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "3"), done.stderr


@pytest.mark.parametrize("trouble", ["port", "directory"])
def test_a_service_that_cannot_be_started_again_is_told_with_the_way_on(
    command: list[str], environment: dict[str, str], tmp_path: Path, trouble: str
) -> None:
    """Its port is somebody else's meanwhile, or its directory has gone."""
    (tmp_path / "slow.py").write_text(SLOW)
    running = subprocess.Popen(
        [*command, "standalone", "--embedded", "slow.Slow", "--input", "[1]", "--workflow-id", "w"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "started").exists, "the start of the activity", _LIMIT)
    service = json.loads((tmp_path / ".simpleflow" / "swf.url").read_text())
    running.send_signal(signal.SIGSTOP)
    os.kill(service["pid"], signal.SIGKILL)
    processes.wait_for_end(service["pid"])
    with ExitStack() as stack:
        stack.callback(running.send_signal, signal.SIGKILL)  # which a stopped process obeys, too
        if trouble == "port":
            here = stack.enter_context(_taken(int(service["url"].rpartition(":")[2])))
            threading.Thread(target=_turn_away, args=(here,), daemon=True).start()
            stack.callback(here.shutdown, socket.SHUT_RDWR)
        else:
            (tmp_path / ".simpleflow").rename(tmp_path / "elsewhere")
        running.send_signal(signal.SIGCONT)
        _, told = running.communicate(timeout=_LIMIT)
    assert running.returncode == 1
    assert ("Cannot listen on port" if trouble == "port" else "cannot be started again beside") in told
    assert "to go on: simpleflow standalone slow.Slow --resume w" in told
    assert "Traceback" not in told


def _taken(port: int) -> socket.socket:
    """Listens there; the crew goes on connecting, and a connection may for a moment have the port for its own end."""
    taken: list[socket.socket] = []

    def listens() -> bool:
        with suppress(OSError):
            taken.append(socket.create_server(("127.0.0.1", port)))
        return bool(taken)

    wait_until(listens, f"port {port}")
    return taken[0]


def _turn_away(here: socket.socket) -> None:
    with suppress(OSError):
        while True:
            here.accept()[0].close()


def test_there_is_nothing_to_resume(run: Run) -> None:
    done = run("standalone", "--embedded", "examples.basic.BasicWorkflow", "--resume", "unknown")
    assert done.returncode == 3
    assert "there is no execution 'unknown'" in done.stderr


@pytest.mark.parametrize("redirection", [">/dev/full", "| true"])
def test_an_execution_whose_ids_nobody_takes_can_be_gone_on_with(
    tmp_path: Path, environment: dict[str, str], command: list[str], run: Run, redirection: str
) -> None:
    standalone = [*command, "standalone", "--embedded", "examples.basic.BasicWorkflow", "--input", "[1, 0]"]
    script = f'{{ "$@"; echo $? >code; }} {redirection}'
    told = subprocess.run(
        ["sh", "-c", script, "sh", *standalone], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ).stderr.splitlines()
    assert (tmp_path / "code").read_text() == "1\n"
    assert told[-2].startswith("Error: cannot write to stdout: ") and told[-2].endswith(" was started.")
    onward = told[-1].removeprefix("to go on: simpleflow ")
    done = run(*shlex.split(onward))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "4"), done.stderr


def test_an_input_that_cannot_be_sent_is_told_in_a_line(run: Run) -> None:
    standalone = ("standalone", "--embedded", "examples.basic.BasicWorkflow", "--input")
    done = run(*standalone, '["\\ud800"]')
    told = "Error: args[0] has a lone surrogate at index 0, which no JSON text can hold."
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, told)
    done = run(*standalone, f'["{"x" * 40_000}"]', SIMPLEFLOW_JUMBO_FIELDS_BUCKET="file:///dev/null")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.splitlines()[-1].startswith("Error: file:///dev/null/")


def test_without_credentials_the_command_says_what_to_do(run: Run, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none")
    done = run(
        "workflow.start",
        "--domain",
        "d",
        "examples.basic.BasicWorkflow",
        "--input",
        "[1]",
        AWS_SHARED_CREDENTIALS_FILE=nowhere,
        AWS_CONFIG_FILE=nowhere,
    )
    assert done.returncode == 1
    assert "no AWS credentials" in done.stderr
    assert "--embedded" in done.stderr
    assert "Traceback" not in done.stderr


def test_daemons(run: Run, tmp_path: Path) -> None:
    """service.start, decider.start, worker.start and workflow.start beside each other."""
    with Daemons(tmp_path) as daemons:
        daemons.start_service("--db", "s.db")
        basic = "examples.basic.BasicWorkflow"
        daemons.start("decider", "decider.start", "--domain", "D", "--task-list", "test", "-N", "1", basic)
        daemons.start("worker", "worker.start", "--domain", "D", "--task-list", "quickstart", "-N", "1")
        begun: list[str] = []

        def start() -> bool:
            words = ["--domain", "D", "--task-list", "test", "--input", "[1, 0]", basic]
            done = run("workflow.start", *words, **daemons.environment)
            begun.extend(done.stdout.split())
            return done.returncode == 0

        wait_until(start, "the start of the execution")
        workflow_id, run_id = begun
        assert re.fullmatch(r"basic-example-\d+", workflow_id)
        wait_until(lambda: _result(daemons.url, workflow_id, run_id) == 4, "the result")
        assert daemons.stop() == [0, 0, 0]


def _result(url: str, workflow_id: str, run_id: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "x")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "y")
        with closing(Client("us-east-1", url)) as client:
            end = end_of(client, RunKey("D", workflow_id, run_id))
    return None if end is None else json.loads(end.attributes["result"])
