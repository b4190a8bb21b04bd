"""docs/testing.rst: every example in it is a test that passes, and the fixtures are there for those who ask."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

import simpleflow.testing
from simpleflow.testing import Cluster, WorkflowEnvironment

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "testing.rst").read_text()

pytest_plugins = ["simpleflow.testing.plugin"]


def blocks() -> list[str]:
    document = docutils.core.publish_doctree(GUIDE, settings_overrides={"report_level": 2, "halt_level": 2})
    return [node.astext() for node in document.findall(docutils.nodes.literal_block) if "python" in node["classes"]]


def test_every_example_of_the_guide_passes(tmp_path: Path) -> None:
    (tmp_path / "test_guide.py").write_text("\n\n".join(blocks()))
    tests = len(re.findall(r"^ {4}def test_", GUIDE, re.MULTILINE))
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{tests + 9 + 19} passed" in result.stdout  # 10 seeds, and the 20 of the fixture


def test_the_guide_names_all_that_is_public() -> None:
    missing = [name for name in simpleflow.testing.__all__ if name not in GUIDE]
    assert missing == []


def test_nobody_gets_the_fixtures_without_asking() -> None:
    plugins = metadata.entry_points(group="pytest11")
    assert [plugin.value for plugin in plugins if plugin.value.startswith("simpleflow")] == []


def test_the_fixtures(workflow_environment: WorkflowEnvironment, request: pytest.FixtureRequest) -> None:
    assert isinstance(workflow_environment, WorkflowEnvironment)


seeds: set[int] = set()


def test_a_cluster_for_each_seed(workflow_cluster: Cluster) -> None:
    assert workflow_cluster.seed not in seeds
    seeds.add(workflow_cluster.seed)
