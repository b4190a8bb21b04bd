"""A database whose files are removed while it is in use: all is written again before anything more is answered."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from store_kit import WORKFLOW, Rig

from simpleflow.service.check import check
from simpleflow.service.database import Database, StoreFailed, StoreRefused, connect_readonly


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    rig = Rig(tmp_path / "place" / "journal.db")
    rig.register()
    rig.start("before")
    return rig


def open_ids(rig: Rig) -> set[str]:
    listed = rig.call("ListOpenWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
    return {info["execution"]["workflowId"] for info in listed["executionInfos"]}


def remove_all(path: Path) -> None:
    shutil.rmtree(path.parent)


def remove_database_alone(path: Path) -> None:
    path.unlink()


def remove_all_but_lock(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()


@pytest.mark.parametrize("remove", [remove_all, remove_database_alone, remove_all_but_lock])
def test_nothing_is_lost_by_removing_it(
    rig: Rig, caplog: pytest.LogCaptureFixture, remove: Callable[[Path], None]
) -> None:
    remove(rig.path)
    rig.start("after")
    assert f"the database {rig.path} was removed while it was in use; it has been written again" in caplog.text
    assert stat.S_IMODE(rig.path.stat().st_mode) == 0o600
    with pytest.raises(StoreRefused, match=f"in use by process {os.getpid()}"):
        Database(rig.path)
    before = rig.snapshot()
    rig.restart()
    assert open_ids(rig) == {"before", "after"}
    assert rig.snapshot() == before
    rig.start("later")
    assert caplog.text.count("written again") == 1
    rig.close()


def remove_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def remove_log_and_index(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink()


@pytest.mark.parametrize("remove", [remove_log, remove_log_and_index])
def test_nothing_is_lost_by_removing_the_log(
    rig: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture, remove: Callable[[Path], None]
) -> None:
    remove(rig.path)
    rig.start("after")
    rig.start("later")
    assert caplog.text.count(f"the log of the database {rig.path} was removed while it was in use") == 1
    after_a_kill = tmp_path / "killed" / "journal.db"
    shutil.copytree(rig.path.parent, after_a_kill.parent)
    found = Rig(after_a_kill)
    assert open_ids(found) == open_ids(rig) == {"before", "after", "later"}
    found.close()
    rig.close()
    assert check(rig.path).clean


@pytest.mark.parametrize("remove", [remove_log, remove_log_and_index])
def test_nothing_is_lost_where_a_check_made_another_log(
    rig: Rig, tmp_path: Path, remove: Callable[[Path], None]
) -> None:
    remove(rig.path)
    with contextlib.suppress(StoreFailed):
        check(rig.path)
    assert Path(f"{rig.path}-wal").exists()
    rig.start("after")
    after_a_kill = tmp_path / "killed" / "journal.db"
    shutil.copytree(rig.path.parent, after_a_kill.parent)
    found = Rig(after_a_kill)
    assert open_ids(found) == open_ids(rig) == {"before", "after"}
    found.close()
    rig.close()
    assert check(rig.path).clean


def age(path: Path, seconds: float) -> None:
    """Of what is in a directory, as its time tells."""
    then = time.time_ns() - int(seconds * 1e9)
    os.utime(path.parent, ns=(then, then))


def test_the_log_is_not_asked_while_the_directory_stays_as_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    stat_of = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: (asked.append(str(path)), stat_of(path, **more))[1])
    age(rig.path, 3)
    rig.start("a")
    assert f"{rig.path}-wal" in asked
    asked.clear()
    rig.start("b")
    assert asked == [str(rig.path.parent)]
    remove_log(rig.path)
    rig.start("c")
    assert Path(f"{rig.path}-wal").exists()


def test_a_change_that_leaves_no_newer_time_is_noticed(rig: Rig) -> None:
    """As on a system whose clock for files ticks once in a second or two."""
    age(rig.path, 1)
    changed = rig.path.parent.stat().st_mtime_ns
    rig.start("after")
    remove_log(rig.path)
    Path(f"{rig.path}-wal").touch()
    os.utime(rig.path.parent, ns=(changed, changed))
    rig.start("later")
    rig.start("last")
    assert Path(f"{rig.path}-wal").stat().st_size > 0
    rig.close()


def test_another_log_is_seen_until_that_could_be_helped(rig: Rig) -> None:
    reader = connect_readonly(rig.path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM runs").fetchone()
    rig.start("after")
    remove_log(rig.path)
    Path(f"{rig.path}-wal").touch()
    with pytest.raises(StoreFailed, match="a check or a backup reads it"):
        rig.start("later")
    rig.now_ms += 1000
    with pytest.raises(StoreFailed, match="a check or a backup reads it"):
        open_ids(rig)
    reader.close()
    rig.now_ms += 1000
    assert open_ids(rig) == {"before", "after", "later"}
    rig.close()


def test_what_reads_a_database_whose_log_was_removed_is_waited_for(rig: Rig) -> None:
    reader = connect_readonly(rig.path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM runs").fetchone()
    rig.start("after")
    remove_log(rig.path)
    with pytest.raises(StoreFailed, match="a check or a backup reads it"):
        rig.start("later")
    reader.close()
    rig.now_ms += 1000
    assert open_ids(rig) == {"before", "after", "later"}
    rig.close()


def test_what_is_removed_while_nothing_happens_is_there_after_the_stop(rig: Rig) -> None:
    remove_all(rig.path)
    rig.restart()
    assert open_ids(rig) == {"before"}
    rig.close()


def test_another_file_in_its_place_is_left_alone_and_all_is_kept_beside_it(rig: Rig) -> None:
    remove_all(rig.path)
    other = Rig(rig.path)
    other.register()
    with pytest.raises(StoreRefused, match=r"its place is taken \(.* is in use by .*All that it had is in ") as caught:
        rig.start("after")
    other.start("theirs")
    assert open_ids(other) == {"theirs"}
    other.close()
    rig.close()
    (saved,) = rig.path.parent.glob("journal.db.saved-*")
    assert str(saved) in str(caught.value)
    found = Rig(saved)
    assert open_ids(found) == {"before", "after"}
    found.close()


def block(rig: Rig) -> None:
    """Remove the database, so that it cannot be written again."""
    remove_all(rig.path)
    rig.path.parent.write_text("in the way")


def unblock(rig: Rig) -> None:
    rig.path.parent.unlink()
    rig.now_ms += 1000


def test_where_it_cannot_be_written_nothing_is_answered_until_it_can(rig: Rig) -> None:
    block(rig)
    with pytest.raises(StoreFailed, match=r"cannot be written again yet .*: do not stop this process"):
        rig.start("after")
    with pytest.raises(StoreFailed, match="do not stop this process"):
        open_ids(rig)
    rig.now_ms += 1000
    with pytest.raises(StoreFailed, match="do not stop this process"):
        open_ids(rig)
    assert isinstance(rig.durable.trouble, StoreFailed)
    unblock(rig)
    rig.start("later")
    assert rig.durable.trouble is None
    rig.restart()
    assert open_ids(rig) == {"before", "after", "later"}
    rig.close()


@pytest.mark.parametrize(
    ("what", "failure"),
    [
        ("simpleflow.service.store.write", sqlite3.OperationalError("database or disk is full")),
        ("simpleflow.service.core.Service.call", RuntimeError("a bug")),
    ],
)
def test_nothing_is_lost_where_a_write_or_a_call_fails_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, what: str, failure: Exception
) -> None:
    def fail(*_: object) -> None:
        raise failure

    block(rig)
    with monkeypatch.context() as patch:
        patch.setattr(what, fail)
        with pytest.raises((StoreFailed, RuntimeError)):
            rig.start("after")
        with contextlib.suppress(StoreFailed):
            rig.durable.flush(rig.now_ms)
    unblock(rig)
    assert open_ids(rig) == {"before"}
    rig.restart()
    assert open_ids(rig) == {"before"}
    rig.close()


def test_a_copy_that_is_there_already_is_kept(rig: Rig) -> None:
    kept = rig.path.with_name("journal.db.saved-1")
    remove_all(rig.path)
    other = Rig(rig.path)
    kept.write_text("an older one")
    with pytest.raises(StoreRefused, match=r"journal\.db\.saved-2: decide"):
        rig.start("after")
    other.close()
    rig.close()
    assert sorted(rig.path.parent.glob("*.saved-*")) == [kept, kept.with_name("journal.db.saved-2")]
    assert kept.read_text() == "an older one"


def test_what_was_not_flushed_spoils_nothing(rig: Rig) -> None:
    start = {"domain": "domain", "workflowType": WORKFLOW, "input": "x" * 9000}
    for number in range(200):
        rig.held("StartWorkflowExecution", workflowId=f"w{number}", **start)
    rig.held("ListClosedWorkflowExecutions", domain="domain", startTimeFilter={"oldestDate": 0})
    remove_database_alone(rig.path)
    rig.restart()
    assert open_ids(rig) == {"before"}
    rig.close()
    assert check(rig.path).clean
