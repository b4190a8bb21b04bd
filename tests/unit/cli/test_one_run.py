"""What standalone does when SWF cannot answer for a while: the execution does not mind, so neither does who watches."""

from typing import Any

import pytest

from simpleflow import Workflow
from simpleflow.cli import one_run
from simpleflow.replay.work import RunKey
from simpleflow.swf.errors import Refused, SwfError, Unreachable
from simpleflow.swf.start import End, Start, start

KEY = RunKey("d", "w", "r")
FULL = Refused("GetWorkflowExecutionHistory", "InternalFailure", "the disk is full", 500)


class Quick:
    def wait(self, seconds: float) -> bool:
        return False


class Service:
    revived = 0

    def revive(self) -> None:
        self.revived += 1


class Screen:
    live = False

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def follower(monkeypatch: pytest.MonkeyPatch, looks: list[Any], service: Service | None) -> tuple[Any, Screen]:
    def look() -> Any:
        found = looks.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(one_run, "Client", lambda: None)
    asked: Any = type("Asked", (), {"color": "never", "display": False})
    screen: Any = Screen()
    made: Any = one_run._Follower(KEY, service, screen, asked)  # type: ignore[arg-type]
    monkeypatch.setattr(made, "_look", look)
    return made, screen


def test_trouble_that_passes_is_told_once_and_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    end = End("Completed", {})
    made, screen = follower(monkeypatch, [None, FULL, FULL, None, FULL, end], None)
    assert made.follow(Quick()) is end
    assert screen.said == [f"{FULL}; still waiting"] * 2


@pytest.mark.parametrize("embedded", [True, False])
def test_who_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, embedded: bool) -> None:
    end, service = End("Completed", {}), Service()
    made, screen = follower(monkeypatch, [Unreachable("nobody"), end], service if embedded else None)
    assert made.follow(Quick()) is end
    assert (service.revived, screen.said) == ((1, []) if embedded else (0, ["nobody; still waiting"]))


def test_what_does_not_pass_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Refused("GetWorkflowExecutionHistory", "UnknownResourceFault", "Unknown execution", 400)
    made, _ = follower(monkeypatch, [gone], Service())
    with pytest.raises(SwfError, match="Unknown execution"):
        made.follow(Quick())


def test_an_id_that_is_taken_says_what_to_do() -> None:
    class Taken(Workflow):
        name, version, task_list = "taken", "1", "t"

    class Client:
        def call(self, operation: str, request: dict[str, Any], carried_out: object) -> Any:
            raise Refused(operation, "WorkflowExecutionAlreadyStartedFault", "Already Started", 400)

    client: Any = Client()
    with pytest.raises(Refused, match="an execution 'w' is open; choose another workflow id") as caught:
        start(client, Start("d", Taken, "w", [], {}, "t"), since=None)
    assert caught.value.code == "WorkflowExecutionAlreadyStartedFault"
