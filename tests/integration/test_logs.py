"""What deciders and workers log: once, with what it is about, and no payload unless that is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.daemons import Daemons
from support.processes import wait_until

from simpleflow.replay.work import RunKey
from simpleflow.swf.client import Client
from simpleflow.swf.executions import newest_run
from simpleflow.swf.start import end_of

FLOWS = """
import logging
from simpleflow import Workflow, activity, logger

theirs = logging.getLogger("theirs")
tries = []

@activity.with_attributes(task_list="logs", version="1", retry=1)
def work(number, payload):
    logger.info("work %d begins", number)
    theirs.warning("their work %d begins", number)
    tries.append(number)
    if number == 1 and len(tries) == 1:
        raise ValueError("try again")
    return payload

class Logs(Workflow):
    name, version, task_list = "logs", "1", "logs"
    def run(self, payload):
        logger.info("run begins")
        theirs.warning("their run begins")
        for number in (1, 2):
            self.submit(work, number, payload).result
            logger.info("run has %d", number)
            theirs.warning("their run has %d", number)
        return payload
"""
PAYLOAD = "hush" * 100
IN_RUN = ["run begins", "their run begins", "run has 1", "their run has 1", "run has 2", "their run has 2"]
IN_WORK = ["work 1 begins", "their work 1 begins"] * 2 + ["work 2 begins", "their work 2 begins"]


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    (tmp_path / "log_flows.py").write_text(FLOWS)
    with Daemons(tmp_path, SWF_DOMAIN="d") as running:
        yield running


def run(daemons: Daemons, *options: str, level: str) -> tuple[RunKey, str, str]:
    """The run of the workflow, and what its decider and its worker wrote."""
    daemons.environment["LOG_LEVEL"] = level
    daemons.start_service()
    # each decision is a replay
    daemons.start("decider", *options, "decider.start", "--no-affinity", "-N", "1", "log_flows.Logs")
    with daemons.environ():
        client = Client()
    wait_until(lambda: client.call("ListDomains", {"registrationStatus": "REGISTERED"})["domainInfos"], "the domain")
    daemons.start("worker", *options, "worker.start", "-t", "logs", "-N", "1")
    daemons.start("start", "workflow.start", "log_flows.Logs", "--workflow-id", "w", "--input", json.dumps([PAYLOAD]))
    wait_until(lambda: newest_run(client, "d", "w") is not None, "the start")
    key = newest_run(client, "d", "w")
    assert key is not None
    wait_until(lambda: end_of(client, key) is not None, "the end")
    ended = end_of(client, key)
    assert ended is not None and ended.status == "Completed"
    client.close()
    daemons.stop()
    return key, daemons.told("decider"), daemons.told("worker")


def told(lines: list[dict[str, Any]], messages: list[str]) -> list[dict[str, Any]]:
    return [line for line in lines if line["message"] in messages]


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_lines_of_json_say_what_they_are_about_and_come_once(daemons: Daemons, level: str) -> None:
    key, *written = run(daemons, "--log-format", "json", level=level)
    decided, worked = ([json.loads(line) for line in text.splitlines()] for text in written)
    in_run = told(decided, IN_RUN)
    assert [line["message"] for line in in_run] == IN_RUN
    assert {(line["domain"], line["workflow_id"], line["run_id"]) for line in in_run} == {key}
    events = [int(line["event_id"]) for line in in_run]
    assert events == sorted(events) and len(set(events)) == 3
    in_work = told(worked, IN_WORK)
    assert [line["message"] for line in in_work] == IN_WORK
    assert {(line["domain"], line["workflow_id"], line["run_id"]) for line in in_work} == {key}
    assert [(line["activity_id"], line["attempt"]) for line in in_work] == [
        *[("activity-log_flows.work-1", "1")] * 2,
        *[("activity-log_flows.work-1", "2")] * 2,
        *[("activity-log_flows.work-2", "1")] * 2,
    ]
    assert len({line["event_id"] for line in in_work}) == 3
    everything = "".join(written)
    assert ("hush" in everything) == (level == "DEBUG")
    assert not re.search("(hush){51}", everything)
    if level == "DEBUG":
        of_task = [line for line in worked if "hush" in line["message"]]
        assert of_task and all(line["activity_id"] and line["run_id"] == key.run_id for line in of_task)
        assert {(line["activity_id"], line["attempt"]) for line in of_task} == {
            (line["activity_id"], line["attempt"]) for line in in_work
        }


def test_lines_of_text_say_it_too(daemons: Daemons) -> None:
    key, decided, worked = run(daemons, level="INFO")
    about = rf"domain=d, workflow_id=w, run_id={re.escape(key.run_id)}"
    for message in IN_RUN:
        assert len(re.findall(rf"pid=\d+, {about}, event_id=\d+\]: {message}$", decided, re.MULTILINE)) == 1
    for message in IN_WORK:
        activity = rf"activity_id=activity-log_flows.work-\d, attempt=[12], event_id=\d+\]: {message}$"
        assert len(re.findall(f"{about}, {activity}", worked, re.MULTILINE)) == IN_WORK.count(message)
