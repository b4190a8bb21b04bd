"""Hostile requests: the service answers each with a fault of the caller or a closed connection, and goes on."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from service_process import ServiceProcess

MODEL = Loader().load_service_model("swf", "service-2")
OPERATIONS = sorted(MODEL["operations"])
MEMBERS = sorted({name for shape in MODEL["shapes"].values() for name in shape.get("members", ())})
WORDS = [
    "",
    "x",
    "NONE",
    "-1",
    "0",
    "9" * 30,
    "arn",
    "a:b",
    "\x00",
    "é" * 300,
    "test",
    "deciders",
    "REGISTERED",
    "w" * 40_000,
]
GOOD = ["test", "deciders", "1", "10"]
NUMBERS = [0, -1, 1, 2**31, 2**63, -(2**64), 1.5, 1e308, 10**30]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    started = ServiceProcess(tmp_path_factory.mktemp("fuzz") / "service.db", hold_s=0)
    domain = {"name": "test", "workflowExecutionRetentionPeriodInDays": "1"}
    assert started.post("x.RegisterDomain", domain)[0].status == 200
    yield started
    code, told = started.stop()
    assert code == 0 and "Traceback" not in told, told


def value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(8 if depth < 4 else 5)
    if kind < 3:
        return draw.choice(WORDS)
    if kind == 3:
        return draw.choice(NUMBERS)
    if kind == 4:
        return draw.choice([None, True, False])
    if kind == 5:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(MEMBERS): value(draw, depth + 1) for _ in range(draw.randrange(4))}


def request_for(draw: random.Random, shape_name: str) -> Any:
    """A request that mostly follows the model, so that it gets past the first check."""
    shape = MODEL["shapes"][shape_name]
    if draw.random() < 0.03:
        return value(draw)
    if shape["type"] == "structure":
        required = shape.get("required", ())
        chosen = [name for name in shape["members"] if name in required or draw.random() < 0.3]
        return {name: request_for(draw, shape["members"][name]["shape"]) for name in chosen}
    if shape["type"] == "list":
        return [request_for(draw, shape["member"]["shape"]) for _ in range(draw.randrange(3))]
    if shape["type"] == "string":
        return draw.choice(shape.get("enum") or (GOOD if draw.random() < 0.9 else WORDS))
    if draw.random() < 0.9:
        return {"integer": 5, "boolean": True}.get(shape["type"], 1_000_000)
    return {"integer": draw.choice(NUMBERS), "boolean": draw.random() < 0.5}.get(shape["type"], draw.choice(NUMBERS))


def body(draw: random.Random, operation: str) -> bytes:
    kind = draw.randrange(10)
    if kind == 0:
        return draw.randbytes(draw.randrange(200))
    if kind == 1:
        return b"[" * draw.randrange(20_000)
    text = json.dumps(request_for(draw, MODEL["operations"][operation]["input"]["shape"])).encode()
    if kind == 2 and text:
        cut = draw.randrange(len(text))
        return text[:cut] + draw.randbytes(1) + text[cut + 1 :]
    return text


def headers(draw: random.Random) -> dict[str, str]:
    odd: dict[str, str] = {}
    if draw.random() < 0.3:
        odd["Authorization"] = draw.choice(
            ["x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/eu-west-1/swf/aws4_request"]
        )
    if draw.random() < 0.2:
        odd["Content_Type"] = draw.choice(["", "application/json", "x" * 2000])
    if draw.random() < 0.05:
        odd["Host"] = draw.choice(["", "evil", "localhost:99999999"])
    if draw.random() < 0.05:
        odd["Expect"] = "100-continue"
    return odd


@pytest.mark.parametrize("seed", range(4))
def test_hostile_requests(service: ServiceProcess, seed: int) -> None:
    draw = random.Random(seed)
    statuses: dict[int, int] = {}
    for _ in range(300):
        operation = draw.choice(OPERATIONS)
        target = operation if draw.random() < 0.95 else draw.choice(["", "x.", ".", "\u00c3\u00a9", "y" * 5000])
        response, answer = service.post(f"SimpleWorkflowService.{target}", body(draw, operation), **headers(draw))
        assert response.status < 500, (operation, answer)
        assert not answer or isinstance(json.loads(answer), dict)
        statuses[response.status] = statuses.get(response.status, 0) + 1
    assert statuses[200] > 10 and statuses[400] > 100


@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_are_hardly_http(service: ServiceProcess, seed: int) -> None:
    draw = random.Random(seed)
    whole = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: x.ListDomains\r\nContent-Length: 35\r\n\r\n"
        b'{"registrationStatus":"REGISTERED"}'
    )
    for _ in range(50):
        sent = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            sent[draw.randrange(len(sent))] = draw.randrange(256)
        with service.connect() as connection:
            connection.sendall(bytes(sent[: draw.randrange(1, len(sent) + 1)]))
    assert service.post("x.ListDomains", {"registrationStatus": "REGISTERED"})[0].status == 200
