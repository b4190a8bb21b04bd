"""Programs from S3, on the PATH of whoever needs them."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simpleflow import download, storage
from simpleflow.payloads import s3
from tests.support import s3_server
from tests.support.command_line import run

BUCKET = "programs"
LOCATION = f"s3://{BUCKET}/bin/greet"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.s3_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture(autouse=True)
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    s3_server.use(monkeypatch, server, SIMPLEFLOW_BINARIES_DIRECTORY=str(tmp_path / "binaries"))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    s3.client().create_bucket(Bucket=BUCKET)
    storage.push_content(BUCKET, "bin/greet", "#!/bin/sh\necho hello\n")
    yield


def greeting() -> str:
    return subprocess.check_output(["greet"], text=True)


@download.with_binaries({"greet": LOCATION})
def greets() -> str:
    return greeting()


def test_a_function_finds_its_programs() -> None:
    assert greets() == "hello\n"
    assert greets.__name__ == "greets"
    assert download.RemoteBinary("greet", LOCATION).path.stat().st_mode & 0o777 == 0o755


def test_a_program_is_fetched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    download.download_binaries({"greet": LOCATION})
    monkeypatch.setattr(storage, "pull", lambda *args: pytest.fail("it is there"))
    download.download_binaries({"greet": LOCATION})
    assert greeting() == "hello\n"
    assert os.environ["PATH"].count("greet-") == 1


def test_many_at_once_fetch_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[Any] = []
    pull = storage.pull
    monkeypatch.setattr(storage, "pull", lambda *args: (pulled.append(args), pull(*args)))
    threads = [threading.Thread(target=download.RemoteBinary("greet", LOCATION).download) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pulled) == 1


def test_another_version_is_another_file() -> None:
    storage.push_content(BUCKET, "bin/greet-2", "#!/bin/sh\necho goodbye\n")
    download.download_binaries({"greet": LOCATION})
    download.download_binaries({"greet": f"{LOCATION}-2"})
    assert greeting() == "goodbye\n"
    download.download_binaries({"greet": LOCATION})
    assert greeting() == "hello\n"


def test_a_download_that_fails_leaves_nothing() -> None:
    with pytest.raises(Exception, match=r"404|Not Found"):
        download.download_binaries({"gone": f"s3://{BUCKET}/bin/gone"})
    directory = download.RemoteBinary("gone", f"s3://{BUCKET}/bin/gone").directory
    assert [file.name for file in directory.iterdir()] == [".lock"]


def test_programs_are_fetched_beforehand() -> None:
    storage.push_content(BUCKET, "other", "#!/bin/sh\n")
    ran = run("binaries.download", f"greet={LOCATION}", f"other=s3://{BUCKET}/other")
    assert ran.code == 0 and "Error" not in ran.stderr
    assert [Path(line).name for line in ran.lines] == ["greet", "other"]
    assert all(os.access(line, os.X_OK) for line in ran.lines)


def test_what_cannot_be_fetched_is_told_beside_what_can() -> None:
    ran = run("binaries.download", f"gone=s3://{BUCKET}/gone", f"greet={LOCATION}")
    assert ran.code == 1
    errors = [line for line in ran.stderr.splitlines() if line.startswith("Error")]
    assert len(errors) == 1 and errors[0].startswith(f"Error: gone from s3://{BUCKET}/gone: ")
    assert [Path(line).name for line in ran.lines] == ["greet"]


@pytest.mark.parametrize("word", ["greet", "greet=", "=s3://b/k", "greet=http://example.com/greet"])
def test_what_to_fetch_is_a_name_and_a_location(word: str) -> None:
    ran = run("binaries.download", word)
    assert ran.code == 2
    assert ran.stderr.rstrip().endswith("Give NAME=s3://<bucket>/<key>.")
