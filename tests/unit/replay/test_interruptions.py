"""An activity that our own stop interrupted runs again, without that counting as an attempt."""

from __future__ import annotations

from typing import Any

import pytest
from support.swf_in_process import InProcessClient

from simpleflow import Workflow, activity
from simpleflow.payloads import codec
from simpleflow.replay.engine import Engine
from simpleflow.replay.state import INTERRUPTED
from simpleflow.swf.decider import Decider
from simpleflow.swf.find import Workflows
from simpleflow.swf.start import Start, end_of, open_run, start, tell_interruption
from simpleflow.swf.types import register_domain
from simpleflow.swf.watchdog import Watchdog
from simpleflow.swf.work import poll_decision


@activity.with_attributes(task_list="t", retry=0, raises_on_failure=True)
def once(x: int) -> int:
    return x + 1


class Fragile(Workflow):
    name = "fragile"
    version = "1"
    task_list = "t"

    def run(self, x: int) -> int:
        return self.submit(once, self.submit(once, x)).result


class World:
    def __init__(self) -> None:
        self.client: Any = InProcessClient()
        register_domain(self.client, "d")
        self.key = start(self.client, Start("d", Fragile, "w", [1], {}, "t", 10**6), since=None)
        self.decider = self.another_decider()

    def another_decider(self) -> Decider:
        workflows = Workflows([Fragile])
        return Decider(
            lambda: self.client, "d", "t", Engine(workflows.find), workflows, affinity=False, watchdog=Watchdog(60)
        )

    def decide(self) -> None:
        while (work := poll_decision(self.client, "d", "t", "me")) is not None:
            self.decider.handle(self.client, work)

    def poll(self) -> dict[str, Any]:
        return self.client.call("PollForActivityTask", {"domain": "d", "taskList": {"name": "t"}})

    def respond(self, task: dict[str, Any], how: str, **fields: str) -> None:
        self.client.call(f"RespondActivityTask{how}", {"taskToken": task["taskToken"], **fields})

    def finish(self) -> str:
        self.decide()
        while (task := self.poll()).get("taskToken"):
            x = codec.decode(task["input"])["args"][0]
            self.respond(task, "Completed", result=codec.encode(x + 1))
            self.decide()
        end = end_of(self.client, self.key)
        assert end is not None
        assert end.status == "Completed", end
        return str(end.attributes["result"])


@pytest.fixture
def world() -> World:
    return World()


def test_a_failure_that_the_worker_calls_an_interruption(world: World) -> None:
    world.decide()
    world.respond(world.poll(), "Failed", reason=INTERRUPTED, details="stopped")
    assert world.finish() == "3"


def test_any_other_failure_is_one(world: World) -> None:
    world.decide()
    world.respond(world.poll(), "Failed", reason="ValueError: no")
    world.decide()
    end = end_of(world.client, world.key)
    assert end is not None
    assert end.status == "Failed"


@pytest.mark.parametrize("started", [True, False])
def test_an_hour_later_its_timeouts_are_no_failures(world: World, started: bool) -> None:
    world.decide()
    if started:
        world.poll()
    world.client.skip(3600)
    assert tell_interruption(world.client, world.key) == "t"
    world.decider = world.another_decider()
    assert world.finish() == "3"


def test_a_timeout_that_a_decision_has_seen_stays_a_failure(world: World) -> None:
    world.decide()
    world.poll()
    world.client.skip(3600)
    world.decide()
    assert open_run(world.client, "d", "w") is None


def test_nothing_is_told_where_nothing_was_lost(world: World) -> None:
    world.decide()
    world.respond(world.poll(), "Completed", result="2")
    tell_interruption(world.client, world.key)
    assert not world.client.requests("SignalWorkflowExecution")
    assert world.finish() == "3"


def test_a_run_is_found_by_its_workflow_id(world: World) -> None:
    assert open_run(world.client, "d", "w") == world.key
    assert open_run(world.client, "d", "another") is None


@pytest.mark.parametrize("text", ["[[1]]", '{"a": 1}', "no JSON", "[1e400]", '["5", null]'])
def test_anybody_may_send_the_signal_and_nothing_comes_of_it(world: World, text: str) -> None:
    world.decide()
    request = {"domain": "d", "workflowId": "w", "signalName": INTERRUPTED, "input": text}
    world.client.call("SignalWorkflowExecution", request)
    assert world.finish() == "3"


def test_a_signal_that_cannot_be_read_is_not_passed_on_and_harms_nobody(world: World) -> None:
    world.decide()
    request = {"domain": "d", "workflowId": "w", "signalName": "s", "input": '{"__propagate": 1e400}'}
    world.client.call("SignalWorkflowExecution", request)
    assert world.finish() == "3"
