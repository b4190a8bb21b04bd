"""The command ``simpleflow`` in processes that end themselves, as kill -9 does, at the points in POINTS.

It is started in place of the command, with CHAOS_DIR and CHAOS_SEED in the environment. In that directory the file
``strikes`` says after how many passes a process ends at a point, and how often that is to happen in all; ``kills`` has
a line for each time that it did, and ``notes`` one for each task that was handed out and each answer that SWF took.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simpleflow.process import supervisor
from simpleflow.service.durable import Durable
from simpleflow.swf import client, decider
from simpleflow.swf.client import Client

CALLED = "call to commit"
COMMITTED = "commit to answer"
POLLED = "answer to work"
WORKED = "work to response"
HEARTBEAT = "heartbeat"
POINTS = (CALLED, COMMITTED, POLLED, WORKED, HEARTBEAT)

_POLLS = {"PollForDecisionTask", "PollForActivityTask"}
_NOTED = {
    "RespondDecisionTaskCompleted": "decided",
    "RespondActivityTaskCompleted": "worked",
    "RespondActivityTaskFailed": "failed",
}


@dataclass(frozen=True)
class Strikes:
    """At one point: ``count`` kills, each at a pass between the first and the ``latest``-th."""

    count: int
    latest: int

    @staticmethod
    def write(directory: Path, strikes: dict[str, Strikes]) -> None:
        text = json.dumps({point: asdict(strike) for point, strike in strikes.items()})
        (directory / "strikes").write_text(text)


def kills(directory: Path) -> list[str]:
    """The points at which processes have ended themselves."""
    path = directory / "kills"
    return path.read_text().splitlines() if path.exists() else []


class Chaos:
    """What this process and its forks do."""

    def __init__(self, directory: Path, seed: str) -> None:
        given = json.loads((directory / "strikes").read_text())
        self._strikes = {point: Strikes(**strike) for point, strike in given.items()}
        self._directory = directory
        self._seed = seed
        self._left: dict[tuple[int, str], int] = {}
        self._tasks: dict[str, tuple[str, int]] = {}

    def pass_by(self, point: str) -> None:
        """Once in a while this is the end."""
        key = (os.getpid(), point)
        if key not in self._left:
            chance = random.Random(f"{self._seed} {point} {os.getpid()}")
            self._left[key] = chance.randint(1, self._strikes[point].latest)
        self._left[key] -= 1
        if self._left[key] == 0 and self._may_die(point):
            os.kill(os.getpid(), signal.SIGKILL)

    def _may_die(self, point: str) -> bool:
        with (self._directory / "kills").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if file.read().splitlines().count(point) >= self._strikes[point].count:
                return False
            file.write(f"{point}\n")
            return True

    # -- what clients are told

    def call(self, ask: Callable[..., Any], client: Client, operation: str, request: dict[str, Any]) -> Any:
        """In place of ``Client.call``."""
        if operation.startswith("Respond"):
            self.pass_by(WORKED)
        elif operation == "RecordActivityTaskHeartbeat":
            self.pass_by(HEARTBEAT)
        answer = ask(client, operation, request)
        if operation in _POLLS and "taskToken" in answer and "nextPageToken" not in request:
            task = (answer["workflowExecution"]["runId"], answer["startedEventId"])
            self._tasks[answer["taskToken"]] = task
            self._note("handed", *task)
            self.pass_by(POLLED)
        elif operation in _NOTED:
            self._note(_NOTED[operation], *self._tasks.pop(request["taskToken"]))
        return answer

    def _note(self, *what: Any) -> None:
        with (self._directory / "notes").open("a") as file:
            file.write(json.dumps(what) + "\n")

    def install(self) -> None:
        call, flush = Client.call, Durable.flush

        def flush_and_pass_by(durable: Durable, now_ms: int) -> None:
            pending = durable.pending
            if pending:
                self.pass_by(CALLED)
            flush(durable, now_ms)
            if pending:
                self.pass_by(COMMITTED)

        def call_and_note(client: Client, operation: str, request: dict[str, Any]) -> Any:
            return self.call(call, client, operation, request)

        Durable.flush = flush_and_pass_by  # type: ignore[method-assign]
        Client.call = call_and_note  # type: ignore[method-assign]
        # nobody waits for long
        supervisor.FIRST_WAIT = supervisor.LONGEST_WAIT = 0.1
        client._LONGEST_WAIT = 0.5
        decider.AFFINITY_SECONDS = 2


def main() -> None:
    Chaos(Path(os.environ["CHAOS_DIR"]), os.environ["CHAOS_SEED"]).install()
    from simpleflow.cli.main import main as command

    command()


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    main()
