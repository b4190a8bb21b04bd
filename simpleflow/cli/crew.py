"""The processes that ``standalone`` starts for itself, and the signals that stop them."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..process.nursery import Plan
from ..process.signals import STOPPING, Arrivals, stop_on_signals
from ..process.supervisor import Forks, Supervisor
from ..process.trees import kill_tree
from ..replay.repair import Repairing
from ..swf.client import Client
from ..swf.repair import Repairer
from ..workflow import Workflow
from .decider import DeciderOptions, decide
from .screen import Relay
from .worker import WorkerOptions, serve

#: Seconds for processes that have nothing to do any more.
GRACE_SECONDS = 0.6
#: Seconds for activities that run when the user stops, and for what they do about being ended.
PATIENCE_SECONDS = 10.0
ENDING_SECONDS = 8.0

_LOOK_SECONDS = 0.01


class Stop:
    """Signals that ask to stop from now on; without a thread, since processes are to be forked. For the main thread."""

    def __init__(self) -> None:
        self._arrivals = Arrivals(STOPPING)

    def wait(self, seconds: float) -> bool:
        """Whether a signal comes within so many seconds, or has come since the last wait."""
        ready, _, _ = select.select([self._arrivals], [], [], max(0.0, seconds))
        return bool(ready) and bool(self._arrivals.take() & set(STOPPING))


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is in a crew."""

    workflow: type[Workflow]
    domain: str
    deciders: int
    workers: int
    heartbeat: int
    plan: Plan


class Crew:
    """Deciders and workers, each kept by a supervisor."""

    def __init__(self, roles: Roles, relay: Relay) -> None:
        self._roles = roles
        self._relay = relay
        self._forks = Forks()
        self._pids: list[int] = []

    def start(self, task_list: str, repairing: Repairing | None = None) -> None:
        roles = self._roles
        deciding = DeciderOptions(roles.domain, task_list, (roles.workflow,), override=task_list)
        working = WorkerOptions(
            domain=roles.domain,
            task_list=task_list,
            nb_processes=roles.workers,
            heartbeat=roles.heartbeat,
            plan=roles.plan,
            patience=PATIENCE_SECONDS,
        )
        # a list of tasks that is nobody else's: so the lists of the deciders may be those that they had before a stop
        self._supervise(
            "Decider", roles.deciders, lambda number: decide(replace(deciding, own_list=f"{task_list}-{number}"))
        )
        self._supervise("Worker", 1, lambda number: serve(working))
        if repairing is not None:
            self._supervise("Repairer", 1, lambda number: _repair(roles.domain, repairing.task_list))

    def _supervise(self, name: str, count: int, target: Callable[[int], int]) -> None:
        def supervise() -> int:
            os.setpgrp()  # Ctrl-C in a terminal is for standalone, which stops its crew
            self._relay.enter()
            forks = Forks()
            return Supervisor(lambda number: forks.start(lambda: target(number)), count, name).run()

        self._pids.append(self._forks.start(supervise).pid)

    def stop(self, patience: float, stop: Stop) -> None:
        """Let them finish what they do, for so many seconds or until the next signal."""
        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + patience
        while self._pids and time.monotonic() < limit and not stop.wait(_LOOK_SECONDS):
            self._pids = [pid for pid in self._pids if os.waitpid(pid, os.WNOHANG)[0] == 0]
        for pid in self._pids:
            kill_tree(pid)
            os.waitpid(pid, 0)
        self._pids = []


def _repair(domain: str, task_list: str) -> int:
    stop, client = stop_on_signals(), Client()
    polling = client.another()
    repairer = Repairer(client, domain, task_list, polling=polling)
    answering = threading.Thread(target=repairer.run, args=(stop,), daemon=True)
    answering.start()
    stop.wait()
    if not client.is_amazon:  # which gives a task to a poll whose client has gone
        polling.hang_up()
    answering.join()
    return 0
