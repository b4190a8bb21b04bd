"""The workflows that are measured. This file runs under simpleflow and under the existing package alike."""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Group

MAX_PARALLEL = 100


@activity.with_attributes(name="benchmark.step", version="1", task_list="work")
def step(x: int) -> int:
    return x + 1


class Chain(Workflow):
    """n steps, each with the result of the one before."""

    name = "benchmark.chain"
    version = "1"
    task_list = "decisions"

    def run(self, n: int) -> int:
        x = 0
        for _ in range(n):
            x = self.submit(step, x).result
        return x


class FanOut(Workflow):
    """n steps beside each other."""

    name = "benchmark.fan_out"
    version = "1"
    task_list = "decisions"

    def run(self, n: int) -> int:
        return sum(futures.wait(*self.map(step, range(n))))


class Parallel(Workflow):
    """n steps, so many of them at a time."""

    name = "benchmark.parallel"
    version = "1"
    task_list = "decisions"

    def run(self, n: int) -> int:
        group: Any = self.submit(Group(*((step, i) for i in range(n)), max_parallel=MAX_PARALLEL))
        return sum(group.result)


WORKFLOWS: dict[str, Any] = {"chain": Chain, "fan-out": FanOut, "max_parallel": Parallel}
