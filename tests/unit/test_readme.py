"""README.rst's quick-start is the example, and does what it says."""

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import docutils.core
import docutils.nodes
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.rst").read_text()
EXAMPLE = ROOT / "examples" / "basic.py"


def python_blocks() -> list[str]:
    # docutils with its warnings as errors, so the README is valid as well
    document = docutils.core.publish_doctree(README, settings_overrides={"report_level": 2, "halt_level": 2})
    return [node.astext() for node in document.findall(docutils.nodes.literal_block) if "python" in node["classes"]]


def definitions(source: str) -> list[str]:
    """Everything but docstrings and comments, in one layout, imported names in one order."""
    tree = ast.parse(source)
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    for statement in body:
        if isinstance(statement, ast.ImportFrom):
            statement.names.sort(key=lambda alias: alias.name)
    return [ast.unparse(statement) for statement in body]


def commands() -> list[tuple[str, list[str]]]:
    """Each ``$ command`` with the lines shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"::\n\n((?:    .*\n)+)", README):
        for line in textwrap.dedent(block).splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found:
                found[-1][1].append(line)
    return found


def test_the_blocks_of_the_quick_start_are_the_example() -> None:
    activities, workflow, _ = python_blocks()
    shown = definitions(f"{activities}\n\n{workflow}")
    assert len(shown) == 6
    assert shown == definitions(EXAMPLE.read_text())


def test_the_test_of_the_quick_start_passes(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    exec(python_blocks()[2], namespace)
    namespace["test_basic"]()
    assert capsys.readouterr().out == "(1 + 1) * 2 = 4\n"


def test_the_quick_start_does_what_it_shows(tmp_path: Path) -> None:
    # the activity of the example sleeps; here it only says so
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, time\ntime.sleep = lambda seconds: print('slept', seconds, file=sys.stderr)\n"
    )
    (command, shown), *_ = [(c, s) for c, s in commands() if c.startswith("simpleflow workflow.start --local")]
    arguments = re.findall(r"'([^']*)'|(\S+)", command.removeprefix("simpleflow "))
    result = subprocess.run(
        [Path(sys.executable).with_name("simpleflow"), *(quoted or plain for quoted, plain in arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == shown == ["(1 + 1) * 2 = 4", "4"]
    assert "slept 5" in result.stderr


def test_the_environment_of_the_tests_is_described() -> None:
    exported = set(re.findall(r"^export (S\w+)=", (ROOT / "script" / "test").read_text(), re.MULTILINE))
    assert len(exported) == 4
    assert [name for name in sorted(exported) if f"``{name}`` is" not in README] == []
