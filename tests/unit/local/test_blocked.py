import inspect
from pathlib import Path
from typing import Any

import pytest

from simpleflow import Workflow, futures, local
from simpleflow.exceptions import ExecutionBlocked


class Waits(Workflow):
    name = "waits"

    def run(self) -> Any:
        self.submit(self.start_timer("t", 10)).result
        return self.helper()

    def helper(self) -> Any:
        return self.submit(self.wait_signal("never")).result


class WaitsAsync(Workflow):
    async def run(self) -> Any:
        return await self.submit(self.next_signal("never"))


class WaitsForTwo(Workflow):
    def run(self) -> Any:
        return futures.wait(*[self.submit(self.wait_signal(name)) for name in ("b", "a")])


class WaitsForChild(Workflow):
    def run(self) -> Any:
        return self.submit(Waits).result


class WaitsForNothing(Workflow):
    def run(self) -> Any:
        return futures.Future(self.executor).result


class Restarts(Workflow):
    def run(self) -> Any:
        raise ExecutionBlocked


def place(function: Any, path: str = __file__) -> str:
    """The place of the last line of a function, as it should be told."""
    lines, first = inspect.getsourcelines(function)
    return f"({path}:{first + len(lines) - 1})"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def reason(workflow_class: type[Workflow]) -> str | None:
    run = local.execute(workflow_class)
    assert (run.status, run.result) == ("BLOCKED", None)
    assert run.history[-1]["eventType"] == "DecisionTaskCompleted"
    return run.reason


@pytest.mark.parametrize(
    ("workflow_class", "waits"),
    [
        (Waits, f"signal never {place(Waits.helper)}"),
        (WaitsAsync, f"signal never {place(WaitsAsync.run)}"),
        (WaitsForTwo, f"signals a, b {place(WaitsForTwo.run)}"),
        (WaitsForNothing, f"a future that nothing will finish {place(WaitsForNothing.run)}"),
    ],
)
def test_what_is_waited_for_is_told_with_the_line_of_the_author(workflow_class: type[Workflow], waits: str) -> None:
    assert reason(workflow_class) == f"blocked: waits for {waits}"


def test_the_path_is_relative_where_that_is_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    told = place(WaitsAsync.run, f"local/{Path(__file__).name}")
    assert reason(WaitsAsync) == f"blocked: waits for signal never {told}"


def test_a_child_tells_what_it_waits_for_itself() -> None:
    told = reason(WaitsForChild)
    assert told is not None
    assert told.startswith("blocked: waits for child workflow 'workflow-waits-local--")
    assert told.endswith(f" {place(WaitsForChild.run)}, which waits for signal never {place(Waits.helper)}")


def test_a_run_that_gave_up_waiting_by_itself() -> None:
    assert reason(Restarts) == (
        "blocked: waits, since `run` raised ExecutionBlocked, for something that will not happen any more"
    )
