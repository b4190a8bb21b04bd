"""Runs inside the environment of the existing package: the same workflows over the same events.

Reads one JSON object per line, ``{"shape", "steps", "repeats", "events"}``, and writes one per line:
``{"parse": [seconds], "replay": [seconds]}``. With ``pages``, the bodies of the answers to a poll, instead of
``events``, all of it counts from the bytes on: ``{"poll": [seconds]}``. With neither of them it runs the shape in its
local mode: ``{"local": [seconds]}``.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import botocore.parsers
import botocore.session
from workload import WORKFLOWS

import simpleflow.local
import simpleflow.swf.mapper.responses
from simpleflow.swf.executor import Executor
from simpleflow.swf.mapper.models.domain import Domain
from simpleflow.swf.mapper.models.history import History


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    begin = time.process_time()
    result = function()
    return time.process_time() - begin, result


def replay(shape: str, steps: int, repeats: int, events: list[dict[str, Any]]) -> dict[str, list[float]]:
    executor = Executor(Domain("benchmark"), WORKFLOWS[shape])
    times: dict[str, list[float]] = {"parse": [], "replay": []}
    for _ in range(repeats):
        parsing, history = timed(lambda: History.from_event_list(events))
        response = simpleflow.swf.mapper.responses.Response(token="", history=history, execution=None)
        replaying, answer = timed(lambda response=response: executor.replay(response))
        times["parse"].append(parsing)
        times["replay"].append(replaying)
        [decision] = answer.decisions
        expected = sum(range(1, steps + 1)) if shape != "chain" else steps
        result = decision["completeWorkflowExecutionDecisionAttributes"]["result"]
        assert json.loads(result) == expected, result
    return times


def poll(shape: str, steps: int, repeats: int, pages: list[str]) -> dict[str, list[float]]:
    parser = botocore.parsers.create_parser("json")
    model = botocore.session.Session().get_service_model("swf").operation_model("PollForDecisionTask").output_shape
    bodies = [page.encode() for page in pages]

    def work() -> None:
        answers = [parser.parse({"body": body, "headers": {}, "status_code": 200}, model) for body in bodies]
        events = [event for answer in answers for event in answer["events"]]
        history = History.from_event_list(events)
        response = simpleflow.swf.mapper.responses.Response(token="", history=history, execution=None)
        [decision] = Executor(Domain("benchmark"), WORKFLOWS[shape]).replay(response).decisions
        assert decision["decisionType"] == "CompleteWorkflowExecution", decision

    return {"poll": [timed(work)[0] for _ in range(repeats)]}


def local(shape: str, steps: int, repeats: int) -> dict[str, list[float]]:
    runs = [
        timed(lambda: simpleflow.local.Executor(WORKFLOWS[shape]).run({"args": [steps], "kwargs": {}}))[0]
        for _ in range(repeats)
    ]
    return {"local": runs}


for line in sys.stdin:
    request = json.loads(line)
    work = replay if "events" in request else poll if "pages" in request else local
    print(json.dumps(work(**request)), flush=True)
