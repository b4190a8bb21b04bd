"""``workflow.start --local --db`` killed with -9 at every commit, before and behind it, and begun again each time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

AUTHORS = """
import json, uuid
from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group

def log(*what):
    with open("log", "a") as file:
        print(json.dumps(what), file=file)

@activity.with_attributes(retry=0, raises_on_failure=True)
def inc(x):
    log("inc", x)
    return x + 1

@activity.with_attributes(retry=0, raises_on_failure=True)
def pay(key, x):
    log("pay", key)
    return x

@activity.with_attributes(retry=1, raises_on_failure=True)
def flaky(x):
    log("flaky", x)
    if activity_runs() < 2:
        raise ValueError("once")
    return x

def activity_runs():
    return sum(1 for line in open("log") if "flaky" in line)

class Child(Workflow):
    name, version, task_list = "child", "1", "t"
    def run(self, x):
        return self.submit(inc, self.submit(inc, x)).result

class Everything(Workflow):
    name, version, task_list = "everything", "1", "t"
    def run(self, n):
        chain = self.submit(Chain(*[(inc, 10 * i) for i in range(n)]))
        group = self.submit(Group(*[(inc, 1000 + i) for i in range(10)]))
        timer = self.submit(self.start_timer("soon", 0))
        key = self.side_effect(lambda: str(uuid.uuid4()))
        paid = self.submit(pay, key, 5)
        self.submit(self.record_marker("m", key))
        child = self.submit(Child, 500)
        again = self.submit(flaky, 7)
        timer.result
        return [chain.result, sum(group.result), paid.result, child.result, again.result]
"""

#: Kills itself at the commit of this number, before it or behind it.
LAUNCHER = """
import os, signal, sys
from simpleflow.cli.main import run
from simpleflow.service.store import Store

left, behind = int(sys.argv[1]), sys.argv[2] == "behind"
commit = Store._write_and_commit

def killing(store):
    global left
    left -= 1
    if left == 0 and not behind:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(store)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

Store._write_and_commit = killing
sys.path[:0] = [os.getcwd()]
sys.exit(run(sys.argv[3:]))
"""

COMMAND = ["workflow.start", "--local", "--db", "kept/w.db", "--workflow-id", "w", "authors.Everything", "-i", "[3]"]


@pytest.mark.parametrize(("number", "side"), [(2, "before"), (3, "behind")])
def test_killed_at_every_commit(tmp_path: Path, number: int, side: str) -> None:
    (tmp_path / "authors.py").write_text(AUTHORS)
    kills = 0
    while True:
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, str(number), side, *COMMAND],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "LOG_LEVEL": "ERROR"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != -signal.SIGKILL:
            break
        kills += 1
        assert kills < 100
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[1, 11, 21], sum(range(1001, 1011)), 5, 502, 7]
    assert kills >= 5
    runs = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    counted = Counter(what for what, _ in runs)
    assert len({x for what, x in runs if what == "inc"}) == 15  # each at least once
    assert counted["inc"] <= 15 + 10 * kills
    assert len({key for what, key in runs if what == "pay"}) == 1  # what an activity was given is in the history
