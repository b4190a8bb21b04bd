"""``workflow.profile --chart``: a Gantt chart of any width, coloured or not, and as SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from rich.cells import cell_len
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, Stage

from simpleflow.cli.chart import Bar, Chart, lines
from simpleflow.cli.exits import Exit
from simpleflow.cli.svg import svg

CHART = Chart(
    "flow <1> completed in 40.00 s",
    40.0,
    (
        Bar("examples.basic.increment-1", "completed", 0.0, 10.0, 20.0, True),
        Bar(
            "examples.basic.double-1 & a name that is much too long for a terminal", "failed", 20.0, 20.0, 20.01, False
        ),
        Bar("日本日本", "started", 20.0, 20.0, 40.0, True),
        Bar("waits", "scheduled", 30.0, None, 40.0, False),
    ),
)
WIDTHS = (20, 40, 80, 160)


@pytest.fixture(scope="module")
def shared() -> Stage:
    return Stage()


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("COLUMNS", "80")
    return stages.use(monkeypatch, shared)


def drawn(width: int, *, ascii: bool = False, colored: bool = False) -> list[str]:
    return list(lines(CHART, width, ascii=ascii, colored=colored))


def plain(line: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", line)


def test_a_chart_of_80_columns() -> None:
    assert [line.rstrip() for line in drawn(80)] == [
        "flow <1> completed in 40.00 s",
        "                              0                20.00 s          40.00 s",
        "* examples.basic.increment-1  ░░░░░░░░░░██████████                       10.00 s",
        "  …h too long for a terminal                      █                       0.01 s",
        "* 日本日本                                        █████████████████████  20.00 s",
        "  waits                                                     ░░░░░░░░░░░  10.00 s",
        "* critical path   ░ waits   █ runs",
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_bars_stand_below_each_other(width: int) -> None:
    chart = drawn(width)
    assert max(map(cell_len, chart)) == max(width, 27)
    ends = {cell_len(line) for line in chart[2:-1]}
    assert len(ends) == 1
    begins = [line.index(glyph) for line, glyph in zip(chart[2:5], "░██", strict=True)]
    assert cell_len(chart[3][: begins[1]]) == cell_len(chart[4][: begins[2]]) > begins[0]


def test_a_wide_terminal_shows_whole_names() -> None:
    assert "examples.basic.double-1 & a name that is" in drawn(200)[3]


def test_times_of_days_do_not_make_lines_wider() -> None:
    year = 365 * 86400.0
    chart = Chart("t", year, (Bar("a", "fired", 0.0, 0.0, year, True), Bar("b", "fired", 0.0, 0.0, 1.0, True)))
    *_, first, second, _ = lines(chart, 80, ascii=False, colored=False)
    assert first.endswith("█  365 days, 0:00:00") and second.endswith(" 1.00 s")
    assert cell_len(first) == cell_len(second) == 80


def test_ascii() -> None:
    text = "\n".join(drawn(80, ascii=True)).replace("日本", "")
    assert text.isascii()
    assert "..........##########" in text


def test_colours_change_nothing_but_the_colour() -> None:
    colored = drawn(80, colored=True)
    assert [plain(line) for line in colored] == drawn(80)
    assert "\x1b[31m█" in colored[3] and "\x1b[36m█" in colored[4] and "\x1b[32m█" in colored[2]
    assert colored[2].startswith("\x1b[1m* ")


def test_an_execution_that_took_no_time() -> None:
    chart = Chart("t", 0.0, (Bar("a", "completed", 0.0, 0.0, 0.0, True),))
    assert any("█" in line for line in lines(chart, 80, ascii=False, colored=False))
    assert "NaN" not in "".join(svg(chart))


# -- SVG


def test_a_picture_has_a_bar_for_each_task_and_its_times() -> None:
    root = ElementTree.fromstring("\n".join(svg(CHART)))
    space = "{http://www.w3.org/2000/svg}"
    groups = root.findall(f"{space}g")
    assert [group.findtext(f"{space}title") for group in groups] == [
        "examples.basic.increment-1: completed, waited 10.00 s, ran 10.00 s",
        "examples.basic.double-1 & a name that is much too long for a terminal: failed, waited 0.00 s, ran 0.01 s",
        "日本日本: started, waited 0.00 s, ran 20.00 s",
        "waits: scheduled, waited 10.00 s",
    ]
    waited, ran = groups[0].findall(f"{space}rect")
    assert (waited.get("x"), waited.get("width"), ran.get("x"), ran.get("width")) == (
        "320.0",
        "200.0",
        "520.0",
        "200.0",
    )
    assert [group.find(f"{space}text").get("font-weight") for group in groups] == ["bold", "normal", "bold", "normal"]  # type: ignore[union-attr]
    assert root.findtext(f"{space}text") == "flow <1> completed in 40.00 s"


# -- the command


def test_a_picture_of_names_that_xml_does_not_take() -> None:
    bar = Bar('a\ufffeb\ud800<&"', "completed", 0.0, 0.0, 1.0, False)
    text = "\n".join(svg(Chart("\uffff\x1b]]>", 1.0, (bar,))))
    told = [element.text for element in ElementTree.fromstring(text.encode()).iter() if element.text]
    assert 'a\ufffdb\ufffd<&"' in told and "\ufffd\ufffd]]>" in told


@pytest.mark.parametrize("columns", ["80", "160"])
def test_the_command_draws_as_wide_as_the_terminal(stage: Stage, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    ran = run("workflow.profile", DOMAIN, "open", "--chart")
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    assert ran.lines[0].startswith("open has run for ")
    assert max(map(len, ran.lines)) == int(columns)
    assert [line.split()[0] for line in ran.lines[1:-1]].count("*") == 1
    assert {"examples.basic.increment-1", "a timer", "child"} <= {line[2:30].strip() for line in ran.lines}


def test_in_a_pipe_it_has_no_colours_unless_asked_for(stage: Stage) -> None:
    assert "\x1b" not in run("workflow.profile", DOMAIN, "open", "--chart").stdout
    assert "\x1b[36m" in run("--color", "always", "workflow.profile", DOMAIN, "open", "--chart").stdout


def test_the_longest_tasks_of_a_long_execution(stage: Stage) -> None:
    assert len(run("workflow.profile", DOMAIN, "long", "--chart").lines) == 603
    assert len(run("workflow.profile", DOMAIN, "long", "--chart", "-n", "5").lines) == 8


@pytest.mark.parametrize("state", stages.STATES)
def test_executions_in_every_state(stage: Stage, state: str) -> None:
    ran = run("workflow.profile", DOMAIN, state, "--chart")
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    assert ran.lines[0].startswith(f"{state} ")


def test_a_chart_in_a_file(stage: Stage, tmp_path: Path) -> None:
    ran = run("workflow.profile", DOMAIN, "completed", "--chart", "--output", str(tmp_path / "chart.svg"))
    assert (ran.code, ran.stdout, ran.stderr) == (Exit.DONE, "", "")
    assert ElementTree.parse(tmp_path / "chart.svg").getroot().tag.endswith("svg")


def test_a_file_that_cannot_be_written(stage: Stage, tmp_path: Path) -> None:
    ran = run("workflow.profile", DOMAIN, "completed", "--chart", "-o", str(tmp_path / "none" / "chart.svg"))
    assert ran.code == Exit.FAILED
    assert ran.stderr.startswith("Error: cannot write ") and ran.stderr.count("\n") == 1


def test_a_file_without_a_chart(stage: Stage) -> None:
    ran = run("workflow.profile", DOMAIN, "completed", "-o", "chart.svg")
    assert (ran.code, ran.stderr.splitlines()[-1]) == (Exit.USAGE, "Error: --output goes with --chart.")
