"""kill -9 of standalone, or of the supervisor of a daemon: two seconds later nothing of it runs any more.

Not even a program that an activity has started, and that does not end when it is asked to.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from support.daemons import COMMAND, Daemons
from support.processes import ROOT, environment, family, is_alive, wait_for_end, wait_until

from simpleflow.swf.client import Client
from simpleflow.swf.types import register_domain

SECONDS = 2.0

FLOW = """
from simpleflow import Workflow
from support.process_activities import hang

class Hangs(Workflow):
    name, version, task_list = "hangs", "1", "default"
    def run(self, told):
        return self.submit(hang, told).result
"""


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Where the activity that hangs writes its pid and that of a program."""
    (tmp_path / "hanging.py").write_text(FLOW)
    return tmp_path / "told"


@pytest.fixture
def killed(told: Path) -> Iterator[Callable[[int], None]]:
    """Kills a process with -9 once the activity hangs, and sees that nothing that it has started is left."""
    everybody: list[int] = []

    def kill(pid: int) -> None:
        wait_until(lambda: told.exists() and len(told.read_text().split()) == 2, "the activity", 60)
        everybody.extend({*family(pid), *activity(told, pid)})
        assert len(everybody) > 1
        os.kill(pid, signal.SIGKILL)
        wait_for_end(*everybody[1:], seconds=SECONDS)

    yield kill
    for pid in everybody:
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def activity(told: Path, pid: int) -> list[int]:
    """The process of the activity and its program, if ``pid`` has started them."""
    pids = [int(text) for text in told.read_text().split()]
    return [one for one in pids if pid in [parent.pid for parent in psutil.Process(one).parents()]]


def test_standalone(tmp_path: Path, told: Path, killed: Callable[[int], None]) -> None:
    words = ["standalone", "--embedded", "-D", "2", "-W", "2", "hanging.Hangs", "--input", f'["{told}"]']
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, *words],
            cwd=tmp_path,
            env=environment(tmp_path, ROOT / "tests"),
            stdout=out,
            stderr=out,
        )
    killed(process.pid)
    process.wait()


@pytest.mark.parametrize("name", ["decider", "worker"])
def test_the_supervisor_of_a_daemon(tmp_path: Path, told: Path, killed: Callable[[int], None], name: str) -> None:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests", tmp_path)))
    with Daemons(tmp_path, PYTHONPATH=path) as daemons:
        daemons.start_service("--db", "s.db")
        with daemons.environ(), closing(Client()) as client:
            register_domain(client, "D")
        where = ("-d", "D", "-t", "default", "-N", "2")
        running = {kind: daemons.start(kind, f"{kind}.start", *where) for kind in ("decider", "worker")}
        daemons.start("start", "workflow.start", "-d", "D", "hanging.Hangs", "--input", f'["{told}"]')
        killed(running[name].pid)
