"""``payload.get`` and ``payload.stat``, over a directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import run

from simpleflow.payloads import jumbo, objects

TEXT = '{"a":"é"}' + " " * 40_000


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", f"file://{tmp_path}/objects")
    objects._fields.cache_clear()
    yield tmp_path / "objects"
    objects._fields.cache_clear()


@pytest.fixture
def reference(store: Path) -> str:
    return objects.fields().store("input", TEXT)


def the_file(reference: str) -> Path:
    found = jumbo.reference(reference)
    assert found is not None
    return Path("/", *found.where.segments)


def test_get_writes_the_payload(reference: str, tmp_path: Path) -> None:
    ran = run("payload.get", reference)
    assert (ran.code, ran.stdout, ran.stderr) == (0, TEXT, "")
    assert run("payload.get", *reference.split()).stdout == TEXT  # as a shell splits it
    assert run("payload.get", reference, "--output", str(tmp_path / "file")).stdout == ""
    assert (tmp_path / "file").read_text() == TEXT


def test_get_writes_what_the_payload_refers_to(reference: str) -> None:
    ran = run("payload.get", f'simpleflow+json:["{reference}"]')
    assert (ran.code, ran.stdout) == (0, f"[{TEXT}]")


def test_stat_tells_without_reading(reference: str) -> None:
    found = jumbo.reference(reference)
    assert found is not None
    ran = run("payload.stat", reference, "--format", "json")
    told = {"Store": str(found.where), "Size": 40_010, "Digest": found.digest, "Present": True}
    assert (ran.code, ran.json()) == (0, [told])
    the_file(reference).write_bytes(b"x" * 40_010)  # of this size
    assert run("payload.stat", reference).code == 0
    the_file(reference).write_bytes(b"x")
    ran = run("payload.stat", reference, "--format", "json")
    assert (ran.code, ran.json()) == (3, [{**told, "Present": False}])


@pytest.mark.parametrize("command", ["payload.get", "payload.stat"])
def test_what_is_not_there(command: str, reference: str) -> None:
    the_file(reference).unlink()
    assert run(command, reference).code == 3


@pytest.mark.parametrize("command", ["payload.get", "payload.stat"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing", "is no reference; expected one as in histories"),
        ("simpleflow+file:///etc/passwd 9", "it is in no configured store"),
        ("simpleflow+file:///../x 9", "is refused"),
    ],
)
def test_what_is_refused(command: str, text: str, told: str, store: Path) -> None:
    ran = run(command, text)
    assert (ran.code, ran.stdout) == (2, "")
    assert told in ran.stderr and len(ran.stderr.splitlines()) == 1


def test_content_that_is_wrong(reference: str) -> None:
    the_file(reference).write_bytes(b"x" * 40_010)
    ran = run("payload.get", reference)
    assert (ran.code, ran.stdout) == (1, "")
    assert "holds something else than was stored there" in ran.stderr and len(ran.stderr.splitlines()) == 1


def test_a_file_that_cannot_be_written(reference: str, tmp_path: Path) -> None:
    ran = run("payload.get", reference, "--output", str(tmp_path / "no" / "file"))
    assert (ran.code, ran.stderr) == (1, f"Error: cannot write {tmp_path}/no/file: No such file or directory\n")


_BASIC = "examples.basic.BasicWorkflow"


@pytest.mark.parametrize(
    "words",
    [
        ("workflow.start", "--local", _BASIC, "--input", "[1, 0]"),
        ("decider.start", "-d", "D", _BASIC),
        ("worker.start", "-d", "D", "-t", "x"),
        ("standalone", "--endpoint-url", "http://127.0.0.1:1", _BASIC, "--input", "[1, 0]"),
        ("payload.get", "simpleflow+s3://bucket/id 1"),
    ],
)
@pytest.mark.parametrize(
    ("setting", "value"), [("SIMPLEFLOW_PAYLOAD_CODEC", "nope.x"), ("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "ssh://x")]
)
def test_settings_that_cannot_be_used_are_told_at_once(
    words: tuple[str, ...], setting: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, value)
    objects._fields.cache_clear()
    ran = run(*words)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[-1].startswith(f"Error: {setting}")
