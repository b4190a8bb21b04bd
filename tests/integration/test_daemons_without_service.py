"""Deciders and workers that are started before their service: they wait for it, and end when they are told to."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from pathlib import Path

import pytest
from support.daemons import Daemons
from support.processes import wait_until

from simpleflow.replay.work import RunKey
from simpleflow.swf.client import Client
from simpleflow.swf.start import end_of

FLOW = "examples.basic.BasicWorkflow"
WHERE = ("--domain", "d", "-N", "1")
COMMANDS = {
    "decider": ("decider.start", *WHERE, FLOW),
    "worker": ("worker.start", *WHERE, "--task-list", "quickstart"),
}


@pytest.fixture
def port(tmp_path: Path) -> str:
    """Where there is no service just now."""
    with Daemons(tmp_path) as daemons:
        daemons.start_service("--db", "service.db")
        assert daemons.stop() == [0]
    return daemons.url.rpartition(":")[2]


@pytest.fixture
def daemons(tmp_path: Path, port: str) -> Daemons:
    return Daemons(tmp_path, AWS_ENDPOINT_URL_SWF=f"http://127.0.0.1:{port}", SWF_CONNECTION_RETRIES="1")


def test_the_order_of_starts_does_not_matter(daemons: Daemons, port: str) -> None:
    with daemons:
        for name, command in COMMANDS.items():
            daemons.start(name, *command)
        for name in COMMANDS:
            wait_until(lambda name=name: f"the {name} goes on trying" in daemons.told(name), f"the {name}")
        daemons.start("service", "service.start", "--port", port, "--db", "service.db")
        wait_until(lambda: "RegisterWorkflowType: basic" in daemons.told("decider"), "what is to be registered")
        started = daemons.start("start", "workflow.start", FLOW, "--domain", "d", "--input", "[1, 0]")
        assert started.wait(20) == 0
        with daemons.environ(), closing(Client()) as client:
            key = RunKey("d", *daemons.told("start").split()[-2:])
            wait_until(lambda: end_of(client, key), "the end of the execution")
            end = end_of(client, key)
        assert end is not None and json.loads(end.attributes["result"]) == 4
        assert daemons.stop()[1:] == [0, 0, 0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", COMMANDS)
def test_who_waits_in_vain_can_be_stopped(daemons: Daemons, name: str, how: signal.Signals) -> None:
    with daemons:
        process = daemons.start(name, *COMMANDS[name])
        wait_until(lambda: "(2 in a row)" in daemons.told(name), "the second try")
        process.send_signal(how)
        assert process.wait(20) == 0
        assert "Traceback" not in daemons.told(name)
