"""A client of SWF that costs next to nothing: raw HTTP over a few sockets, in one thread, without a library."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import orjson

DOMAIN = "benchmark"
FLOW = {"name": "flow", "version": "1"}
WORK = {"name": "work", "version": "1"}

_AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/swf/aws4_request, SignedHeaders=host, Signature=0"
_HEAD = (
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"
    f"Authorization: {_AUTHORIZATION}\r\nX-Amz-Target: SimpleWorkflowService.{{}}\r\nContent-Length: {{}}\r\n\r\n"
)

#: Yields requests, is sent the bodies of their answers.
Script = Generator[bytes, bytes, None]


def request(operation: str, **members: Any) -> bytes:
    body = orjson.dumps(members)
    return _HEAD.format(operation, len(body)).encode() + body


class Line:
    """One connection, opened anew where the server closes it after each answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._received = bytearray()
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._port))
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> bytes | None:
        """The body of the answer if it is complete with what has come now; SystemExit for an error."""
        self._received += self.socket.recv(1 << 20)
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        lower = bytes(head).lower()
        length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(rest) < length:
            return None
        if lower.split(None, 2)[1] != b"200":
            raise SystemExit(f"benchmark: {bytes(rest[:length]).decode()}")
        if b"connection: close" in lower:
            self.socket.close()
            self.socket = self._connect()
        self._received = rest[length:]
        return bytes(rest[:length])

    def call(self, operation: str, **members: Any) -> Any:
        body = self.exchange(request(operation, **members))
        return orjson.loads(body) if body else {}

    def exchange(self, data: bytes) -> bytes:
        self.send(data)
        while (body := self.receive()) is None:
            pass
        return body

    def close(self) -> None:
        self.socket.close()


def run(port: int, scripts: Sequence[Script]) -> tuple[int, float]:
    """Each script on a connection of its own; how many calls were answered, and in how many seconds."""
    return _run_alone(Line(port), scripts[0]) if len(scripts) == 1 else _run_together(port, scripts)


def _run_alone(line: Line, script: Script) -> tuple[int, float]:
    """Without a selector, which would have the client, too, do more between an answer and the next call."""
    calls = 0
    begin = time.perf_counter()
    data = next(script)
    with contextlib.suppress(StopIteration):
        while True:
            body = line.exchange(data)
            calls += 1
            data = script.send(body)
    elapsed = time.perf_counter() - begin
    line.close()
    return calls, elapsed


def _run_together(port: int, scripts: Iterable[Script]) -> tuple[int, float]:
    selector = selectors.DefaultSelector()
    for script in scripts:
        line = Line(port)
        selector.register(line.socket, selectors.EVENT_READ, (line, script))
    calls = 0
    waiting = [key.data for key in list(selector.get_map().values())]
    begin = time.perf_counter()
    for line, script in waiting:
        line.send(next(script))
    while selector.get_map():
        for key, _ in selector.select():
            line, script = key.data
            body = line.receive()
            if body is None:
                continue
            calls += 1
            if line.socket is not key.fileobj:
                selector.unregister(key.fileobj)
                selector.register(line.socket, selectors.EVENT_READ, (line, script))
            try:
                line.send(script.send(body))
            except StopIteration:
                selector.unregister(line.socket)
                line.close()
    return calls, time.perf_counter() - begin


# -- what is called --------------------------------------------------------------------------------


def register(line: Line) -> None:
    line.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
    line.call("RegisterWorkflowType", domain=DOMAIN, **FLOW)
    line.call("RegisterActivityType", domain=DOMAIN, **WORK)


def start(workflow_id: str, task_list: str) -> bytes:
    return request(
        "StartWorkflowExecution",
        domain=DOMAIN,
        workflowId=workflow_id,
        workflowType=FLOW,
        taskList={"name": task_list},
        childPolicy="TERMINATE",
        executionStartToCloseTimeout="3600",
        taskStartToCloseTimeout="300",
        input="x" * 100,
    )


def workflows(name: str, count: int) -> Script:
    """So many workflows with one activity, one after the other: seven calls each, all of which change something."""
    decisions, work = f"{name}-decisions", f"{name}-work"
    poll = request("PollForDecisionTask", domain=DOMAIN, taskList={"name": decisions})
    take = request("PollForActivityTask", domain=DOMAIN, taskList={"name": work})
    timeouts = dict.fromkeys(
        ("scheduleToStartTimeout", "scheduleToCloseTimeout", "startToCloseTimeout", "heartbeatTimeout"), "300"
    )
    attributes = {"activityType": WORK, "activityId": "a", "taskList": {"name": work}, "input": "x" * 100, **timeouts}
    schedule = [{"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}]
    complete = [
        {"decisionType": "CompleteWorkflowExecution", "completeWorkflowExecutionDecisionAttributes": {"result": "r"}}
    ]
    for number in range(count):
        yield start(f"{name}-{number}", decisions)
        for batch in (schedule, complete):
            task = orjson.loads((yield poll))
            yield request("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=batch)
            if batch is schedule:
                task = orjson.loads((yield take))
                yield request("RespondActivityTaskCompleted", taskToken=task["taskToken"], result="r")


def signals(workflow_id: str, count: int) -> Script:
    data = request("SignalWorkflowExecution", domain=DOMAIN, workflowId=workflow_id, signalName="s", input="x" * 100)
    for _ in range(count):
        yield data
