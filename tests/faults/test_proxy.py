"""A network that drops, delays and repeats requests and answers changes no result."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from chaos import DOMAIN, Driver, Plan, verify
from support import chaos_command, chaos_flow
from support.chaos_command import Strikes
from support.daemons import Daemons
from support.processes import ROOT
from support.proxy import MISHAPS, Proxy

from simpleflow.service.check import check
from simpleflow.swf.client import Client
from simpleflow.swf.types import register_domain

SEED = int(os.environ.get("SIMPLEFLOW_TEST_SEED", "1"))
LIMIT = 100.0


@pytest.mark.timeout(LIMIT + 20)
def test_results_are_right_whatever_the_network_does(tmp_path: Path) -> None:
    plan = Plan(SEED, executions=8, kills=0)
    Strikes.write(tmp_path, plan.strikes)  # nobody dies, but what clients are told is noted
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    command = (sys.executable, chaos_command.__file__)
    with Daemons(tmp_path, command, CHAOS_DIR=str(tmp_path), CHAOS_SEED=str(SEED), PYTHONPATH=path) as daemons:
        daemons.start_service("--db", "service.db")
        with daemons.environ(), closing(Client(attempts=1)) as client, Proxy(daemons.url, SEED) as proxy:
            register_domain(client, DOMAIN)
            daemons.environment["AWS_ENDPOINT_URL_SWF"] = proxy.url
            where = ("-d", DOMAIN, "-t", chaos_flow.TASK_LIST)
            daemons.start("decider", "decider.start", "-N", "1", *where, f"{chaos_flow.__name__}.Chaos")
            daemons.start("worker", "worker.start", "-N", "2", "--heartbeat", "1", *where)
            driver = complete(plan, client, tmp_path, daemons)
            verify(driver.flows, client, tmp_path)
            assert daemons.stop() == [0, 0, 0]
        assert "Traceback" not in daemons.told("decider") + daemons.told("worker")
        assert set(proxy.mishaps) == set(MISHAPS)
        assert check(tmp_path / "service.db").clean


def complete(plan: Plan, client: Client, directory: Path, daemons: Daemons) -> Driver:
    """All executions, started by a client that the proxy does not disturb."""
    driver, pause, limit = Driver(plan, client, directory), threading.Event(), time.monotonic() + LIMIT
    while not driver.finished:
        told = daemons.told("decider")[-3000:] + daemons.told("worker")[-3000:]
        assert time.monotonic() < limit, f"these hang: {driver.open}\n{told}"
        driver.step(1.0)
        pause.wait(0.05)
    return driver
