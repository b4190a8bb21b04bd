"""The repository as a newcomer meets it: scripts, README, changelog, metadata, image."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import simpleflow

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted([*(ROOT / "script").iterdir(), ROOT / ".ci" / "run"])

# Stands in for uv: makes an environment whose programs tell what they are asked to do.
FAKE_UV = """\
#!/usr/bin/env bash
echo "uv $*" >> "$CALLS"
[ "$1 $FAIL" != "pip install" ] || exit 1
[ "$1" = venv ] || exit 0
mkdir -p .venv/bin
for name in ruff mypy lint-imports simpleflow; do
    printf '#!/usr/bin/env bash\\necho "%s $*" >> "$CALLS"\\n[ "$FAIL" != %s ]\\n' $name $name > .venv/bin/$name
done
cat > .venv/bin/python <<'END'
#!/usr/bin/env bash
[ "$1" = -c ] && exec "$REAL_PYTHON" "$@"
echo "python $*" >> "$CALLS"
printf '<%s>' "$@"; echo
env
[ "$FAIL" != pytest ]
END
chmod +x .venv/bin/*
"""


class Clone:
    """A copy of the scripts with an environment that does nothing."""

    def __init__(self, path: Path, bin: Path, calls: Path) -> None:
        self.path, self.bin, self.log = path, bin, calls

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "CALLS": str(self.log),
            "REAL_PYTHON": sys.executable,
            "FAIL": "",
            **variables,
        }
        return subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, timeout=60)

    def calls(self) -> list[str]:
        return [" ".join(line.split()[:2]) for line in self.log.read_text().splitlines()]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    path = tmp_path / "a clone"
    for name in ("script", ".ci"):
        shutil.copytree(ROOT / name, path / name)
    (path / "simpleflow").mkdir()
    for name in ("pyproject.toml", "setup.py", "simpleflow/__init__.py"):
        shutil.copy(ROOT / name, path / name)
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "uv").write_text(FAKE_UV)
    (bin / "uv").chmod(0o755)
    return Clone(path, bin, tmp_path / "calls")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run(script: Path) -> None:
    assert os.access(script, os.X_OK), f"chmod +x {script.relative_to(ROOT)}"
    text = script.read_text()
    if text.startswith("#!/usr/bin/env bash"):
        subprocess.run(["bash", "-n", str(script)], check=True)
        assert re.search(r"^set -e?uo pipefail$", text, re.MULTILINE)


def test_every_script_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"\./((?:script|\.ci)/[\w-]+)", (ROOT / "README.rst").read_text()))
    assert {"script/run", "script/test", "script/check", ".ci/run"} <= named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_bootstrap_makes_the_environment_once(clone: Clone) -> None:
    first = clone.run("script/bootstrap")
    assert first.returncode == 0, first.stderr
    assert first.stdout == ""
    assert clone.calls() == ["uv venv", "uv pip"]
    again = clone.run("script/bootstrap")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert clone.calls() == []


def test_bootstrap_installs_again_when_the_metadata_changed(clone: Clone) -> None:
    clone.run("script/bootstrap")
    with (clone.path / "pyproject.toml").open("a") as file:
        file.write("# one more line\n")
    clone.run("script/bootstrap")
    assert clone.calls() == ["uv pip"]


def test_bootstrap_makes_a_new_environment_for_a_tree_that_moved(clone: Clone) -> None:
    clone.run("script/bootstrap")
    clone.path = clone.path.rename(clone.path.with_name("moved"))
    clone.run("script/bootstrap")
    assert clone.calls() == ["uv venv", "uv pip"]


def test_bootstrap_makes_a_new_environment_for_another_python(clone: Clone) -> None:
    clone.run("script/bootstrap")
    clone.run("script/bootstrap", PYTHON=sys.executable)
    assert clone.calls() == ["uv venv", "uv pip"]
    assert f"--python {sys.executable} .venv" in clone.log.read_text()


def test_bootstrap_says_what_is_wrong_with_PYTHON(clone: Clone) -> None:
    result = clone.run("script/bootstrap", PYTHON="/no/such/python")
    assert result.returncode == 1
    assert result.stdout == ""
    assert "PYTHON=/no/such/python" in result.stderr and "3.10" in result.stderr
    assert clone.calls() == []


def test_bootstrap_says_that_there_is_no_python(clone: Clone) -> None:
    for name in ("bash", "dirname", "cat", "cksum", "grep", "rm"):
        (clone.bin / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name} here"))
    result = clone.run("script/bootstrap", PATH=str(clone.bin))
    assert result.returncode == 1
    assert "no Python of version 3.10 or later" in result.stderr and "PYTHON=" in result.stderr


def test_a_failed_installation_is_tried_again(clone: Clone) -> None:
    failed = clone.run("script/bootstrap", FAIL="install")
    assert failed.returncode == 1
    assert "could not install" in failed.stderr
    assert clone.run("script/bootstrap").returncode == 0
    assert clone.calls() == ["uv pip"]


def test_the_test_script_passes_arguments_and_environment(clone: Clone) -> None:
    result = clone.run("script/test", "-k", "one or two", AWS_PROFILE="mine", SWF_DOMAIN="Production")
    arguments, *lines = result.stdout.splitlines()
    assert arguments == "<-m><pytest><-k><one or two>"
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    expected = {
        "SIMPLEFLOW_CLEANUP_PROCESSES": "yes",
        "SIMPLEFLOW_ENV": "test",
        "SWF_CONNECTION_RETRIES": "1",
        "SIMPLEFLOW_VCR_RECORD_MODE": "none",
        "AWS_ACCESS_KEY_ID": "testing",
    }
    assert {name: environment.get(name) for name in expected} == expected
    assert not {"AWS_PROFILE", "SWF_DOMAIN"} & set(environment)


def test_a_recording_keeps_the_keys(clone: Clone) -> None:
    result = clone.run("script/test", AWS_ACCESS_KEY_ID="mine", SIMPLEFLOW_VCR_RECORD_MODE="once")
    assert "AWS_ACCESS_KEY_ID=mine" in result.stdout.splitlines()


def test_run_starts_the_quick_start(clone: Clone) -> None:
    assert clone.run("script/run").returncode == 0
    last = clone.log.read_text().splitlines()[-1]
    assert last == "simpleflow standalone --embedded examples.basic.BasicWorkflow --input [1, 5]"


@pytest.mark.parametrize("failing", ["", "ruff", "mypy", "lint-imports", "pytest"])
def test_ci_runs_all_checks_and_fails_with_any(clone: Clone, failing: str) -> None:
    result = clone.run(".ci/run", FAIL=failing)
    checks = ["ruff check", "ruff format", "mypy", "lint-imports"]
    assert [call for call in clone.calls() if not call.startswith("uv")] == (
        [*checks, "python -m"] if failing in ("", "pytest") else checks
    )
    assert (result.returncode != 0) == bool(failing)


def test_the_first_commands_of_the_readme() -> None:
    commands = re.findall(r"^ +\$ (.+)$", (ROOT / "README.rst").read_text(), re.MULTILINE)
    assert commands[:2] == ["./script/run", "./script/test"]


def test_the_changelog_begins_with_this_version() -> None:
    titles = re.findall(r"^(\d\S*)\n-+$", (ROOT / "CHANGELOG.rst").read_text(), re.MULTILINE)
    assert titles[0] == simpleflow.__version__


def test_metadata() -> None:
    distribution = metadata.distribution("simpleflow")
    assert distribution.version == simpleflow.__version__
    assert distribution.metadata["Requires-Python"] == ">=3.10"
    assert distribution.metadata["License-Expression"] == "MIT"
    assert "script/run" in distribution.metadata.get_payload()
    commands = {entry.name: entry.value for entry in distribution.entry_points if entry.group == "console_scripts"}
    assert commands == {"simpleflow": "simpleflow.cli.main:main"}
    assert (ROOT / "simpleflow" / "py.typed").exists()


def test_the_image_finds_what_it_copies() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied and set(copied) == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert "USER simpleflow" in lines and 'ENTRYPOINT ["simpleflow"]' in lines


# Brackets keep these lines from finding themselves.
FOREIGN = re.compile(
    r"/wor[k]/|/far[m]/|sub[a]gent|helper s[e]ssion|this s[e]ssion"
    r"|the C[E]O|DEVELOP[E]RS\.md|\.\./sh[a]red|\bissu[e] #?\d",
    re.IGNORECASE,
)
OURS = (
    "*.*",
    "Dockerfile",
    "LICENSE",
    "script/*",
    ".ci/*",
    *(f"{folder}/**/*.*" for folder in ("simpleflow", "tests", "examples", "extras", "benchmarks", "docs")),
)


def test_the_project_speaks_of_itself_alone() -> None:
    files = {path for pattern in OURS for path in ROOT.glob(pattern) if path.is_file()}
    sources = [path for path in files if not {"__pycache__", "_build"} & set(path.parts) and path.suffix != ".pyc"]
    assert len(sources) > 50
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in sorted(sources)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_names_of_test_files_are_unique() -> None:
    """pytest imports them by their bare names: one name twice, and nothing is run at all."""
    names = [path.name for path in ROOT.joinpath("tests").rglob("test_*.py")]
    assert not {name for name in names if names.count(name) > 1}


def test_a_source_distribution_has_all_that_the_documentation_is_built_of() -> None:
    include = next(line for line in (ROOT / "MANIFEST.in").read_text().splitlines() if " docs " in line)
    files = [path for path in (ROOT / "docs").rglob("*") if path.is_file() and "_build" not in path.parts]
    missing = [path for path in files if not any(path.match(pattern) for pattern in include.split()[2:])]
    assert [path for path in missing if path.suffix != ".pyc"] == []
