from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from simpleflow.service import database
from simpleflow.service.database import Database, StoreFailed, StoreRefused, connect_readonly


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "journal.db"
    with Database(path) as opened:
        connection = opened.connect()
        connection.execute("INSERT INTO runs VALUES (1, 'r', 'd', 'w', 'x')")
        modes = {file.name.removeprefix("journal.db"): mode(file) for file in path.parent.iterdir()}
        assert modes == {"": 0o600, "-wal": 0o600, "-shm": 0o600, ".lock": 0o600}
        assert mode(path.parent) == mode(path.parent.parent) == 0o700
        connection.close()


def test_a_file_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch(mode=0o644)
    with Database(path) as opened:
        opened.connect().close()
    assert mode(path) == 0o600


def test_settings_of_the_connection(tmp_path: Path) -> None:
    with Database(tmp_path / "journal.db") as opened:
        connection = opened.connect()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        connection.close()


def test_the_log_does_not_stay_as_long_as_a_reader_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOG_BYTES", 200_000)
    path, log = tmp_path / "journal.db", tmp_path / "journal.db-wal"
    with Database(path) as opened:
        connection = opened.connect("OFF")
        reader = connect_readonly(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchone()

        def write(first: int) -> None:
            for number in range(first, first + 1500):
                connection.execute("INSERT INTO runs VALUES (?, 'r', 'd', 'w', ?)", (number, str(number)))

        write(1)
        longest = log.stat().st_size
        reader.close()
        write(2000)
        assert log.stat().st_size < longest / 2
        connection.close()


def test_a_second_server_is_told_who_has_the_database(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    words = f"in use by process {os.getpid()}: stop that service, or name another"
    with Database(path), pytest.raises(StoreRefused, match=words):
        Database(path)
    Database(path).close()


def test_a_link_is_no_second_database(tmp_path: Path) -> None:
    path, link = tmp_path / "journal.db", tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(path)
    for first, second in ((path, link), (link, path)):
        with Database(first), pytest.raises(StoreRefused, match=f"{path} is in use by process"):
            Database(second)


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    code = "import sys, os; from simpleflow.service.database import Database; Database(sys.argv[1]); os._exit(1)"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 1
    Database(path).close()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Database(path) as opened:
        connection = opened.connect()
        connection.execute(f"PRAGMA user_version = {database.VERSION + 1}")
        connection.close()
        with pytest.raises(StoreRefused, match=r"newer simpleflow .*: upgrade simpleflow"):
            opened.connect()
        with pytest.raises(StoreRefused, match="newer simpleflow"):
            connect_readonly(path)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE things (x)")
    other.close()
    with Database(path) as opened, pytest.raises(StoreRefused, match="no database of simpleflow's service"):
        opened.connect()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database at all" * 100)
    path.chmod(0o644)
    with pytest.raises(StoreRefused, match=f"{path} is no SQLite database: name another file with --db"):
        Database(path)
    assert [file.name for file in tmp_path.iterdir()] == ["journal.db"]
    assert mode(path) == 0o644


def test_a_database_without_its_pages_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with Database(path) as opened, pytest.raises(StoreRefused, match=r"is damaged .*backup.*service\.check --db"):
        opened.connect()


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="There is no database at"):
        connect_readonly(tmp_path / "journal.db")
    assert not list(tmp_path.iterdir())


def test_an_empty_file_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreRefused, match=r"There is nothing in .*empty\.db yet: name the database of a service"):
        connect_readonly(tmp_path / "empty.db")


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreRefused, match=r"Cannot make the directory .*: name another place"):
        Database(tmp_path / "file" / "below" / "journal.db")


def test_what_errors_mean() -> None:
    path = Path("/x/journal.db")
    assert isinstance(database.explain(path, sqlite3.DatabaseError("malformed")), StoreRefused)
    assert isinstance(database.explain(path, PermissionError("no")), StoreRefused)
    assert isinstance(database.explain(path, sqlite3.OperationalError("database or disk is full")), StoreFailed)
    assert isinstance(database.explain(path, OSError("no space left")), StoreFailed)
