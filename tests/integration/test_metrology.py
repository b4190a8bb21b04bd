"""What activities measure of themselves, over a server of the S3 protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import activity, local, storage
from simpleflow.metrology import MetrologyTask, MetrologyWorkflow, Step, StepExecution, StepIO
from simpleflow.payloads import s3
from tests.support import s3_server

BUCKET = "measured"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.s3_server(tmp_path_factory.mktemp("moto")) as url:
        yield url
    s3_server.forget()


@pytest.fixture(autouse=True)
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_server.use(monkeypatch, server, METROLOGY_BUCKET=BUCKET, METROLOGY_PATH_PREFIX="team/")
    s3.client().create_bucket(Bucket=BUCKET)


@activity.with_attributes()
class Measured(MetrologyTask):
    def __init__(self, rows: int) -> None:
        self.rows = rows

    def execute(self) -> int:
        self.meta["source"] = "tést"
        with self.step("read") as step:
            step.read.add(bytes=10 * self.rows, records=self.rows)
        with pytest.raises(ValueError, match="bad row"), self.step("write") as step:
            step.write.add(records=1)
            step.meta["table"] = "t"
            raise ValueError("bad row")
        return self.rows


@activity.with_attributes()
def plain() -> None:
    pass


class Program(MetrologyWorkflow):
    name = "measured"
    version = "test"

    def run(self, rows: int) -> Any:
        self.submit(plain).wait()
        return self.submit(Measured, rows).result


def stored(path: str) -> Any:
    return json.loads(storage.pull_content(BUCKET, path))


def test_what_was_measured_is_put_together_when_the_execution_has_closed() -> None:
    ended = local.execute(Program, [3])
    assert ended.value == 3, ended.explain()
    own, together = sorted(found.key for found in storage.list_keys(BUCKET))
    assert own.startswith("team/local/") and own.count("/") == 3
    assert own.endswith(f"/activity.activity-{Measured.name}-1.json")
    assert together == f"{own.rpartition('/')[0]}/metrology.json"
    without, measured = stored(together)
    assert (without["name"], without["metrology"]) == (plain.name, None)
    assert (measured["name"], measured["state"], measured["version"]) == (Measured.name, "completed", "default")
    told = measured["metrology"]
    assert told == stored(own)
    read, write = told["steps"]
    assert told["meta"] == {"source": "tést"}
    assert (read["name"], read["read"], read["error"]) == ("read", {"bytes": 30, "records": 3}, None)
    assert (write["name"], write["write"]["records"], write["error"]) == ("write", 1, "ValueError")
    assert write["meta"] == {"table": "t"} and 0 <= read["total_time"] < 60


def test_it_may_be_put_together_twice() -> None:
    class Twice(Program):
        name = "twice"

        def after_closed(self, history: Any) -> None:
            self.push_metrology(history)
            (path,) = [found.key for found in storage.list_keys(BUCKET) if found.key.endswith("/metrology.json")]
            first = stored(path)
            self.push_metrology(history)
            assert stored(path) == first

    assert local.run(Twice, 1) == 1


def test_outside_an_activity_nothing_is_stored() -> None:
    task = Measured(1)
    task.execute()
    task.post_execute()
    assert storage.list_keys(BUCKET) == []


def test_a_step_by_itself() -> None:
    step = Step("s")
    with StepExecution(step) as same:
        same.read.add(1, 2)
    assert same is step
    assert step.stats() == {
        "name": "s",
        "read": {"bytes": 1, "records": 2},
        "write": {"bytes": 0, "records": 0},
        "meta": {},
        "total_time": step.total_time,
        "error": None,
    }
    assert StepIO() == StepIO(0, 0)
