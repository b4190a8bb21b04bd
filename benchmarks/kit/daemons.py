"""The embedded service, a decider and a worker as processes, and executions on them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from simpleflow.swf.client import Client
from simpleflow.swf.executions import newest_run
from simpleflow.swf.start import Start, end_of, start
from simpleflow.swf.work import whole_history

DOMAIN = "benchmark"
KIT = Path(__file__).parent
sys.path.append(str(KIT))

import flows  # noqa: E402  (by the name by which the daemons find it)

_LOOK_SECONDS = 0.05
_READY_SECONDS = 60.0


def environment() -> dict[str, str]:
    """The variables of processes that find ``flows`` and need no keys."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(KIT.parents[1]), str(KIT))),
        "LOG_LEVEL": "ERROR",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
    }


@dataclass(frozen=True, slots=True)
class Execution:
    """``seconds`` from the first event to the last; ``cpu`` is what each daemon spent meanwhile, with its children."""

    events: list[dict[str, Any]]
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return float(self.events[-1]["eventTimestamp"] - self.events[0]["eventTimestamp"])


class Daemons:
    def __init__(self, url: str, processes: dict[str, subprocess.Popen[str]]) -> None:
        self._client = Client(endpoint_url=url)
        self._processes = processes
        self._pause = threading.Event()

    def run(self, shape: str, n: int, workflow_id: str) -> Execution:
        """One execution of ``flows``, from its start to its end."""
        before = self._cpu()
        workflow = flows.SHAPES[shape]
        key = start(self._client, Start(DOMAIN, workflow, workflow_id, [n], {}, "decisions"), since=None)
        while (ended := end_of(self._client, key)) is None:
            self._pause.wait(_LOOK_SECONDS)
        assert ended.status == "Completed", ended
        after = self._cpu()
        cpu = {name: after[name] - before[name] for name in before}
        return Execution(whole_history(self._client, key), cpu)

    def _cpu(self) -> dict[str, float]:
        return {name: _with_children(process.pid) for name, process in self._processes.items()}


def _with_children(pid: int) -> float:
    process = psutil.Process(pid)
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


@contextmanager
def daemons(folder: Path, deciders: int = 1, workers: int = 2) -> Iterator[Daemons]:
    """A database in ``folder``, written through to the disk; so many processes for decisions and for activities."""
    processes: dict[str, subprocess.Popen[str]] = {}
    variables = environment()
    try:
        processes["service"] = _started(variables, "service.start", "--db", str(folder / "swf.db"), "--port", "0")
        assert processes["service"].stdout is not None
        url = processes["service"].stdout.readline().strip().partition("=")[2]
        os.environ.update({name: variables[name] for name in variables if name.startswith("AWS_")})
        common = ("--domain", DOMAIN, "--endpoint-url", url)
        processes["decider"] = _started(
            variables, "decider.start", *common, "-N", str(deciders), "flows.Chain", "flows.FanOut"
        )
        processes["worker"] = _started(
            variables, "worker.start", *common, "-N", str(workers), "-t", "work", "--module", "flows"
        )
        ours = Daemons(url, processes)
        _wait_until_ready(Client(endpoint_url=url))
        ours.run("chain", 5, "warm")
        yield ours
    finally:
        for process in reversed(processes.values()):
            process.terminate()
            process.wait()


def _started(variables: dict[str, str], *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simpleflow", *command],
        env=variables,
        cwd=KIT,
        stdout=subprocess.PIPE if command[0] == "service.start" else subprocess.DEVNULL,
        text=True,
    )


def _wait_until_ready(client: Client) -> None:
    """The decider has registered its types."""
    pause = threading.Event()
    for _ in range(int(_READY_SECONDS / _LOOK_SECONDS)):
        pause.wait(_LOOK_SECONDS)
        listed = client.call("ListDomains", {"registrationStatus": "REGISTERED"})["domainInfos"]
        if any(info["name"] == DOMAIN for info in listed):
            return
    raise SystemExit("benchmark: the decider does not start")


def history(db: Path, domain: str, workflow_id: str) -> list[dict[str, Any]]:
    """The events of the newest run of an execution in a database of the service that nobody serves."""
    variables = environment()
    service = _started(variables, "service.start", "--db", str(db), "--port", "0")
    try:
        assert service.stdout is not None
        client = Client(endpoint_url=service.stdout.readline().strip().partition("=")[2])
        key = newest_run(client, domain, workflow_id)
        assert key is not None
        return whole_history(client, key)
    finally:
        service.terminate()
        service.wait()
