"""How fast the replay engine and the local mode are, beside the existing package and in the same run.

``script/bench replay`` prints a table and writes benchmarks/results/replay.json.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from kit import environment, histories, workload
from kit.histories import Recording, record
from kit.measure import REPEATS, Measurement, machine, repeated, seconds, seconds_of_children

from simpleflow import local

RESULTS = Path(__file__).parent / "results" / "replay.json"
SIZES = (10, 100, 1000, 4000)
FAN_OUTS = (1000, 2000, 5000)
LOCAL_SIZES = (1_000, 10_000, 20_000)
RESULTS_PER_DECISION = 10  # of the fan-outs
HEADER = ("", "ratio", "parsing", "median", "spread", "existing", "target", "")
WIDTHS = (44, 8, 8, 10, 22, 10, 10, 6)
IMPORT = "import time; t = time.process_time(); import simpleflow; print(time.process_time() - t)"
HELP = ("-m", "simpleflow", "--help")
PACKAGES = ("simpleflow", "greenlet", "orjson", "botocore")


def main() -> None:
    logging.disable()  # of long histories
    existing = environment.Existing()
    measurements = []
    print_row(HEADER)
    for part in (fresh_replays, live_decisions, fan_outs, local_runs, starts):
        for measurement in part(existing):
            measurements.append(measurement)
            print_row(measurement.row())
    existing.close()
    write(measurements)


def print_row(cells: tuple[str, ...]) -> None:
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(), flush=True)


def write(measurements: list[Measurement]) -> None:
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    document = {
        "machine": machine(),
        "versions": {**versions, "existing simpleflow": environment.VERSION},
        "repeats": REPEATS,
        "unit": "seconds of CPU time",
        "measurements": [measurement.to_json() for measurement in measurements],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    missed = [measurement.name for measurement in measurements if not measurement.met]
    print(f"\nwritten to {RESULTS}" + (f"; targets missed: {', '.join(missed)}" if missed else ""))


def fresh_replays(existing: environment.Existing) -> Iterator[Measurement]:
    """All events of an execution, to its last decision, by a decider that has never seen it."""
    for shape in ("chain", "fan-out"):
        for steps in SIZES:
            recording = record(shape, steps, 1 if shape == "chain" else RESULTS_PER_DECISION)
            runs = repeated(lambda recording=recording: histories.engine().decide(recording.whole))
            yield compared(f"fresh replay, {shape} of {steps}", recording, runs, existing, 5 if steps == 1000 else None)


def compared(
    name: str, recording: Recording, runs: list[float], existing: environment.Existing, at_least: float | None = None
) -> Measurement:
    theirs = existing.ask(shape=recording.shape, steps=recording.steps, repeats=REPEATS, events=recording.events)
    return Measurement(name, runs, theirs["replay"], theirs["parse"], at_least=at_least)


def live_decisions(existing: environment.Existing) -> Iterator[Measurement]:
    """One new result for a run that is in memory: the mean of the second half of so many decisions.

    Of short executions there are as many as make this a thousand decisions: what a process has to find again after its
    garbage was collected is not the subject.
    """
    for shape in ("chain", "fan-out"):
        for steps in SIZES:
            tasks = record(shape, steps, 1).tasks
            yield Measurement(
                f"live decision, {shape} of {steps}", [late_half(tasks) for _ in range(REPEATS)], at_most=60e-6
            )


def late_half(tasks: list[histories.DecisionWork]) -> float:
    middle = len(tasks) // 2
    rest = tasks[middle:]
    engines = [histories.engine() for _ in range(-(-1000 // len(rest)))]
    for engine in engines:
        for task in tasks[:middle]:
            engine.decide(task)

    def decide() -> None:
        for engine in engines:
            for task in rest:
                engine.decide(task)

    return seconds(decide) / len(rest) / len(engines)


def fan_outs(existing: environment.Existing) -> Iterator[Measurement]:
    """All decisions of a live run by the number of steps, and the last one of a fresh run as a whole."""
    for shape in ("fan-out", "max_parallel"):
        for steps in FAN_OUTS:
            recording = record(shape, steps, RESULTS_PER_DECISION)
            name = f"{shape} of {steps}"
            runs = [total(recording.tasks) / steps for _ in range(REPEATS)]
            yield Measurement(f"{name}, live, per step", runs)
            if steps == FAN_OUTS[-1]:
                fresh = repeated(lambda recording=recording: histories.engine().decide(recording.whole))
                yield compared(f"{name}, one fresh decision", recording, fresh, existing)


def total(tasks: list[histories.DecisionWork]) -> float:
    engine = histories.engine()

    def decide() -> None:
        for task in tasks:
            engine.decide(task)

    return seconds(decide)


def local_runs(existing: environment.Existing) -> Iterator[Measurement]:
    """A map over trivial activities from start to result, with the replay at the end; per activity."""
    for steps in LOCAL_SIZES:
        runs = repeated(lambda steps=steps: local.execute(workload.FanOut, [steps]))
        compare = steps == LOCAL_SIZES[1]
        theirs = existing.ask(shape="fan-out", steps=steps, repeats=REPEATS)["local"] if compare else None
        yield Measurement(
            f"local map of {steps}, per activity",
            [run / steps for run in runs],
            None if theirs is None else [run / steps for run in theirs],
            at_most=150e-6,
        )


def starts(existing: environment.Existing) -> Iterator[Measurement]:
    """The import alone, and the command from nothing to its end."""
    pythons = (sys.executable, str(environment.prepared()))
    imports = [[float(output(python, "-c", IMPORT)) for _ in range(REPEATS)] for python in pythons]
    yield Measurement("import simpleflow", *imports, at_most=80e-3)
    loaded = output(sys.executable, "-c", "import simpleflow, sys; print({'boto3', 'botocore'} & set(sys.modules))")
    assert loaded == "set()\n", f"import simpleflow loads {loaded}"
    helps = [
        [
            seconds_of_children(lambda python=python: output(python, "-m", "simpleflow", "--help"))
            for _ in range(REPEATS)
        ]
        for python in pythons
    ]
    yield Measurement("simpleflow --help", *helps, at_most=200e-3)


def output(*command: str) -> str:
    elsewhere = RESULTS.anchor  # a directory without a package of that name
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=elsewhere).stdout


if __name__ == "__main__":
    main()
