"""``standalone`` as a person meets it: terminals, Ctrl-C at any moment, two at once, where it runs."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import processes
from support.processes import processes_in, wait_until

COMMAND = [sys.executable, "-m", "simpleflow", "standalone"]
LIMIT = 60

AUTHORS = """
import pathlib
from simpleflow import Workflow, activity

@activity.with_attributes(task_list="x")
def wait_for(path):
    print("an author prints", end="")
    pathlib.Path("started").touch()
    while not pathlib.Path(path).exists():
        activity.heartbeat()
    return 7

class Waits(Workflow):
    name, version, task_list, tag_list = "waits", "1", "x", ["blue"]
    def run(self, path="go"):
        return self.submit(wait_for, path).result

class Tags(Workflow):
    name, version, task_list, tag_list = "tags", "1", "x", ["blue"]
    def run(self, x=0):
        return [self.get_run_context()["tag_list"], x]
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "authors.py").write_text(AUTHORS)
    yield tmp_path
    wait_until(lambda: not processes_in(tmp_path), "the end of all processes")


@pytest.fixture
def environment(here: Path) -> dict[str, str]:
    nowhere = str(here / "none")
    return {**processes.environment(), "AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere}


class Started:
    """A standalone whose activity runs."""

    def __init__(self, here: Path, environment: dict[str, str], *arguments: str, stdout: int = subprocess.PIPE) -> None:
        self.here = here
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=here, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True
        )

    def running(self) -> None:
        wait_until((self.here / "started").exists, "the start of the activity", LIMIT)

    def end(self) -> tuple[int, str, str]:
        out, told = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, out, told


def test_a_terminal_that_is_closed_stops_it_as_ctrl_c_does(here: Path, environment: dict[str, str]) -> None:
    pid, leader = pty.fork()
    if pid == 0:
        os.chdir(here)
        os.execve(sys.executable, [*COMMAND, "--embedded", "authors.Waits", "--workflow-id", "w"], environment)
    wait_until((here / "started").exists, "the start of the activity", LIMIT)
    os.close(leader)
    os.kill(pid, signal.SIGHUP)  # the shell tells it once more, and that does not mean to hurry
    (here / "go").touch()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    resumed = Started(here, environment, "--embedded", "authors.Waits", "--resume", "w")
    code, out, told = resumed.end()
    assert (code, out.splitlines()[-1]) == (0, "7"), told


def test_nohup_keeps_it_running(here: Path, environment: dict[str, str]) -> None:
    command = ["nohup", *COMMAND, "--embedded", "authors.Waits", "--workflow-id", "w"]
    process = subprocess.Popen(command, cwd=here, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_until((here / "started").exists, "the start of the activity", LIMIT)
    process.send_signal(signal.SIGHUP)
    (here / "go").touch()
    out, _ = process.communicate(timeout=LIMIT)
    assert (process.returncode, out.splitlines()[-1]) == (0, b"7")


@pytest.mark.parametrize("columns", [80, 160])
def test_on_a_terminal_stdout_stays_clean_and_the_screen_is_left_clean(
    here: Path, environment: dict[str, str], columns: int
) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, "--embedded", "authors.Waits", "--workflow-id", "w"],
        cwd=here,
        env={**environment, "LOG_LEVEL": "ERROR", "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
    )
    os.close(follower)
    seen = b""
    while b"authors.wait_for-1" not in seen:
        seen += os.read(leader, 4096)
    process.send_signal(signal.SIGINT)
    (here / "go").touch()
    out, _ = process.communicate(timeout=LIMIT)
    seen += _rest(leader)
    assert process.returncode == 130
    assert re.fullmatch(r"w \S{46}\n(an author prints)?", out)
    told = seen.decode().replace("\r\n", "\n")
    picture = re.search(r"w  1 running +\d+ s\n +authors.wait_for-1 +\d+ s\n", re.sub(r"\x1b\[[0-9;]*m", "", told))
    assert picture is not None
    assert all(len(line) <= columns for line in picture.group().splitlines())
    assert told.endswith("stopped; to go on: simpleflow standalone authors.Waits --resume w --embedded\n")
    drawn = [int(lines) for lines in re.findall(r"\x1b\[(\d+)A\r\x1b\[J", told)]
    assert len(drawn) >= 2
    assert not re.search(r"\x1b\[\?", told)  # no cursor is hidden, no other screen


def _rest(leader: int) -> bytes:
    seen = b""
    while True:
        try:
            data = os.read(leader, 4096)
        except OSError:  # nobody has the other end any more
            data = b""
        if not data:
            os.close(leader)
            return seen
        seen += data


def test_the_result_is_a_line_of_its_own_and_all_ends_within_a_second(here: Path, environment: dict[str, str]) -> None:
    started = Started(here, environment, "authors.Waits", "--workflow-id", "w")
    started.running()
    begun = time.monotonic()
    (here / "go").touch()
    status, out, _ = started.end()
    wait_until(lambda: not processes_in(here), "the end of all processes", 10)
    assert (status, out.splitlines()[1:]) == (0, ["an author prints", "7"])
    assert time.monotonic() - begun < 3  # of which one is promised, on a machine that has nothing else to do


@pytest.mark.parametrize("moment", ["the lock", "the service", "the execution"])
def test_ctrl_c_before_anything_runs(here: Path, environment: dict[str, str], moment: str) -> None:
    """It is sent as soon as the traces of the moment are there; wherever it arrives, it ends all."""
    trace = {"the lock": "swf.users", "the service": "swf.url", "the execution": "swf.db-wal"}[moment]
    started = Started(here, environment, "--embedded", "authors.Waits", "--workflow-id", "w")
    wait_until((here / ".simpleflow" / trace).exists, moment, LIMIT)
    started.process.send_signal(signal.SIGINT)
    (here / "go").touch()
    status, out, told = started.end()
    assert status == 130
    assert "Traceback" not in told
    assert bool(out) == ("to go on: simpleflow standalone authors.Waits --resume w" in told)


def test_a_second_ctrl_c_does_not_wait(here: Path, environment: dict[str, str]) -> None:
    started = Started(here, environment, "--embedded", "authors.Waits", "--workflow-id", "w")
    started.running()
    started.process.send_signal(signal.SIGINT)
    assert started.process.stderr is not None
    while "stopping; activities that run have 10 s to finish" not in started.process.stderr.readline():
        pass
    begun = time.monotonic()
    started.process.send_signal(signal.SIGINT)
    status, _, told = started.end()
    assert (status, "--resume w" in told) == (130, True)
    assert time.monotonic() - begun < 5


def test_two_in_one_directory_share_the_service(here: Path, environment: dict[str, str]) -> None:
    first = Started(here, environment, "--embedded", "authors.Waits", "--workflow-id", "one")
    first.running()
    url = json.loads((here / ".simpleflow" / "swf.url").read_text())
    second = Started(here, environment, "--embedded", "authors.Tags", "--workflow-id", "two", "--input", "[5]")
    status, out, told = second.end()
    assert (status, out.splitlines()[-1]) == (0, '[["blue"],5]'), told
    assert json.loads((here / ".simpleflow" / "swf.url").read_text()) == url
    (here / "go").touch()
    status, out, _ = first.end()
    assert (status, out.splitlines()[-1]) == (0, "7")


def test_where_it_runs_is_told(here: Path, environment: dict[str, str]) -> None:
    """Amazon SWF is never chosen for a variable alone, nor for a domain without credentials."""
    variables = {**environment, "SWF_DOMAIN": "d", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    status, _, told = Started(here, variables, "authors.Tags").end()
    assert (status, "running on the embedded service, database .simpleflow/swf.db" in told) == (0, True), told
    status, _, told = Started(here, environment, "authors.Tags", "--domain", "d", "--db", "other/x.db").end()
    assert (status, "running on the embedded service, database other/x.db" in told) == (0, True), told
    nobody = {**variables, "AWS_ENDPOINT_URL_SWF": "http://127.0.0.1:1", "SWF_CONNECTION_RETRIES": "1"}
    status, _, told = Started(here, nobody, "authors.Tags").end()
    assert (status, "running on the service at http://127.0.0.1:1" in told) == (1, True)
    assert "Traceback" not in told
    status, _, told = Started(here, nobody, "authors.Tags", "--embedded").end()
    assert (status, "running on the embedded service" in told) == (0, True), told


def test_options_of_the_execution(here: Path, environment: dict[str, str]) -> None:
    (here / "input.json").write_text('{"kwargs": {"x": 8}}')
    options = ["--tags", "a,b", "--input-file", "input.json", "--workflow-id", "w", "--nb-workers", "1"]
    more = ["--nb-deciders", "2", "--heartbeat", "1", "--display-status", "false", "--decision-tasks-timeout", "20"]
    status, out, told = Started(here, environment, "authors.Tags", *options, *more, "--execution-timeout", "40").end()
    assert (status, out.splitlines()[-1]) == (0, '[["a","b"],8]'), told
    assert "status:" not in told


def test_an_execution_that_takes_too_long(here: Path, environment: dict[str, str]) -> None:
    status, _, told = Started(here, environment, "authors.Waits", "--execution-timeout", "2").end()
    assert (status, "execution timed out" in told) == (4, True), told


def test_wrong_arguments_start_nothing(here: Path, environment: dict[str, str]) -> None:
    status, out, told = Started(here, environment, "authors.Tags", "--input", "[1, 2]").end()
    assert (status, out) == (2, "")
    assert "Tags.run(x=0): too many positional arguments." in told
    assert not (here / ".simpleflow").exists()
