"""A decider over the service core: what it answers, and what it does when something goes wrong."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import threading
from typing import Any, ClassVar

import pytest
from support.swf_in_process import InProcessClient

from simpleflow import Workflow, activity, futures, logging_context
from simpleflow.exceptions import DecisionDeadlock
from simpleflow.payloads import codec
from simpleflow.replay.engine import Engine
from simpleflow.replay.work import RunKey
from simpleflow.swf import decider as deciders
from simpleflow.swf.decider import AFFINITY_SECONDS, Decider, missing_types
from simpleflow.swf.errors import Refused, Unreachable
from simpleflow.swf.find import Workflows
from simpleflow.swf.shunned import SHUN_SECONDS, Shunned
from simpleflow.swf.types import register_domain, register_type
from simpleflow.swf.watchdog import Watchdog
from simpleflow.swf.work import poll_decision, whole_history


@activity.with_attributes(task_list="work")
def triple(x: int) -> int:
    return x * 3


class Triples(Workflow):
    name = "triples"
    version = "1"
    task_list = "decide"
    told: ClassVar[list[str]] = []

    def run(self, x: int) -> int:
        return self.submit(triple, self.submit(triple, x)).result

    def on_completed(self, history: Any) -> None:
        self.told.append(history.events[-1]["eventType"])


class Forever(Workflow):
    name = "forever"
    version = "1"
    task_list = "decide"

    def run(self) -> None:
        while True:
            pass


class World:
    """One domain, one decider, and whatever is needed to move an execution on."""

    def __init__(self, *workflows: type[Workflow], clock: Any = lambda: 0.0, patience: float = 60) -> None:
        self.client = InProcessClient()
        self.workflows = Workflows(workflows)
        register_domain(self.client, "d")
        for missing in missing_types(workflows):
            register_type(self.client, "d", missing)
        self.decider = self.new_decider(clock=clock, patience=patience)

    def new_decider(self, clock: Any = lambda: 0.0, patience: float = 60, own_list: str | None = None) -> Decider:
        return Decider(
            lambda: self.client,
            "d",
            "decide",
            Engine(self.workflows.find),
            self.workflows,
            watchdog=Watchdog(patience),
            shunned=Shunned(clock),
            own_list=own_list,
        )

    def start(self, workflow: type[Workflow], *args: Any, class_name: str | None = None) -> None:
        envelope: dict[str, Any] = {"args": args, "kwargs": {}}
        if class_name:
            envelope["__extra"] = {"class": class_name}
        self.client.call(
            "StartWorkflowExecution",
            {
                "domain": "d",
                "workflowId": "w",
                "workflowType": {"name": workflow.name, "version": "1"},
                "taskList": {"name": "decide"},
                "input": codec.encode(envelope),
            },
        )

    @property
    def own_list(self) -> str:
        own = self.decider._own_list
        assert own is not None
        return own

    def decide(self, decider: Decider | None = None, task_list: str | None = None) -> bool:
        """One decision task, from the own list first; whether there was one."""
        decider = decider or self.decider
        for name in [task_list] if task_list else [self.own_list, "decide"]:
            work = poll_decision(self.client, "d", name, "me", since_last=name != "decide")
            if work is not None:
                decider.handle(self.client, work)
                return True
        return False

    def act(self) -> bool:
        task = self.client.call("PollForActivityTask", {"domain": "d", "taskList": {"name": "work"}})
        if not task.get("taskToken"):
            return False
        result = codec.encode(triple(*codec.decode(task["input"])["args"]))
        self.client.call("RespondActivityTaskCompleted", {"taskToken": task["taskToken"], "result": result})
        return True

    def finish(self) -> dict[str, Any]:
        while self.decide() or self.act():
            pass
        return self.events()[-1]

    def events(self) -> list[dict[str, Any]]:
        info = (
            self.client.call("ListOpenWorkflowExecutions", {"domain": "d", "startTimeFilter": {"oldestDate": 0}})[
                "executionInfos"
            ]
            or self.client.call("ListClosedWorkflowExecutions", {"domain": "d", "startTimeFilter": {"oldestDate": 0}})[
                "executionInfos"
            ]
        )
        run = info[0]["execution"]["runId"]
        request = {"domain": "d", "execution": {"workflowId": "w", "runId": run}}
        return list(self.client.pages("GetWorkflowExecutionHistory", "events", request))

    def describe(self) -> dict[str, Any]:
        run = self.client.call("ListOpenWorkflowExecutions", {"domain": "d", "startTimeFilter": {"oldestDate": 0}})
        execution = run["executionInfos"][0]["execution"]
        return self.client.call("DescribeWorkflowExecution", {"domain": "d", "execution": execution})


def test_an_execution_is_decided_to_its_end_and_its_types_are_registered() -> None:
    Triples.told.clear()
    world = World(Triples)
    world.start(Triples, 2)
    end = world.finish()
    assert end["workflowExecutionCompletedEventAttributes"]["result"] == "18"
    assert [r["name"] for r in world.client.requests("RegisterActivityType")] == [triple.name]
    assert Triples.told == ["WorkflowExecutionCompleted"]


def test_the_next_task_is_asked_for_on_the_own_list_and_carries_new_events_only() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    assert world.decide()
    answer = world.client.requests("RespondDecisionTaskCompleted")[0]
    assert answer["taskList"] == {"name": world.own_list}
    assert answer["taskListScheduleToStartTimeout"] == str(AFFINITY_SECONDS)
    # the type was unknown: the decision that failed for it comes back at once, on the own list
    work = poll_decision(world.client, "d", world.own_list, "me", since_last=True)
    assert work is not None
    assert work.events[0]["eventId"] == 3
    world.decider.handle(world.client, work)
    assert world.finish()["eventType"] == "WorkflowExecutionCompleted"


def test_a_process_that_does_not_have_the_run_reads_the_whole_history() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    world.decide()
    orphaned, world.decider = world.own_list, world.new_decider()
    assert world.decide(task_list=orphaned)
    assert world.client.requests("GetWorkflowExecutionHistory")
    assert world.finish()["workflowExecutionCompletedEventAttributes"]["result"] == "18"


def test_a_refused_answer_drops_the_run_and_it_is_built_again() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    world.decide()
    world.client.fail_next["RespondDecisionTaskCompleted"] = [
        Refused("RespondDecisionTaskCompleted", "UnknownResourceFault", "Unknown decision task", 400)
    ]
    work = poll_decision(world.client, "d", world.own_list, "me", since_last=True)
    assert work is not None
    world.decider.handle(world.client, work)
    assert world.decider._engine.seen(work.key) == 0
    world.decider.handle(world.client, work)  # the same task once more, as after a timeout
    assert world.finish()["workflowExecutionCompletedEventAttributes"]["result"] == "18"


def test_decisions_that_swf_finds_invalid_fail_the_execution_with_its_text() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    world.client.fail_next["RespondDecisionTaskCompleted"] = [
        Refused("RespondDecisionTaskCompleted", "ValidationException", "1 validation error detected", 400)
    ]
    world.decide()
    failed = world.events()[-1]["workflowExecutionFailedEventAttributes"]
    assert failed["reason"] == "decisions refused: 1 validation error detected"


def test_a_network_that_fails_while_answering_loses_nothing() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    world.client.fail_next["RespondDecisionTaskCompleted"] = [Unreachable("no route")]
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    world.decider.handle(world.client, work)
    world.decider.handle(world.client, work)
    assert world.finish()["workflowExecutionCompletedEventAttributes"]["result"] == "18"


def test_code_that_does_not_fit_the_history_waits_for_a_roll_back() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    world.decide()

    class Changed(Triples):
        def run(self, x: int) -> int:
            return self.submit(triple, x + 1).result

    world.workflows._given["triples"] = Changed
    newer = world.new_decider()
    while not world.act():
        world.decide()
    world.decide(newer, world.own_list)
    context = json.loads(world.describe()["latestExecutionContext"])
    assert context["error"] == "nondeterminism"
    assert world.events()[-1]["timerStartedEventAttributes"]["startToFireTimeout"] == "60"
    assert world.client.requests("RespondDecisionTaskCompleted")[-1]["taskList"] == {"name": "decide"}

    world.workflows._given["triples"] = Triples
    world.client.clock = itertools.count(1_000_000 + 61_000)  # the wake-up timer is over
    assert world.finish()["workflowExecutionCompletedEventAttributes"]["result"] == "18"


def test_on_nondeterminism_fail_fails_the_execution() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    while not world.act():
        world.decide()

    class Changed(Triples):
        on_nondeterminism = "fail"

        def run(self, x: int) -> int:
            return self.submit(triple, x + 1).result

    world.workflows._given["triples"] = Changed
    world.decide(world.new_decider(), world.own_list)
    assert world.events()[-1]["workflowExecutionFailedEventAttributes"]["reason"].startswith("nondeterminism: event ")


def test_a_workflow_that_is_not_there_fails_with_its_name() -> None:
    world = World(Triples)
    world.start(Triples, 2, class_name="nowhere.at.All")
    world.decide()
    assert "nowhere.at.All" in world.events()[-1]["workflowExecutionFailedEventAttributes"]["reason"]


def test_code_that_holds_the_thread_is_interrupted_and_left_alone_for_a_while() -> None:
    now = [0.0]
    world = World(Forever, clock=lambda: now[0], patience=0.05)
    world.start(Forever)
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    world.decider.handle(world.client, work)
    assert not world.client.requests("RespondDecisionTaskCompleted")
    assert work.key in world.decider._shunned
    assert work.key._replace(run_id="another") not in world.decider._shunned
    now[0] = SHUN_SECONDS - 1
    assert work.key in world.decider._shunned
    now[0] = SHUN_SECONDS
    assert work.key not in world.decider._shunned


def test_code_that_does_not_listen_ends_the_process() -> None:
    told: list[Any] = []
    ended = threading.Event()

    def end(status: int) -> None:
        told.append(status)
        ended.set()

    watchdog = Watchdog(0.01, 0.01, end)
    with pytest.raises(DecisionDeadlock), watchdog.watching("w r", lambda: told.append("interrupted")):
        ended.wait(20)  # in C: what is raised here waits too
    assert told == ["interrupted", 70]


def test_the_watchdog_says_whose_run_it_is() -> None:
    about: list[dict[str, str]] = []
    interrupted = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            about.append(logging_context.values())

    handler, logger = Handler(), logging.getLogger("simpleflow.swf.watchdog")
    logger.addHandler(handler)
    try:
        watchdog = Watchdog(0.01, 60, lambda status: None)
        with logging_context.bound(run_id="r"), pytest.raises(DecisionDeadlock):  # noqa: SIM117
            with watchdog.watching("w r", interrupted.set):
                while not interrupted.wait(20):
                    pass
    finally:
        logger.removeHandler(handler)
    assert about == [{"run_id": "r"}]


def test_what_ends_a_process_is_left_alone_by_the_next_one() -> None:
    shunned = Shunned(lambda: 0.0)
    key = RunKey("d", "w", "r")
    pid = os.fork()
    if pid == 0:
        shunned.add(key)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert key in shunned
    assert key not in Shunned(lambda: 0.0)


@pytest.mark.parametrize("leaving", [True, False])
def test_a_decider_that_leaves_sends_the_run_back_to_its_own_list(leaving: bool) -> None:
    world = World(Triples)
    world.start(Triples, 2)
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    world.decider.handle(world.client, work, leaving=leaving)
    answer = world.client.requests("RespondDecisionTaskCompleted")[0]
    assert ("taskListScheduleToStartTimeout" in answer) is not leaving
    assert answer["taskList"] == {"name": "decide" if leaving else world.own_list}


def test_what_waits_on_the_own_list_is_answered_before_the_end() -> None:
    world = World(Triples)
    world.start(Triples, 2)
    world.decide()
    world.decider._drain(world.client)
    count = {"domain": "d", "taskList": {"name": world.own_list}}
    assert world.client.call("CountPendingDecisionTasks", count)["count"] == 0


def test_a_service_that_takes_no_notice_does_not_keep_a_decider(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deciders, "AFFINITY_SECONDS", 0.01)
    world = World(Triples)
    world.decider._patient = False
    monkeypatch.setattr(world.decider, "_connect", lambda: Waiting(world, task_comes=False))
    world.decider._drain(world.client)
    assert "tasks may be left" in caplog.text


def test_a_decider_goes_on_with_the_list_of_the_one_whose_place_it_takes() -> None:
    world = World(Triples)
    world.decider = world.new_decider(own_list="decide-0")
    world.start(Triples, 2)
    while not world.act():
        assert world.decide()
    world.decider = world.new_decider(own_list="decide-0")
    assert world.decide(task_list="decide-0")
    assert world.finish()["workflowExecutionCompletedEventAttributes"]["result"] == "18"


class Waits(Workflow):
    name = "waits"
    version = "1"
    task_list = "decide"

    def run(self) -> Any:
        futures.wait(self.submit(self.wait_signal("go")))
        return "gone"


def test_the_history_of_a_run_can_be_read_up_to_an_event() -> None:
    world = World(Waits)
    world.start(Waits)
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    world.decider.handle(world.client, work)
    assert [e["eventId"] for e in whole_history(world.client, work.key, 2)] == [1, 2]
    assert json.loads(world.describe()["latestExecutionContext"]) == {"waiting_signals": ["go"]}


def test_an_error_of_the_engine_does_not_end_the_decider(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(Triples)
    world.start(Triples, 2)
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    with monkeypatch.context() as broken:
        broken.setattr(world.decider._engine, "decide", lambda work: 1 // 0)
        world.decider.handle(world.client, work)
    assert "ZeroDivisionError" in caplog.text
    world.decider.handle(world.client, work)  # the same task once more, as after a timeout
    assert world.finish()["workflowExecutionCompletedEventAttributes"]["result"] == "18"


def test_what_is_no_exception_of_the_author_does_not_end_the_decider() -> None:
    world = World(Cancels, Triples)
    world.start(Cancels)
    reason = world.finish()["workflowExecutionFailedEventAttributes"]["reason"]
    assert reason == "Cannot replay the workflow: CancelledError()"


class Cancels(Workflow):
    name, version, task_list = "cancels", "1", "decide"

    async def run(self) -> None:
        raise asyncio.CancelledError


@pytest.mark.parametrize("error", [Unreachable("nobody there"), ValueError("garbage")])
def test_nothing_ends_a_poller(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    world, stop = World(Triples), threading.Event()
    world.client.fail_next["PollForDecisionTask"] = [error]

    def wait(stop: threading.Event, seconds: float) -> bool:
        stop.set()
        return True

    engine = Engine(world.workflows.find)
    decider = Decider(lambda: world.client, "d", "decide", engine, world.workflows, wait=wait)
    decider._poll("decide", stop, decider._connect())
    assert f"poll of decide failed (1 in a row): {error}" in caplog.text
    assert ("Traceback" in caplog.text) == isinstance(error, ValueError)


class Waiting:
    """A client whose first poll waits until somebody hangs up; then it gets the task that was on its way, or none."""

    def __init__(self, world: World, task_comes: bool) -> None:
        self._world, self._task_comes = world, task_comes
        self.waits, self._over = threading.Event(), threading.Event()

    def call(self, operation: str, request: dict[str, Any], carried_out: object = None) -> Any:
        assert not self._over.is_set(), "asked after the end"
        self.waits.set()
        assert self._over.wait(20)
        if not self._task_comes:
            raise Unreachable("hung up")
        return self._world.client.call(operation, {**request, "maximumPageSize": 1})

    def hang_up(self) -> None:
        self._over.set()

    def close(self) -> None:
        """There is no connection."""


@pytest.mark.parametrize("task_comes", [True, False])
def test_what_is_on_its_way_to_a_decider_that_stops_is_decided(
    task_comes: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its history has more than one page, and the others come too."""
    world, stop = World(Triples), threading.Event()
    world.start(Triples, 2)
    client = Waiting(world, task_comes)
    clients = iter([world.client, client])  # for answers, for the poll, and then for all else
    engine = Engine(world.workflows.find)
    decider = Decider(
        lambda: next(clients, world.client),  # type: ignore[arg-type]
        "d",
        "decide",
        engine,
        world.workflows,
        affinity=False,
        patient=False,
    )
    deciding = threading.Thread(target=decider.run, args=(stop,))
    deciding.start()
    assert client.waits.wait(20)
    stop.set()
    deciding.join(20)
    assert not deciding.is_alive()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert len(world.client.requests("RespondDecisionTaskCompleted")) == task_comes


def test_decisions_are_told_by_their_types(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "simpleflow.swf.decider")
    world = World(Triples)
    world.start(Triples, 2)
    world.finish()
    told = [record.getMessage() for record in caplog.records if record.name == "simpleflow.swf.decider"]
    assert told[0] == "decided: 1 ScheduleActivityTask"
    assert told[-1] == "decided: 1 CompleteWorkflowExecution"


class Own(BaseException):
    pass


class Hostile(Workflow):
    """Raises what is no Exception, at a place of its own."""

    name, version, task_list = "hostile", "1", "decide"
    where: ClassVar[str] = ""
    error: ClassVar[BaseException] = Own()

    def __init__(self, executor: Any) -> None:
        super().__init__(executor)
        self.at("__init__")

    def at(self, place: str) -> Any:
        if place == self.where:
            raise self.error
        return True

    def run(self) -> Any:
        self.submit(triple, 1).wait()
        return self.at("run")

    def before_replay(self, history: Any) -> None:
        self.at("before_replay")

    def after_replay(self, history: Any) -> None:
        self.at("after_replay")

    def on_completed(self, history: Any) -> None:
        self.at("on_completed")


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit("g"), Own("o")])
@pytest.mark.parametrize("where", ["run", "__init__", "before_replay", "after_replay", "on_completed"])
def test_nothing_that_a_workflow_raises_ends_the_decider(
    where: str, error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Hostile, "where", where)
    monkeypatch.setattr(Hostile, "error", error)
    world = World(Hostile)
    world.start(Hostile)
    if where == "__init__":
        work = poll_decision(world.client, "d", "decide", "me")
        assert work is not None
        world.decider.handle(world.client, work)
        assert "the decision is given up" in caplog.text and world.decider._engine.live(work.key) is None
        return
    end = world.finish()
    if where == "run":
        reason = end["workflowExecutionFailedEventAttributes"]["reason"]
        assert reason == f"Cannot replay the workflow: {type(error).__name__}({error})"
    else:
        assert end["workflowExecutionCompletedEventAttributes"]["result"] == "true"


def test_not_even_what_looks_like_ctrl_c(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Hostile, "where", "__init__")
    monkeypatch.setattr(Hostile, "error", KeyboardInterrupt())
    world, stop = World(Hostile), threading.Event()
    world.start(Hostile)
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    world.decider._tasks.put((work, threading.Event()))
    world.decider._take(world.client, stop)
    assert "the decision is given up" in caplog.text
    monkeypatch.setattr(Hostile, "where", "")
    world.decider.handle(world.client, work)  # the same task once more, as after a timeout
    assert world.finish()["eventType"] == "WorkflowExecutionCompleted"


def test_nor_that_while_a_decider_leaves(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Hostile, "error", KeyboardInterrupt())
    world = World(Hostile)
    world.start(Hostile)
    while not world.act():
        assert world.decide()
    monkeypatch.setattr(Hostile, "where", "run")
    world.decider._drain(world.client)
    assert "the decision is given up" in caplog.text


class Forks(Workflow):
    name, version, task_list = "forks", "1", "decide"
    children: ClassVar[list[int]] = []

    def run(self) -> str:
        child = os.fork()
        self.children.append(child)
        return "parent" if child else "child"


def test_a_process_that_run_forks_ends_and_answers_nothing() -> None:
    world, pid = World(Forks), os.getpid()
    world.start(Forks)
    work = poll_decision(world.client, "d", "decide", "me")
    assert work is not None
    world.decider.handle(world.client, work)
    if os.getpid() != pid:
        os._exit(1)
    assert os.waitpid(Forks.children[0], 0)[1] == 0
    assert world.events()[-1]["workflowExecutionCompletedEventAttributes"]["result"] == '"parent"'
