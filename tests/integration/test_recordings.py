"""The main commands against recorded traffic: README.md beside this file says how to record it again.

What a command writes is looked at only as far as it is the same on every endpoint and at every time.
"""

from __future__ import annotations

import getpass
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import run
from support.processes import wait_until
from support.recordings import CASSETTES, RECORDING, cassette, decisions, one_task
from support.recordings import DOMAIN_USED as DOMAIN

from simpleflow.cli.exits import Exit

TASK_LIST = "recorded"
WORKFLOW = "examples.basic.BasicWorkflow"
ID = "recorded"
ACTIVITIES = ["examples.basic.delay", "examples.basic.double", "examples.basic.increment"]


if RECORDING:  # the commands leave connections to the garbage collector; played back there are none
    pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording uses what the environment says; to play it back, keys of any kind and no endpoint will do."""
    monkeypatch.delenv("SWF_DOMAIN", raising=False)
    if RECORDING:
        return
    monkeypatch.delenv("AWS_ENDPOINT_URL_SWF", raising=False)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
        monkeypatch.setenv(f"AWS_{name}", "us-east-1" if name == "DEFAULT_REGION" else "testing")


def shown(command: str, *words: str) -> Any:
    """What a command that lists something says about the domain."""
    ran = run("--format", "json", command, DOMAIN, *words)
    assert ran.code == 0, ran.stderr
    return ran.json()


# -- an execution from its start to its end


def decide(count: int) -> None:
    with decisions(count, of="examples.basic"):
        ran = run("decider.start", "--domain", DOMAIN, "--task-list", TASK_LIST, "-N", "1", "--no-affinity", WORKFLOW)
    assert ran.code == 0, ran.stderr


def work() -> None:
    with one_task():
        ran = run("worker.start", "--domain", DOMAIN, "--task-list", "quickstart", "--one-task")
    assert ran.code == 0, ran.stderr


def begin() -> str:
    """The run id."""
    words = ["--workflow-id", ID, "--tags", "one,two", "--input", "[1, 0]", WORKFLOW]
    ran = run("workflow.start", "--domain", DOMAIN, "--task-list", TASK_LIST, *words)
    assert ran.code == 0, ran.stderr
    workflow_id, run_id = ran.stdout.split()
    assert workflow_id == ID
    return run_id


def test_the_life_of_an_execution() -> None:
    with cassette("life"):
        decide(0)  # it registers the domain and the types
        run_id = begin()
        decide(1)
        work()
        decide(1)
        work()
        work()
        decide(1)
        (info,) = shown("workflow.info", ID, run_id)
    assert info["status"] == "COMPLETED"
    assert info["result"] == 4
    assert info["tag_list"] == ["one", "two"]
    assert info["input"] == {"args": [1, 0], "kwargs": {}}
    if RECORDING:  # Amazon SWF lists what has closed a little later
        listed = ("workflow.list", "--status", "closed", "--limit", "1")
        wait_until(lambda: [row["Workflow ID"] for row in shown(*listed)] == [ID], "the execution in the list", 60)


# -- what the commands that see say about it


def test_what_can_be_seen_of_it() -> None:
    with cassette("look"):
        (listed,) = shown("workflow.list", "--status", "closed", "--limit", "1")
        (found,) = shown("workflow.filter", "--status", "closed", "--tag", "two", "--limit", "1")
        (info,) = shown("workflow.info", ID)
        history = shown("workflow.history", ID)
        tasks = shown("workflow.tasks", ID)
        listed_tasks = shown("task.list", ID)
        profile = shown("workflow.profile", ID)
        (task,) = shown("task.info", ID, "activity-examples.basic.double-1")
        unknown = run("workflow.info", DOMAIN, "unknown")
    assert listed == {"Workflow ID": ID, "Workflow Type": "basic", "Status": "CLOSED"}
    assert (found["Workflow ID"], found["Close Status"]) == (ID, "COMPLETED")
    assert (info["workflow_id"], info["result"]) == (ID, 4)
    assert [event["eventId"] for event in history] == list(range(1, len(history) + 1))
    assert history[-1]["eventType"] == "WorkflowExecutionCompleted"
    assert sorted(row["Tasks"] for row in tasks) == ACTIVITIES
    assert {row["Last State"] for row in tasks} == {"completed"}
    assert sorted(row["Name"] for row in listed_tasks) == ACTIVITIES
    assert len(profile) == len(ACTIVITIES)
    assert (task["state"], task["result"]) == ("completed", 4)
    assert (unknown.code, unknown.stdout) == (Exit.NOT_FOUND, "")


# -- what must not be on a cassette

#: What each would look like.
SECRETS = {
    "access key": r"\b(AKIA|ASIA)[A-Z0-9]{16}\b",
    "signature": r"authorization|signature|credential|security-token|x-amz-date",
    "account number": r"\b\d{12}\b",
    "request id": r"requestid",
    "run id as SWF makes them": r"\b22[A-Za-z0-9+/]{40,}=",
    "task token as SWF makes them": r"[A-Za-z0-9+/_-]{60,}",
    "address": r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|localhost",
    "process": r"\bpid\b|hostname",
    "host": rf"\b{re.escape(socket.gethostname())}\b",
    "user": rf"\b{re.escape(getpass.getuser())}\b",
    "executable": re.escape(sys.prefix),
    "home": re.escape(str(Path.home())) + "/",
}


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_is_recorded(secret: str) -> None:
    cassettes = {path.name: path.read_text() for path in CASSETTES.glob("*.yaml")}
    assert set(cassettes) == {"life.yaml", "look.yaml"}
    found = {name: re.findall(f".*(?:{SECRETS[secret]}).*", text, re.IGNORECASE) for name, text in cassettes.items()}
    assert not any(found.values()), found


def test_a_secret_would_be_found() -> None:
    """The patterns against what an endpoint and a client say before it is cleaned."""
    told = {
        "access key": "AKIAIOSFODNN7EXAMPLE",
        "signature": "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121",
        "account number": "arn:aws:swf:us-east-1:123456789012:/domain/d",
        "request id": "x-amzn-RequestId: 4c1e4f0c-2b1c-4a0e-b6b7-6f6b0d8b2a11",
        "run id as SWF makes them": "22etEW5lYMtGoNHaeinXJousFEqJVDf7ewCrXWn2gR/jI=",
        "task token as SWF makes them": "AAAAKgAAAAIAAAAAAAAAA" + 5 * "2h5Kt0dBiAsrkjpWSTTP",
        "address": "http://127.0.0.1:7933",
        "process": '{"hostname": "h", "pid": 7}',
        "host": socket.gethostname(),
        "user": getpass.getuser(),
        "executable": sys.executable,
        "home": str(Path.home() / ".aws"),
    }
    assert {name for name, pattern in SECRETS.items() if re.search(pattern, told[name], re.IGNORECASE)} == set(SECRETS)
