"""Every example gives in a simulated cluster, where things go wrong, what its command gives."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.examples import COMMANDS, ROOT, commands_of, expected

from simpleflow.step import tasks as step
from simpleflow.testing import Cluster, prove

CASES = [pytest.param(example, number, id=f"{example}-{number + 1}") for example, number in COMMANDS]
SEEDS = range(12)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def prepare(cluster: Cluster) -> None:
    """Nothing sleeps, no program is fetched, and the steps that are done stand in a set of this cluster."""
    basic = importlib.import_module("examples.basic")
    cluster.replace(basic.delay, lambda seconds, x: x)
    one, two = (importlib.import_module(f"examples.download{number}") for number in (1, 2))
    for greet, words in ((one.greet, "hello"), (two.greet, "hello"), (two.greet_again, "welcome back")):
        cluster.replace(greet, lambda name, words=words: f"{words}, {name}")
    done: set[str] = set()
    cluster.replace(step.get_steps_done, lambda bucket, path: sorted(done))
    cluster.replace(step.mark_step_done, lambda bucket, path, name: done.add(name))


@pytest.mark.parametrize(("example", "number"), CASES)
def test_example(example: str, number: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "simpleflow").symlink_to(ROOT / "simpleflow" / "testing")  # a few files to count are enough
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://objects")
    options = commands_of(example)[number]
    path = next(option for option in options if option.startswith("examples.") and option.split(".")[2][0].isupper())
    module, _, name = path.rpartition(".")
    arguments = json.loads(options[options.index("--input") + 1]) if "--input" in options else []
    tags = options[options.index("--tags") + 1].split(",") if "--tags" in options else ()
    workflow = getattr(importlib.import_module(module), name)

    end = prove(workflow, arguments, seeds=SEEDS, prepare=prepare, tags=tags)

    told = expected(example, number, tmp_path)
    assert (end.status, told.error in (end.reason or "")) == ("FAILED" if told.error else "COMPLETED", True)
    if not told.error:
        assert end.value == told.result
