"""A workflow with a bit of everything, for runs in which processes are killed; ``expected`` says what comes out of it.

Each activity may be begun any number of times, since a worker may die at any moment. Its timeouts are short, so that
the next attempt does not have to wait for long.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

from simpleflow import Workflow, activity
from simpleflow.activity import RetryPolicy
from simpleflow.canvas import Chain, Group

TASK_LIST = "chaos"
SECONDS = 4
HEARTBEAT_SECONDS = 2

_PERSISTENT: dict[str, Any] = {
    "task_list": TASK_LIST,
    "version": "1",
    "retry": RetryPolicy(attempts=1000),
    "raises_on_failure": True,
    "start_to_close_timeout": SECONDS,
    "schedule_to_close_timeout": None,
    "schedule_to_start_timeout": None,
    "heartbeat_timeout": None,
}


@activity.with_attributes(**_PERSISTENT)
def add(x: int, y: int) -> int:
    return x + y


@activity.with_attributes(**_PERSISTENT)
def times(x: int, y: int) -> int:
    threading.Event().wait(0.02)
    return x * y


@activity.with_attributes(**{**_PERSISTENT, "heartbeat_timeout": HEARTBEAT_SECONDS})
def beat(n: int) -> int:
    """Alive, and says so."""
    for step in range(3):
        activity.heartbeat(step)
        threading.Event().wait(0.02)
    return n


@activity.with_attributes(**_PERSISTENT)
def fail_at_first(mark: str, how: str) -> str:
    """The first attempt leaves a mark and ends badly."""
    if Path(mark).exists():
        return how
    Path(mark).touch()
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError("the first attempt fails")


@activity.with_attributes(**{**_PERSISTENT, "retry": 1, "raises_on_failure": False})
def fail() -> None:
    raise ValueError("every attempt fails")


class ChaosChild(Workflow):
    """Tells its parent a number by a signal, and another one by its result."""

    name = "chaos_child"
    version = "1"
    task_list = TASK_LIST
    execution_timeout = 3600
    decision_tasks_timeout = 3

    def run(self, n: int) -> int:
        parent = self.get_run_context()["parent_workflow_id"]
        self.submit(self.signal("from the child", n, workflow_id=parent, propagate=False))
        result: int = self.submit(times, n, 3).result
        return result


class Chaos(Workflow):
    """``n`` gives the number of members, of steps, and of signals from outside; ``marks`` is a directory."""

    name = "chaos"
    version = "1"
    task_list = TASK_LIST
    execution_timeout = 3600
    decision_tasks_timeout = 3

    def run(self, n: int, marks: str) -> dict[str, Any]:
        chain = self.submit(Chain((add, n, 1), (times, 2), (add, 3), send_result=True))
        group = self.submit(Group(*((times, n, i) for i in range(members(n))), max_parallel=2))
        flaky = self.submit(fail_at_first, f"{marks}/{n}", how_it_fails(n))
        hopeless = self.submit(fail)
        alarm = self.submit(Chain(self.start_timer("pause", 1), (add, n, n)))
        child = self.submit(ChaosChild, n)
        told = self.submit(self.wait_signal("from the child"))
        alive = self.submit(beat, n)
        total = 0
        for i in range(steps(n)):
            total = self.submit(add, total, i).result
        return {
            "chain": chain.result,
            "group": group.result,
            "flaky": flaky.result,
            "hopeless": hopeless.result,
            "alarm": alarm.result[-1],
            "child": child.result,
            "told": told.result["args"],
            "alive": alive.result,
            "total": total,
            "signals": self.signals(signals(n)),
        }

    def signals(self, count: int) -> list[int]:
        """Those from outside, of which each comes at least once."""
        seen: set[int] = set()
        while len(seen) < count:
            seen.add(self.submit(self.next_signal("from outside")).result)
        return sorted(seen)


def members(n: int) -> int:
    return 2 + n % 4


def steps(n: int) -> int:
    return 1 + n % 3


def signals(n: int) -> int:
    return n % 3


def how_it_fails(n: int) -> str:
    return "die" if n % 5 == 0 else "raise"


def expected(n: int) -> dict[str, Any]:
    """What ``Chaos`` gives, in plain Python."""
    return {
        "chain": [n + 1, 2 * (n + 1), 2 * (n + 1) + 3],
        "group": [n * i for i in range(members(n))],
        "flaky": how_it_fails(n),
        "hopeless": None,
        "alarm": 2 * n,
        "child": 3 * n,
        "told": [n],
        "alive": n,
        "total": sum(range(steps(n))),
        "signals": list(range(signals(n))),
    }
