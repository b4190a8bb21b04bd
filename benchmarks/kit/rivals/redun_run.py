"""redun on SQLite, with its own executor of threads."""

from __future__ import annotations

import logging
import sys

from clocked import clocked
from redun import Scheduler, task
from redun.config import Config

redun_namespace = "benchmark"


@task(version="1")
def step(x: int) -> int:
    return x + 1


@task(version="1")
def total(xs: list[int]) -> int:
    return sum(xs)


@task(version="1", cache=False)
def chain(n: int) -> int:
    x = -1_000_000  # results of the fan-out are not to be found again
    for _ in range(n):
        x = step(x)
    return x


@task(version="1", cache=False)
def fan_out(n: int) -> int:
    return total([step(i) for i in range(n)])


def main(folder: str, chained: int, fanned: int) -> None:
    logging.disable()
    sys.setrecursionlimit(100_000)  # it walks along the chain
    scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{folder}/redun.sqlite"}}))
    scheduler.load()
    clocked("chain", lambda: scheduler.run(chain(chained)) + 1_000_000)
    clocked("fan-out", lambda: scheduler.run(fan_out(fanned)))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
