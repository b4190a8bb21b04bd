from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from simpleflow import Workflow, registry
from simpleflow.exceptions import NotFound
from simpleflow.swf.find import Workflows
from simpleflow.swf.identity import swf_identity


class Known(Workflow):
    name = "known"
    version = "1"


def test_the_identity_tells_who_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLEFLOW_IDENTITY", raising=False)
    who = json.loads(swf_identity())
    assert set(who) == {"user", "hostname", "pid", "exe"}
    assert who["pid"] == os.getpid()


def test_a_map_adds_replaces_and_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", '{"version": "abc", "hostname": "h", "exe": null}')
    who = json.loads(swf_identity())
    assert (who["version"], who["hostname"]) == ("abc", "h")
    assert "exe" not in who


def test_the_map_may_stand_in_the_settings_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SIMPLEFLOW_IDENTITY", raising=False)
    (tmp_path / "identity_settings.py").write_text('SIMPLEFLOW_IDENTITY = \'{"version": "abc"}\'\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SIMPLEFLOW_SETTINGS_MODULE", "identity_settings")
    assert json.loads(swf_identity())["version"] == "abc"


@pytest.mark.parametrize("text", ["{", "[1]", "1"])
def test_what_is_not_a_map_is_ignored(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", text)
    assert "pid" in json.loads(swf_identity())


def test_an_identity_that_is_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_IDENTITY", json.dumps({"long": "x" * 500}))
    assert len(swf_identity()) == 256
    assert swf_identity().endswith(" ...")


def test_a_class_is_found_by_type_by_path_and_by_the_input() -> None:
    path = registry.full_name(Known)
    workflows = Workflows([Known])
    assert workflows.find("known", "") is Known
    assert workflows.find("other", json.dumps({"__extra": {"class": path}})) is Known
    assert Workflows().find(path, "{}") is Known
    assert Workflows().find("examples.basic.BasicWorkflow", "").__name__ == "BasicWorkflow"


@pytest.mark.parametrize("path", ["nodots", "no.such.module.X", "os.path.join", "examples.basic.increment"])
def test_anything_else_is_not_a_workflow(path: str) -> None:
    with pytest.raises(NotFound, match=path):
        Workflows().find(path, "")
