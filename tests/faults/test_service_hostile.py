"""Hostile clients beside a well-behaved one: no crash, no 500, and the good one is served throughout.

A few thousand requests here; ``SIMPLEFLOW_TEST_REQUESTS=100000 SIMPLEFLOW_TEST_SEED=2`` in the environment makes it
more, or others. Which requests: see test_service_fuzz.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from service_process import ServiceProcess
from test_service_fuzz import OPERATIONS, body

REQUESTS = int(os.environ.get("SIMPLEFLOW_TEST_REQUESTS", "3000"))
SEED = int(os.environ.get("SIMPLEFLOW_TEST_SEED", "1"))
ATTACKERS = 8
IDLE = 300
SLOW = 50
#: The good client waits this long for an answer at most; the machine may be busy with other things.
PATIENCE_S = 10.0
ANSWER_S = 30.0

TARGETS = ["", ".", "x.", "x." + "y" * 5000, "x.ListDomain", "x.\u00e9", "x.ListDomains\x00", "__class__", "x.validate"]
CHUNKS = [
    b"5\r\nhel",
    b"zz\r\nhello\r\n0\r\n\r\n",
    b"-1\r\nhello\r\n0\r\n\r\n",
    b"f" * 20 + b"\r\n",
    b"ffffffff\r\n" + b"x" * 1000,
    b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n",
    b"2\r\n{}\r\n0\r\nTrailer: " + b"x" * 70_000 + b"\r\n\r\n",
    b"2\r\n{}\r\n2",
    b"\r\n\r\n",
]
HEADS = [
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PUT /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST http://elsewhere/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST / HTTP/9.9\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
    b"\r\n" * 1000,
    b"\x00" * 5000,
]


@dataclass
class Told:
    """What the service has answered to whom."""

    statuses: Counter[int] = field(default_factory=Counter)
    closed: int = 0
    sent: int = 0
    good: list[float] = field(default_factory=list)


class Peer:
    """One connection, opened anew whenever the service has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, data: bytes) -> None:
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """Status and body; ConnectionError when the service closes instead."""
        assert self._reader is not None
        async with asyncio.timeout(ANSWER_S) if sys.version_info >= (3, 11) else _Untimed():
            try:
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                _, _, length = head.partition("\r\ncontent-length: ")
                content = await self._reader.readexactly(int(length.split("\r\n")[0] or 0))
            except asyncio.IncompleteReadError as error:
                self.close()
                raise ConnectionResetError from error
        if "\r\nconnection: close" in head:
            self.close()
        return int(head.split()[1]), content

    async def last_answers(self) -> list[int]:
        """Say that nothing more will come; the statuses of what the service has answered until it closes, too."""
        assert self._reader is not None and self._writer is not None
        self._writer.write_eof()
        async with asyncio.timeout(ANSWER_S) if sys.version_info >= (3, 11) else _Untimed():
            rest = await self._reader.read()
        self.close()
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", rest)]

    def close(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


class _Untimed:
    """Python 3.10 has no asyncio.timeout; the limit of the test itself holds."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *exception: object) -> None: ...


def request(target: str, content: bytes, *more: str) -> bytes:
    lines = ["POST / HTTP/1.1", "Host: localhost", f"X-Amz-Target: {target}", f"Content-Length: {len(content)}", *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content


async def attack(port: int, number: int, count: int, told: Told) -> None:
    """So many hostile requests, one after the other, each answered, refused or cut off by either side."""
    draw = random.Random(f"{SEED} {number}")
    with closing(Peer(port)) as peer:
        for _ in range(count):
            told.sent += 1
            data, whole = hostile(draw)
            try:
                await peer.send(data)
                if whole:
                    status, content = await peer.answer()
                    told.statuses[status] += 1
                    assert status < 500, (data[:300], content)
                else:
                    told.statuses.update(await peer.last_answers())
                    told.closed += 1
            except ConnectionError:
                peer.close()
    assert max(told.statuses) < 500, told.statuses


def hostile(draw: random.Random) -> tuple[bytes, bool]:
    """The bytes, and whether they are one whole request that deserves an answer."""
    kind = draw.randrange(20)
    if kind == 0:
        return draw.choice(HEADS) + b"x" * draw.randrange(3) + b"\r\n\r\n", False
    if kind == 1:
        head = request("x.ListDomains", b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        return head + draw.choice(CHUNKS) + b"\r\nx\r\n\r\n", False
    target = f"x.{draw.choice(OPERATIONS)}" if draw.random() < 0.9 else draw.choice(TARGETS)
    whole = request(target, body(draw, target[2:] if target[2:] in OPERATIONS else "ListDomains"))
    if kind == 2:
        mutated = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            mutated[draw.randrange(min(len(mutated), 200))] = draw.randrange(256)
        return bytes(mutated) + b"\r\n\r\n\r\n", False
    if kind == 3:
        return whole[: draw.randrange(1, len(whole))], False
    return whole, True


async def behave(port: int, told: Told, enough: asyncio.Event) -> None:
    """Workflows from start to end, again and again until `enough`."""
    with closing(Peer(port)) as peer:
        await serve_itself(peer, told, enough)


async def serve_itself(peer: Peer, told: Told, enough: asyncio.Event) -> None:

    async def call(operation: str, **members: Any) -> dict[str, Any]:
        begin = time.perf_counter()
        await peer.send(request(f"SimpleWorkflowService.{operation}", json.dumps(members).encode()))
        status, content = await peer.answer()
        told.good.append(time.perf_counter() - begin)
        assert status == 200, content
        answer: dict[str, Any] = json.loads(content) if content else {}
        return answer

    flow = {"name": "good", "version": "1"}
    await call("RegisterDomain", name="good", workflowExecutionRetentionPeriodInDays="NONE")
    await call("RegisterWorkflowType", domain="good", **flow)
    number = 0
    while not enough.is_set():
        number += 1
        await call(
            "StartWorkflowExecution",
            domain="good",
            workflowId=f"w{number}",
            workflowType=flow,
            taskList={"name": "good"},
            childPolicy="TERMINATE",
            executionStartToCloseTimeout="3600",
            taskStartToCloseTimeout="NONE",
        )
        task = await call("PollForDecisionTask", domain="good", taskList={"name": "good"})
        assert task["workflowExecution"]["workflowId"] == f"w{number}"
        decisions = [{"decisionType": "CompleteWorkflowExecution"}]
        await call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)


async def idle_and_slow(port: int, enough: asyncio.Event) -> None:
    """Connections that say nothing, and some that say it a byte at a time."""
    peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(IDLE + SLOW)]
    try:
        for byte in request("x.ListDomains", b"{}")[:-1]:
            for _, writer in peers[:SLOW]:
                writer.write(bytes([byte]))
            await asyncio.wait([asyncio.create_task(enough.wait())], timeout=0.02)
        await enough.wait()
    finally:
        for _, writer in peers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def siege(port: int) -> Told:
    told, enough = Told(), asyncio.Event()
    count = REQUESTS // ATTACKERS
    attacks = [asyncio.create_task(attack(port, number, count, told)) for number in range(ATTACKERS)]
    beside = [asyncio.create_task(behave(port, told, enough)), asyncio.create_task(idle_and_slow(port, enough))]
    try:
        while pending := [task for task in attacks if not task.done()]:
            done, _ = await asyncio.wait([*pending, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        enough.set()
        await asyncio.gather(*beside)
        return told
    finally:
        for task in (*attacks, *beside):
            task.cancel()
        await asyncio.gather(*attacks, *beside, return_exceptions=True)


@pytest.mark.timeout(60 + REQUESTS // 50)
def test_a_good_client_beside_hostile_ones(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path / "service.db", hold_s=0)
    try:
        told = asyncio.run(siege(service.port))
        response, _ = service.post("", b"")
        assert response.status == 400
    finally:
        code, log = service.stop()
    assert (code, "Traceback" in log) == (0, False), log[-3000:]
    slowest = max(told.good)
    print(
        f"{told.sent} hostile requests, {dict(told.statuses)} and {told.closed} cut off; "
        f"{len(told.good)} good calls, the slowest in {slowest:.3f} s"
    )
    assert told.statuses[200] > REQUESTS // 100 and told.statuses[400] > REQUESTS // 10 and told.closed > 10
    assert len(told.good) > REQUESTS // 50
    assert slowest < PATIENCE_S
