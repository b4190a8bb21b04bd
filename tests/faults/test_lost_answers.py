"""A network that loses the answer to what must not be done twice: it is done once, and whoever asked is told so."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from support import command_line, proxy
from support.daemons import Daemons
from support.proxy import Mishap, Proxy, drop_answer, drop_request, pass_on

from simpleflow import Workflow
from simpleflow.cli.exits import Exit
from simpleflow.replay.work import MissingType
from simpleflow.swf.client import Client
from simpleflow.swf.errors import Refused
from simpleflow.swf.start import Start, start
from simpleflow.swf.types import register_domain, register_type

DOMAIN = "d"
FLOW = "examples.basic.BasicWorkflow"
START, SIGNAL = "StartWorkflowExecution", "SignalWorkflowExecution"


class Flow(Workflow):
    name, version, task_list = "flow", "1", "t"


class Losing(Proxy):
    """``ready`` are the mishaps of the next requests of each operation, one after the other."""

    def __init__(self, service_url: str) -> None:
        super().__init__(service_url, seed=0, chance=0)
        self.ready: dict[str, list[Mishap]] = {}

    def mishap(self, request: bytes) -> Mishap:
        operation = request.partition(b"SimpleWorkflowService.")[2].partition(b"\r\n")[0].decode()
        waiting = self.ready.get(operation)
        return waiting.pop(0) if waiting else pass_on


class Net:
    """``client`` is not disturbed; ``ready`` says what happens to the requests of all others."""

    def __init__(self, client: Client, between: Losing) -> None:
        self.client = client
        self.url = between.url
        self.ready = between.ready
        self.id = uuid.uuid4().hex

    def on(self, operation: str, **request: Any) -> Any:
        return self.client.call(operation, {"domain": DOMAIN, **request})

    def runs(self, status: str = "Open") -> list[str]:
        filters = {"startTimeFilter": {"oldestDate": 0}, "executionFilter": {"workflowId": self.id}}
        listed = self.on(f"List{status}WorkflowExecutions", **filters)["executionInfos"]
        return [info["execution"]["runId"] for info in listed]

    def start(self, since: float | None = None, **what: Any) -> str:
        """With the client whose network is bad."""
        with closing(Client(endpoint_url=self.url)) as client:
            wanted: dict[str, Any] = {"args": [1], "kwargs": {}, "task_list": "t", **what}
            return start(client, Start(DOMAIN, Flow, self.id, **wanted), since).run_id

    def signals(self) -> list[dict[str, Any]]:
        execution = {"workflowId": self.id, "runId": self.runs()[0]}
        events = self.on("GetWorkflowExecutionHistory", execution=execution)["events"]
        name = "workflowExecutionSignaledEventAttributes"
        return [event[name] for event in events if name in event]


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemons]:
    with Daemons(tmp_path_factory.mktemp("service")) as daemons:
        daemons.start_service("--db", "service.db")
        with daemons.environ():
            yield daemons


@pytest.fixture
def net(daemons: Daemons, monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "5")
    with closing(Client()) as client, Losing(daemons.url) as between, closing(Client(None, between.url)) as disturbed:
        register_domain(client, DOMAIN)
        net = Net(client, between)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SWF", between.url)
        command_line.use(monkeypatch, disturbed)
        yield net


def test_a_start_whose_answer_was_lost_is_a_start(net: Net) -> None:
    net.ready[START] = [pass_on, drop_answer]  # the first test is told that the type is missing
    assert [net.start()] == net.runs()


def test_also_if_all_answers_but_the_last_are_lost(net: Net) -> None:
    net.ready[START] = [drop_request, drop_answer, drop_answer]
    net.ready["ListOpenWorkflowExecutions"] = [drop_answer]
    assert [net.start()] == net.runs()


def test_also_if_the_run_has_ended_meanwhile(net: Net) -> None:
    async def end(between: Proxy, request: bytes) -> bytes:
        await between.ask(request)
        net.on("TerminateWorkflowExecution", workflowId=net.id)
        raise proxy.Lost

    net.ready[START] = [end]
    assert [net.start()] == net.runs("Closed")
    assert net.runs() == []


@pytest.mark.parametrize("what", [{"args": [2]}, {"task_list": "other"}, {"tags": ("a",)}, {"execution_timeout": 5}])
def test_what_another_has_started_is_another_execution(net: Net, what: dict[str, Any]) -> None:
    net.start()
    net.ready[START] = [drop_request]
    with pytest.raises(Refused, match="is open; choose another workflow id"):
        net.start(**what)


def test_also_if_it_is_alike_but_older(net: Net) -> None:
    net.start()
    net.ready[START] = [drop_request]
    (open_run,) = net.on(
        "ListOpenWorkflowExecutions", startTimeFilter={"oldestDate": 0}, executionFilter={"workflowId": net.id}
    )["executionInfos"]
    with pytest.raises(Refused, match="is open; choose another workflow id"):
        net.start(since=open_run["startTimestamp"])


def test_the_command_that_starts(net: Net) -> None:
    register_type(net.client, DOMAIN, MissingType("workflow", "basic", "example"))
    net.ready[START] = [drop_answer]
    where = ("--domain", DOMAIN, "--task-list", "t", "--workflow-id", net.id)
    ran = command_line.run("workflow.start", FLOW, *where, "--input", "[1, 0]")
    assert (ran.code, ran.stderr, ran.stdout.split()) == (Exit.DONE, "", [net.id, *net.runs()])


def test_the_command_that_starts_again(net: Net) -> None:
    former = net.start(tags=("a",))
    net.ready[START] = [drop_answer]
    net.ready["TerminateWorkflowExecution"] = [drop_answer]
    ran = command_line.run("workflow.restart", DOMAIN, net.id)
    assert (ran.code, ran.stderr, ran.stdout.split()) == (Exit.DONE, "", [net.id, *net.runs()])
    assert net.runs() != [former]


def test_the_command_that_terminates(net: Net) -> None:
    net.start()
    net.ready["TerminateWorkflowExecution"] = [drop_answer]
    ran = command_line.run("workflow.terminate", DOMAIN, net.id)
    assert (ran.code, ran.stderr, net.runs()) == (Exit.DONE, "", [])


@pytest.mark.parametrize("text", [None, '{"by": "Ada"}'])
@pytest.mark.parametrize("mishap", [drop_answer, drop_request])
def test_a_signal_arrives_once(net: Net, mishap: Mishap, text: str | None) -> None:
    net.start()
    given = () if text is None else ("--input", text)
    for sent in (1, 2):
        net.ready[SIGNAL] = [mishap]
        assert command_line.run("workflow.signal", DOMAIN, net.id, "go", *given).code == Exit.DONE
        come = net.signals()
        assert [(signal["signalName"], signal.get("input")) for signal in come] == sent * [("go", text)]


def test_standalone_goes_on_with_what_it_has_started(daemons: Daemons, net: Net) -> None:
    net.ready[START] = [drop_answer]
    daemons.environment["AWS_ENDPOINT_URL_SWF"] = net.url
    process = daemons.start("standalone", "standalone", FLOW, "--input", "[1, 0]", "-W", "1")
    assert process.wait(30) == 0, daemons.told("standalone")
    assert json.loads(daemons.told("standalone").splitlines()[-1]) == 4
