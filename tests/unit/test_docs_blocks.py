"""What docs/payloads.rst and docs/service.rst show as Python runs; what is shown below a command comes out of it."""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import shlex
import subprocess
import sys
import types
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import docutils.core
import docutils.nodes
import pytest
from cryptography.fernet import Fernet
from support import processes
from support.daemons import Daemons

from simpleflow import Workflow, activity, local

DOCS = Path(__file__).resolve().parents[2] / "docs"

_SETTINGS = {"report_level": 5, "halt_level": 5, "file_insertion_enabled": False}


def blocks(page: str) -> list[docutils.nodes.literal_block]:
    document = docutils.core.publish_doctree((DOCS / f"{page}.rst").read_text(), settings_overrides=_SETTINGS)
    return list(document.findall(docutils.nodes.literal_block))


def python(page: str) -> list[str]:
    return [node.astext() for node in blocks(page) if "python" in node["classes"]]


def test_payloads_has_two_programs_and_service_one() -> None:
    assert (len(python("payloads")), len(python("service"))) == (2, 1)


class Color(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Order:
    id: int
    color: Color


def test_an_annotated_activity_gets_what_its_annotations_say(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[Any] = []
    module = types.ModuleType("an_annotated_activity")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.__dict__.update(activity=activity, Order=Order, datetime=datetime, UUID=UUID, got=got)
    source = python("payloads")[0].replace("...", "return got.append((order, at)) or {UUID(int=7)}")
    exec(source, module.__dict__)

    class Ships(Workflow):
        name, version, task_list = "ships", "1", "ships"

        def run(self) -> bool:
            at = datetime(2026, 8, 4, tzinfo=timezone.utc)
            shipped = self.submit(module.ship, Order(7, Color.RED), at=at)
            return bool(shipped.result == {UUID(int=7)})

    assert local.run(Ships) is True
    assert got == [(Order(7, Color.RED), datetime(2026, 8, 4, tzinfo=timezone.utc))]


def test_the_codec_of_the_page_encrypts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYLOAD_KEY", Fernet.generate_key().decode())
    module = types.ModuleType("codec_of_the_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.__dict__.update(os=os, Fernet=Fernet)
    exec(python("payloads")[1], module.__dict__)
    monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", "codec_of_the_page.Encrypted")

    @activity.with_attributes(task_list="bank")
    def reverse(text: str) -> str:
        return text[::-1]

    class Secret(Workflow):
        name, version, task_list = "secret", "1", "secret"

        def run(self, text: str) -> Any:
            return self.submit(reverse, text).result

    run = local.execute(Secret, ["a secret"])
    assert run.value == "terces a"
    assert "secret" not in fields_of(run) and "terces" not in fields_of(run)
    assert fields_of(run).count("simpleflow+code:") == 4  # input and result, of the activity and of the execution


def fields_of(run: local.LocalRun) -> str:
    attributes = [next(v for k, v in event.items() if k.endswith("Attributes")) for event in run.history]
    return str([(a.get("input"), a.get("result")) for a in attributes])


def test_the_service_is_what_the_page_says(tmp_path: Path) -> None:
    with Daemons(tmp_path) as daemons:
        daemons.start_service("--db", str(tmp_path / "swf.db"))
        with daemons.environ():
            exec(python("service")[0], {})
            domains = boto3.client("swf").list_domains(registrationStatus="REGISTERED")["domainInfos"]
        assert [domain["name"] for domain in domains] == ["orders"]
        (shown,) = (node.astext() for node in blocks("service") if "$ simpleflow service.start" in node.astext()[:40])
        exported = re.compile(r"^export (\w+)=", re.MULTILINE)
        assert exported.findall(shown) == exported.findall(daemons.told("service"))
        assert daemons.stop() == [0]


def shown_runs(page: str) -> list[tuple[str, list[str]]]:
    """Each run of a workflow in a process or on a machine of its own, with the lines that are shown below it."""
    found: list[tuple[str, list[str]]] = []
    for node in blocks(page):
        command, *shown = node.astext().splitlines()
        if re.match(r"\$ simpleflow (standalone|workflow\.start --local) ", command) and shown:
            found.append((command.removeprefix("$ "), shown))
    return found


def test_these_are_the_pages_that_show_runs() -> None:
    pages = [str(path.relative_to(DOCS).with_suffix("")) for path in sorted(DOCS.rglob("*.rst"))]
    assert {page: len(shown_runs(page)) for page in pages if shown_runs(page)} == {"guide/tutorial": 2, "index": 1}


@pytest.mark.parametrize(
    ("page", "command", "shown"),
    [(page, *run) for page in ("guide/tutorial", "index") for run in shown_runs(page)],
    ids=["in one process", "durably", "on the first page"],
)
def test_a_run_prints_what_is_shown(page: str, command: str, shown: list[str], tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(python(page)[0])
    words = shlex.split(command)[1:]
    result = subprocess.run(
        [sys.executable, "-m", "simpleflow", *words],
        cwd=tmp_path,
        env=processes.environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    *ids, last = result.stdout.splitlines()
    assert last == shown[-1]
    assert len(ids) == len(shown) - 1
    for line, told in zip(ids, shown[:-1], strict=True):
        assert [len(line.split()), line.split("-")[0]] == [len(told.split()), told.split("-")[0]]
