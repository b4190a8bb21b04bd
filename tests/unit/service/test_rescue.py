"""A database whose file is removed while it is in use: it is written again before anything more is answered."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from store_kit import Rig

from simpleflow.service.database import Database, StoreRefused
from simpleflow.service.rescue import NotInPlace


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


def test_where_it_cannot_be_written_nothing_is_answered_until_it_can(rig: Rig) -> None:
    parent = rig.path.parent
    remove_all(rig.path)
    parent.write_text("in the way")
    with pytest.raises(NotInPlace, match=r"cannot be written again yet .*: do not stop this process"):
        rig.start("after")
    parent.unlink()
    rig.start("later")
    rig.restart()
    assert open_ids(rig) == {"before", "after", "later"}
    rig.close()
