"""DBOS on SQLite. Steps within a workflow, the fan-out with asyncio: of its ways to fan out that is the fastest."""

from __future__ import annotations

import asyncio
import os
import sys

from clocked import clocked
from dbos import DBOS


@DBOS.step()
def step(x: int) -> int:
    return x + 1


@DBOS.step()
async def step_beside(x: int) -> int:
    return x + 1


@DBOS.workflow()
def chain(n: int) -> int:
    x = 0
    for _ in range(n):
        x = step(x)
    return x


@DBOS.workflow()
async def fan_out(n: int) -> int:
    return sum(await asyncio.gather(*(step_beside(i) for i in range(n))))


def main(folder: str, chained: int, fanned: int) -> None:
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )
    DBOS.launch()
    chain(5)
    clocked("chain", lambda: chain(chained))
    clocked("fan-out", lambda: asyncio.run(fan_out(fanned)))
    os._exit(0)  # its threads take seconds to end


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
