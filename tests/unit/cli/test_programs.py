"""Which programs a worker fetches for an activity."""

from __future__ import annotations

import threading

import pytest

from simpleflow import activity, download
from simpleflow.cli import programs, worker
from simpleflow.process.nursery import Plan
from simpleflow.process.perform import ActivityCallData, Completed, Failed, Middlewares, perform

BINARIES = {"greet": "s3://bucket/greet"}
MIDDLEWARES = Middlewares.load([programs.FETCH])


@activity.with_attributes(meta={"binaries": BINARIES})
def needs() -> str:
    return "done"


@activity.with_attributes(meta={"other": 1})
def needs_nothing() -> str:
    return "done"


@activity.with_attributes()
def plain() -> str:
    return "done"


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr(download, "download_binaries", found.append)
    return found


def call(name: str, input: str = "{}") -> Completed | Failed:
    return perform(ActivityCallData(f"{__name__}.{name}", "1", "id", input), MIDDLEWARES)


def test_those_that_the_decorator_names_are_fetched_before_the_activity(fetched: list[object]) -> None:
    assert call("needs") == Completed('"done"')
    assert fetched == [BINARIES]


@pytest.mark.parametrize("name", ["plain", "needs_nothing"])
def test_those_that_an_input_names_are_not(fetched: list[object], name: str) -> None:
    assert call(name, '{"args": [], "meta": {"binaries": {"evil": "s3://bucket/evil"}}}') == Completed('"done"')
    assert fetched == []


def test_an_activity_whose_program_cannot_be_fetched_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(binaries: object) -> None:
        raise PermissionError("there is no place for programs")

    monkeypatch.setattr(download, "download_binaries", refuse)
    outcome = call("needs")
    assert isinstance(outcome, Failed)
    assert outcome.reason == "PermissionError: there is no place for programs"


def test_every_worker_begins_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Plan] = []
    monkeypatch.setattr(worker, "Pool", lambda *args, **kwargs: given.append(args[3]))
    worker._pool(worker.WorkerOptions("d", "t", plan=Plan(before=("mine",))), threading.Event())
    assert given == [Plan(before=(programs.FETCH, "mine"))]
