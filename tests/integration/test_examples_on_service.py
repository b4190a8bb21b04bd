"""Every example gives the same with standalone, and with daemons, as it gives locally.

One test for each of the two: all examples share a service, and those with long timers run beside the others.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support import processes, s3_server
from support.daemons import COMMAND, Daemons
from support.examples import COMMANDS, ROOT, Told, commands_of, expected, furnish
from support.processes import wait_until

from simpleflow.cli.main import cli
from simpleflow.replay.work import RunKey
from simpleflow.swf.client import Client
from simpleflow.swf.start import End, end_of

DOMAIN = "examples"
#: Those with the longest timers, which begin first.
SLOW = ("wait_any", "failing", "basic", "timer")
AT_A_TIME = 4
LIMIT = 90

Case = tuple[str, int]

CASES: list[Case] = sorted(COMMANDS, key=lambda case: case[0] not in SLOW)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where all of this runs; no process stays there."""
    shutil.copytree(ROOT / "simpleflow", tmp_path / "simpleflow")  # whose sources an example counts
    yield tmp_path
    wait_until(lambda: not processes.processes_in(tmp_path), "the end of all processes")


@pytest.fixture
def s3(directory: Path) -> Iterator[dict[str, str]]:
    """What examples that need S3 find in their environment."""
    with s3_server.s3_server(directory) as url:
        yield {**s3_server.CREDENTIALS, **furnish(url, directory)}


def arguments(case: Case) -> list[str]:
    """Those of a command in an example, without what makes it a local run."""
    example, number = case
    return [argument for argument in commands_of(example)[number][1:] if argument != "--local"]


# -- standalone


@pytest.mark.timeout(2 * LIMIT)
def test_standalone(directory: Path, s3: dict[str, str]) -> None:
    def told(case: Case) -> Told:
        done = subprocess.run(
            [*COMMAND, "standalone", "--embedded", "-W", "1", *arguments(case)],
            cwd=directory,
            env={**processes.environment(), **s3},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        error = expected(*case).error
        if error:
            assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
            return Told(error=error if error in done.stderr else done.stderr)
        assert done.returncode == 0, done.stderr
        _, *printed, result = done.stdout.splitlines()
        return Told(json.loads(result), tuple(printed))

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        assert dict(zip(CASES, threads.map(told, CASES), strict=True)) == all_expected(directory)


def all_expected(directory: Path) -> dict[Case, Told]:
    return {case: expected(*case, directory) for case in CASES}


# -- daemons

#: Workflows that it is not started with a decider finds by their names.
DECIDERS = ("example", "deciders-eu", "deciders-us")
WORKERS = ("quickstart", "workers-eu", "workers-us")


@pytest.fixture
def daemons(directory: Path, s3: dict[str, str]) -> Iterator[Daemons]:
    """A service, and a decider or a worker for each task list that the examples use."""
    with Daemons(directory, **s3) as running:
        running.start_service("--db", "daemons.db")
        for task_list in DECIDERS:
            running.start("decider", "decider.start", "-d", DOMAIN, "-N", "1", "-t", task_list)
        for task_list in WORKERS:
            flags = middlewares() if task_list == "quickstart" else []
            running.start("worker", "worker.start", "-d", DOMAIN, "-N", "2", "-t", task_list, *flags)
        with running.environ():
            yield running
        assert set(running.stop()) == {0}


def middlewares() -> list[str]:
    """The flags of the example that are the worker's here."""
    command = commands_of("middleware")[0]
    flags = [at for at, argument in enumerate(command) if argument.startswith("--middleware")]
    return [argument for at in flags for argument in command[at : at + 2]]


@pytest.mark.timeout(2 * LIMIT)
def test_daemons(daemons: Daemons, directory: Path) -> None:
    flags = middlewares()
    with closing(Client()) as swf:
        wait_until(lambda: swf.call("ListDomains", {"registrationStatus": "REGISTERED"})["domainInfos"], "the domain")
        begun = {case: begin([word for word in arguments(case) if word not in flags]) for case in CASES}
        waiting = begin(["examples.signals.WaitingWorkflow"])
        told = {case: told_of(end(swf, key), expected(*case).error) for case, key in begun.items()}
        printed = {line for told in all_expected(directory).values() for line in told.printed}
        assert told == {case: Told(told.result, (), told.error) for case, told in all_expected(directory).items()}
        assert printed <= set((daemons.told("decider") + daemons.told("worker")).splitlines())

        # locally nobody sends it what it waits for
        signal = {"workflowId": waiting.workflow_id, "signalName": "go on", "input": "7"}
        swf.call("SignalWorkflowExecution", {"domain": DOMAIN, **signal})
        assert told_of(end(swf, waiting), "") == Told(7)


def begin(arguments: list[str]) -> RunKey:
    done = CliRunner().invoke(cli, ["workflow.start", "--domain", DOMAIN, *arguments])
    assert done.exit_code == 0, done.stderr
    return RunKey(DOMAIN, *done.stdout.split())


def end(swf: Client, key: RunKey) -> End:
    """How an execution ended, or the last of those that continued it."""
    wait_until(lambda: end_of(swf, key), f"the end of {key}", LIMIT)
    ended = end_of(swf, key)
    assert ended is not None
    if ended.status == "ContinuedAsNew":
        return end(swf, key._replace(run_id=ended.attributes["newExecutionRunId"]))
    return ended


def told_of(ended: End, error: str) -> Told:
    """The end of an execution in the form of what a command tells; ``error`` is a part of the one to expect."""
    attributes: dict[str, Any] = ended.attributes
    if ended.status == "Completed":
        return Told(json.loads(attributes["result"]))
    reason = attributes.get("reason", ended.status)
    return Told(error=error if error and error in reason else reason)
