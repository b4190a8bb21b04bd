"""``simpleflow workflow.start --local`` as a process."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import wait_until

AUTHORS = """
import sys
from simpleflow import Workflow, activity

@activity.with_attributes()
def half_a_line():
    print("half a line", end="")
    return "é"

@activity.with_attributes(raises_on_failure=True)
def boom(x):
    raise ValueError("boom")

class Prints(Workflow):
    def run(self):
        print("a line")
        return {"b": self.submit(half_a_line).result, "a": [1, None]}

class Fails(Workflow):
    def run(self):
        return self.submit(boom, 1).result

class Waits(Workflow):
    def run(self):
        return self.submit(self.wait_signal("x")).result

class Sleeps(Workflow):
    def run(self, seconds):
        print("asleep", flush=True)
        return self.submit(self.start_timer("t", seconds)).result

class Echo(Workflow):
    def run(self, x, t=30):
        return [x, t]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "authors.py").write_text(AUTHORS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWF_DOMAIN", raising=False)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simpleflow", "workflow.start", *arguments]


def start(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = ("--local", *arguments)
    return subprocess.run(command(*arguments), capture_output=True, encoding="utf-8", input=stdin, env=environment)


def test_the_result_is_the_last_line_of_stdout(here: Path) -> None:
    ended = start("authors.Prints", "--check-replay")
    assert ended.stdout == 'a line\nhalf a line\n{"a":[1,null],"b":"é"}\n'
    assert (ended.returncode, ended.stderr) == (0, "")


def test_input_from_a_file_and_from_stdin(here: Path) -> None:
    (here / "input.json").write_text('{"args": [1], "kwargs": {"t": 5}}')
    assert start("authors.Echo", "--input-file", "input.json").stdout == "[1,5]\n"
    assert start("authors.Echo", "--input-file", "-", stdin="[7]").stdout == "[7,30]\n"


def test_a_failure_shows_the_activity_and_the_authors_frames(here: Path) -> None:
    ended = start("authors.Fails")
    assert (ended.returncode, ended.stdout) == (1, "")
    logged, told, *trace = ended.stderr.splitlines()
    assert logged.endswith("activity-authors.boom-1 failed: ValueError: boom")
    assert told == 'Error: Workflow execution error in activity-authors.boom: "ValueError: boom"'
    assert trace[0] == "Traceback (most recent call last):"
    assert "authors.py" in trace[1]
    assert trace[-1] == "ValueError: boom"
    assert [line for line in trace if "simpleflow" in line] == []


def test_a_blocked_run_says_where(here: Path) -> None:
    ended = start("authors.Waits")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "Error: blocked: waits for signal x (authors.py:25)\n"


def test_wrong_usage_is_one_line(here: Path) -> None:
    ended = start("authors.Nothing")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "Error: unable to import 'authors.Nothing': authors has no Nothing.\n"


def test_real_time_waits_and_ctrl_c_ends_it(here: Path) -> None:
    arguments = command("--local", "--real-time", "authors.Sleeps", "-i", "[86400]")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "asleep\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "\ninterrupted\n")
    assert process.returncode == 130


def events(db: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as reader:
        count: int = reader.execute("SELECT count(*) FROM events").fetchone()[0]
    return count


def test_a_durable_run_stopped_by_ctrl_c_goes_on(here: Path) -> None:
    durable = ("--db", "kept/w.db", "--workflow-id", "w", "authors.Sleeps", "-i", "[2]")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command("--local", *durable), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "asleep\n"
        wait_until(lambda: events(here / "kept" / "w.db") == 5, "the timer")
        first.send_signal(signal.SIGINT)
        _, told = first.communicate()
    assert first.returncode == 130
    assert "stopped; the same command goes on" in told
    again = start(*durable)
    assert (again.returncode, again.stdout.splitlines()[-1]) == (0, "null")
    assert "the execution 'w' goes on after event 5" in again.stderr


def test_what_durable_needs(here: Path) -> None:
    refused = start("--db", "w.db", "authors.Waits")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--db needs a --workflow-id" in refused.stderr


def test_long_payloads_of_a_durable_run_stand_beside_its_database(here: Path) -> None:
    done = start("--db", "kept/w.db", "--workflow-id", "w", "authors.Echo", "-i", f'["{"x" * 40_000}"]')
    assert done.returncode == 0
    assert len(list((here / "kept" / "objects").iterdir())) == 2
