"""The power fails: whatever of the files has reached the disk, the service is read back as of some commit.

A copy of the files stands for the disk at that moment. With the log of SQLite cut anywhere, the state must be that of
one of the commits; with the log whole, that of the last one.
"""

from __future__ import annotations

import random
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
from store_kit import COMPLETE, WORKFLOW, Rig, schedule, timer

from simpleflow.service.check import check
from simpleflow.service.core import Snapshot


class Disk:
    """Copies of the files of a rig, and the states that were committed until then."""

    def __init__(self, rig: Rig, place: Path) -> None:
        self.rig = rig
        self.place = place
        self.committed: list[Snapshot] = [deepcopy(rig.snapshot())]
        self.copies: list[tuple[Path, int]] = []

    def copy(self) -> None:
        """What is on the disk now, and how many commits there have been."""
        target = self.place / str(len(self.copies))
        target.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.rig.path}{suffix}", target / f"service.db{suffix}")
        self.copies.append((target / "service.db", len(self.committed)))

    def flush(self) -> None:
        self.copy()
        self.rig.durable.flush(self.rig.now_ms)
        self.committed.append(deepcopy(self.rig.snapshot()))
        self.copy()


def work(rig: Rig, disk: Disk, draw: random.Random) -> None:
    """Some workflows, a few calls to a commit."""
    for number in range(8):
        workflow_id = f"w{number}"
        rig.held("StartWorkflowExecution", domain="domain", workflowId=workflow_id, workflowType=WORKFLOW)
        if draw.random() < 0.5:
            disk.flush()
        task = rig.held("PollForDecisionTask", domain="domain", taskList={"name": "list"})
        disk.flush()
        decisions = [schedule("a"), timer("t", "30")] if number % 2 else [COMPLETE]
        rig.held("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decisions)
        # A look at the closed runs writes what is waiting, without a commit.
        rig.held("CountClosedWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
        disk.copy()
        rig.now_ms += 1000
    disk.flush()
    activity = rig.held("PollForActivityTask", domain="domain", taskList={"name": "list"})
    rig.held("RecordActivityTaskHeartbeat", taskToken=activity["taskToken"], details="x")
    disk.flush()
    rig.now_ms += 40_000
    rig.durable.expire(rig.now_ms)
    disk.flush()


@pytest.fixture
def disk(rig: Rig, tmp_path: Path) -> Disk:
    rig.register()
    place = tmp_path / "copies"
    place.mkdir()
    made = Disk(rig, place)
    work(rig, made, random.Random(3))
    return made


def read_back(path: Path) -> Snapshot:
    """The state after a restart; the files must be sound."""
    again = Rig(path)
    try:
        snapshot = again.snapshot()
    finally:
        again.close()
    report = check(path)
    assert report.clean, report
    return snapshot


def test_the_last_commit_is_read_back(disk: Disk) -> None:
    assert len(disk.copies) > 30
    for path, commits in disk.copies:
        assert read_back(path) == disk.committed[commits - 1]


@pytest.mark.parametrize("seed", range(3))
def test_a_log_that_was_cut_gives_an_earlier_commit(disk: Disk, seed: int) -> None:
    draw = random.Random(seed)
    reached = set()
    for path, commits in disk.copies[-20:]:
        wal = path.with_name("service.db-wal")
        whole = wal.read_bytes()
        kept = draw.randrange(len(whole))
        wal.write_bytes(whole[:kept] + draw.randbytes(draw.randrange(2) * (len(whole) - kept)))
        state = read_back(path)
        earlier = [number for number, known in enumerate(disk.committed[:commits]) if known == state]
        assert earlier
        reached.add(earlier[-1])
    assert len(reached) > 3
