"""The layers of docs/architecture.rst hold, and importing the package stays light."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


#: In a process of its own: it sets up logging anew, and by that silences every logger there is.
_CODE = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
_LINT = [sys.executable, "-c", _CODE]


def test_the_contracts_on_imports_hold() -> None:
    done = subprocess.run(_LINT, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("futures", "from . import canvas, replay"),
        ("service/core", "from ..futures import Future"),
        ("service/core", "from ..swf import client"),
        ("swf/client", "from ..service import clock"),
        ("replay/engine", "import boto3"),
        ("service/core", "import boto3"),
        ("replay/engine", "import botocore.session"),
        ("swf/client", "import httptools"),
        ("local/run", "import click"),
        ("helpers", "import os"),
    ],
)
def test_a_broken_contract_is_seen(tmp_path: Path, module: str, line: str) -> None:
    package = tmp_path / "simpleflow"
    for name in (
        "futures",
        "canvas",
        "replay/engine",
        "swf/client",
        "service/core",
        "service/clock",
        "local/run",
        module,
    ):
        file = package / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(f"{line}\n" if name == module else "")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    result = subprocess.run(_LINT, cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": "."})
    assert result.returncode == 1
    assert "1 broken" in result.stdout


HEAVY = {"boto3", "botocore", "httptools", "rich", "tabulate", "diskcache"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("simpleflow", HEAVY | {"click", "psutil", "sqlite3"}), ("simpleflow.cli.workflow", HEAVY)],
    ids=["the package", "a local run"],
)
def test_an_import_is_light(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted(name for name in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert heavy & set(result.stdout.split()) == set()


def test_import_simpleflow_configures_no_logging() -> None:
    code = (
        "import logging; before = logging.getLogger().handlers[:]; import simpleflow; "
        "loggers = [logging.getLogger(name) for name in ('', 'simpleflow', 'simpleflow.runtime')]; "
        "print([logger.handlers for logger in loggers], [logger.level for logger in loggers[1:]])"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[[], [], []] [0, 0]\n"
