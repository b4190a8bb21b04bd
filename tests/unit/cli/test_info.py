"""``simpleflow info``: what there is, where it comes from, and nothing secret."""

from __future__ import annotations

import csv
import io
import json
from importlib import metadata
from pathlib import Path

import pytest
from support.command_line import run

from simpleflow import settings
from simpleflow.cli import info
from simpleflow.cli.formats import FORMATS

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIAsecret1",
    "AWS_SECRET_ACCESS_KEY": "hush-secret2",
    "AWS_SESSION_TOKEN": "token-secret3",
    "HTTPS_PROXY": "http://me:pass-secret4@proxy.example:3128/",
    "HTTP_PROXY": "me:pass-secret6@plain.example:3128",
    "http_proxy": "http://me:pass/secret7@slash.example:3128",
    "AWS_ENDPOINT_URL_SWF": "http://you:pass-secret5@127.0.0.1:1/x",
    "DATABASE_PASSWORD": "pass-secret6",
    "SIMPLEFLOW_UNKNOWN": "unknown-secret7",
    "SIMPLEFLOW_SYSLOG_TARGET": "",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(settings, "_put", {})
    for name in [*settings.SETTINGS, *info.SHOWN_VARIABLES, settings.MODULE_VARIABLE, "TERM"]:
        if name != "PATH":
            monkeypatch.delenv(name, raising=False)


def rows(*words: str) -> dict[str, dict[str, object]]:
    ran = run("--format", "json", "info", *words)
    assert (ran.code, ran.stderr) == (0, "")
    return {row["Name"]: row for row in ran.json()}


def test_versions() -> None:
    found = rows("versions")
    assert {row["Section"] for row in found.values()} == {"versions"}
    assert found["boto3"]["Value"] == metadata.version("boto3")
    needed = [line for line in metadata.requires("simpleflow") or () if "extra ==" not in line]
    assert len(needed) > 5 and {line.partition(">")[0] for line in needed} <= found.keys()


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert rows("versions")["boto3"]["Value"] is None


def test_settings_with_their_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "my_info_settings.py").write_text("STEP_BUCKET = 'mine'\nOTHER = 'other-secret8'\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(settings.MODULE_VARIABLE, "my_info_settings")
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "7")
    settings.put_setting("METROLOGY_BUCKET", "put")
    found = rows("settings")
    assert sorted(found) == sorted(settings.SETTINGS)
    told = {name: (found[name]["Value"], found[name]["Source"]) for name in found}
    assert told["STEP_BUCKET"] == ("mine", "module of SIMPLEFLOW_SETTINGS_MODULE")
    assert told["SWF_CONNECTION_RETRIES"] == ("7", "environment")
    assert told["METROLOGY_BUCKET"] == ("put", "code")
    assert told["LOG_LEVEL"] == ("INFO", "default")
    assert told["SWF_DOMAIN"] == (None, "default")
    assert told["LOGGING"] == ("(not shown)", "default")
    assert "secret8" not in str(found)


def test_each_setting_is_shown_or_meant_to_be_hidden() -> None:
    """A new one is hidden until it is on the list."""
    assert settings.SETTINGS.keys() - info.SHOWN_SETTINGS == {"LOGGING"}
    assert settings.SETTINGS.keys() >= info.SHOWN_SETTINGS


def test_a_setting_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWF_CONNECTION_RETRIES", "often")
    assert "'often', but should be a whole number" in str(rows("settings")["SWF_CONNECTION_RETRIES"]["Value"])


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "blue")
    found = rows("environment")
    assert (found["AWS_PROFILE"]["Value"], found["AWS_PROFILE"]["Source"]) == ("blue", "environment")
    assert "AWS_REGION" not in found


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_secret_in_any_format(monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings.put_setting("LOGGING", {"version": 1, "disable_existing_loggers": False, "x": "secret9"})
    settings.put_setting("SIMPLEFLOW_S3_HOST", "https://a:secret10@s3.example")
    ran = run("info", "--format", format)
    assert (ran.code, ran.stderr) == (0, "")
    assert "secret" not in ran.stdout.replace("AWS_SECRET", "").lower()
    for told in (
        "//***@proxy.example:3128/",
        "https://***@s3.example",
        "***@plain.example:3128",
        "//***@slash.example",
    ):
        assert told in ran.stdout
    for told in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert told in ran.stdout


def test_all_sections_in_every_format() -> None:
    expected = run("--format", "json", "info").json()
    assert {row["Section"] for row in expected} == {"versions", "settings", "environment"}
    names = [row["Name"] for row in expected]
    for separator, format in ((",", "csv"), ("\t", "tsv")):
        table = list(csv.DictReader(io.StringIO(run("--format", format, "info").stdout), delimiter=separator))
        assert [row["Name"] for row in table] == names
    assert [json.loads(line)["Name"] for line in run("--format", "jsonl", "info").lines] == names
    assert run("--format", "prettyjson", "info").json() == expected
    assert [line.split()[1] for line in run("info").lines] == names
    assert run("--format", "human", "info").stdout.count("Section") == len(names)


def test_an_unknown_section() -> None:
    ran = run("info", "secrets")
    assert (ran.code, ran.stdout) == (2, "") and "'versions', 'settings', 'environment'" in ran.stderr
