"""How fast values are encoded and decoded, and what of long payloads travels.

``script/bench payloads`` prints a table and writes benchmarks/results/payloads.json. Times are CPU times of this
process, the least of several runs. Plain orjson stands beside: the same structure where orjson takes it, else what it
becomes. Requests are counted in a store that stands in for S3.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import os
import random
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
from kit.measure import duration, machine, seconds

from simpleflow import Workflow, activity
from simpleflow.local import driver
from simpleflow.local.run import execute
from simpleflow.payloads import codec, jumbo, objects
from simpleflow.payloads.jumbo import Reference

RESULTS = Path(__file__).parent / "results" / "payloads.json"
RUNS = 9
SMALL_CALLS = 2000
MOST = 3.0
MB4 = 4 * 1024**2
STEPS = 50
PACKAGES = ("simpleflow", "orjson", "diskcache")

logging.disable()


@dataclasses.dataclass
class Row:
    id: int
    name: str
    score: float
    ok: bool
    note: str | None


def structures() -> dict[str, tuple[Any, Any]]:
    """About 1 MB each, and the annotation to decode with."""
    chance = random.Random(1)
    fields = [(n, f"the name {n} of a row", chance.random(), n % 2 == 0, None) for n in range(12_000)]
    rows = [Row(*row) for row in fields]
    return {
        "list of dicts": ([dataclasses.asdict(row) for row in rows], None),
        "nested lists of numbers": ([[n, score, [score * 2, n]] for n, _, score, _, _ in fields * 2], None),
        "texts": (["some text that has to be told " * 4] * 8_500, None),
        "one long text": ("some text that has to be told " * 34_000, None),
        "dict with integer keys": ({n: f"value {n} of a dict" for n in range(36_000)}, None),
        "dataclasses": (rows, None),
        "dataclasses, read as such": (rows, list[Row]),
        "UUIDs": ([uuid.UUID(int=chance.getrandbits(128)) for _ in range(26_000)], None),
    }


#: Structures for which the target holds; the others are shown beside them.
COMMON = ("list of dicts", "nested lists of numbers", "texts", "one long text", "dict with integer keys")


def least(function: Callable[[], Any]) -> float:
    return min(seconds(function) for _ in range(RUNS))


def round_trips() -> list[dict[str, Any]]:
    return [round_trip(name, value, annotation) for name, (value, annotation) in structures().items()]


def round_trip(name: str, value: Any, annotation: Any) -> dict[str, Any]:
    text = codec.encode(value)
    plain = orjson.loads(text)
    times = {
        "encode": least(lambda: codec.encode(value)),
        "decode": least(lambda: codec.decode(text, annotation)),
        "orjson_encode": least(lambda: orjson.dumps(plain)),
        "orjson_decode": least(lambda: orjson.loads(text)),
    }
    ratio = (times["encode"] + times["decode"]) / (times["orjson_encode"] + times["orjson_decode"])
    met = None if name not in COMMON else ratio <= MOST
    return {"name": name, "bytes": len(text.encode()), "ratio": ratio, **times, "target": MOST, "met": met}


def small_values() -> dict[str, float]:
    """Seconds for the arguments of one call."""
    value = {"args": [1, "two", {"three": 3.5}], "kwargs": {"four": None}}
    text = codec.encode(value)

    def each(function: Callable[[], Any]) -> float:
        return least(lambda: [function() for _ in range(SMALL_CALLS)]) / SMALL_CALLS

    return {
        "encode": each(lambda: codec.encode(value)),
        "decode": each(lambda: codec.decode(text)),
        "orjson_encode": each(lambda: orjson.dumps(value)),
        "orjson_decode": each(lambda: orjson.loads(text)),
    }


def digests() -> dict[str, float]:
    """Seconds for 4 MB: what makes the id, and what checks an object that has come."""
    body = os.urandom(MB4 // 2).hex().encode()
    found = jumbo.reference(jumbo.named(jumbo.location("bucket"), body))
    assert found is not None
    return {
        "sha256": least(lambda: hashlib.sha256(body).hexdigest()),
        "name": least(lambda: jumbo.named(jumbo.location("bucket"), body)),
        "verify": least(lambda: found.verified(body)),
    }


class Counting:
    """Stands in for S3."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.working = False
        self.gets = {"decider": 0, "worker": 0}
        self.puts = 0

    def get(self, reference: Reference) -> bytes:
        self.gets["worker" if self.working else "decider"] += 1
        return self.objects[str(reference)]

    def length(self, reference: Reference) -> int:
        return len(self.objects[str(reference)])

    def put(self, reference: Reference, body: bytes) -> None:
        self.puts += 1
        self.objects[str(reference)] = body


@activity.with_attributes(name="benchmark.make", raises_on_failure=True)
def make(size: int) -> str:
    return "x" * (size - 2)


@activity.with_attributes(name="benchmark.pass", raises_on_failure=True)
def same_again(text: str) -> str:
    return text


class Passing(Workflow):
    name, version, task_list = "benchmark.passing", "1", "benchmark"

    def run(self) -> Any:
        future = self.submit(make, MB4)
        for _ in range(STEPS):
            future = self.submit(same_again, future)
        return future


def chain() -> dict[str, Any]:
    """A value of 4 MB through 50 activities, every decision taken twice, the second time from scratch. No cache."""
    store, perform = Counting(), vars(driver)["perform"]

    def performing(*args: Any, **named: Any) -> Any:
        store.working = True
        try:
            return perform(*args, **named)
        finally:
            store.working = False

    settings = {"SIMPLEFLOW_JUMBO_FIELDS_BUCKET": "bucket/prefix", "SIMPLEFLOW_ENABLE_DISK_CACHE": "false"}
    with (
        mock.patch.dict("os.environ", settings),
        mock.patch.object(objects, "S3Store", lambda: store),
        mock.patch.object(driver, "perform", performing),
    ):
        objects._fields.cache_clear()
        run = execute(Passing, check_replay=True)
    objects._fields.cache_clear()
    assert run.status == "COMPLETED", run.explain()
    history = len(json.dumps(run.history, default=str))
    return {
        "steps": STEPS,
        "bytes": MB4,
        "downloads_of_the_decider": store.gets["decider"],
        "downloads_of_workers": store.gets["worker"],
        "objects": len(store.objects),
        "bytes_of_the_history": history,
        "met": store.gets["decider"] == 0 and len(store.objects) == 1,
    }


def second_use() -> dict[str, Any]:
    """Downloads of an object that is read twice on a machine, by two processes' worth of settings."""
    store = Counting()
    with (
        tempfile.TemporaryDirectory() as directory,
        mock.patch.dict(
            "os.environ",
            SIMPLEFLOW_JUMBO_FIELDS_BUCKET="bucket/prefix",
            SIMPLEFLOW_CACHE_DIR=str(Path(directory) / "cache"),
        ),
        mock.patch.object(objects, "S3Store", lambda: store),
    ):
        reference = jumbo.named(jumbo.location("bucket/prefix"), b'"' + b"x" * MB4 + b'"')
        store.objects[str(reference)] = reference.release() or b""
        objects._fields.cache_clear()
        first = seconds(lambda: objects.fields().fetch(str(reference)))
        downloads = sum(store.gets.values())
        objects._fields.cache_clear()
        later = least(lambda: objects.fields().fetch(str(reference)))
        more = sum(store.gets.values()) - downloads
    objects._fields.cache_clear()
    return {"first": first, "later": later, "downloads": downloads, "downloads_later": more, "met": not more}


def main() -> None:
    print(f"{'1 MB':<28}{'ratio':>7}{'encode':>10}{'decode':>10}{'orjson':>10}{'orjson':>10}")
    trips = round_trips()
    for trip in trips:
        cells = [duration(trip[key]) for key in ("encode", "decode", "orjson_encode", "orjson_decode")]
        verdict = "" if trip["met"] is None else "  met" if trip["met"] else "  MISSED"
        print(f"{trip['name']:<28}{trip['ratio']:>6.1f}x" + "".join(f"{cell:>10}" for cell in cells) + verdict)
    document: dict[str, Any] = {
        "machine": machine(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "unit": "seconds of CPU time, the least of several runs",
        "round_trips": trips,
        "small_values": small_values(),
        "digests": digests(),
        "chain": chain(),
        "second_use": second_use(),
    }
    for part in ("small_values", "digests", "chain", "second_use"):
        print(
            part, {key: duration(value) if isinstance(value, float) else value for key, value in document[part].items()}
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nwritten to {RESULTS}")


if __name__ == "__main__":
    main()
