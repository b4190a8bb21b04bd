"""``extras/demo``: the whole tour, unattended, from a fresh clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands in for uv: the programs of the environment are those of the one that runs the tests, on the code of the clone.
UV = """\
#!/usr/bin/env bash
[ "$1" = venv ] || exit 0
mkdir -p .venv/bin
printf '#!/bin/sh\\nexec "%s" "$@"\\n' "$REAL_PYTHON" > .venv/bin/python
printf '#!/bin/sh\\nexec "%s" -m simpleflow "$@"\\n' "$REAL_PYTHON" > .venv/bin/simpleflow
chmod +x .venv/bin/*
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What git would bring, as far as the demo needs it."""
    path = tmp_path / "a clone"
    for name in ("simpleflow", "examples", "extras", "script"):
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, path / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text(UV)
    (tmp_path / "bin" / "uv").chmod(0o755)
    return path


def play(clone: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """The demo, as somebody starts it whose shell is set up for other things."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIMPLEFLOW_"))},
        "PATH": f"{clone.parent / 'bin'}:{os.environ['PATH']}",
        "REAL_PYTHON": sys.executable,
        "TMPDIR": str(clone.parent),
        "AWS_PROFILE": "none such",
        "SWF_DOMAIN": "Production",
        "SIMPLEFLOW_FORMAT": "json",
        **variables,
    }
    command = [clone / "extras" / "demo"]
    return subprocess.run(
        command, cwd="/", env=environment, capture_output=True, text=True, timeout=110, stdin=subprocess.DEVNULL
    )


def test_the_tour_plays_by_itself_and_leaves_nothing(clone: Path) -> None:
    played = play(clone)
    assert played.returncode == 0, played.stderr + played.stdout[-2000:]
    shown = played.stdout
    commands = re.findall(r"^\$ simpleflow (?:-\S+ (?:human |csv |jsonl )?)*(\S+)", shown, re.MULTILINE)
    assert {"workflow.start", "service.start", "decider.start", "worker.start"} <= set(commands)
    assert {"workflow.tasks", "task.info", "workflow.list", "workflow.profile", "workflow.info"} <= set(commands)
    assert {"workflow.graph", "workflow.replay", "activity.rerun"} <= set(commands)
    assert "(1 + 1) * 2 = 4\n4\n" in shown
    assert re.search(r"^status +COMPLETED$", shown, re.MULTILINE)
    assert re.search(r"^\* examples\.basic\.delay-1 +░*█+ +\d", shown, re.MULTILINE)
    assert re.search(r"^basic  \d+  fits$", shown, re.MULTILINE)
    assert "Error" not in shown + played.stderr
    assert [path.name for path in clone.parent.iterdir() if path.name.startswith("tmp.")] == []
    assert not _processes_in(clone)


def test_a_command_that_fails_ends_the_tour(clone: Path) -> None:
    (clone / "examples" / "basic.py").write_text("raise SystemError('broken')\n")
    played = play(clone)
    assert played.returncode != 0
    assert "broken" in played.stderr
    assert not _processes_in(clone)


def _processes_in(clone: Path) -> list[str]:
    """Those whose working directory is the clone."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == clone:
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended, or is not ours
            continue
    return found
