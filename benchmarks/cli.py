"""How soon commands print, and what they hold, over 100,000 executions and a history of 25,000 events.

``script/bench cli`` prints a table and writes benchmarks/results/cli.json. ``first line`` is the time on the wall from
the start of the process to the first bytes in a pipe, the fastest of ten; ``CPU`` is what the process had used by then.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

import psutil
from kit.measure import machine, spread
from kit.swf_load import DOMAIN, FLOW
from service import CLOSED, fill, print_row, serving

from simpleflow.service.database import Database
from simpleflow.service.durable import Durable

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "cli.json"
PACKAGES = ("simpleflow", "click", "botocore", "tabulate")
EVENTS = 25_000
STREAMING = ("csv", "tsv", "jsonl")
REPEATS = 10
FIRST_LINE_S = 0.3
MEMORY_MB = 150.0
HEADER = ("", "first line", "CPU", "whole", "memory", "lines", "")


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds on the wall from the start of the process to its first bytes, and of CPU until then."""

    first: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Whole:
    """Seconds to the end, MB at most, lines."""

    seconds: float
    memory: float
    lines: int


@contextmanager
def running(port: int, arguments: list[str]) -> Iterator[tuple[Popen[bytes], int]]:
    """The process and its stdout."""
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_SWF": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
    }
    command = [sys.executable, "-m", "simpleflow", *arguments]
    with Popen(command, stdout=PIPE, env=environment, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process, process.stdout.fileno()


def begun(port: int, arguments: list[str]) -> Start:
    begin = time.perf_counter()
    with running(port, arguments) as (process, stdout):
        os.read(stdout, 1)
        first = time.perf_counter() - begin
        times = psutil.Process(process.pid).cpu_times()
        process.kill()
    return Start(first, times.user + times.system)


def finished(port: int, arguments: list[str]) -> Whole:
    begin, lines, most = time.perf_counter(), 0, 0.0
    with running(port, arguments) as (process, stdout):
        while text := os.read(stdout, 1 << 20):
            lines += text.count(b"\n")
            most = peak(process.pid) or most
    if process.returncode:
        raise SystemExit(f"benchmark: {arguments} ended with {process.returncode}")
    return Whole(time.perf_counter() - begin, most, lines)


def peak(pid: int) -> float | None:
    """MB at most so far, None once it has ended; rusage would count the process that it was forked from, too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000 if found else None


def measured(port: int) -> Iterator[dict[str, object]]:
    for name, arguments in (
        (f"workflow.list, {CLOSED:,} executions", ["workflow.list", DOMAIN, "--status", "closed"]),
        (f"workflow.history, {EVENTS:,} events", ["workflow.history", "--domain", DOMAIN, "long"]),
    ):
        for format in STREAMING:
            command = [*arguments, "--format", format]
            starts = [begun(port, command) for _ in range(REPEATS)]
            whole = finished(port, command)
            first, cpu = min(start.first for start in starts), min(start.cpu for start in starts)
            met = first <= FIRST_LINE_S and whole.memory <= MEMORY_MB
            print_row(
                (
                    f"{name}, {format}",
                    f"{first * 1000:.0f} ms",
                    f"{cpu * 1000:.0f} ms",
                    f"{whole.seconds:.2f} s",
                    f"{whole.memory:.0f} MB",
                    f"{whole.lines:,}",
                    "met" if met else "MISSED",
                )
            )
            yield {
                "name": f"{name}, {format}",
                "first_line_s": spread([start.first for start in starts]),
                "cpu_until_then_s": spread([start.cpu for start in starts]),
                "whole_s": whole.seconds,
                "memory_mb": whole.memory,
                "lines": whole.lines,
                "target": {"first_line_s_at_most": FIRST_LINE_S, "memory_mb_at_most": MEMORY_MB, "met": met},
            }


def fill_history(db: Path, events: int) -> None:
    """An open execution with so many events, nearly all of them signals."""
    with Database(db) as database:
        durable = Durable(database, on_task_available=lambda *_: None, synchronous="OFF")
        now_ms = time.time_ns() // 1_000_000
        execution = {"domain": DOMAIN, "workflowId": "long"}
        started = {
            **execution,
            "workflowType": FLOW,
            "taskList": {"name": "nobody"},
            "childPolicy": "TERMINATE",
            "executionStartToCloseTimeout": "86400",
            "taskStartToCloseTimeout": "NONE",
        }
        durable.call("StartWorkflowExecution", started, now_ms, "us-east-1")
        signal = {**execution, "signalName": "s", "input": json.dumps({"args": ["x" * 100], "kwargs": {}})}
        for number in range(events - 2):  # besides the start and the one decision task
            durable.call("SignalWorkflowExecution", signal, now_ms + number, "us-east-1")
            if number % 1000 == 0:
                durable.flush(now_ms + number)
        durable.flush(now_ms + events)
        durable.close()


def main() -> None:
    # In the checkout: a temporary directory may be in memory, where reading is free.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=ROOT) as folder:
        db = Path(folder, "swf.db")
        fill(db, CLOSED)
        fill_history(db, EVENTS)
        print_row(HEADER)
        with serving(db) as server:
            figures = list(measured(server.port))
    document = {
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "measurements": figures,
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nwritten to {RESULTS}")


if __name__ == "__main__":
    main()
