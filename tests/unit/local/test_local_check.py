import logging
import sys
from typing import Any

import pytest

from simpleflow import Workflow, activity, local
from simpleflow.exceptions import NondeterminismError
from simpleflow.local.check import silence

world: list[int] = []


@activity.with_attributes(name="check.one")
def one() -> int:
    return 1


@activity.with_attributes(name="check.two")
def two() -> int:
    return 2


class Peeks(Workflow):
    """Asks the world, which changes, instead of the history."""

    def run(self) -> Any:
        world.append(0)
        return self.submit(one if len(world) == 1 else two).result


class ForgetsAtTheEnd(Workflow):
    """The first decisions are the same whenever they are repeated; what it returns is not."""

    def run(self) -> Any:
        world.append(0)
        self.submit(one).result
        return len(world)


class ReadsMore(Workflow):
    """Asks for more each time it runs."""

    def run(self) -> Any:
        world.append(0)
        return [future.result for future in [self.submit(one) for _ in world]]


class Waits(Workflow):
    """Nothing differs but what it waits for."""

    def run(self) -> Any:
        world.append(0)
        return self.submit(self.wait_signal(f"s{len(world)}")).result


@pytest.fixture(autouse=True)
def the_world_begins() -> None:
    world.clear()


@pytest.mark.parametrize("check_replay", [False, True])
@pytest.mark.parametrize("workflow_class", [Peeks, ForgetsAtTheEnd, ReadsMore])
def test_a_difference_fails_loudly(workflow_class: type[Workflow], check_replay: bool) -> None:
    with pytest.raises(NondeterminismError):
        local.run(workflow_class, check_replay=check_replay)


def test_check_replay_finds_the_decision_at_once() -> None:
    with pytest.raises(NondeterminismError, match=r"check\.one.*check\.two") as caught:
        local.run(Peeks, check_replay=True)
    assert caught.value.event_id == 3
    assert world == [0, 0]  # no second decision has been taken


def test_what_was_left_out_is_a_difference_too() -> None:
    with pytest.raises(NondeterminismError, match=r"records no decision, but .* the decision .*check\.one-2"):
        local.run(ReadsMore, check_replay=True)


def test_the_execution_context_is_compared() -> None:
    with pytest.raises(NondeterminismError, match=r"records the execution_context .*s1.* asks for .*s2"):
        local.run(Waits, check_replay=True)


class Deep(Workflow):
    def run(self) -> Any:
        return self.run()


def test_the_depth_of_the_stack_is_no_difference() -> None:
    assert "RecursionError" in str(local.execute(Deep, check_replay=True).reason)


def test_silence(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("simpleflow.test")
    with silence():
        print("out")
        print("err", file=sys.stderr)
        logger.error("logged")
    assert capsys.readouterr() == ("", "")
    assert caplog.messages == []
    logger.error("afterwards")
    assert caplog.messages == ["afterwards"]


def test_where_an_object_stands_in_memory_is_no_difference() -> None:
    class Complains(Workflow):
        name = "complains"
        version = "1"

        def run(self) -> None:
            raise ValueError(f"what is {object()!r}?")

    ended = local.execute(Complains, check_replay=True)
    assert ended.status == "FAILED"
    assert "what is <object object at 0x" in (ended.reason or "")
