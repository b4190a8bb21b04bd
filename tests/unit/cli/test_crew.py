"""The processes that standalone starts for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simpleflow.cli import crew
from simpleflow.process.nursery import Plan
from simpleflow.workflow import Workflow


def test_deciders_have_the_lists_of_those_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """So what a stopped execution has waiting there is decided at once when it is resumed."""
    targets: dict[str, Callable[[int], int]] = {}
    decided: list[Any] = []
    monkeypatch.setattr(crew, "decide", decided.append)
    monkeypatch.setattr(crew.Crew, "_supervise", lambda self, name, count, target: targets.setdefault(name, target))
    relay: Any = None
    for _ in range(2):
        crew.Crew(crew.Roles(Workflow, "d", 2, 1, 60, Plan()), relay).start("list")
        targets["Decider"](0)
        targets["Decider"](1)
    assert [options.own_list for options in decided] == ["list-0", "list-1"] * 2
    assert {options.task_list for options in decided} == {"list"}
