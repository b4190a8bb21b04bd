"""``workflow.graph``: the tasks of an execution and what they follow, as a listing and as pictures."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, Stage, decision, schedule

from simpleflow import Workflow, activity
from simpleflow.cli.drawing import Box, dot, mermaid, titles
from simpleflow.cli.exits import Exit

INCREMENT = "activity-examples.basic.increment-{}"


@activity.with_attributes(name="examples.basic.increment", version="example")
def work(*args: Any, **kwargs: Any) -> Any: ...


class Flow(Workflow):
    """Two activities beside each other, and a third that takes the first's result; it is given as the second's."""

    name, version, task_list = "examples.basic", "example", "x"

    def run(self, *args: Any, **kwargs: Any) -> Any:
        first = self.submit(work, *args, **kwargs)
        self.submit(work, *args, **kwargs)
        self.submit(self.record_marker("m", first))
        self.submit(self.record_marker("m"))
        return self.submit(self.wait_signal("go")).result


FLOW = f"{__name__}.Flow"


@pytest.fixture(scope="module")
def shared() -> Stage:
    stage = Stage()
    stage.start("flow")
    stage.decide("flow", schedule(1, "flow"), schedule(2, "flow"), decision("RecordMarker", markerName="m"))
    stage.work("flow", result='"é"')
    stage.decide("flow", decision("RecordMarker", markerName="m", details='"é"'))
    return stage


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.use(monkeypatch, shared)


def listed(*words: str) -> list[tuple[str, str, list[str], str]]:
    ran = run("workflow.graph", *words, "--format", "json")
    assert (ran.code, ran.stderr) == (Exit.DONE, "")
    return [(row["Task"], row["State"], row["After"], row["Known By"]) for row in ran.json()]


def test_a_replay_tells_which_future_feeds_which_task(stage: Stage) -> None:
    assert listed(DOMAIN, "flow", "--workflow", FLOW) == [
        (INCREMENT.format(1), "completed", [], "replay"),
        (INCREMENT.format(2), "scheduled", [], "replay"),
        ("m #1", "recorded", [INCREMENT.format(1)], "replay"),
        ("m #2", "recorded", [], "replay"),
        ("go", "waiting", [], "replay"),
    ]


def test_the_order_of_the_history_tells_where_the_code_is_not_at_hand(stage: Stage) -> None:
    assert listed(DOMAIN, "flow") == [
        (INCREMENT.format(1), "completed", [], "order"),
        (INCREMENT.format(2), "scheduled", [], "order"),
        ("m #1", "recorded", [], "order"),
        ("m #2", "recorded", [INCREMENT.format(1)], "order"),
    ]


def test_code_that_does_not_fit_is_as_good_as_none(stage: Stage) -> None:
    assert {row[-1] for row in listed(DOMAIN, "completed", "--workflow", FLOW)} == {"order"}


def test_a_graph_for_graphviz(stage: Stage) -> None:
    lines = run("workflow.graph", DOMAIN, "flow", "--workflow", FLOW, "--output-format", "dot").lines
    assert lines[0].startswith("// flow ") and lines[0].endswith("known by a replay of its code")
    assert (lines[1], lines[-1]) == ("digraph workflow {", "}")
    assert f'    t1 [label="{INCREMENT.format(1)}\\ncompleted", fillcolor="#d9f2d9", color="#2e7d32"];' in lines
    assert [line.strip() for line in lines if "->" in line] == ["t1 -> t3;"]


def test_a_graph_for_mermaid(stage: Stage) -> None:
    lines = run("workflow.graph", DOMAIN, "flow", "--output-format", "mermaid").lines
    assert "the order of its history, since the code cannot be replayed: " in lines[0]
    assert lines[1] == "flowchart LR"
    assert f'    t1["{INCREMENT.format(1)}<br/>completed"]:::completed' in lines
    assert [line.strip() for line in lines if "-->" in line] == ["t1 --> t4"]
    classes = {line.split()[1] for line in lines if "classDef" in line}
    assert classes == set(re.findall(r":::(\w+)", "\n".join(lines)))


def test_titles_cannot_break_out_of_a_drawing() -> None:
    box = Box('a"b<c>\n#d\\', "waiting", ())
    assert '    t1 [label="a\\"b<c> #d\\\\\\nwaiting", fillcolor="#f2f2f2", color="#666666"];' in list(dot("t", [box]))
    assert '    t1["a#quot;b#lt;c#gt; #35;d\\<br/>waiting"]:::waiting' in list(mermaid("t\n%", [box]))
    assert next(iter(mermaid("t\n%", [box]))) == "%% t %"


def test_mermaid_obeys_no_title() -> None:
    directive = '%%{init: {"theme": "dark"}}%%'
    assert "%%{" not in "\n".join(mermaid(directive, [Box(directive, "waiting", ())]))


def test_only_titles_that_are_there_twice_are_numbered() -> None:
    assert titles(["a", "b", "a"]) == ["a #1", "b", "a #2"]


def test_a_workflow_that_is_not_there(stage: Stage) -> None:
    ran = run("workflow.graph", DOMAIN, "flow", "--workflow", "no.such.Flow")
    assert (ran.code, ran.stdout) == (Exit.USAGE, "")
    assert ran.stderr.startswith("Error: --workflow: unable to import 'no.such.Flow'")
