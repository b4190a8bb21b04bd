"""Timing, and what makes a number worth keeping: the median of five, the spread, the machine, the versions."""

from __future__ import annotations

import gc
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPEATS = 5


def seconds(function: Callable[[], Any]) -> float:
    """The CPU time of one call, the garbage of what was before it swept away.

    Nothing here waits, so on an idle machine that is the time on the wall; on a busy one it is still the truth.
    """
    gc.collect()
    begin = time.process_time()
    function()
    return time.process_time() - begin


def seconds_of_children(function: Callable[[], Any]) -> float:
    """The same for the processes that ``function`` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    function()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def repeated(function: Callable[[], Any]) -> list[float]:
    return [seconds(function) for _ in range(REPEATS)]


@dataclass(frozen=True, slots=True)
class Measurement:
    """``runs`` are in seconds, and so are ``existing`` (the same work done by the existing package) and ``at_most``.

    ``parsing`` is what the existing package spends before that, at every decision, on making objects of the parsed
    events; the engine here works on the events as they are. ``at_least`` is the target of the ratio from the same
    beginning, the parsed events, so it counts; ``at_most`` is the target of the median.
    """

    name: str
    runs: list[float]
    existing: list[float] | None = None
    parsing: list[float] | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def ratio(self) -> float | None:
        return None if self.existing is None else statistics.median(self.existing) / self.median

    @property
    def ratio_with_parsing(self) -> float | None:
        if self.existing is None or self.parsing is None:
            return None
        return (statistics.median(self.existing) + statistics.median(self.parsing)) / self.median

    @property
    def met(self) -> bool:
        slow = self.at_most is not None and self.median > self.at_most
        ratio = self.ratio if self.parsing is None else self.ratio_with_parsing
        behind = self.at_least is not None and (ratio or 0) < self.at_least
        return not (slow or behind)

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"name": self.name}
        if self.existing is not None:
            record["ratio"] = self.ratio
        if self.parsing is not None:
            record["ratio_with_parsing"] = self.ratio_with_parsing
        record["simpleflow"] = spread(self.runs)
        if self.existing is not None:
            record["existing"] = spread(self.existing)
        if self.parsing is not None:
            record["existing_parsing"] = spread(self.parsing)
        if self.at_least is not None or self.at_most is not None:
            record["target"] = {"ratio_at_least": self.at_least, "seconds_at_most": self.at_most, "met": self.met}
        return record

    def row(self) -> tuple[str, ...]:
        target = ""
        if self.at_least is not None:
            target = f">= {self.at_least:g}x"
        elif self.at_most is not None:
            target = f"<= {duration(self.at_most)}"
        return (
            self.name,
            times(self.ratio),
            times(self.ratio_with_parsing),
            duration(self.median),
            f"{duration(min(self.runs))} .. {duration(max(self.runs))}",
            "" if self.existing is None else duration(statistics.median(self.existing)),
            target,
            "" if not target else "met" if self.met else "MISSED",
        )


def times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}x"


def spread(runs: list[float]) -> dict[str, Any]:
    return {"median": statistics.median(runs), "min": min(runs), "max": max(runs), "runs": runs}


def duration(value: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


def machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
