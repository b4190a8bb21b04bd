"""kill -9 of the service under load: what it has answered for stays, and every execution completes.

A few kills here; ``SIMPLEFLOW_TEST_KILLS=50 SIMPLEFLOW_TEST_SEED=3`` in the environment makes it more, or others.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from simpleflow.service.check import check

KILLS = int(os.environ.get("SIMPLEFLOW_TEST_KILLS", "9"))
SEED = int(os.environ.get("SIMPLEFLOW_TEST_SEED", "1"))
CLIENTS = 6
ACTIVITIES = 2
PATIENCE_S = 90.0

FLOW = {"name": "flow", "version": "1"}
WORK = {"name": "work", "version": "1"}
DECIDERS = {"domain": "test", "taskList": {"name": "deciders"}}
WORKERS = {"domain": "test", "taskList": {"name": "workers"}}

# A service that ends itself as a kill -9 does: at the n-th commit, either before it or between it and the answers.
_SERVICE = """
import os, signal, sys
from pathlib import Path
from simpleflow.service.durable import Durable
from simpleflow.service.server import Options, run
db, moment, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
flush = Durable.flush
def flush_and_die(self, now_ms):
    global left
    if self.pending:
        left -= 1
    if left == 0 and moment == "before the commit":
        os.kill(os.getpid(), signal.SIGKILL)
    flush(self, now_ms)
    if left == 0 and moment == "behind the commit":
        os.kill(os.getpid(), signal.SIGKILL)
Durable.flush = flush_and_die
run(Options(Path(db), port=0, poll_hold_s=0.2), lambda url: print(url, flush=True))
"""

Record = dict[str, Any]


class Refused(Exception):
    """The service answered with a fault."""


class Service:
    """A process that dies at the `count`-th commit, or when it is told to."""

    def __init__(self, db: Path, moment: str = "never", count: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVICE, str(db), moment, str(count or -1)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.port = urlsplit(self.process.stdout.readline().strip()).port

    def end(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        code = self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


class Connection:
    def __init__(self, port: int | None) -> None:
        """OSError if the service is gone already."""
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._http.connect()
        self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, operation: str, request: Record) -> Record:
        """The answer; Refused for a fault, OSError or HTTPException when there is none."""
        headers = {"X-Amz-Target": f"SimpleWorkflowService.{operation}"}
        self._http.request("POST", "/", json.dumps(request), headers)
        response = self._http.getresponse()
        body = response.read()
        if response.status == 400:
            raise Refused(json.loads(body))
        assert response.status == 200, body
        return json.loads(body) if body else {}

    def close(self) -> None:
        self._http.close()


@dataclass
class Notes:
    """What the clients have been told, and so must stay."""

    runs: dict[str, str] = field(default_factory=dict)
    #: Runs and the ids of DecisionTaskStarted and ActivityTaskStarted of tasks that were handed over.
    handed: list[tuple[str, int]] = field(default_factory=list)
    #: Runs and the same ids of tasks whose answer was accepted.
    decided: list[tuple[str, int]] = field(default_factory=list)
    worked: list[tuple[str, int]] = field(default_factory=list)
    signals: list[tuple[str, str]] = field(default_factory=list)
    #: Histories as they were read.
    reads: dict[str, list[Record]] = field(default_factory=dict)
    acknowledged: int = 0


class Client:
    """One thread of deciding, working, starting and asking; it lives through many services."""

    def __init__(self, number: int, notes: Notes) -> None:
        self.notes = notes
        self.random = random.Random(f"{SEED} {number}")
        self.name = f"c{number}"
        self.count = 0
        #: The answer that is owed for a task: operation, request, and the note to take when it is accepted.
        self.owed: tuple[str, Record, list[tuple[str, int]], tuple[str, int]] | None = None
        self.failure: BaseException | None = None

    def run(self, port: int | None, last: int, killer: Any, stop: threading.Event) -> None:
        """Go on until the service is gone; at the `last` acknowledged call, see to that."""
        try:
            with closing(Connection(port)) as connection:
                while not stop.is_set():
                    self.step(connection)
                    self.notes.acknowledged += 1
                    if self.notes.acknowledged == last:
                        killer()
        except (OSError, http.client.HTTPException):
            return
        except BaseException as error:
            self.failure = error

    def step(self, connection: Connection) -> None:
        if self.owed is not None:
            self.answer(connection)
            return
        chance = self.random.random()
        if chance < 0.35:
            self.decide(connection)
        elif chance < 0.7:
            self.work(connection)
        elif chance < 0.82:
            self.start(connection)
        elif chance < 0.92:
            self.signal(connection)
        else:
            self.read(connection)

    def start(self, connection: Connection) -> None:
        self.count += 1
        request = {"domain": "test", "workflowId": f"{self.name}-{self.count}", "workflowType": FLOW}
        run_id = connection.call("StartWorkflowExecution", request)["runId"]
        self.notes.runs[run_id] = request["workflowId"]

    def signal(self, connection: Connection) -> None:
        run_id = self.some_run()
        if run_id is None:
            return
        self.count += 1
        text = f"{self.name}-{self.count}"
        request = {"domain": "test", "workflowId": self.notes.runs[run_id], "runId": run_id}
        try:
            connection.call("SignalWorkflowExecution", {**request, "signalName": "s", "input": text})
        except Refused:
            return  # it has closed
        self.notes.signals.append((run_id, text))

    def read(self, connection: Connection) -> None:
        run_id = self.some_run()
        if run_id is not None:
            self.notes.reads[run_id] = history(connection, self.notes.runs[run_id], run_id)

    def some_run(self) -> str | None:
        runs = list(self.notes.runs)[-20:]
        return self.random.choice(runs) if runs else None

    def decide(self, connection: Connection) -> None:
        task = connection.call("PollForDecisionTask", DECIDERS)
        if "taskToken" in task:
            assert "nextPageToken" not in task
            request = {"taskToken": task["taskToken"], "decisions": decisions(task["events"])}
            self.owe("RespondDecisionTaskCompleted", request, self.notes.decided, task)

    def work(self, connection: Connection) -> None:
        task = connection.call("PollForActivityTask", WORKERS)
        if "taskToken" in task:
            request = {"taskToken": task["taskToken"], "result": "done"}
            self.owe("RespondActivityTaskCompleted", request, self.notes.worked, task)

    def owe(self, operation: str, request: Record, note: list[tuple[str, int]], task: Record) -> None:
        key = (task["workflowExecution"]["runId"], task["startedEventId"])
        self.notes.handed.append(key)
        self.owed = (operation, request, note, key)

    def answer(self, connection: Connection) -> None:
        assert self.owed is not None
        operation, request, note, key = self.owed
        try:
            connection.call(operation, request)
            note.append(key)
        except Refused:
            pass  # accepted before, with the answer lost, or too late
        self.owed = None


def decisions(events: list[Record]) -> list[Record]:
    """Two activities, each again when it has timed out, then the end."""
    types = Counter(event["eventType"] for event in events)
    missing = ACTIVITIES - types["ActivityTaskScheduled"] + types["ActivityTaskTimedOut"]
    if types["ActivityTaskCompleted"] == ACTIVITIES:
        return [{"decisionType": "CompleteWorkflowExecution"}]
    ids = [f"{types['ActivityTaskScheduled'] + index}" for index in range(missing)]
    attributes = [{"activityType": WORK, "activityId": activity_id} for activity_id in ids]
    return [{"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": a} for a in attributes]


def history(connection: Connection, workflow_id: str, run_id: str) -> list[Record]:
    request: Record = {"domain": "test", "execution": {"workflowId": workflow_id, "runId": run_id}}
    answer = connection.call("GetWorkflowExecutionHistory", request)
    assert "nextPageToken" not in answer
    events: list[Record] = answer["events"]
    return events


def register(connection: Connection) -> None:
    connection.call("RegisterDomain", {"name": "test", "workflowExecutionRetentionPeriodInDays": "1"})
    connection.call(
        "RegisterWorkflowType",
        {
            "domain": "test",
            **FLOW,
            "defaultTaskList": DECIDERS["taskList"],
            "defaultChildPolicy": "TERMINATE",
            "defaultExecutionStartToCloseTimeout": "86400",
            "defaultTaskStartToCloseTimeout": "2",
        },
    )
    connection.call(
        "RegisterActivityType",
        {
            "domain": "test",
            **WORK,
            "defaultTaskList": WORKERS["taskList"],
            "defaultTaskScheduleToStartTimeout": "NONE",
            "defaultTaskScheduleToCloseTimeout": "NONE",
            "defaultTaskStartToCloseTimeout": "2",
            "defaultTaskHeartbeatTimeout": "NONE",
        },
    )


def live(clients: list[Client], service: Service, last: int) -> None:
    """Load the service until it dies; by kill -9 at the `last` call, unless it does so itself."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=client.run, args=(service.port, last, service.process.kill, stop)) for client in clients
    ]
    for thread in threads:
        thread.start()
    try:
        assert service.process.wait(PATIENCE_S) == -signal.SIGKILL
    finally:
        stop.set()
        service.end()
        for thread in threads:
            thread.join(60)
    assert [client.failure for client in clients if client.failure] == []


def drain(clients: list[Client], connection: Connection) -> None:
    """Decide and work until nothing is open."""
    end = time.monotonic() + PATIENCE_S
    for client in clients:
        if client.owed is not None:
            client.answer(connection)
    client = clients[0]
    window = {"domain": "test", "startTimeFilter": {"oldestDate": 0}}
    while connection.call("CountOpenWorkflowExecutions", window)["count"]:
        assert time.monotonic() < end, connection.call("ListOpenWorkflowExecutions", window)
        for act in (client.decide, client.work):
            act(connection)
            while client.owed is not None:
                client.answer(connection)
                act(connection)


def closed_runs(connection: Connection) -> Iterator[Record]:
    request: Record = {"domain": "test", "startTimeFilter": {"oldestDate": 0}}
    token = {}
    while True:
        page = connection.call("ListClosedWorkflowExecutions", {**request, **token})
        yield from page["executionInfos"]
        if "nextPageToken" not in page:
            return
        token = {"nextPageToken": page["nextPageToken"]}


def ids(events: list[Record], event_type: str, member: str) -> list[Any]:
    name = event_type[0].lower() + event_type[1:] + "EventAttributes"
    return [event[name].get(member) for event in events if event["eventType"] == event_type]


def verify(connection: Connection, notes: Notes) -> None:
    """Each thing that a client was told is in the histories, once."""
    assert {count for _, count in Counter(notes.handed).items()} == {1}, "a task was given to two polls"
    expected: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for kind in ("handed", "decided", "worked", "signals"):
        for run_id, what in getattr(notes, kind):
            expected[run_id].append((kind, what))
    found = {info["execution"]["runId"]: info for info in closed_runs(connection)}
    assert set(notes.runs) <= set(found)
    assert {info["closeStatus"] for info in found.values()} == {"COMPLETED"}
    for run_id, info in found.items():
        events = history(connection, info["execution"]["workflowId"], run_id)
        assert events[: len(notes.reads.get(run_id, ()))] == notes.reads.get(run_id, [])
        started = {e["eventId"] for e in events if e["eventType"] in ("DecisionTaskStarted", "ActivityTaskStarted")}
        present = Counter(("handed", event_id) for event_id in started)
        present.update(("decided", event_id) for event_id in ids(events, "DecisionTaskCompleted", "startedEventId"))
        present.update(("worked", event_id) for event_id in ids(events, "ActivityTaskCompleted", "startedEventId"))
        present.update(("signals", text) for text in ids(events, "WorkflowExecutionSignaled", "input"))
        assert set(present.values()) == {1}
        assert set(expected[run_id]) <= set(present)


@pytest.mark.timeout(60 + 20 * KILLS)
def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    db = tmp_path / "service.db"
    notes = Notes()
    clients = [Client(number, notes) for number in range(CLIENTS)]
    draw = random.Random(SEED)
    moments = ["never", "before the commit", "behind the commit"]
    kills: Counter[str] = Counter()
    service = Service(db)
    with closing(Connection(service.port)) as connection:
        register(connection)
    assert service.end() == -signal.SIGKILL
    for number in range(KILLS):
        moment, count = moments[number % 3], draw.randrange(1, 120)
        service = Service(db, moment, count)
        live(clients, service, notes.acknowledged + draw.randrange(1, 400) if moment == "never" else -1)
        kills[moment] += 1
        if draw.random() < 0.2:
            assert check(db).clean
    service = Service(db)
    with closing(Connection(service.port)) as connection:
        drain(clients, connection)
        verify(connection, notes)
    assert service.end(signal.SIGTERM) == 0
    report = check(db)
    assert report.clean, report
    assert kills["behind the commit"] >= KILLS // 3
    assert notes.signals and notes.reads and len(notes.worked) > KILLS
    print(f"{dict(kills)} kills, {notes.acknowledged} calls answered, {report.runs} executions, {report.events} events")
