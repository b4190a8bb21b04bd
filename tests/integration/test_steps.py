"""Steps over a server of the S3 protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from examples.step import StepWorkflow
from simpleflow import Workflow, activity, local, storage
from simpleflow.canvas import Chain, Group
from simpleflow.payloads import s3
from simpleflow.step import Step, WorkflowStepMixin
from tests.support import s3_server

BUCKET = "done-steps"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.s3_server(tmp_path_factory.mktemp("moto")) as url:
        yield url
    s3_server.forget()


@pytest.fixture(autouse=True)
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_server.use(monkeypatch, server, STEP_BUCKET=BUCKET)
    s3.client().create_bucket(Bucket=BUCKET)
    ran.clear()


ran: list[str] = []


@activity.with_attributes()
def work(name: str) -> str:
    ran.append(name)
    return name


@activity.with_attributes()
def breaks() -> None:
    raise RuntimeError("no")


class Program(WorkflowStepMixin, Workflow):
    name = "program"
    version = "test"

    def get_step_path_prefix(self) -> str:
        return "mine/"

    def run(self, *steps: Any, force: Any = (), skip: Any = (), options: Any = None) -> Any:
        self.add_forced_steps(force, "wanted")
        self.add_skipped_steps(skip, "unwanted")
        done = self.submit(Chain(*(self.step(name, Group((work, name)), **(options or {})) for name in steps)))
        return done.result


def run(*steps: str, **options: Any) -> local.LocalRun:
    ended = local.execute(Program, steps, options)
    assert ended.status == "COMPLETED", ended.explain()
    return ended


def marks() -> list[str]:
    return sorted(found.key for found in storage.list_keys(BUCKET))


def log(ended: local.LocalRun) -> list[dict[str, Any]]:
    return [
        json.loads(event["markerRecordedEventAttributes"]["details"])
        for event in ended.history
        if event["eventType"] == "MarkerRecorded"
    ]


def test_a_step_is_done_once() -> None:
    run("a", "b")
    assert (ran, marks()) == (["a", "b"], ["mine/a", "mine/b"])
    again = run("a", "b", "c")
    assert ran == ["a", "b", "c"]
    assert [(told["step"], told["status"]) for told in log(again)] == [
        ("a", "skipped"),
        ("b", "skipped"),
        ("c", "scheduled"),
        ("c", "completed"),
    ]
    assert log(again)[0] == {
        "step": "a",
        "status": "skipped",
        "forced": False,
        "reasons": ["Step was already played"],
    }


def test_the_mark_tells_who_did_it() -> None:
    run("a")
    told = json.loads(storage.pull_content(BUCKET, "mine/a"))
    assert (told["domain_name"], told["workflow_id"], sorted(told)[1]) == ("local", "local", "run_id")


def test_a_directory_may_be_given_without_its_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "get_step_path_prefix", lambda self: "people/7")
    storage.push_content(BUCKET, "people/7/a", "{}")  # as 0.35 has marked it
    run("a", "b")
    assert (ran, marks()) == (["b"], ["people/7/a", "people/7/b"])


def test_steps_are_looked_up_and_marked_where_the_workflow_has_its_task_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def lists() -> set[str]:
        scheduled = (e.get("activityTaskScheduledEventAttributes") for e in run("a", force=["a"]).history)
        return {s["taskList"]["name"] for s in scheduled if s and ".step." in s["activityType"]["name"]}

    monkeypatch.setattr(Program, "task_list", "mine")
    assert lists() == {"mine"}
    monkeypatch.setattr(Program, "get_step_activity_params", lambda self: {"task_list": "theirs"})
    assert lists() == {"theirs"}


def test_an_execution_looks_once_which_steps_are_done() -> None:
    looked = [
        event
        for event in run("a", "b", "c").history
        if event["eventType"] == "ActivityTaskScheduled"
        and event["activityTaskScheduledEventAttributes"]["activityType"]["name"].endswith("GetStepsDoneTask")
    ]
    assert len(looked) == 1


def test_a_forced_step_runs_again_with_those_below_it() -> None:
    run("a", "a.b", "c")
    again = run("a", "a.b", "c", force=["a"])
    assert ran == ["a", "a.b", "c", "a", "a.b"]
    assert log(again)[0] == {"step": "a", "status": "scheduled", "forced": True, "reasons": ["wanted"]}


def test_a_skipped_step_does_not_run_and_is_not_marked() -> None:
    ended = run("a", "b", skip=["a"])
    assert (ran, marks()) == (["b"], ["mine/b"])
    assert log(ended)[0] == {"step": "a", "status": "skipped", "forced": True, "reasons": ["unwanted"]}


def test_forcing_beats_skipping() -> None:
    run("a", "b", force=["a"], skip=["*"])
    assert ran == ["a"]


def test_a_step_may_force_itself_and_what_depends_on_it() -> None:
    run("a", "b")
    again = run("a", options={"force": True, "force_steps_if_executed": ["b"]})
    assert (log(again)[0]["forced"], log(again)[0]["reasons"]) == (True, [])

    class Both(Program):
        name = "both"

        def run(self, *steps: Any, **options: Any) -> Any:
            first = self.step("a", Group((work, "a")), force=True, force_steps_if_executed=["b"])
            self.submit(Chain(first, self.step("b", Group((work, "b"))))).result
            return self.get_forced_steps()

    ran.clear()
    ended = local.execute(Both)
    assert (ran, ended.value) == (["a", "b"], ["b"])
    assert log(ended)[2]["reasons"] == ["Dep of a"]


def test_an_alternative_runs_in_place_of_a_step_that_is_done() -> None:
    class Either(Program):
        name = "either"

        def run(self, *steps: Any, **options: Any) -> Any:
            self.submit(Step("a", Group((work, "a")), activities_if_step_already_done=Group((work, "instead")))).result

    local.execute(Either)
    local.execute(Either)
    assert ran == ["a", "instead"]


def test_a_step_that_fails_is_not_done() -> None:
    class Breaks(Program):
        name = "breaks"

        def run(self, *steps: Any, **options: Any) -> Any:
            future = self.submit(Step("a", Group((breaks,))))
            return [future.result, str(future.exception)]

    ended = local.execute(Breaks)
    assert ended.status == "COMPLETED", ended.explain()
    assert marks() == []
    assert [told["status"] for told in log(ended)] == ["scheduled"]


def test_a_step_sends_its_signal() -> None:
    class Signals(Program):
        name = "signals"

        def run(self, *steps: Any, **options: Any) -> Any:
            self.submit(Step("a", Group((work, "a")), emit_signal=True))
            self.submit(self.wait_signal("step.a")).result
            return self.get_steps_done()

    ended = local.execute(Signals)
    assert (ended.status, ended.value) == ("COMPLETED", []), ended.explain()


def test_the_example() -> None:
    first = local.run(StepWorkflow)
    assert [told[:2] for told in first] == [["load", "completed"], ["load.index", "completed"], ["report", "completed"]]
    again = local.run(StepWorkflow)
    assert [told[:2] for told in again] == [["load", "skipped"], ["load.index", "completed"], ["report", "skipped"]]
    assert marks() == ["local/steps/load", "local/steps/load.index", "local/steps/report"]
