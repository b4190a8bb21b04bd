"""The engine over the service core, for every order in which things can happen, live and fresh."""

from __future__ import annotations

import json

from support.driver import ActivityTask, Completed, Outcome, World
from support.schedules import every

from simpleflow import Workflow, activity


@activity.with_attributes(name="scenario.a")
def a(x):
    return x


@activity.with_attributes(name="scenario.b")
def b(x):
    return x


FUNCTIONS = {"scenario.a": lambda x: x + 1, "scenario.b": lambda x: x * 2}


def work(task: ActivityTask) -> Outcome:
    return Completed(json.dumps(FUNCTIONS[task.type](*task.args)))


class Dependencies(Workflow):
    name, version, task_list = "dependencies", "1", "decisions"

    def run(self):
        y = self.submit(a, 10)
        z = self.submit(b, y)
        w = self.submit(b, 5)
        return [y.result, z.result, w.result]


def test_numbers_do_not_depend_on_readiness():
    def play(schedule):
        world = World(Dependencies, work=work, schedule=schedule, activities=(a, b))
        assert world.run(Dependencies) == [11, 22, 10]
        scheduled = dict(world.scheduled())
        assert len(world.scheduled()) == 3
        assert scheduled == {
            "activity-scenario.a-1": [10],
            "activity-scenario.b-1": [11],
            "activity-scenario.b-2": [5],
        }
        return tuple(world.trace)

    traces = list(every(play))
    print(len(traces))
    assert len(traces) == len(set(traces)) > 20
