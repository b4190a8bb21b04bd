"""The workflows that are run end to end. This file runs under simpleflow and under the existing package alike."""

from __future__ import annotations

from simpleflow import Workflow, activity, futures


@activity.with_attributes(version="1", task_list="work")
def step(x: int) -> int:
    return x + 1


class Chain(Workflow):
    """n steps, each with the result of the one before."""

    name = "flows.Chain"
    version = "1"
    task_list = "decisions"

    def run(self, n: int) -> int:
        x = 0
        for _ in range(n):
            x = self.submit(step, x).result
        return x


class FanOut(Workflow):
    """n steps beside each other."""

    name = "flows.FanOut"
    version = "1"
    task_list = "decisions"

    def run(self, n: int) -> int:
        return sum(futures.wait(*self.map(step, range(n))))


SHAPES = {"chain": Chain, "fan-out": FanOut}
