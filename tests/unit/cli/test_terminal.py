"""What others have written into an execution, on a terminal: it must not obey it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re

import pytest
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, Stage, decision, schedule

from simpleflow.cli import main
from simpleflow.cli.exits import Exit
from simpleflow.cli.formats import FORMATS

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b]0;t\x07\x9b31m\u202e\u2028"
NAME = "w\u202ename\u2066"
TASK = "activity-a\u202e\u2028b"


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def shared() -> Stage:
    stage = Stage()
    for name in (NAME, "done"):
        stage.start(name, input=EVIL, tagList=[EVIL])
    stage.on("SignalWorkflowExecution", workflowId=NAME, signalName=EVIL, input=EVIL)
    task = schedule(1, NAME)
    task["scheduleActivityTaskDecisionAttributes"] |= {"activityId": TASK, "input": EVIL}
    timer = decision("StartTimer", timerId="t\u202e", startToFireTimeout="60")
    stage.decide(NAME, task, timer, decision("RecordMarker", markerName=EVIL, details=EVIL))
    stage.work(NAME, "Failed", reason=EVIL, details=EVIL)
    stage.decide(NAME, decision("FailWorkflowExecution", reason=EVIL, details=f"first{EVIL}\nlast"))
    stage.decide("done", decision("CompleteWorkflowExecution", result=json.dumps(EVIL, ensure_ascii=False)))
    return stage


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name, value in (("TERM", "dumb"), ("COLUMNS", "80")):
        monkeypatch.setenv(name, value)
    return stages.use(monkeypatch, shared)


def on_a_terminal(*words: str) -> tuple[int, str, str]:
    """The exit code, and what stands on stdout and stderr."""
    stdout, stderr = Terminal(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main.run(["--color", "never", *words])
    return code, stdout.buffer.getvalue().decode(), stderr.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "command",
    [
        ["workflow.filter", DOMAIN, "--status", "closed"],
        ["workflow.info", DOMAIN, NAME],
        ["workflow.history", "--domain", DOMAIN, NAME],
        ["workflow.history", "--domain", DOMAIN, NAME, "--output-format", "events"],
        ["workflow.history", "--domain", DOMAIN, NAME, "--output-format", "cooked"],
        ["workflow.tasks", DOMAIN, NAME],
        ["workflow.graph", DOMAIN, NAME],
        ["task.list", DOMAIN, NAME],
        ["task.info", DOMAIN, NAME, TASK, "--details"],
        ["workflow.watch", DOMAIN, NAME],
    ],
    ids=ascii,
)
def test_a_listing(stage: Stage, format: str, command: list[str]) -> None:
    code, out, told = on_a_terminal("--format", format, *command)
    assert code == (Exit.FAILED if command[0] == "workflow.watch" else Exit.DONE)
    assert not OBEYED.search(out + told)
    assert "u202e" in out


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["workflow.result", DOMAIN, NAME], "\nlast\n"),
        (["workflow.result", DOMAIN, "done"], "\\u202e"),
        (["workflow.profile", DOMAIN, NAME, "--chart"], "\\u202e"),
        (["workflow.graph", DOMAIN, NAME, "--output-format", "dot"], "\\u202e"),
        (["workflow.graph", DOMAIN, NAME, "--output-format", "mermaid"], "\\u202e"),
        (["workflow.info", DOMAIN, f"no{EVIL}"], "\\u202e"),
        ([f"no{EVIL}"], "\\u202e"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_what_is_no_listing(stage: Stage, command: list[str], shown: str) -> None:
    _, out, told = on_a_terminal(*command)
    assert not OBEYED.search(out + told)
    assert shown in out + told


def test_the_picture_that_watch_draws(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    _, out, _ = on_a_terminal("workflow.watch", DOMAIN, NAME)
    assert not OBEYED.search(re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", out))
    assert r"a\u202e\u2028b" in out


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_an_escape_in_json_is_the_same_value(stage: Stage, format: str) -> None:
    told = json.loads(run("--format", format, "workflow.info", DOMAIN, "done").stdout)
    row = told if format == "jsonl" else told[0]
    assert (row["input"], row["result"], row["tag_list"]) == (EVIL, EVIL, [EVIL])
    assert json.loads(run("workflow.result", DOMAIN, "done").stdout) == EVIL


def test_in_a_pipe_csv_is_exact(stage: Stage) -> None:
    ran = run("--format", "csv", "workflow.info", DOMAIN, "done", "--columns", "input,tag-list")
    assert list(csv.reader(io.StringIO(ran.stdout, newline=""))) == [["input", "tag_list"], [EVIL, EVIL]]
