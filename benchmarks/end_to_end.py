"""How fast workflows run from their start to their end, with real processes and full durability, beside others.

``script/bench end_to_end`` prints a table and writes benchmarks/results/end_to_end.json. The embedded service waits for
the disk at each commit; there is one decider, and two processes execute activities. Every package runs the same chain
and the same fan-out on its own SQLite database in the same run, after a start that does not count, in turns; the best
of its runs counts, as nobody is slowed down by the machine then. Rates are steps per second of the span from the start
of the workflow to its end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from kit import environment, histories
from kit.daemons import DOMAIN, KIT, Execution, daemons, history
from kit.daemons import environment as variables
from kit.measure import REPEATS, duration, machine, repeated

from simpleflow.process.nursery import Plan
from simpleflow.process.pool import Pool
from simpleflow.replay.work import DecisionWork
from simpleflow.swf.work import decision_work
from simpleflow.swf.worker import Worker

RESULTS = Path(__file__).parent / "results" / "end_to_end.json"
STEPS = {"chain": 200, "fan-out": 1000}
ROUNDS = 3
SLOW_ROUNDS = 1  # of those that take minutes
REPLAYED = 1000
LATE = 2000
WINDOW = 50  # decisions around the 10th and the 2,000th step
TASKS = 300
FAST = {"DBOS": ("dbos_run.py", "dbos==3.4.0")}
SLOW = {
    "Prefect": ("prefect_run.py", "prefect==3.8.8", "fastapi==0.139.0"),
    "redun": ("redun_run.py", "redun==0.44.1"),
    "existing": ("existing_run.py", f"simpleflow=={environment.VERSION}", "moto[server,swf]==5.2.5"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A figure with its target: ``value`` is to be ``at_least`` or ``at_most`` that."""

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        low = self.at_least is not None and self.value < self.at_least
        high = self.at_most is not None and self.value > self.at_most
        return not (low or high)

    def show(self, value: float) -> str:
        return duration(value) if self.unit == "s" else f"{value:.3g} {self.unit}".strip()

    def line(self) -> str:
        target = ""
        if self.at_least is not None:
            target = f">= {self.show(self.at_least)}"
        elif self.at_most is not None:
            target = f"<= {self.show(self.at_most)}"
        verdict = "" if not target else "met" if self.met else "MISSED"
        return f"{self.name:<58}  {self.show(self.value):>12}  {target:<12} {verdict}".rstrip()

    def to_json(self) -> dict[str, Any]:
        record = {"name": self.name, "value": self.value, "unit": self.unit, **self.more}
        if self.at_least is not None or self.at_most is not None:
            record["target"] = {"at_least": self.at_least, "at_most": self.at_most, "met": self.met}
        return record


def main() -> None:
    gc.set_threshold(50_000)  # as the command line does
    logging.disable()  # of long histories
    folder = Path(tempfile.mkdtemp(prefix="simpleflow-bench-"))
    rows: list[Row] = []
    load = [os.getloadavg()[0]]
    try:
        for part in (races, standalone, poll_to_decisions, late_decisions, worker_overhead):
            for row in part(folder):
                rows.append(row)
                print(row.line(), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    document = {
        "machine": machine(),
        "load before and after": [*load, os.getloadavg()[0]],
        "packages": {name: requirements for name, (_, *requirements) in {**FAST, **SLOW}.items()},
        "rounds": {"simpleflow and DBOS": ROUNDS, "others": SLOW_ROUNDS},
        "rows": [row.to_json() for row in rows],
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    missed = [row.name for row in rows if not row.met]
    print(f"\nwritten to {RESULTS}" + (f"; targets missed: {', '.join(missed)}" if missed else ""))


# -- beside others


def races(folder: Path) -> Iterator[Row]:
    """Rates of everybody, then the ratios."""
    rates: dict[str, dict[str, list[float]]] = {}
    executions: dict[str, list[Execution]] = {shape: [] for shape in STEPS}

    def note(name: str, shape: str, seconds: float) -> None:
        rates.setdefault(name, {}).setdefault(shape, []).append(STEPS[shape] / seconds)

    for turn in range(ROUNDS):
        with daemons(_made(folder / f"ours{turn}")) as ours:
            for shape, n in STEPS.items():
                execution = ours.run(shape, n, f"{shape}-{turn}")
                executions[shape].append(execution)
                note("simpleflow", shape, execution.seconds)
        for shape, n in STEPS.items():
            note("durable local mode", shape, local_seconds(_made(folder / f"local-{shape}{turn}"), shape, n))
        for name in (*FAST, *(SLOW if turn < SLOW_ROUNDS else ())):
            for shape, seconds in rival(_made(folder / f"{name}{turn}"), *{**FAST, **SLOW}[name]).items():
                note(name, shape, seconds)
    for name, shapes in rates.items():
        for shape, found in shapes.items():
            yield Row(f"{shape} of {STEPS[shape]}, {name}", max(found), "/s", more={"runs": found})
    yield from ratios(rates)
    yield from costs(executions)


def ratios(rates: dict[str, dict[str, list[float]]]) -> Iterator[Row]:
    best = {name: {shape: max(found) for shape, found in shapes.items()} for name, shapes in rates.items()}
    wanted = {("simpleflow", "DBOS", "chain"): 0.7, ("simpleflow", "DBOS", "fan-out"): 2.0}
    wanted |= {("durable local mode", "DBOS", shape): 2.0 for shape in STEPS}
    wanted |= {("simpleflow", name, shape): 1.0 for name in SLOW for shape in STEPS}
    for (ours, theirs, shape), at_least in wanted.items():
        ratio = best[ours][shape] / best[theirs][shape]
        yield Row(f"{shape}, {ours} : {theirs}", ratio, "x", at_least=at_least)


def costs(executions: dict[str, list[Execution]]) -> Iterator[Row]:
    """What a step costs each process, and where the time of a step of the chain goes."""
    for shape, found in executions.items():
        for name in ("service", "decider", "worker"):
            cpu = min(execution.cpu[name] for execution in found) / STEPS[shape]
            yield Row(f"{shape}, CPU of the {name} per step", cpu, "s")
    quickest = min(executions["chain"], key=lambda execution: execution.seconds)
    for name, seconds in hops(quickest.events).items():
        yield Row(f"chain, {name}", seconds, "s")


#: From an event to the next one of a step; the time stamps of the service are in milliseconds, the mean is finer.
HOPS = {
    "activity answered to decision polled": ("ActivityTaskCompleted", "DecisionTaskStarted"),
    "decision polled to answered": ("DecisionTaskStarted", "DecisionTaskCompleted"),
    "decision answered to activity polled": ("DecisionTaskCompleted", "ActivityTaskStarted"),
    "activity polled to answered": ("ActivityTaskStarted", "ActivityTaskCompleted"),
}


def hops(events: list[dict[str, Any]]) -> dict[str, float]:
    moments: dict[str, list[float]] = {}
    for event in events:
        moments.setdefault(event["eventType"], []).append(event["eventTimestamp"])
    found = {}
    for name, (begin, end) in HOPS.items():
        first = 1 if begin == "ActivityTaskCompleted" else 0  # there is a decision before the first activity
        pairs = zip(moments[begin], moments[end][first:], strict=False)
        found[name] = statistics.fmean(after - before for before, after in pairs)
    return found


def rival(folder: Path, script: str, *requirements: str) -> dict[str, float]:
    """Seconds of each shape, by another package."""
    python = environment.prepared(script.removesuffix("_run.py"), *requirements)
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    told, log = folder / "stdout", folder / "stderr"
    with told.open("w") as stdout, log.open("w") as stderr:
        process = subprocess.Popen(
            [str(python), str(KIT / "rivals" / script), str(folder), *map(str, STEPS.values())],
            env=outside,
            cwd=folder,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # servers that it leaves behind
    answers = [json.loads(line) for line in told.read_text().splitlines() if line.startswith('{"shape"')]
    if len(answers) != len(STEPS):
        raise SystemExit(f"benchmark: {script} gave up:\n{log.read_text()[-2000:]}")
    assert [answer["result"] for answer in answers] == [STEPS["chain"], sum(range(STEPS["fan-out"] + 1))], answers
    return {answer["shape"]: answer["seconds"] for answer in answers}


def local_seconds(folder: Path, shape: str, n: int) -> float:
    """The span of an execution by ``workflow.start --local --db``."""
    db, name = folder / "local.db", {"chain": "flows.Chain", "fan-out": "flows.FanOut"}[shape]
    command = ("workflow.start", "--local", "--db", str(db), "--workflow-id", shape, name, "--input", f"[{n}]")
    _output(folder, *command)
    events = history(db, "local", shape)
    return float(events[-1]["eventTimestamp"] - events[0]["eventTimestamp"])


# -- the standalone command


def standalone(folder: Path) -> Iterator[Row]:
    """The time of the whole command, less the span of the workflow."""
    extra = []
    for turn in range(ROUNDS):
        place = _made(folder / f"standalone{turn}")
        begin = time.perf_counter()
        command = ("standalone", "--embedded", "--db", "swf.db", "flows.Chain", "--input", f"[{STEPS['chain']}]")
        told = _output(place, *command)
        wall = time.perf_counter() - begin
        events = history(place / "swf.db", "simpleflow", told.split()[0])
        extra.append(wall - (events[-1]["eventTimestamp"] - events[0]["eventTimestamp"]))
    yield Row("standalone, wall time beyond the span", min(extra), "s", at_most=1.0, more={"runs": extra})


def _output(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "simpleflow", *command],
        env=variables(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"benchmark: {' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


# -- parts, in this process; CPU time, as nothing waits


def poll_to_decisions(folder: Path) -> Iterator[Row]:
    """From the bytes of the answers to a poll to the decisions, by a decider that has never seen the execution."""
    existing = environment.Existing()
    for shape in STEPS:
        recording = histories.record(shape, REPLAYED, 1 if shape == "chain" else 10)
        pages = poll_pages(recording.whole)

        def decide(pages: list[bytes] = pages) -> None:
            answer = orjson.loads(pages[0])
            events = [event for page in (answer, *map(orjson.loads, pages[1:])) for event in page["events"]]
            decisions = histories.engine().decide(decision_work(DOMAIN, answer, events))
            orjson.dumps({"decisions": list(decisions.decisions)})

        ours = min(repeated(decide))
        theirs = existing.ask(shape=shape, steps=REPLAYED, repeats=REPEATS, pages=[page.decode() for page in pages])[
            "poll"
        ]
        more = {"simpleflow": ours, "existing": min(theirs)}
        name = f"{shape} of {REPLAYED}, bytes of a poll to decisions, existing : ours"
        yield Row(name, min(theirs) / ours, "x", at_least=10.0, more=more)
    existing.close()


def poll_pages(work: DecisionWork, size: int = 1000) -> list[bytes]:
    """The answers to PollForDecisionTask that bring this work."""
    head = {
        "taskToken": "t" * 100,
        "startedEventId": work.started_event_id,
        "previousStartedEventId": work.previous_started_event_id,
        "workflowExecution": {"workflowId": work.key.workflow_id, "runId": work.key.run_id},
        "workflowType": {"name": work.workflow_type, "version": "1"},
    }
    return [orjson.dumps({**head, "events": work.events[i : i + size]}) for i in range(0, len(work.events), size)]


def late_decisions(folder: Path) -> Iterator[Row]:
    """A live run in a chain: does the 2,000th decision cost what the 10th costs?"""
    tasks = histories.record("chain", LATE + WINDOW, 1).tasks
    polls = [poll_pages(task)[0] for task in tasks]
    times: list[list[float]] = []
    for _ in range(REPEATS):
        engine, spent = histories.engine(), []
        for poll in polls:
            begin = time.process_time()
            answer = orjson.loads(poll)
            decisions = engine.decide(decision_work(DOMAIN, answer, answer["events"]))
            orjson.dumps({"decisions": list(decisions.decisions)})
            spent.append(time.process_time() - begin)
        times.append(spent)
    early, late = (
        statistics.median(min(spent[step + i] for spent in times) for i in range(WINDOW)) for step in (10, LATE)
    )
    more = {"10th": early, f"{LATE}th": late}
    yield Row(f"decision at step {LATE} : at step 10, CPU", late / early, "x", at_most=1.2, more=more)
    sizes = [statistics.median(map(len, polls[step : step + WINDOW])) for step in (10, LATE)]
    # ids and results have more digits
    yield Row(f"bytes read at step {LATE} : at step 10", sizes[1] / sizes[0], "x", at_most=1.05, more={"bytes": sizes})


class Answers:
    """A client of SWF that hands out tasks and notes the time from its answer to ours."""

    def __init__(self) -> None:
        self.begun = 0.0
        self.spent: list[float] = []

    def another(self, attempts: int | None = None) -> Any:
        return self

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        now = time.perf_counter()
        if operation.startswith("Respond"):
            self.spent.append(now - self.begun)
            return {}
        self.begun = time.perf_counter()
        return {
            "taskToken": "t",
            "activityId": "activity-flows.step-1",
            "workflowExecution": {"workflowId": "w", "runId": "r"},
            "activityType": {"name": "flows.step", "version": "1"},
            "startedEventId": 1,
            "input": '{"args":[1],"kwargs":{}}',
        }


def worker_overhead(folder: Path) -> Iterator[Row]:
    """A trivial activity in a child that waits for it, from the answer of the poll to the response."""
    answers = Answers()
    with Pool(2, plan=Plan(("flows",))) as pool:
        for _ in range(TASKS):
            worker = Worker(answers.another, DOMAIN, "work", pool, heartbeat=60)
            worker.run_one(threading.Event())
    yield Row("worker, added to a trivial activity, median", statistics.median(answers.spent), "s", at_most=5e-3)


if __name__ == "__main__":
    main()
