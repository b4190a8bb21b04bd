"""Executions complete with the right results while the processes that carry them are killed.

    python tests/faults/chaos.py --seed 1 --executions 200 --kills 100

starts a service, deciders and workers, and executions of ``support.chaos_flow``. Processes end themselves at the points
of ``support.chaos_command``; this script kills or stops others that a seed picks: deciders, workers, the processes that
run activities, supervisors with all their children, and the service. What dies is started again. In the end every
result is that of plain Python, all that a client was told stands in the histories, once, and every history replays.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psutil

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from support import chaos_command, chaos_flow
from support.chaos_command import POINTS, Strikes
from support.daemons import Daemons
from support.processes import ROOT

from simpleflow.replay.audit import audit
from simpleflow.replay.work import RunKey
from simpleflow.service.check import check
from simpleflow.swf.client import Client
from simpleflow.swf.errors import Refused, Unreachable
from simpleflow.swf.find import Workflows
from simpleflow.swf.start import Start, end_of, open_run, start
from simpleflow.swf.types import register_domain
from simpleflow.swf.work import whole_history

DOMAIN = "chaos"
#: Executions that are open at a time.
WINDOW = 25
#: Seconds between two kills by this script, at most.
PAUSE = 0.6
PATIENCE = 60.0

Event = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """``kills`` is how many there are in all; a tenth of them at each point, the others by this script."""

    seed: int
    executions: int
    kills: int
    #: Seconds.
    limit: float = 3600.0

    @property
    def strikes(self) -> dict[str, Strikes]:
        count = self.kills // 10
        # an execution passes the points of decisions and activities some twenty times, that of a heartbeat once
        passes = dict.fromkeys((chaos_command.CALLED, chaos_command.COMMITTED), 60)
        passes |= dict.fromkeys((chaos_command.POLLED, chaos_command.WORKED), 20)
        often = self.executions / max(self.kills, 1)
        return {p: Strikes(count, max(1, int(passes.get(p, 1) * often))) for p in POINTS}

    @property
    def own_kills(self) -> int:
        return self.kills - sum(strike.count for strike in self.strikes.values())


# -- processes


class Cluster:
    """A service, deciders and workers; whoever ends is started again, except for those that were asked to end."""

    def __init__(self, directory: Path, seed: int) -> None:
        command = (sys.executable, chaos_command.__file__)
        path = f"{ROOT}:{ROOT / 'tests'}"
        chaos = {"CHAOS_DIR": str(directory), "CHAOS_SEED": str(seed), "PYTHONPATH": path}
        self.db = directory / "service.db"
        self.daemons = Daemons(directory, command, **chaos)
        self.leaving: list[subprocess.Popen[bytes]] = []
        service = self.daemons.start_service("--db", str(self.db))
        port = str(urlsplit(self.daemons.url).port)
        where = ("-d", DOMAIN, "-t", chaos_flow.TASK_LIST)
        flow = f"{chaos_flow.__name__}.Chaos"
        self._commands = {
            "service": ("service.start", "--db", str(self.db), "--port", port),
            "decider 1": ("decider.start", "-N", "1", *where, flow),
            "decider 2": ("decider.start", "-N", "1", *where, flow),
            "worker 1": ("worker.start", "-N", "2", "--heartbeat", "1", *where),
            "worker 2": ("worker.start", "-N", "2", "--heartbeat", "1", *where),
        }
        self._running = {"service": service}
        self.revive()

    def revive(self) -> None:
        """Start what does not run."""
        for name, command in self._commands.items():
            process = self._running.get(name)
            if process is None or process.poll() is not None:
                self._running[name] = self.daemons.start(name, *command)

    def pids(self, kind: str) -> list[int]:
        """Of the daemons of a kind."""
        return [process.pid for name, process in self._running.items() if name.startswith(kind)]

    def let_go(self, pid: int) -> None:
        """Forget a process that was asked to end; the next one is started beside it, except for the service."""
        (name,) = (name for name, process in self._running.items() if process.pid == pid)
        if name != "service":
            self.leaving.append(self._running.pop(name))

    def told(self) -> str:
        return "".join(f"--- {name}\n{self.daemons.told(name)[-3000:]}" for name in self._commands)

    def end(self) -> None:
        """Ask all to end and see that they do."""
        for name in reversed(self._commands):
            process = self._running[name]
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, self.told()
        for process in self.leaving:
            process.wait(PATIENCE)  # with any code: it may have been asked before it listened

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *exception: object) -> None:
        self.daemons.__exit__()


def children(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            found += [child.pid for child in psutil.Process(pid).children()]
        except psutil.Error:
            continue
    return found


def deciders(cluster: Cluster) -> list[int]:
    return children(cluster.pids("decider"))


def workers(cluster: Cluster) -> list[int]:
    return children(cluster.pids("worker"))


def nurseries(cluster: Cluster) -> list[int]:
    return children(workers(cluster))


def performers(cluster: Cluster) -> list[int]:
    return children(nurseries(cluster))


#: Name -> who may be the victim, and the signal.
VICTIMS: dict[str, tuple[Callable[[Cluster], list[int]], signal.Signals]] = {
    "decider": (deciders, signal.SIGKILL),
    "worker": (workers, signal.SIGKILL),
    "nursery": (nurseries, signal.SIGKILL),
    "activity child": (performers, signal.SIGKILL),
    "supervisor": (lambda cluster: cluster.pids("decider") + cluster.pids("worker"), signal.SIGKILL),
    "service": (lambda cluster: cluster.pids("service"), signal.SIGKILL),
    "stop of a decider": (lambda cluster: cluster.pids("decider"), signal.SIGTERM),
    "stop of a worker": (lambda cluster: cluster.pids("worker"), signal.SIGTERM),
    "stop of the service": (lambda cluster: cluster.pids("service"), signal.SIGTERM),
}


class Killer:
    """Strikes at moments, and whom, that a seed says."""

    def __init__(self, cluster: Cluster, seed: int, kills: int) -> None:
        self.kills: Counter[str] = Counter()
        self._cluster = cluster
        self._random = random.Random(seed)
        self._names = sorted(VICTIMS)
        self._left = kills
        self._next = 0.0

    def look(self, now: float) -> None:
        if not self._left or now < self._next:
            return
        self._next = now + self._random.uniform(0.05, PAUSE)
        name = self._names[self._left % len(self._names)]  # each in turn, so that none is left out
        find, number = VICTIMS[name]
        pids = find(self._cluster)
        if not pids:
            return
        pid = self._random.choice(pids)
        try:
            psutil.Process(pid).send_signal(number)
        except psutil.Error:
            return
        if number == signal.SIGTERM:
            self._cluster.let_go(pid)
        self.kills[name] += 1
        self._left -= 1


# -- executions


@dataclass
class Flow:
    """One execution, and what is left to do for it."""

    n: int
    key: RunKey | None = None
    signals: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    result: Any = None


class Driver:
    """Starts the executions, signals them and looks for their ends; the service may be gone at any moment."""

    def __init__(self, plan: Plan, client: Client, marks: Path) -> None:
        self.flows: list[Flow] = []
        self.open: list[Flow] = []
        self._plan = plan
        self._client = client
        self._marks = marks
        self._random = random.Random(plan.seed)

    @property
    def finished(self) -> bool:
        return len(self.flows) == self._plan.executions and not self.open

    def step(self, progress: float) -> None:
        """One round of calls. ``progress`` is the part of the kills that has been done: starts keep pace with it."""
        due = int(self._plan.executions * progress) + WINDOW
        while len(self.open) < WINDOW and len(self.flows) < min(due, self._plan.executions):
            flow = Flow(len(self.flows))
            flow.signals = list(range(chaos_flow.signals(flow.n)))
            self.flows.append(flow)
            self.open.append(flow)
        try:
            for flow in list(self.open):
                self._serve(flow)
        except Unreachable:
            return

    def _serve(self, flow: Flow) -> None:
        if flow.key is None:
            flow.key = self._start(flow)
        elif flow.signals:
            if self._random.random() < 0.3:
                self._signal(flow, flow.signals[0])
        else:
            end = end_of(self._client, flow.key)
            if end is not None:
                assert end.status == "Completed", (flow, end)
                flow.result = json.loads(end.attributes["result"])
                self.open.remove(flow)

    def _start(self, flow: Flow) -> RunKey:
        what = Start(DOMAIN, chaos_flow.Chaos, f"chaos-{flow.n}", [flow.n, str(self._marks)], {}, chaos_flow.TASK_LIST)
        try:
            return start(self._client, what, since=None)
        except Refused as error:
            found = open_run(self._client, DOMAIN, what.workflow_id)
            if found is None:
                raise error
            return found  # it was started, and the answer was lost

    def _signal(self, flow: Flow, number: int) -> None:
        assert flow.key is not None
        request = {
            "domain": DOMAIN,
            "workflowId": flow.key.workflow_id,
            "runId": flow.key.run_id,
            "signalName": "from outside",
            "input": json.dumps(number),
        }
        self._client.call("SignalWorkflowExecution", request)
        flow.signals.remove(number)
        flow.acknowledged.append(number)


# -- what must be true in the end


def verify(flows: list[Flow], client: Client, directory: Path) -> Counter[str]:
    """Raises AssertionError for what is wrong; counts the events by their types."""
    wrong = {flow.n: flow.result for flow in flows if flow.result != chaos_flow.expected(flow.n)}
    assert not wrong, wrong
    notes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for kind, run_id, event_id in map(json.loads, (directory / "notes").read_text().splitlines()):
        notes[run_id].append((kind, event_id))
    seen: Counter[str] = Counter()
    find = Workflows([chaos_flow.Chaos]).find
    acknowledged = {flow.key.run_id: flow.acknowledged for flow in flows if flow.key}
    for key, name in all_runs(client):
        events = whole_history(client, key)
        assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
        told = Counter(notes.pop(key.run_id, ()))
        assert set(told.values()) <= {1}, f"told twice: {key} {told}"
        assert set(told) <= set(facts(events)), f"lost: {key} {set(told) - set(facts(events))}"
        signals = Counter(values(events, "WorkflowExecutionSignaled", "input"))
        assert set(acknowledged.pop(key.run_id, ())) <= {json.loads(text) for text in signals if text.isdigit()}
        audit(key, name, events, find)
        seen.update(event["eventType"] for event in events)
    assert not notes and not acknowledged
    return seen


def all_runs(client: Client) -> Iterator[tuple[RunKey, str]]:
    """Those that have closed, with the names of their types."""
    request = {"domain": DOMAIN, "startTimeFilter": {"oldestDate": 0}}
    for info in list(client.pages("ListClosedWorkflowExecutions", "executionInfos", request)):
        assert info["closeStatus"] == "COMPLETED", info
        execution = info["execution"]
        yield RunKey(DOMAIN, execution["workflowId"], execution["runId"]), info["workflowType"]["name"]


def facts(events: list[Event]) -> Iterator[tuple[str, int]]:
    """What a client may have been told of: see ``chaos_command``."""
    for event in events:
        if event["eventType"] in ("DecisionTaskStarted", "ActivityTaskStarted"):
            yield "handed", event["eventId"]
    yield from (("decided", n) for n in values(events, "DecisionTaskCompleted", "startedEventId"))
    yield from (("worked", n) for n in values(events, "ActivityTaskCompleted", "startedEventId"))
    yield from (("failed", n) for n in values(events, "ActivityTaskFailed", "startedEventId"))


def values(events: list[Event], event_type: str, member: str) -> Iterator[Any]:
    name = f"{event_type[0].lower()}{event_type[1:]}EventAttributes"
    return (event[name].get(member) for event in events if event["eventType"] == event_type)


# -- one run


@dataclass(frozen=True)
class Figures:
    seed: int
    executions: int
    seconds: float
    kills: dict[str, int]
    events: dict[str, int]

    def __str__(self) -> str:
        timed_out = sum(count for name, count in self.events.items() if name.endswith("TimedOut"))
        told = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        return (
            f"seed {self.seed}: {self.executions} executions right in {self.seconds:.0f} s, "
            f"{sum(self.kills.values())} kills ({told}), {sum(self.events.values())} events, {timed_out} timeouts"
        )


def run(plan: Plan, directory: Path) -> Figures:
    """Raises AssertionError if anything is lost, wrong or late."""
    Strikes.write(directory, plan.strikes)
    marks = directory / "marks"
    marks.mkdir()
    begun, pause = time.monotonic(), threading.Event()
    with Cluster(directory, plan.seed) as cluster, cluster.daemons.environ(), closing(Client(attempts=1)) as client:
        killer = Killer(cluster, plan.seed, plan.own_kills)
        driver = Driver(plan, client, marks)
        insist(cluster, lambda: register_domain(client, DOMAIN))
        while not driver.finished:
            now = time.monotonic() - begun
            assert now < plan.limit, f"these hang: {driver.open}\n{cluster.told()}"
            cluster.revive()
            killer.look(now)
            driver.step(progress(plan, killer, directory))
            pause.wait(0.02)
        kills = killer.kills + Counter(chaos_command.kills(directory))
        assert sum(kills.values()) == plan.kills, kills
        events = insist(cluster, lambda: verify(driver.flows, client, directory))
        cluster.end()
        report = check(cluster.db)
        assert report.clean, report
    return Figures(plan.seed, plan.executions, time.monotonic() - begun, dict(kills), dict(events))


def insist(cluster: Cluster, act: Callable[[], T]) -> T:
    """Call, and again for as long as the service is on its way back."""
    limit, pause = time.monotonic() + PATIENCE, threading.Event()
    while True:
        cluster.revive()
        try:
            return act()
        except Unreachable:
            assert time.monotonic() < limit, cluster.told()
            pause.wait(0.1)


def progress(plan: Plan, killer: Killer, directory: Path) -> float:
    """The part that has been done of the kills that are furthest behind."""
    struck = Counter(chaos_command.kills(directory))
    wanted = [(struck[point], strike.count) for point, strike in plan.strikes.items()]
    wanted.append((sum(killer.kills.values()), plan.own_kills))
    return min((done / count for done, count in wanted if count), default=1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill processes under load; print a line of figures.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--executions", type=int, default=200)
    parser.add_argument("--kills", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        print(run(Plan(given.seed, given.executions, given.kills), Path(directory)), flush=True)


if __name__ == "__main__":
    main()
