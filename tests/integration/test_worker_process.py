"""``worker.start`` as a process, against the service over HTTP."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import ServiceProcess
from support.processes import ROOT, family, wait_for_end, wait_until

MODULE = "support.process_activities"
NAMES = (
    "add",
    "exit_hard",
    "fail",
    "hang",
    "obey_slowly",
    "pid",
    "segfault",
    "wait_for_file",
)
TIMEOUTS = {f"defaultTask{name}Timeout": "NONE" for name in ("ScheduleToStart", "ScheduleToClose", "StartToClose")}

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "thing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "ACTIVITY_SIGTERM_WAIT_SEC": "0.2",
    "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    service = ServiceProcess(tmp_path_factory.mktemp("service") / "service.db")
    swf = service.client()
    swf.register_domain(name="domain", workflowExecutionRetentionPeriodInDays="1")
    swf.register_workflow_type(
        domain="domain",
        name="flow",
        version="v",
        defaultTaskStartToCloseTimeout="NONE",
        defaultExecutionStartToCloseTimeout="3600",
        defaultChildPolicy="TERMINATE",
    )
    for name in NAMES:
        swf.register_activity_type(
            domain="domain", name=f"{MODULE}.{name}", version="v", defaultTaskHeartbeatTimeout="NONE", **TIMEOUTS
        )
    yield service
    service.kill()


class Flow:
    """An execution, decided by the test."""

    def __init__(self, service: ServiceProcess, task_list: str) -> None:
        self.swf = service.client()
        self.id = uuid.uuid4().hex
        self.task_list = task_list
        started = self.swf.start_workflow_execution(
            domain="domain",
            workflowId=self.id,
            workflowType={"name": "flow", "version": "v"},
            taskList={"name": self.id},
        )
        self.execution = {"workflowId": self.id, "runId": started["runId"]}

    def decide(self, kind: str, attributes: dict[str, Any]) -> None:
        self.swf.signal_workflow_execution(domain="domain", workflowId=self.id, signalName="decide")
        task = self.swf.poll_for_decision_task(domain="domain", taskList={"name": self.id})
        member = f"{kind[0].lower()}{kind[1:]}DecisionAttributes"
        self.swf.respond_decision_task_completed(
            taskToken=task["taskToken"], decisions=[{"decisionType": kind, member: attributes}]
        )

    def schedule(self, name: str, *args: Any) -> str:
        activity_id = f"{name}-{uuid.uuid4().hex}"
        self.decide(
            "ScheduleActivityTask",
            {
                "activityType": {"name": f"{MODULE}.{name}", "version": "v"},
                "activityId": activity_id,
                "input": json.dumps({"args": args}),
                "taskList": {"name": self.task_list},
            },
        )
        return activity_id

    def outcome(self, activity_id: str) -> tuple[str, dict[str, Any]]:
        """The event that ends an activity, without "ActivityTask", and its attributes."""
        found: list[tuple[str, dict[str, Any]]] = []
        wait_until(lambda: found.extend(self._ends(activity_id)) or found, f"the end of {activity_id}")
        return found[0]

    def _ends(self, activity_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        events = self.swf.get_workflow_execution_history(domain="domain", execution=self.execution)["events"]
        scheduled = None
        for event in events:
            kind = event["eventType"]
            attributes = event.get(f"{kind[0].lower()}{kind[1:]}EventAttributes", {})
            if attributes.get("activityId") == activity_id and kind == "ActivityTaskScheduled":
                scheduled = event["eventId"]
            elif kind != "ActivityTaskStarted" and scheduled and attributes.get("scheduledEventId") == scheduled:
                yield kind.removeprefix("ActivityTask"), attributes

    def run(self, name: str, *args: Any) -> tuple[str, dict[str, Any]]:
        return self.outcome(self.schedule(name, *args))


class WorkerProcess:
    def __init__(self, service: ServiceProcess, task_list: str, *options: str) -> None:
        command = [sys.executable, "-m", "simpleflow", "worker.start", "-d", "domain", "--endpoint-url", service.url]
        where = ["-t", task_list] if task_list else []
        self.task_list = task_list
        self.process = subprocess.Popen(
            [*command, *where, *options],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and what it wrote."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        told, _ = self.process.communicate(timeout=20)
        return self.process.returncode, told


@pytest.fixture(scope="module")
def worker(service: ServiceProcess) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(service, "workers", "-N", "2", "--heartbeat", "1", "--module", MODULE)
    yield worker
    code, told = worker.end()
    assert code == 0, told


@pytest.fixture
def flow(service: ServiceProcess, worker: WorkerProcess) -> Flow:
    return Flow(service, worker.task_list)


@pytest.fixture
def start(service: ServiceProcess) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts a worker with a task list of its own."""
    started: list[WorkerProcess] = []

    def start(*options: str) -> WorkerProcess:
        started.append(WorkerProcess(service, uuid.uuid4().hex, *options))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.returncode is None:
            worker.end(signal.SIGKILL)


def read(path: Path) -> list[int]:
    """The numbers of a file, when it is there."""
    wait_until(lambda: path.exists() and path.read_text(), f"{path}")
    return [int(word) for word in path.read_text().split()]


# -- outcomes


def test_results_and_failures(flow: Flow) -> None:
    assert flow.run("add", 1, 4)[1]["result"] == "5"
    kind, attributes = flow.run("fail")
    assert (kind, attributes["reason"]) == ("Failed", "ValueError: boom")
    assert json.loads(attributes["details"])["error_type"] == "builtins.ValueError"


@pytest.mark.parametrize(
    ("name", "how"), [("exit_hard", "exit code 3"), ("segfault", "exit code -11 (SIGSEGV)")], ids=["exit", "segfault"]
)
def test_a_process_that_ends_fails_its_activity(flow: Flow, name: str, how: str) -> None:
    kind, attributes = flow.run(name)
    assert kind == "Failed"
    assert attributes["reason"].startswith("process ") and attributes["reason"].endswith(f" died: {how}")
    assert flow.run("add", 1)[1]["result"] == "2"


def test_a_killed_process_fails_its_activity(flow: Flow, tmp_path: Path) -> None:
    told = tmp_path / "told"
    activity_id = flow.schedule("wait_for_file", str(told), str(tmp_path / "never"))
    (child,) = read(told)
    os.kill(child, signal.SIGKILL)
    kind, attributes = flow.outcome(activity_id)
    assert kind == "Failed"
    assert attributes["reason"] == f"process {child} died: exit code -9 (SIGKILL, perhaps for lack of memory)"
    assert flow.run("add", 1)[1]["result"] == "2"


# -- heartbeats


def test_code_that_is_cancelled_acknowledges(flow: Flow) -> None:
    activity_id = flow.schedule("obey_slowly")
    flow.decide("RequestCancelActivityTask", {"activityId": activity_id})
    kind, attributes = flow.outcome(activity_id)
    assert kind == "Canceled"
    assert json.loads(attributes["details"])["message"] == "half"


def test_code_that_does_not_listen_is_ended(flow: Flow, tmp_path: Path) -> None:
    told = tmp_path / "pids"
    activity_id = flow.schedule("hang", str(told))
    pids = read(told)
    flow.decide("RequestCancelActivityTask", {"activityId": activity_id})
    kind, attributes = flow.outcome(activity_id)
    assert kind == "Canceled" and "details" not in attributes
    wait_for_end(*pids)


def test_code_of_an_execution_that_is_over_is_ended(flow: Flow, tmp_path: Path) -> None:
    told = tmp_path / "pids"
    flow.schedule("hang", str(told))
    pids = read(told)
    flow.swf.terminate_workflow_execution(domain="domain", workflowId=flow.id)
    wait_for_end(*pids)


# -- the end


def test_what_runs_is_finished_before_the_end(
    service: ServiceProcess, start: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    worker = start("-N", "1")
    flow = Flow(service, worker.task_list)
    told, awaited = tmp_path / "told", tmp_path / "awaited"
    activity_id = flow.schedule("wait_for_file", str(told), str(awaited))
    (child,) = read(told)
    everybody = family(worker.process.pid)
    assert child in everybody
    worker.process.send_signal(signal.SIGTERM)
    awaited.touch()
    assert flow.outcome(activity_id)[0] == "Completed"
    code, told_by_worker = worker.wait()
    assert code == 0, told_by_worker
    wait_for_end(*everybody)


def test_a_second_signal_does_not_wait(
    service: ServiceProcess, start: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    worker = start("-N", "1")
    flow = Flow(service, worker.task_list)
    flow.schedule("hang", str(tmp_path / "pids"))
    pids = read(tmp_path / "pids")
    everybody = {*family(worker.process.pid), *pids}
    title = Path(f"/proc/{worker.process.pid}/cmdline")
    worker.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "stopping" in title.read_text(), "the first signal is taken")
    code, _ = worker.end(signal.SIGINT)
    assert code == 1
    wait_for_end(*everybody)


def test_a_killed_supervisor_leaves_nothing(
    service: ServiceProcess, start: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    worker = start("-N", "2")
    flow = Flow(service, worker.task_list)
    flow.schedule("hang", str(tmp_path / "pids"))
    pids = read(tmp_path / "pids")
    everybody = {*family(worker.process.pid), *pids}
    assert len(everybody) == 6  # supervisor, worker, nursery, two children, and a program
    worker.end(signal.SIGKILL)
    wait_for_end(*everybody, seconds=2)


def test_a_part_that_is_killed_is_replaced(service: ServiceProcess, start: Callable[..., WorkerProcess]) -> None:
    worker = start("-N", "1")
    flow = Flow(service, worker.task_list)
    seen = [int(flow.run("pid")[1]["result"])]
    for part in (1, 2):  # the worker, then the nursery of the next one
        chain = family(worker.process.pid)
        os.kill(chain[part], signal.SIGKILL)
        wait_for_end(*chain[1:])
        seen.append(int(flow.run("pid")[1]["result"]))
    assert len(set(seen)) == 3
    assert worker.end()[0] == 0


# -- single tasks


def test_one_task(service: ServiceProcess, start: Callable[..., WorkerProcess]) -> None:
    worker = start("--one-task")
    flow = Flow(service, worker.task_list)
    first, second = flow.schedule("pid"), flow.schedule("pid")
    code, told = worker.wait()
    assert code == 0, told
    assert flow.outcome(first)[0] == "Completed"
    assert list(flow._ends(second)) == []


def test_middlewares_of_the_command_line(service: ServiceProcess, start: Callable[..., WorkerProcess]) -> None:
    around = (
        "--middleware-pre-execution",
        f"{MODULE}.tell_before",
        "--middleware-post-execution",
        f"{MODULE}.tell_after",
    )
    worker = start("--one-task", *around)
    flow = Flow(service, worker.task_list)
    assert flow.run("add", 2)[1]["result"] == "3"
    code, told = worker.wait()
    assert code == 0, told
    assert [line for line in told.splitlines() if line.startswith(("before", "after"))] == ["before add", "after add 3"]


def test_a_second_signal_ends_a_single_task_too(
    service: ServiceProcess, start: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    worker = start("--one-task")
    Flow(service, worker.task_list).schedule("hang", str(tmp_path / "pids"))
    everybody = {*read(tmp_path / "pids"), *family(worker.process.pid)}
    worker.process.send_signal(signal.SIGTERM)

    def again() -> bool:
        worker.process.send_signal(signal.SIGTERM)
        return worker.process.poll() is not None

    wait_until(again, "the end")
    assert worker.wait()[0] == 130
    wait_for_end(*everybody, seconds=2)


def test_a_task_that_somebody_else_has_polled(service: ServiceProcess) -> None:
    flow = Flow(service, uuid.uuid4().hex)
    activity_id = flow.schedule("add", 2)
    task = flow.swf.poll_for_activity_task(domain="domain", taskList={"name": flow.task_list})
    del task["ResponseMetadata"]
    worker = WorkerProcess(service, "", "--poll-data", base64.b64encode(json.dumps(task).encode()).decode())
    code, told = worker.wait()
    assert code == 0, told
    assert flow.outcome(activity_id)[1]["result"] == "3"
