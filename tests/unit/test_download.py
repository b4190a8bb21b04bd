"""Which programs can be asked for, and where they may stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from simpleflow import download

LOCATION = "s3://programs/bin/greet"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\0"])
def test_a_name_is_a_file_name(name: str) -> None:
    with pytest.raises(ValueError, match="expected a file name"):
        download.RemoteBinary(name, LOCATION)


@pytest.mark.parametrize("location", ["https://example.com/greet", "s3://", "s3://bucket", "s3:///key", "greet"])
def test_a_location_is_an_object_of_s3(location: str) -> None:
    with pytest.raises(NotImplementedError, match="expected s3://<bucket>/<key>"):
        download.RemoteBinary("greet", location)


def test_a_directory_of_others_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o777)
    monkeypatch.setenv("SIMPLEFLOW_BINARIES_DIRECTORY", str(theirs))
    with pytest.raises(PermissionError, match=r"theirs could be written by others.*SIMPLEFLOW_BINARIES_DIRECTORY"):
        download.download_binaries({"greet": LOCATION})
