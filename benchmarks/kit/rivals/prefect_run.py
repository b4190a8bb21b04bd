"""Prefect with a server that it starts itself, on SQLite; tasks in its threads."""

from __future__ import annotations

import os
import sys

from clocked import clocked

os.environ.update(
    PREFECT_HOME=sys.argv[1],
    PREFECT_LOGGING_LEVEL="CRITICAL",
    PREFECT_LOGGING_TO_API_ENABLED="false",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
    PREFECT_SERVER_DATABASE_TIMEOUT="60",
    PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT="60",
    DO_NOT_TRACK="1",
)

from prefect import flow, task


@task
def step(x: int) -> int:
    return x + 1


@flow
def chain(n: int) -> int:
    x = 0
    for _ in range(n):
        x = step(x)
    return x


@flow
def fan_out(n: int) -> int:
    return sum(step.map(range(n)).result())


def main(chained: int, fanned: int) -> None:
    chain(5)  # starts the server
    clocked("chain", lambda: chain(chained))
    clocked("fan-out", lambda: fan_out(fanned))
    os._exit(0)  # the end of its server is not our subject


main(int(sys.argv[2]), int(sys.argv[3]))
