"""Payloads of 4 MB through all three modes, over a real S3 protocol server and a real service."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from support import processes
from support.daemons import COMMAND, Daemons
from support.jumbo_flow import EXPECTED, OBJECTS, TEXT
from support.processes import ROOT, wait_until
from support.s3_server import CREDENTIALS, put, s3_server

from simpleflow.payloads import jumbo
from simpleflow.swf.client import Client

BUCKET = "jumbo-bucket"
FLOW = "support.jumbo_flow.Long"
REFERENCE = re.compile(rf"simpleflow\+s3://{BUCKET}/prefix/[0-9a-f]{{64}} [0-9]+")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with s3_server(tmp_path) as url:
        put(url, BUCKET)
        yield url


@pytest.fixture
def bucket(server: str) -> Any:
    key, secret, region = CREDENTIALS.values()
    return boto3.session.Session(key, secret, region_name=region).resource("s3", endpoint_url=server).Bucket(BUCKET)


@pytest.fixture
def daemons(server: str, tmp_path: Path) -> Iterator[Daemons]:
    (tmp_path / "input").write_text(json.dumps([TEXT]))
    with Daemons(
        tmp_path,
        PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}",
        AWS_ENDPOINT_URL_S3=server,
        SIMPLEFLOW_JUMBO_FIELDS_BUCKET=f"{BUCKET}/prefix",
        SIMPLEFLOW_CACHE_DIR=str(tmp_path / "cache"),
    ) as daemons:
        daemons.start_service("--db", "s.db")
        yield daemons
    wait_until(lambda: not processes.processes_in(tmp_path), "the end of all processes")


SECRETS = """
from simpleflow import Workflow, activity

@activity.with_attributes(task_list="x")
def echo(value):
    return value

@activity.with_attributes(task_list="x")
def fail(value):
    raise ValueError(value)

class Secretive(Workflow):
    name, version, task_list = "secretive", "1", "x"
    def run(self, value):
        return [self.submit(echo, value).result, self.submit(fail, value).exception.reason]
"""


def simpleflow(daemons: Daemons, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], cwd=directory, env=daemons.environment, capture_output=True, text=True, timeout=100
    )


def histories(daemons: Daemons, domain: str) -> list[dict[str, Any]]:
    """All events of all executions of a domain."""
    with daemons.environ(), contextlib.closing(Client("us-east-1", daemons.url)) as client:
        request: dict[str, Any] = {"domain": domain, "startTimeFilter": {"oldestDate": 0}}
        closed = client.call("ListClosedWorkflowExecutions", request)["executionInfos"]
        found: list[dict[str, Any]] = []
        for info in closed:
            request = {"domain": domain, "execution": info["execution"]}
            found += client.call("GetWorkflowExecutionHistory", request)["events"]
        return found


def check(events: list[dict[str, Any]], bucket: Any) -> None:
    """The history holds references only; they are all that is in the bucket, each content once."""
    told = json.dumps(events)
    assert len(told) < 40_000
    (result,) = [
        event["workflowExecutionCompletedEventAttributes"]["result"]
        for event in events
        if event["eventType"] == "WorkflowExecutionCompleted"
    ]
    references = set(REFERENCE.findall(told))
    assert result in references and len(references) == OBJECTS
    keys = {found.key for found in bucket.objects.all()}
    assert keys == {reference.split()[0].removeprefix(f"simpleflow+s3://{BUCKET}/") for reference in references}
    for reference in references:
        found = jumbo.reference(reference)
        assert found is not None
        text = found.verified(bucket.Object("/".join(found.where.segments[1:])).get()["Body"].read())
        if reference == result:
            assert json.loads(text) == EXPECTED


@pytest.mark.timeout(240)
def test_local(daemons: Daemons, bucket: Any, tmp_path: Path) -> None:
    done = simpleflow(daemons, tmp_path, "workflow.start", "--local", FLOW, "--input-file", "input")
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == EXPECTED
    assert len(list(bucket.objects.all())) == OBJECTS


@pytest.mark.timeout(240)
def test_standalone(daemons: Daemons, bucket: Any, tmp_path: Path) -> None:
    words = ["standalone", "--endpoint-url", daemons.url, "-d", "D", "-W", "2", FLOW, "--input-file", "input"]
    done = simpleflow(daemons, tmp_path, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == EXPECTED
    check(histories(daemons, "D"), bucket)


@pytest.mark.timeout(240)
def test_daemons(daemons: Daemons, bucket: Any, tmp_path: Path) -> None:
    daemons.start("decider", "decider.start", "--domain", "D", "-N", "1", FLOW)
    daemons.start("worker", "worker.start", "--domain", "D", "--task-list", "jumbo", "-N", "2")
    words = ["workflow.start", "--domain", "D", "--task-list", "jumbo", "--input-file", "input", FLOW]
    wait_until(lambda: simpleflow(daemons, tmp_path, *words).returncode == 0, "the start of the execution", 60)
    wait_until(lambda: histories(daemons, "D"), "the end of the execution", 100)
    check(histories(daemons, "D"), bucket)
    assert daemons.stop() == [0, 0, 0]


@pytest.mark.timeout(120)
def test_a_codec_in_all_processes_of_standalone(tmp_path: Path) -> None:
    (tmp_path / "secrets_of_ours.py").write_text(SECRETS)
    codec = {"SIMPLEFLOW_PAYLOAD_CODEC": "support.sealed.Sealed"}
    with Daemons(tmp_path, PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}:{tmp_path}", **codec) as daemons:
        daemons.start_service("--db", "s.db")
        words = ["standalone", "--endpoint-url", daemons.url, "-d", "D", "-W", "1", "secrets_of_ours.Secretive"]
        done = simpleflow(daemons, tmp_path, *words, "--input", '["hidden"]')
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(done.stdout.splitlines()[-1]) == ["hidden", "ValueError: hidden"]
        told = json.dumps(histories(daemons, "D"))
    assert "simpleflow+code:" in told and "hidden" not in told
    wait_until(lambda: not processes.processes_in(tmp_path), "the end of all processes")
