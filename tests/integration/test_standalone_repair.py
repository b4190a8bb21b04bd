"""``standalone --repair``: what an execution had completed is not computed again, unless it no longer fits."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.processes import environment, processes_in, wait_until

LIMIT = 90

AUTHORS = """
import pathlib
from simpleflow import Workflow, activity

def log(*what):
    with open("log", "a") as file:
        print(*what, file=file)

@activity.with_attributes(task_list="x", raises_on_failure=True)
def add(x, y):
    log("add", x, y)
    return x + y

@activity.with_attributes(task_list="x", raises_on_failure=True)
def needs(path, x):
    log("needs", path)
    if not pathlib.Path(path).exists():
        raise FileNotFoundError(path)
    return x

class Child(Workflow):
    name, version, task_list = "child", "1", "x"
    def run(self, x):
        return self.submit(needs, "one", self.submit(add, x, 1)).result

class Broken(Workflow):
    name, version, task_list, tag_list = "broken", "1", "x", ["red"]
    def run(self, x, y=5):
        first = self.submit(add, x, y)
        return [self.submit(Child, self.submit(add, first, 10)).result, self.get_run_context()["tag_list"]]
"""


class Place:
    """A directory with an execution that failed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "authors.py").write_text(AUTHORS)
        failed = self.run("--workflow-id", "w", "--input", '{"args": [1], "kwargs": {"y": 2}}', "--tags", "blue")
        assert failed.returncode == 1, failed.stderr
        assert self.log() == ["add 1 2", "add 3 10", "add 13 1", "needs one"]
        (path / "one").touch()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "simpleflow", "standalone", "--embedded", "authors.Broken", "-W", "1"]
        return subprocess.run(
            [*command, *arguments],
            cwd=self.path,
            env=environment(self.path),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def log(self) -> list[str]:
        """What was executed since the last time."""
        file = self.path / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def repaired(self, *arguments: str) -> tuple[str, list[str]]:
        """The result, and what was executed for it."""
        done = self.run("--repair", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1], self.log()


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    path = tmp_path_factory.mktemp("repair")
    yield Place(path)
    wait_until(lambda: not processes_in(path), "the end of all processes")


@pytest.fixture
def place(failed: Place) -> Place:
    """Its code is what it was when the execution failed."""
    (failed.path / "authors.py").write_text(AUTHORS)
    failed.log()
    return failed


def test_only_what_failed_is_executed(place: Place) -> None:
    """Also in the child; input and tags are those of the old execution. A repair can be repaired."""
    assert place.repaired("w", "--workflow-id", "again") == ('[14,["blue"]]', ["needs one"])
    assert place.repaired("again") == ('[14,["blue"]]', [])


def test_forced_activities_run_and_so_does_what_they_change(place: Place) -> None:
    assert place.repaired("w", "--force-activities", r"add-2$") == ('[14,["blue"]]', ["add 3 10", "needs one"])
    old = place.path / "authors.py"
    old.write_text(AUTHORS.replace("return x + y", "return x + y + 100 * (x == 3)"))
    result, executed = place.repaired("w", "--force-activities", r"add-2$")
    assert (result, executed) == ('[114,["blue"]]', ["add 3 10", "add 113 1", "needs one"])


def test_another_input_takes_only_what_is_the_same(place: Place) -> None:
    assert place.repaired("w", "--input", "[2]") == ('[18,["blue"]]', ["add 2 5", "add 7 10", "add 17 1", "needs one"])
    assert place.repaired("w", "--input", "[2, 1]") == ('[14,["blue"]]', ["add 2 1", "needs one"])


def test_changed_code_takes_only_what_is_the_same(place: Place) -> None:
    changed = AUTHORS.replace("self.submit(add, first, 10)", "self.submit(add, first, 20)")
    (place.path / "authors.py").write_text(changed)
    assert place.repaired("w") == ('[24,["blue"]]', ["add 3 20", "add 23 1", "needs one"])


def test_an_old_run_in_one_word_and_what_is_refused(place: Place) -> None:
    failed = place.run("--repair", "w", "--workflow-id", "w2", "--force-activities", "nothing", "--input", "[1, 2]")
    assert failed.returncode == 0, failed.stderr
    place.log()
    run_id = re.findall(r"\S{46}", failed.stdout)[0]
    assert place.repaired(f"w2 {run_id}") == ('[14,["blue"]]', [])
    for arguments, status, told in (
        (("--force-activities", "x"), 2, "need --repair"),
        (("--repair", "w", "--resume", "w"), 2, "give one of them"),
        (("--repair", "w", "--force-activities", "("), 2, "is no regular expression"),
        (("--repair", "nobody"), 3, "there is no execution 'nobody'"),
        (("--repair", "w", "--repair-run-id", run_id[:-2] + "x="), 3, "to repair"),
    ):
        refused = place.run(*arguments)
        assert (refused.returncode, refused.stdout) == (status, ""), refused.stderr
        assert told in refused.stderr
        assert "Traceback" not in refused.stderr
