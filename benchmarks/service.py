"""How fast the service is over HTTP with full durability, beside moto's server and in the same run.

``script/bench service`` prints a table and writes benchmarks/results/service.json. The load comes from one process, so
on a machine with two cores the service has one of them.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil
from kit import swf_load
from kit.measure import duration, machine, spread
from kit.swf_load import DOMAIN, FLOW, Line, request

from simpleflow.service.database import Database
from simpleflow.service.durable import Durable

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "service.json"
PACKAGES = ("simpleflow", "httptools", "orjson", "moto")
REPEATS = 5
CALLS = 14_000  # of one measurement of throughput
EVENTS = 1000
CLOSED = 100_000
PASSING = 10_000
POLLS = 200
HEADER = ("", "median", "spread", "moto", "CPU/call", "target", "")
WIDTHS = (46, 10, 22, 10, 10, 12, 6)


@dataclass(frozen=True, slots=True)
class Figure:
    """``runs`` in seconds unless ``unit`` says otherwise; the smaller the better. ``cpu`` is that of the server."""

    name: str
    runs: list[float]
    moto: list[float] | None = None
    cpu: float | None = None
    at_most: float | None = None
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def met(self) -> bool:
        return self.at_most is None or self.median <= self.at_most

    def show(self, value: float | None) -> str:
        if value is None:
            return ""
        return duration(value) if self.unit == "s" else f"{value:.3g} {self.unit}".strip()

    def row(self) -> tuple[str, ...]:
        return (
            self.name,
            self.show(self.median),
            f"{self.show(min(self.runs))} .. {self.show(max(self.runs))}",
            "" if self.moto is None else self.show(statistics.median(self.moto)),
            "" if self.cpu is None else duration(self.cpu),
            "" if self.at_most is None else f"<= {self.show(self.at_most)}",
            "" if self.at_most is None else "met" if self.met else "MISSED",
        )

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"name": self.name, "unit": self.unit, "simpleflow": spread(self.runs)}
        if self.moto is not None:
            record["moto"] = spread(self.moto)
        if self.cpu is not None:
            record["server_cpu_per_call"] = self.cpu
        if self.at_most is not None:
            record["target"] = {"at_most": self.at_most, "met": self.met}
        return record


# -- servers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """In MB."""
        return self.process.memory_info().rss / 1e6


@contextmanager
def serving(db: Path) -> Iterator[Server]:
    """The service as it comes."""
    command = [sys.executable, "-m", "simpleflow", "service.start", "--db", str(db), "--port", "0"]
    with running(command, r"AWS_ENDPOINT_URL_SWF=http://127\.0\.0\.1:(\d+)") as server:
        yield server


@contextmanager
def moto() -> Iterator[Server]:
    command = [sys.executable, "-c", "from moto.server import main; main(['-p', '0'])"]
    with running(command, r"Running on http://127\.0\.0\.1:(\d+)") as server:
        yield server


@contextmanager
def running(command: list[str], announcement: str) -> Iterator[Server]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            while not (found := re.search(announcement, _read(log))):
                if process.poll() is not None:
                    raise SystemExit(f"benchmark: {command} ended:\n{_read(log)}")
                time.sleep(0.05)
            yield Server(int(found[1]), psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(60)


def _read(log: Any) -> str:
    return os.pread(log.fileno(), 1 << 16, 0).decode()


# -- figures ---------------------------------------------------------------------------------------


def throughput(places: Iterator[Path]) -> Iterator[Figure]:
    """Workflows with one activity, all calls of which change something; seconds per call."""
    with serving(next(places)) as ours, moto() as theirs:
        for server in (ours, theirs):
            with closing(Line(server.port)) as line:
                swf_load.register(line)
        yield commit_cost(next(places))
        for connections, target in ((32, 1 / 5000), (1, 1 / 2000)):
            runs, cpus = load(ours, connections, CALLS if connections > 1 else CALLS // 3)
            # moto answers 500 when its threads meet, so it has one connection at most
            beside = load(theirs, 1, CALLS // 20)[0] if connections == 1 else None
            yield Figure(f"a call, {connections} connections", runs, beside, statistics.median(cpus), target)


def load(server: Server, connections: int, calls: int) -> tuple[list[float], list[float]]:
    """Seconds per call, and CPU seconds of the server per call."""
    found = [one_load(server, connections, calls, str(repeat)) for repeat in range(REPEATS)]
    return [run for run, _ in found], [cpu for _, cpu in found]


def one_load(server: Server, connections: int, calls: int, name: str) -> tuple[float, float]:
    each = max(1, calls // connections // 7)
    scripts = [swf_load.workflows(f"{connections}-{name}-{number}", each) for number in range(connections)]
    before = server.cpu()
    count, elapsed = swf_load.run(server.port, scripts)
    return elapsed / count, (server.cpu() - before) / count


def commit_cost(db: Path) -> Figure:
    """What the disk takes for one durable commit, in the same place."""
    runs = []
    with Database(db) as database, closing(database.connect("FULL")) as connection:
        connection.execute("CREATE TABLE scratch (x)")
        for _ in range(REPEATS):
            begin = time.perf_counter()
            for _ in range(100):
                connection.execute("INSERT INTO scratch VALUES (1)")
            runs.append((time.perf_counter() - begin) / 100)
    return Figure("a commit of SQLite, synchronous=FULL", runs)


def long_history(places: Iterator[Path]) -> Iterator[Figure]:
    with serving(next(places)) as server, closing(Line(server.port)) as line:
        swf_load.register(line)
        for workflow_id, length in (("short", 100), ("page", EVENTS), ("long", 20_000)):
            line.exchange(swf_load.start(workflow_id, workflow_id))
            swf_load.run(server.port, [swf_load.signals(workflow_id, length)])
        yield poll_figure(line, server, "page", f"a decision poll with a page of {EVENTS} events", 1000, 2e-3)
        short = poll_figure(line, server, "short", "a decision poll with 10 of 100 events", 10, None)
        yield short
        yield poll_figure(line, server, "long", "a decision poll with 10 of 20,000 events", 10, None)
        costs = [[step_cost(line, workflow_id, 200) for _ in range(REPEATS)] for workflow_id in ("short", "long")]
        yield Figure("a decision's three calls, history of 100", costs[0])
        slack = 1.5 * statistics.median(costs[0])
        yield Figure("a decision's three calls, history of 20,000", costs[1], at_most=slack)


def poll_figure(line: Line, server: Server, workflow_id: str, name: str, page: int, at_most: float | None) -> Figure:
    """The round trip of the poll alone; the client does not read what it gets."""
    runs = []
    before = server.cpu()
    for _ in range(100):
        elapsed, task = timed(lambda: line.exchange(poll(workflow_id, page)))
        respond(line, orjson.loads(task)["taskToken"])
        next_signal(line, workflow_id)
        runs.append(elapsed)
    return Figure(name, runs, None, (server.cpu() - before) / 300, at_most)


def step_cost(line: Line, workflow_id: str, count: int) -> float:
    """Seconds for a poll from the previous decision on, its answer and the signal for the next."""
    data = request(
        "PollForDecisionTask", domain=DOMAIN, taskList={"name": workflow_id}, startAtPreviousStartedEvent=True
    )

    def steps() -> None:
        for _ in range(count):
            respond(line, orjson.loads(line.exchange(data))["taskToken"])
            next_signal(line, workflow_id)

    return timed(steps)[0] / count


def poll(task_list: str, page: int) -> bytes:
    return request("PollForDecisionTask", domain=DOMAIN, taskList={"name": task_list}, maximumPageSize=page)


def respond(line: Line, token: str) -> None:
    line.exchange(request("RespondDecisionTaskCompleted", taskToken=token, decisions=[]))


def next_signal(line: Line, workflow_id: str) -> None:
    line.exchange(request("SignalWorkflowExecution", domain=DOMAIN, workflowId=workflow_id, signalName="s"))


def timed(act: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = act()
    return time.perf_counter() - begin, result


def many_closed(places: Iterator[Path]) -> Iterator[Figure]:
    """The same calls on an empty database and on a full one, in turns: the machine is not the same for long."""
    empty, full = next(places), next(places)
    fill(empty, 0)
    fill(full, CLOSED)
    with serving(empty) as one, serving(full) as other:
        loads = [[one_load(server, 32, CALLS // 2, str(n))[0] for server in (one, other)] for n in range(REPEATS)]
        pairs = {"a call": zip(*loads, strict=True)}
        with closing(Line(one.port)) as line, closing(Line(other.port)) as line_of_full:
            for name, filter in (("", {}), (", by tag", {"tagFilter": {"tag": "t"}})):
                pages = [(listing(line, **filter), listing(line_of_full, **filter)) for _ in range(50)]
                pairs[f"a page of 100 closed{name}"] = zip(*pages, strict=True)
    for name, (few, many) in pairs.items():
        yield Figure(f"{name}, 0 closed executions", list(few))
        yield Figure(f"{name}, {CLOSED:,} closed executions", list(many), at_most=1.5 * statistics.median(few))


def fill(db: Path, closed: int) -> None:
    """A database with so many closed executions, as the service would have written it."""
    with Database(db) as database:
        durable = Durable(database, on_task_available=lambda *_: None, synchronous="OFF")
        now_ms = time.time_ns() // 1_000_000

        def call(operation: str, **members: Any) -> None:
            durable.call(operation, members, now_ms, "us-east-1")

        call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
        call("RegisterWorkflowType", domain=DOMAIN, **FLOW)
        call("RegisterActivityType", domain=DOMAIN, **swf_load.WORK)
        # At least a page, so that a listing costs the same on both databases.
        for number in range(max(closed, 200)):
            now_ms += 1
            call(
                "StartWorkflowExecution",
                domain=DOMAIN,
                workflowId=f"closed-{number}",
                workflowType=FLOW,
                taskList={"name": "nobody"},
                childPolicy="TERMINATE",
                executionStartToCloseTimeout="3600",
                taskStartToCloseTimeout="300",
                tagList=["t"],
            )
            call("TerminateWorkflowExecution", domain=DOMAIN, workflowId=f"closed-{number}")
            if number % 500 == 0:
                durable.flush(now_ms)
        durable.flush(now_ms)
        durable.close()


def listing(line: Line, **members: Any) -> float:
    since = {"oldestDate": 0}
    data = request("ListClosedWorkflowExecutions", domain=DOMAIN, startTimeFilter=since, maximumPageSize=100, **members)
    return timed(lambda: line.exchange(data))[0]


def memory(places: Iterator[Path]) -> Iterator[Figure]:
    """What the second half of the executions adds to what the first has left."""
    with serving(next(places)) as server:
        with closing(Line(server.port)) as line:
            swf_load.register(line)
        sizes = []
        for half in range(2):
            scripts = [swf_load.workflows(f"{half}-{number}", PASSING // 2 // 20) for number in range(20)]
            swf_load.run(server.port, scripts)
            sizes.append(server.memory())
        yield Figure(f"memory after {PASSING:,} executions", [sizes[1]], unit="MB")
        yield Figure("growth over the second half of them", [sizes[1] / sizes[0] - 1], at_most=0.05, unit="")


def idle(places: Iterator[Path]) -> Iterator[Figure]:
    with serving(next(places)) as server, closing(Line(server.port)) as line:
        swf_load.register(line)
        lines = [Line(server.port) for _ in range(POLLS)]
        for number, waiting in enumerate(lines):
            waiting.send(poll(f"idle-{number}", 1000))
        line.call("CountPendingDecisionTasks", domain=DOMAIN, taskList={"name": "idle-0"})
        shares = []
        for _ in range(3):
            before = server.cpu()
            time.sleep(10)
            shares.append((server.cpu() - before) / 10 * 100)
        yield Figure(f"{POLLS} polls that wait", shares, at_most=1.0, unit="% of a core")
        yield Figure("from a task's birth to the poll that waits", hand_overs(line, lines[0]), at_most=2e-3)
        for waiting in lines:
            waiting.close()


def hand_overs(line: Line, waiting: Line) -> list[float]:
    """From sending StartWorkflowExecution to the answer of the poll, with its commit and the answer's own."""
    runs = []
    for number in range(200):
        data = swf_load.start(f"w{number}", "idle-0")

        def hand_over(data: bytes = data) -> bytes:
            line.send(data)
            while (body := waiting.receive()) is None:
                pass
            return body

        elapsed, body = timed(hand_over)
        runs.append(elapsed)
        while line.receive() is None:
            pass
        complete = [{"decisionType": "CompleteWorkflowExecution"}]
        token = orjson.loads(body)["taskToken"]
        line.exchange(request("RespondDecisionTaskCompleted", taskToken=token, decisions=complete))
        waiting.send(poll("idle-0", 1000))
    return runs


# -- the report ------------------------------------------------------------------------------------


def main() -> None:
    figures = []
    print_row(HEADER)
    # In the checkout: a temporary directory may be in memory, where commits are free.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as folder:
        places = (Path(folder) / f"{number}.db" for number in range(100))
        for part in (throughput, long_history, many_closed, memory, idle):
            for figure in part(places):
                figures.append(figure)
                print_row(figure.row())
    document = {
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "synchronous": "FULL",
        "measurements": [figure.to_json() for figure in figures],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    missed = [figure.name for figure in figures if not figure.met]
    print(f"\nwritten to {RESULTS}" + (f"; targets missed: {', '.join(missed)}" if missed else ""))


def print_row(cells: tuple[str, ...]) -> None:
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(), flush=True)


if __name__ == "__main__":
    main()
