"""Clients that others have written complete workflows against the service: the aws command line, and simpleflow 0.36.

Each lives in an environment of its own, for they want other versions of what we use. It is made once and kept in the
user's cache; making it needs a package index.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import ServiceProcess

pytestmark = pytest.mark.timeout(300)

AWS = "awscli==1.46.2"
SIMPLEFLOW = "simpleflow==0.36.0"

Environment = Callable[[str], Path]

AUTHORS = """
from simpleflow import Workflow, activity, futures

@activity.with_attributes(version="1", task_list="double")
def double(x):
    return 2 * x

class Doubles(Workflow):
    name, version, task_list = "doubles", "1", "doubles"

    def run(self, x):
        once = self.submit(double, x)
        twice = self.submit(double, once)
        return futures.wait(once, twice)
"""


@pytest.fixture(scope="session")
def programs() -> Environment:
    """Gives the folder of the programs of a requirement, installed if need be."""

    def prepared(requirement: str) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = cache / "simpleflow-tests" / f"{requirement}-{sys.version_info.major}.{sys.version_info.minor}"
        folder.mkdir(parents=True, exist_ok=True)
        with open(f"{folder}.lock", "w") as lock:  # another test run may be making it
            fcntl.flock(lock, fcntl.LOCK_EX)
            ready = folder / "ready"
            if not ready.exists():
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
                install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement]
                done = subprocess.run(install, capture_output=True, text=True)
                assert done.returncode == 0, f"{requirement} cannot be installed:\n{done.stderr}"
                ready.touch()
        return folder / "bin"

    return prepared


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    started = ServiceProcess(tmp_path / "service.db", hold_s=1)
    yield started
    started.stop()


def variables(service: ServiceProcess, **more: str) -> dict[str, str]:
    """An environment in which nothing but these leads to the service."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "AWS_ENDPOINT_URL_SWF": service.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "dummy",
        "AWS_SECRET_ACCESS_KEY": "dummy",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **more,
    }


def test_the_aws_command_line_completes_a_workflow(service: ServiceProcess, programs: Environment) -> None:
    program = str(programs(AWS) / "aws")

    def swf(operation: str, *arguments: str) -> Any:
        done = subprocess.run(
            [program, "--output", "json", "swf", operation, *arguments],
            env=variables(service),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    in_domain = ("--domain", "d")
    timeouts = (
        *("--default-task-heartbeat-timeout", "NONE", "--default-task-start-to-close-timeout", "60"),
        *("--default-task-schedule-to-start-timeout", "60", "--default-task-schedule-to-close-timeout", "60"),
    )
    swf("register-domain", "--name", "d", "--workflow-execution-retention-period-in-days", "1")
    swf("register-workflow-type", *in_domain, "--name", "flow", "--workflow-version", "1")
    swf("register-activity-type", *in_domain, "--name", "work", "--activity-version", "1", *timeouts)
    run_id = swf(
        "start-workflow-execution",
        *in_domain,
        *("--workflow-id", "w", "--workflow-type", "name=flow,version=1", "--task-list", "name=deciders"),
        *("--execution-start-to-close-timeout", "3600", "--task-start-to-close-timeout", "60"),
        *("--child-policy", "TERMINATE", "--input", "hello"),
    )["runId"]
    decide, work = ("--task-list", "name=deciders"), ("--task-list", "name=workers")
    task = swf("poll-for-decision-task", *in_domain, *decide)
    assert task["events"][0]["workflowExecutionStartedEventAttributes"]["input"] == "hello"
    attributes = {"activityId": "a", "activityType": {"name": "work", "version": "1"}, "taskList": {"name": "workers"}}
    decision = {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}
    answer = ("respond-decision-task-completed", "--task-token")
    swf(*answer, task["taskToken"], "--decisions", json.dumps([decision]))
    activity = swf("poll-for-activity-task", *in_domain, *work)
    swf("respond-activity-task-completed", "--task-token", activity["taskToken"], "--result", "world")
    task = swf("poll-for-decision-task", *in_domain, *decide)
    swf(*answer, task["taskToken"], "--decisions", "decisionType=CompleteWorkflowExecution")
    told = swf("describe-workflow-execution", *in_domain, "--execution", f"workflowId=w,runId={run_id}")
    assert told["executionInfo"]["closeStatus"] == "COMPLETED"


def test_simpleflow_0_36_completes_a_workflow(service: ServiceProcess, programs: Environment, tmp_path: Path) -> None:
    """Its decider and its workers, as processes."""
    (tmp_path / "authors.py").write_text(AUTHORS)
    swf = service.client()
    swf.register_domain(name="TestDomain", workflowExecutionRetentionPeriodInDays="1")
    command = ["standalone", "--domain", "TestDomain", "-D", "1", "-W", "1", "--input", "[3]", "authors.Doubles"]
    done = subprocess.run(
        [str(programs(SIMPLEFLOW) / "simpleflow"), *command],
        env=variables(service, PYTHONPATH=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    window = {"oldestDate": 0}
    [info] = swf.list_closed_workflow_executions(domain="TestDomain", startTimeFilter=window)["executionInfos"]
    assert info["closeStatus"] == "COMPLETED", done.stderr[-3000:]
    history = swf.get_workflow_execution_history(domain="TestDomain", execution=info["execution"])["events"]
    result = history[-1]["workflowExecutionCompletedEventAttributes"]["result"]
    assert json.loads(result) == [6, 12]
