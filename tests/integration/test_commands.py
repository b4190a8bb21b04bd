"""Every command of the command line, in every format, on executions in every state: made from ``command_cases``."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from command_cases import CASES, Does, Elsewhere, Sees
from support import stage as stages
from support.command_line import Ran, run
from support.stage import DOMAIN, STATES, Stage

from simpleflow.cli.exits import Exit
from simpleflow.cli.formats import FORMATS
from simpleflow.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
TASK_ID = "activity-examples.basic.increment-1"

SEEN = {name: case for name, case in CASES.items() if isinstance(case, Sees)}
DONE = {name: case for name, case in CASES.items() if isinstance(case, Does)}
ELSEWHERE = {name: case for name, case in CASES.items() if isinstance(case, Elsewhere)}
ON_STATES = [(name, state) for name, case in SEEN.items() for state in case.states or STATES]


@pytest.fixture(scope="module")
def shared() -> Stage:
    return Stage()


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """For commands that change nothing."""
    return stages.use(monkeypatch, shared)


def words(form: str, stage: Stage, workflow_id: str, *, domain: str = DOMAIN, run_id: str | None = None) -> list[str]:
    run_id = run_id or stage.runs.get(workflow_id, ["no-such-run"])[-1]
    side = "open" if workflow_id == "open" else "closed"
    names = {"domain": domain, "id": workflow_id, "run": run_id, "task": TASK_ID, "side": side}
    return [word.format(**names) for word in form.split()]


def rows_of(name: str, stage: Stage, state: str) -> list[dict[str, Any]]:
    """What the command shows, with the values as JSON has them."""
    case = SEEN[name]
    chosen = ["--utc", "--format", "json", "--columns", ",".join(case.columns)]
    rows: list[dict[str, Any]] = done(run(name, *words(case.forms[0], stage, state), *chosen)).json()
    assert rows, "nothing is shown"
    return rows


def done(ran: Ran) -> Ran:
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    return ran


def as_text(value: Any) -> str:
    """A value of JSON in a cell of csv."""
    if value is None or value == []:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


# -- the table


def test_each_command_has_a_case_and_each_case_a_command() -> None:
    assert sorted(CASES) == sorted(COMMANDS)


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_what_is_tested_elsewhere_is(name: str) -> None:
    file, _, function = ELSEWHERE[name].test.partition("::")
    functions = {node.name for node in ast.parse((ROOT / file).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert function in functions


# -- commands that show something


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("name", "state"), ON_STATES)
def test_every_format_says_the_same(name: str, state: str, format: str, stage: Stage) -> None:
    case, rows = SEEN[name], rows_of(name, stage, state)
    ran = done(run("--format", format, "--utc", name, *words(case.forms[0], stage, state)))
    READERS[format](ran, case.columns, rows)


def read_separated(delimiter: str) -> Any:
    def read(ran: Ran, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
        header, *found = csv.reader(io.StringIO(ran.stdout), delimiter=delimiter)
        assert tuple(header) == columns
        assert found == [[as_text(row[name]) for name in columns] for row in rows]

    return read


def read_json(ran: Ran, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    read_objects(ran.json(), columns, rows)


def read_jsonl(ran: Ran, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    read_objects([json.loads(line) for line in ran.lines], columns, rows)


def read_objects(found: list[dict[str, Any]], columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """A row is an object; an event is one with its attributes where SWF has them."""
    if "attributes" in columns:
        for event, row in zip(found, rows, strict=True):
            kind = row["eventType"]
            member = f"{kind[0].lower()}{kind[1:]}EventAttributes"
            assert event == {**{name: row[name] for name in columns[:3]}, member: row["attributes"]}
    else:
        assert found == rows
        assert {tuple(row) for row in found} == {columns}


def read_human(ran: Ran, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    blocks = ran.stdout.rstrip("\n").split("\n\n")
    width = max(map(len, columns))
    assert [[line[:width].rstrip() for line in block.splitlines()] for block in blocks] == [list(columns)] * len(rows)


def read_tabular(ran: Ran, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    assert len(ran.lines) == len(rows)
    first = next(name for name in columns if isinstance(rows[0][name], str))
    assert all(row[first] in line for line, row in zip(ran.lines, rows, strict=True))


READERS: dict[str, Any] = {
    "csv": read_separated(","),
    "tsv": read_separated("\t"),
    "json": read_json,
    "prettyjson": read_json,
    "jsonl": read_jsonl,
    "human": read_human,
    "tabular": read_tabular,
}


@pytest.mark.parametrize(("name", "state"), ON_STATES)
def test_every_form_says_the_same(name: str, state: str, stage: Stage) -> None:
    first, *others = (
        done(run(name, *words(form, stage, state), "--format", "jsonl")).stdout for form in SEEN[name].forms
    )
    assert others == [first] * len(others)


@pytest.mark.parametrize("name", sorted(SEEN))
def test_the_domain_may_come_from_the_environment(name: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    form = SEEN[name].forms[0]
    expected = done(run(name, *words(form, stage, "open"))).stdout
    monkeypatch.setenv("SWF_DOMAIN", DOMAIN)
    without = form.replace("--domain {domain}", "").replace("{domain}", "")
    assert done(run(name, *words(without, stage, "open"))).stdout == expected


@pytest.mark.parametrize("name", sorted(SEEN))
def test_the_header_of_a_table_is_there_on_request(name: str, stage: Stage) -> None:
    case = SEEN[name]
    for options in (("--header", name), (name, "--header")):
        ran = done(run(*options, *words(case.forms[0], stage, "open")))
        assert all(column in ran.lines[0] for column in case.columns)
        assert len(ran.lines) > 1


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", sorted(SEEN))
def test_what_is_unknown_is_told_in_a_line(name: str, format: str, stage: Stage) -> None:
    for form in SEEN[name].forms:
        unknown = [words(form, stage, "open", domain="Nowhere")]
        if "{id}" in form and "--workflow-id" not in form:
            unknown.append(words(form, stage, "nobody"))
        if "{run}" in form:
            unknown.append(words(form, stage, "open", run_id="no-such-run"))
        for arguments in unknown:
            ran = run("--format", format, name, *arguments)
            assert (ran.code, ran.stdout) == (Exit.NOT_FOUND, ""), arguments
            assert ran.stderr.startswith("Error: there is no ") and ran.stderr.count("\n") == 1
            assert "`simpleflow " in ran.stderr


@pytest.mark.parametrize("name", sorted(SEEN))
def test_wrong_usage_is_told_with_what_is_expected(name: str, stage: Stage) -> None:
    for arguments in (["a", "b", "c", "d", "e"], ["--domain", DOMAIN, "a", "b", "c", "d"], []):
        ran = run(name, *arguments)
        assert (ran.code, ran.stdout) == (Exit.USAGE, "")
        assert "expected " in ran.stderr or "the domain is missing" in ran.stderr


@pytest.mark.parametrize("name", sorted(SEEN))
def test_help_tells_what_to_write(name: str) -> None:
    ran = done(run(name, "--help"))
    (example,) = [line.strip() for line in ran.lines if "Example:" in line]
    assert example.startswith("Example: simpleflow ") and f" {name} " in example


LINES = re.findall(r"^   \$ (.*simpleflow .*)$", (ROOT / "docs" / "commands.rst").read_text(), re.MULTILINE)
DOCUMENTED = [line for line in LINES if set(line.split()) & SEEN.keys()]


@pytest.mark.parametrize("line", DOCUMENTED)
def test_documented_lines_do_what_they_shall(line: str, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, _, command = line.partition("simpleflow ")
    for name, value in (variable.split("=") for variable in variables.split()):
        monkeypatch.setenv(name, value)
    command = command.partition(" > ")[0].replace("basic-example-1438722273", "completed")
    assert done(run(*command.split())).lines


def test_a_listing_of_several_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    for number in range(1100):
        stage.start(f"many-{number}", input="[]")
    stage.client.calls.clear()
    lines = done(run("--format", "csv", "workflow.list", DOMAIN)).lines
    assert [line.split(",")[0] for line in lines[1:1101]] == [f"many-{number}" for number in reversed(range(1100))]
    assert len(stage.client.requests("ListOpenWorkflowExecutions")) == 2
    # no further page is asked for when enough is shown
    done(run("--format", "csv", "workflow.filter", DOMAIN, "--limit", "1000", "--columns", "workflow-id"))
    assert len(stage.client.requests("ListOpenWorkflowExecutions")) == 3


# -- commands that change something


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", sorted(DONE))
def test_a_command_that_changes_something(name: str, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case, stage = DONE[name], stages.use(monkeypatch, Stage())
    ran = run(name, *words(case.words, stage, state))
    assert ran.code == case.codes.get(state, case.code), ran.stderr


@pytest.mark.parametrize("name", sorted(DONE))
def test_nothing_is_changed_where_nothing_is(name: str, stage: Stage) -> None:
    for arguments in (words(DONE[name].words, stage, "nobody"), words(DONE[name].words, stage, "open", domain="No")):
        ran = run(name, *arguments)
        assert ran.code == Exit.NOT_FOUND
        assert ran.stderr.startswith("Error: ") and ran.stderr.count("\n") == 1
