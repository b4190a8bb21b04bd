"""A short run of ``chaos.py``; SIMPLEFLOW_TEST_SEED in the environment makes it another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from chaos import VICTIMS, Plan, run
from support.chaos_command import POINTS

SEED = int(os.environ.get("SIMPLEFLOW_TEST_SEED", "1"))


@pytest.mark.timeout(200)
def test_executions_complete_with_the_right_results_while_processes_are_killed(tmp_path: Path) -> None:
    figures = run(Plan(SEED, executions=10, kills=20, limit=150), tmp_path)
    assert set(figures.kills) == {*POINTS, *VICTIMS}
    print(figures)
