import logging
import os
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from simpleflow import constants
from simpleflow.payloads import cache as cache_module
from simpleflow.payloads.cache import Cache, open_cache
from simpleflow.utils.private import problem_of

OWN = os.geteuid()


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("something was unpickled",))


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SIMPLEFLOW_CACHE_DIR", raising=False)
    monkeypatch.delenv("SIMPLEFLOW_ENABLE_DISK_CACHE", raising=False)
    monkeypatch.setattr(constants, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def opened(directory: Path) -> Cache:
    found = open_cache()
    assert found is not None
    return found


def other(directory: Path) -> Path:
    return directory.with_name(f"cache-{OWN}")


# -- what it holds


@pytest.mark.parametrize("body", [b"", b"short", b"long" * 100_000])
def test_bytes_come_back(opened: Cache, directory: Path, body: bytes) -> None:
    assert opened.get("digest") is None
    opened.put("digest", body)
    assert opened.get("digest") == body
    assert Cache(str(directory)).get("digest") == body  # as another process has it
    opened.drop("digest")
    assert opened.get("digest") is None


def test_it_is_bounded_and_the_least_used_leave(opened: Cache) -> None:
    opened.put("digest", b"x")
    assert opened._cache.size_limit == 1024**3
    assert opened._cache.eviction_policy == "least-recently-used"


@pytest.mark.parametrize("size", [10, 100_000])
def test_nothing_is_ever_unpickled(opened: Cache, directory: Path, caplog: pytest.LogCaptureFixture, size: int) -> None:
    opened.put("digest", b"x" * size)
    bomb = pickle.dumps(Bomb())
    with closing(sqlite3.connect(directory / "cache.db")) as database, database:
        database.execute("UPDATE Cache SET mode = 4, filename = NULL, value = ?", (bomb,))
    database.close()
    assert opened.get("digest") is None
    assert "has not written" in caplog.text


def test_nothing_but_bytes_goes_in(opened: Cache, caplog: pytest.LogCaptureFixture) -> None:
    opened.put("digest", ["a", "list"])  # type: ignore[arg-type]
    assert "a value is bytes, not list" in caplog.text


def test_a_fork_goes_on_with_it(opened: Cache) -> None:
    opened.put("digest", b"parent")
    child = os.fork()
    if not child:
        ok = opened.get("digest") == b"parent"
        opened.put("other", b"child")
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert opened.get("other") == b"child"


def test_a_damaged_database_is_no_cache(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory.mkdir(mode=0o700)
    (directory / "cache.db").write_bytes(b"no database" * 1000)
    cache = open_cache()
    assert cache is not None
    for _ in range(3):
        cache.put("digest", b"x")
        assert cache.get("digest") is None
    assert len(caplog.records) == 1 and "is not used any more" in caplog.text


def test_a_database_that_is_cut_short_does_not_end_the_process(opened: Cache, directory: Path) -> None:
    for number in range(200):
        opened.put(f"digest {number}", b"x" * 1000)
    pid = os.fork()
    if pid == 0:
        here = Cache(str(directory))
        status = 0 if here.get("digest 1") == b"x" * 1000 else 1
        os.truncate(directory / "cache.db", 4096)
        for number in range(200):
            here.get(f"digest {number}")
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_full_disk_is_no_cache(opened: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.put("first", b"x")

    def full(*args: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache_module.BytesDisk, "store", full)
    opened.put("second", b"y")
    assert opened.get("second") is None


# -- where it is


def test_the_directory_is_made_private(opened: Cache, directory: Path) -> None:
    assert directory.stat().st_mode & 0o777 == 0o700
    assert not other(directory).exists()


def test_a_directory_of_ours_is_made_private(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    assert problem_of(str(directory), OWN) is None
    assert directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("obstacle", ["link", "file", "writable by others"])
def test_another_directory_where_the_first_cannot_be_trusted(
    directory: Path, obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    if obstacle == "link":
        directory.with_name("target").mkdir(mode=0o700)
        directory.symlink_to(directory.with_name("target"))
    elif obstacle == "file":
        directory.touch()
    else:
        directory.mkdir()
        directory.chmod(0o777)
    found = open_cache()
    assert found is not None
    found.put("digest", b"x")
    assert (other(directory) / "cache.db").exists()
    assert caplog.records == []


def test_somebody_else_s_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    assert problem_of(str(directory), OWN + 1) == f"belongs to the user {OWN}"


def test_no_cache_and_one_warning(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory.touch()
    other(directory).touch()
    assert open_cache() is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "SIMPLEFLOW_CACHE_DIR" in record.getMessage()


def test_a_directory_of_the_user_s_choice(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_CACHE_DIR", str(tmp_path / "mine"))
    assert open_cache() is not None
    assert (tmp_path / "mine").is_dir() and not directory.exists()
    monkeypatch.setenv("SIMPLEFLOW_CACHE_DIR", str(tmp_path / "no" / "where"))
    assert open_cache() is None  # nothing else is used instead
    assert not directory.exists()


def test_it_can_be_switched_off(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ENABLE_DISK_CACHE", "false")
    assert open_cache() is None
    assert not directory.exists()
