"""The existing package: its decider and two workers on moto, which is told to look for a task every 5 ms."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import moto.swf.models
from clocked import clocked
from moto.server import ThreadedMotoServer

DOMAIN = "benchmark"
POLL_SECONDS = 0.005
KIT = Path(__file__).parents[1]
RESULTS = {"Chain": lambda n: n, "FanOut": lambda n: n * (n + 1) // 2}


def main(folder: str, chained: int, fanned: int) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto.swf.models.sleep = lambda _: time.sleep(POLL_SECONDS)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.update(
        AWS_ENDPOINT_URL_SWF=f"http://{host}:{port}",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="nobody",
        AWS_SECRET_ACCESS_KEY="nothing",
        LOG_LEVEL="CRITICAL",
        PYTHONPATH=str(KIT),
    )
    swf = boto3.client("swf")
    swf.register_domain(name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
    for name in ("flows.Chain", "flows.FanOut"):
        swf.register_workflow_type(domain=DOMAIN, name=name, version="1")
    commands = (
        ("decider.start", "--task-list", "decisions", "-N", "1", "flows.Chain", "flows.FanOut"),
        ("worker.start", "--task-list", "work", "-N", "2"),
    )
    daemons = [
        subprocess.Popen([sys.executable, "-m", "simpleflow", *command, "--domain", DOMAIN], cwd=folder)
        for command in commands
    ]
    try:
        run(swf, "Chain", 2)
        clocked("chain", lambda: run(swf, "Chain", chained))
        clocked("fan-out", lambda: run(swf, "FanOut", fanned))
    finally:
        for daemon in daemons:
            daemon.terminate()
        threading.Timer(5, lambda: [daemon.kill() for daemon in daemons]).start()
        for daemon in daemons:
            daemon.wait()
        os._exit(0)


def run(swf: object, name: str, n: int) -> int:
    workflow_id = f"{name}-{n}"
    started = swf.start_workflow_execution(
        domain=DOMAIN,
        workflowId=workflow_id,
        workflowType={"name": f"flows.{name}", "version": "1"},
        taskList={"name": "decisions"},
        input=f'{{"args": [{n}], "kwargs": {{}}}}',
        executionStartToCloseTimeout="3600",
        taskStartToCloseTimeout="300",
        childPolicy="TERMINATE",
    )
    execution = {"workflowId": workflow_id, "runId": started["runId"]}
    while True:
        time.sleep(0.02)
        info = swf.describe_workflow_execution(domain=DOMAIN, execution=execution)["executionInfo"]
        if info["executionStatus"] == "CLOSED":
            assert info["closeStatus"] == "COMPLETED", info
            return RESULTS[name](n)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
