"""standalone stopped at ten places, by Ctrl-C, a hurried Ctrl-C and kill -9, and resumed an hour later each time.

After the last Ctrl-C the execution may end while standalone stops; to resume it then is to be told of its end.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.processes import ROOT, environment, processes_in, wait_until

LIMIT = 120
HOUR = 3600

AUTHORS = """
import pathlib
from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group

@activity.with_attributes(task_list="x", retry=0, raises_on_failure=True)
def step(place, x):
    with open("log", "a") as file:
        print(place, file=file)
    if place == int(pathlib.Path("stop-at").read_text()):
        pathlib.Path("there").touch()
        while not pathlib.Path("go").exists():
            activity.heartbeat()
    return x + 1

class Child(Workflow):
    name, version, task_list = "child", "1", "x"
    def run(self, x):
        return self.submit(Chain((step, 6, x), (step, 7), send_result=True)).result

class Places(Workflow):
    name, version, task_list = "places", "1", "x"
    def run(self):
        chain = self.submit(Chain((step, 0, 0), (step, 1), (step, 2), send_result=True)).result[-1]
        timer = self.submit(self.start_timer("an hour or two", 5000))
        group = self.submit(Group((step, 3, 10), (step, 4, 20), (step, 5, 30), max_parallel=1)).result
        both = [group, self.submit(Child, 100).result[-1]]
        timer.result
        return [chain, *both, self.submit(step, 9, self.submit(step, 8, self.side_effect(lambda: 40))).result]
"""


class Later:
    """The service of the directory as it will be then. It ends with its last user, and this is one until ``leave``."""

    def __init__(self, here: Path, hours: int) -> None:
        database = here / ".simpleflow" / "swf.db"
        self._users = database.with_suffix(".users").open("a")
        fcntl.flock(self._users, fcntl.LOCK_SH)
        launcher = ROOT / "tests" / "support" / "later_service.py"
        self._process = subprocess.Popen(
            [sys.executable, str(launcher), str(database), str(hours * HOUR)],
            cwd=here,
            env=environment(here),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("http")

    def leave(self) -> None:
        self._users.close()

    def wait(self) -> None:
        self._process.communicate(timeout=LIMIT)


def standalone(here: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "simpleflow", "standalone", "--embedded", "authors.Places", "-W", "3", *arguments]
    return subprocess.Popen(
        command, cwd=here, env=environment(here), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def stop(here: Path, process: subprocess.Popen[str], how: str) -> None:
    if how == "kill -9":
        process.kill()
    else:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "stopping; activities that run" not in process.stderr.readline():
            pass
        if how == "Ctrl-C twice":
            process.send_signal(signal.SIGINT)
        else:
            (here / "go").touch()
    process.communicate(timeout=LIMIT)
    assert process.returncode == (-signal.SIGKILL if how == "kill -9" else 130)
    wait_until(lambda: not processes_in(here), "the end of all processes", LIMIT)


@pytest.mark.timeout(600)
def test_an_hour_later_the_result_is_right(tmp_path: Path) -> None:
    (tmp_path / "authors.py").write_text(AUTHORS)
    hows = itertools.cycle(["Ctrl-C", "Ctrl-C twice", "kill -9"])
    services: list[Later] = []
    (tmp_path / "stop-at").write_text("0")
    process = standalone(tmp_path, "--workflow-id", "w")
    wait_until((tmp_path / "there").exists, "the first place", LIMIT)
    for place in range(1, 11):
        stop(tmp_path, process, next(hows))
        (tmp_path / "there").unlink()
        (tmp_path / "go").unlink(missing_ok=True)
        (tmp_path / "stop-at").write_text(str(place))
        service = Later(tmp_path, hours=place)
        process = standalone(tmp_path, "--resume", "w")
        if place < 10:
            wait_until((tmp_path / "there").exists, f"place {place}", LIMIT)
        else:
            process.wait(LIMIT)
        service.leave()
        services.append(service)
    out, told = process.communicate(timeout=LIMIT)
    for service in services:
        service.wait()
    assert process.returncode == 0, told
    assert json.loads(out.splitlines()[-1]) == [3, [11, 21, 31], 102, 42]
    runs = Counter((tmp_path / "log").read_text().split())
    assert set(runs) == set(map(str, range(10)))
    assert max(runs.values()) <= 10
