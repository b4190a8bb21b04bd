"""``workflow.watch``: an execution as it goes, in lines, in rows and as a picture."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, RESULT, Stage, complete, continue_as_new, decision, schedule

from simpleflow.cli import following, main
from simpleflow.cli.exits import Exit
from simpleflow.cli.formats import FORMATS
from simpleflow.swf.errors import Unreachable

CODES = {
    "completed": Exit.DONE,
    "long": Exit.DONE,
    "failed": Exit.FAILED,
    "timed_out": Exit.TIMED_OUT,
    "canceled": Exit.CANCELED,
    "terminated": Exit.TERMINATED,
}
FORMATTED = tuple(format for format in FORMATS if format != "tabular")


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.use(monkeypatch, Stage())


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def pauses(monkeypatch: pytest.MonkeyPatch, *plays: Callable[[], object]) -> None:
    """What happens at the first pauses; there are no others."""
    left = list(plays)
    monkeypatch.setattr(following, "pause", lambda seconds: left.pop(0)())


def fail_once(stage: Stage) -> None:
    stage.work("w", "Failed", reason="nö\n\x1b[31mno")


PLAYED = ["w", "activity-examples.basic.increment-1", "nap"]


def played(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An activity that fails, is tried again and completes; a timer that is cancelled."""
    stage.start("w")
    nap = decision("StartTimer", timerId="nap", startToFireTimeout="600")
    pauses(
        monkeypatch,
        lambda: stage.decide("w", schedule(1, "w"), nap),
        lambda: fail_once(stage),
        lambda: stage.decide("w", schedule(1, "w"), decision("CancelTimer", timerId="nap")),
        lambda: stage.work("w", result=json.dumps(RESULT)),
        lambda: stage.decide("w", complete()),
    )


TOLD = [
    ("workflow", "w", "running", None),
    ("activity", PLAYED[1], "waiting", None),
    ("timer", "nap", "waiting", None),
    ("activity", PLAYED[1], "running", None),
    ("activity", PLAYED[1], "failed", "nö\n\x1b[31mno"),
    ("activity", PLAYED[1], "waiting", None),
    ("timer", "nap", "canceled", None),
    ("activity", PLAYED[1], "running", None),
    ("activity", PLAYED[1], "completed", None),
    ("workflow", "w", "completed", None),
]


# -- lines


def test_each_change_is_a_line(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    played(stage, monkeypatch)
    ran = run("workflow.watch", DOMAIN, "w", "--utc")
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    line = re.compile(r"1970-01-01T00:\d\d:\d\d\.\d{3}Z  (\S+) +(\S+)(?:  after (\d+\.\d) s)?(?:  (.*))?")
    found = [match.groups() for match in map(line.fullmatch, ran.lines) if match]
    assert [(state, name) for state, name, *_ in found] == [
        (state, id.removeprefix("activity-")) for _, id, state, _ in TOLD
    ]
    notes = [more for *_, more in found]
    assert notes[2] == notes[6] == "(timer)"
    assert notes[4] == "nö\\n\\x1b[31mno"
    assert notes[5] == notes[7] == notes[8] == "attempt 2"
    assert [after is None for _, _, after, _ in found] == [
        True,
        True,
        True,
        False,
        False,
        True,
        False,
        False,
        False,
        False,
    ]


def test_each_line_leaves_before_the_next_change_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for format in ("tabular", "csv", "jsonl", "human"):
        stdout = io.TextIOWrapper(io.BytesIO(), "utf-8")
        monkeypatch.setattr("sys.stdout", stdout)
        seen: list[int] = []

        def look(seen: list[int] = seen, stdout: Any = stdout) -> None:
            seen.append(len(stdout.buffer.getvalue()))
            raise KeyboardInterrupt

        pauses(monkeypatch, look)
        assert main.run(["--format", format, "workflow.watch", DOMAIN, "open"]) == Exit.INTERRUPTED
        assert seen[0] > 300


@pytest.mark.parametrize("state", sorted(CODES))
def test_the_exit_code_tells_how_it_ended(stage: Stage, state: str) -> None:
    ran = run("workflow.watch", DOMAIN, state)
    assert ran.code == CODES[state]
    assert state in ran.lines[-1] and bool(ran.stderr) == (CODES[state] != Exit.DONE)
    assert len(ran.lines) == {"long": 2 + 3 * 600, "canceled": 2, "terminated": 2}.get(state, len(ran.lines))


def test_states_are_coloured_on_request(stage: Stage) -> None:
    assert (
        "  \x1b[31mfailed\x1b[0m     failed  after" in run("workflow.watch", DOMAIN, "failed", "--color=always").stdout
    )
    assert "\x1b" not in run("workflow.watch", DOMAIN, "failed").stdout


def test_a_run_that_continues_as_new_is_followed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.start("w")
    pauses(
        monkeypatch,
        lambda: stage.decide("w", continue_as_new("w")),
        lambda: None,
        lambda: stage.decide("w", complete()),
    )
    ran = run("workflow.watch", DOMAIN, "w")
    assert ran.code == Exit.DONE
    assert [line.split()[1] for line in ran.lines] == ["running", "completed", "running", "completed"]
    assert ran.lines[1].endswith("  continued as new")


@pytest.mark.parametrize("format", ["tabular", "csv"])
def test_what_passes_is_waited_out(stage: Stage, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    stage.start("w")
    lost = Unreachable("SWF cannot be reached at https://swf.example: no route")
    pauses(
        monkeypatch,
        lambda: stage.client.fail_next.update(GetWorkflowExecutionHistory=[lost]),
        lambda: stage.decide("w", complete()),
    )
    ran = run("workflow.watch", DOMAIN, "w", "--format", format)
    assert (ran.code, ran.stderr) == (Exit.DONE, f"{lost}; still waiting\n")
    assert "completed" in ran.lines[-1]


def test_what_is_not_there(stage: Stage) -> None:
    ran = run("workflow.watch", DOMAIN, "nobody")
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (Exit.NOT_FOUND, "", 1)


# -- rows


def rows_of(format: str, text: str) -> list[dict[str, Any]]:
    if format in ("csv", "tsv"):
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="," if format == "csv" else "\t")
        return [{name: value or None for name, value in row.items()} for row in reader]
    if format == "human":
        return [dict(re.findall(r"^(\w+) +(.*)$", block, re.MULTILINE)) for block in text.split("\n\n")]
    return [json.loads(line) for line in text.splitlines()] if format == "jsonl" else list(json.loads(text))


@pytest.mark.parametrize("format", FORMATTED)
def test_each_change_is_a_row(stage: Stage, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    played(stage, monkeypatch)
    ran = run("--format", format, "workflow.watch", DOMAIN, "w")
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    found = rows_of(format, ran.stdout)
    assert [(row["Type"], row["Task"], row["State"]) for row in found] == [told[:3] for told in TOLD]
    assert found[4]["Reason"] == (TOLD[4][3] if format != "human" else "nö\\n\\x1b[31mno")
    assert [float(row["Attempt"]) for row in found if row["Type"] == "activity"] == [1, 1, 1, 2, 2, 2]
    assert float(found[-1]["Seconds"]) > 0


@pytest.mark.parametrize("format", FORMATTED)
def test_the_exit_code_is_that_of_the_lines(stage: Stage, format: str) -> None:
    ran = run("--format", format, "workflow.watch", DOMAIN, "failed")
    assert (ran.code, ran.stderr) == (
        Exit.FAILED,
        "Error: the execution 'failed' failed: Workflow execution error: nö\n",
    )
    assert rows_of(format, ran.stdout)[-1]["State"] == "failed"


@pytest.mark.parametrize("option", [["--columns", "task"], ["--sort", "task"], ["--limit", "3"]])
def test_what_only_rows_can_do(stage: Stage, option: list[str]) -> None:
    ran = run("workflow.watch", DOMAIN, "completed", *option)
    assert (ran.code, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr.startswith("Error: --columns, --sort and --limit go with rows: add --format ")
    assert run("workflow.watch", DOMAIN, "completed", *option, "--format", "csv").code == Exit.DONE


# -- the picture


def watched(monkeypatch: pytest.MonkeyPatch, workflow_id: str, width: int, height: int) -> tuple[int, list[str], str]:
    """The exit code, the last picture, and all that was written."""
    for name, value in (("COLUMNS", width), ("LINES", height), ("TERM", "xterm")):
        monkeypatch.setenv(name, str(value))
    stdout, stderr = Terminal(io.BytesIO(), "utf-8", write_through=True), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = main.run(["workflow.watch", DOMAIN, workflow_id])
    written = stdout.buffer.getvalue().decode()  # type: ignore[attr-defined]
    last = re.split(r"\x1b\[1?A|\x1b\[2K", written)[-1]
    return code, re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", last).splitlines(), written


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("width", [80, 160])
def test_each_task_has_a_line(stage: Stage, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    pauses(monkeypatch, lambda: None, interrupt)
    code, lines, written = watched(monkeypatch, "open", width, 24)
    assert code == Exit.INTERRUPTED
    assert all(len(line) <= width - len("^C") for line in lines)  # which the terminal shows behind the last one
    assert re.fullmatch(r"running    open  1 waiting, 1 running, 1 completed; 1 child; 1 timer +1:01", lines[0])
    told = [re.sub(r" {2,}", "  ", line) for line in lines[1:]]
    assert [re.sub(r"  (1:01|\d+ s)$", "", line) for line in told if line] == [
        "completed  examples.basic.increment-1",
        "running  examples.basic.increment-2",
        "waiting  examples.basic.increment-3",
        "waiting  a timer  (timer)",
        "running  child  (child)",
    ]
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is there again


def test_it_is_drawn_again_when_it_looks_different(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def a_second() -> None:
        stage._now_ms += 1000

    stage.start("w")
    pauses(monkeypatch, lambda: None, lambda: None, a_second, lambda: stage.decide("w", complete()))
    _, _, written = watched(monkeypatch, "w", 80, 24)
    drawn = re.findall(r"(?:running|completed) +w ", re.sub(r"\x1b\[[0-9;]*m", "", written))
    assert len(drawn) == 4  # at first, a second later, at the end, and what stays


def test_the_last_picture_stays_and_the_reason_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines, _ = watched(monkeypatch, "failed", 80, 24)
    assert code == Exit.FAILED
    assert re.fullmatch(r"failed     failed  1 failed  Workflow execution error: nö +\d+ s", lines[0])
    assert re.fullmatch(r"failed     examples.basic.increment-1  nö\\nno +\d+ s", lines[1])


def test_what_has_no_room_is_counted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    code, lines, _ = watched(monkeypatch, "long", 80, 10)
    assert code == Exit.DONE
    assert re.match("completed  long  600 completed ", lines[0])
    assert [line.split()[1][-3:] for line in lines[1:8]] == [str(number) for number in range(594, 601)]
    assert lines[8].strip() == "and 593 more"


def test_what_is_open_has_room_first(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses(monkeypatch, interrupt)
    _, lines, _ = watched(monkeypatch, "open", 80, 6)
    assert [line.split()[0] for line in lines[:4]] == ["running", "running", "waiting", "running"]
    assert lines[4].strip() == "and 2 more"


def test_a_terminal_that_can_do_nothing_gets_lines(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = Terminal(io.BytesIO(), "utf-8", write_through=True)
    monkeypatch.setattr("sys.stdout", stdout)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    assert main.run(["workflow.watch", DOMAIN, "completed"]) == Exit.DONE
    written = stdout.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert "\x1b" not in written and len(written.splitlines()) == 5
