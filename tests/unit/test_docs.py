"""The documentation builds without a warning, and tells of all that there is, and of nothing else.

Sphinx builds docs/ once, README.rst is read as it is; what their texts name is compared with the code, both ways.
"""

from __future__ import annotations

import ast
import builtins
import fcntl
import importlib
import inspect
import os
import pickle
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import docutils.core
import pytest
from docutils import nodes

import simpleflow
from simpleflow import settings
from simpleflow.cli.main import COMMANDS, cli
from simpleflow.cli.options import NAMES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

#: Exceptions that stay inside: of commands (which tell them in a line), of the service (which answers them), and of
#: the machinery of replay and of the test kit.
INTERNAL = {
    *("simpleflow.cli.embedded.EmbeddedError", "simpleflow.cli.exits.Refusal", "simpleflow.cli.exits.Unknown"),
    *("simpleflow.cli.following.TimeIsUp", "simpleflow.process.pool.PoolClosed"),
    *("simpleflow.replay.engine.HistoryNeeded", "simpleflow.replay.run.Stopped"),
    *("simpleflow.testing.stage.Objection",),
}
#: Variables that libraries read for us: rich and shutil, click.
READ_ELSEWHERE = {"COLUMNS", "_SIMPLEFLOW_COMPLETE"}
#: Options of other programs: docker, and a program that an activity calls.
FOREIGN_OPTIONS = {"--init", "--stop-timeout", "--key"}
#: Commands that the architecture thinks of, and that are not there.
PERHAPS_LATER = {"log"}
#: What runs the Python blocks of a page.
RUN_BY = {
    "README.rst": "tests/unit/test_readme.py",
    "testing": "tests/unit/testing/test_testing_guide.py",
    "payloads": "tests/unit/test_docs_blocks.py",
    "service": "tests/unit/test_docs_blocks.py",
    "guide": "tests/unit/test_guide.py",
    "index": "tests/unit/test_docs_blocks.py",
}

#: Of the errors of SWF those whose names end as those of Python do.
SWF_CODES = {"ThrottlingException", "ValidationException"}

_VARIABLE = re.compile(r"\b_?(?:SIMPLEFLOW|SWF|AWS)_[A-Z0-9_]*[A-Z0-9]\b")
_SETTING = re.compile(r"\b(?:(?:ACTIVITY|WORKFLOW)_DEFAULT|METROLOGY|STEP)_[A-Z_]+\b")


@dataclass(frozen=True)
class Built:
    said: str
    environment: Any
    #: By the names of docs/ without .rst, and README.rst.
    pages: dict[str, nodes.document]

    def objects(self, kind: str) -> set[str]:
        """What directives of Sphinx's standard domain describe: ``confval``, ``envvar``."""
        return {name for found, name in self.environment.domaindata["std"]["objects"] if found == kind}

    def python(self, *kinds: str) -> set[str]:
        found = self.environment.domaindata["py"]["objects"].items()
        return {name for name, entry in found if not kinds or entry.objtype in kinds}

    def texts(self, *without: str) -> Iterator[tuple[str, str]]:
        """Each page with its text."""
        return ((name, page.astext()) for name, page in self.pages.items() if name not in without)

    def literals(self, kind: type[nodes.Node] = nodes.literal) -> Iterator[tuple[str, str]]:
        """Each literal with its page; not those of compat, which has what is there no more and tests of its own."""
        for name, page in self.pages.items():
            if name != "compat":
                yield from ((name, node.astext()) for node in page.findall(kind))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-docs"
    place.mkdir(exist_ok=True)
    said = place / "said.txt"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes of tests one builds
        if not said.exists():
            _build(place, said)
    with (place / "doctrees" / "environment.pickle").open("rb") as file:
        environment = pickle.load(file)
    pages = {}
    for path in sorted((place / "doctrees").rglob("*.doctree")):
        pages[str(path.relative_to(place / "doctrees").with_suffix(""))] = pickle.loads(path.read_bytes())
    pages["README.rst"] = docutils.core.publish_doctree((ROOT / "README.rst").read_text())
    return Built(said.read_text(), environment, pages)


def _build(place: Path, said: Path) -> None:
    options = ["-W", "--keep-going", "-q", "-b", "dummy", "-d", str(place / "doctrees")]
    environment = {name: value for name, value in os.environ.items() if name not in settings.SETTINGS}
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(place / "out")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
    )
    said.write_text(result.stdout + result.stderr)


def test_it_builds_without_warnings(built: Built) -> None:
    assert built.said == ""
    assert {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.rst")} <= set(built.pages)


def test_the_readme_and_the_changelog_lead_to_pages_that_exist() -> None:
    texts = [(ROOT / name).read_text() for name in ("README.rst", "CHANGELOG.rst")]
    links = {link for text in texts for link in re.findall(r"<([\w./-]+\.rst)>", text)}
    assert len(links) > 10
    assert {link for link in links if not (ROOT / link).exists()} == set()


# -- commands


def sections(page: nodes.document) -> dict[str, nodes.section]:
    return {section.next_node(nodes.title).astext(): section for section in page.next_node().findall(nodes.section)}


def the_commands() -> dict[str, click.Command]:
    assert isinstance(cli, click.Group)
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def flags(command: click.Command, context: click.Context) -> set[str]:
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    return {flag for option in options for flag in (*option.opts, *option.secondary_opts)}


def known_flags() -> dict[str, set[str]]:
    """All flags of a command, by its name; those of the program by the empty name."""
    program = click.Context(cli, **cli.context_settings)
    found = {"": flags(cli, program)}
    for name, command in the_commands().items():
        found[name] = flags(command, click.Context(command, info_name=name, parent=program))
    return found


def test_every_command_has_a_section_with_usage_and_example(built: Built) -> None:
    found = sections(built.pages["reference/commands"])
    assert set(COMMANDS) | {"simpleflow"} <= set(found)
    for name in COMMANDS:
        usage, example, *_ = [node.astext() for node in found[name].findall(nodes.literal_block)]
        assert usage.startswith(f"simpleflow {name}"), name
        assert re.match(rf"\$ .*simpleflow .*\b{re.escape(name)}\b", example), name


def test_every_option_is_in_the_reference_and_nothing_else_is(built: Built) -> None:
    shared = {flag for parameter in cli.params if parameter.name in NAMES for flag in parameter.opts}
    shared |= {"--no-header"}
    expected = set()
    for name, known in known_flags().items():
        own = known - shared if name and shared <= known else known
        expected |= {(f"simpleflow-{name}".strip("-"), flag) for flag in own}
    # a command that was called in this process has the short form of --help as well
    documented = {key for key in built.environment.domaindata["std"]["progoptions"] if key[1] != "-h"}
    assert documented == {key for key in expected if key[1] != "-h"}


def shell_lines(built: Built) -> Iterator[tuple[str, list[str]]]:
    """What a page has the reader type, as words from ``simpleflow`` on; of literals those that begin so."""
    for page, text in (*built.literals(nodes.literal_block), *built.literals()):
        for line in text.replace("\\\n", " ").splitlines():
            if re.search(r"(^|\s)simpleflow (?!import\b)", line):
                words = shlex.split(re.split(r" [|>&]|;|  #", line.removeprefix("$ "))[0])
                words = words[words.index("simpleflow") + 1 :] if "simpleflow" in words else []
                if words:
                    yield page, words


def test_documented_lines_name_commands_and_options_that_exist(built: Built) -> None:
    known, wrong, seen = known_flags(), [], 0
    for page, words in shell_lines(built):
        command = next((word for word in words if word in known), "")
        given = [word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
        wrong += [(page, words, flag) for flag in given if flag not in known[command] | known[""]]
        if not command and not words[0].startswith("-") and words[0] not in PERHAPS_LATER:
            wrong.append((page, words, "no command"))
        seen += 1
    assert wrong == [], "\n".join(map(str, wrong))
    assert seen > 100


def test_documented_names_of_commands_and_options_exist(built: Built) -> None:
    kinds = {name.partition(".")[0] for name in COMMANDS if "." in name}
    known = set().union(*known_flags().values())
    wrong = []
    for page, text in built.literals():
        name = re.split(r"[\s=(]", text)[0]
        looks_so = re.fullmatch(r"[a-z]+\.\w+", name) and name.partition(".")[0] in kinds
        if looks_so and name not in COMMANDS and not python_name(f"simpleflow.{name}"):
            wrong.append((page, text))
        if re.fullmatch(r"--[a-z][\w-]*", name) and name not in known | FOREIGN_OPTIONS:
            wrong.append((page, text))
    assert wrong == [], "\n".join(map(str, wrong))


def python_name(name: str) -> bool:
    """Whether there is such a name; ``activity.heartbeat`` looks like a command, and is a function."""
    try:
        pkgutil.resolve_name(name.partition("(")[0])
    except (ImportError, AttributeError, ValueError):
        return False
    return True


# -- settings and environment


def test_every_setting_is_in_the_reference(built: Built) -> None:
    assert built.objects("confval") == set(settings.SETTINGS)


def strings(path: Path) -> Iterator[str]:
    return (
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def read_variables() -> set[str]:
    """Environment variables that the package, its scripts and its tests know."""
    found = set()
    for path in (ROOT / "simpleflow").rglob("*.py"):
        found |= set(re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", path.read_text()))
    for path in [*(ROOT / "simpleflow").rglob("*.py"), ROOT / "tests" / "support" / "recordings.py"]:
        found |= {text for text in strings(path) if _VARIABLE.fullmatch(text)}
    for path in (ROOT / "script").iterdir():
        found |= set(_VARIABLE.findall(path.read_text()))
    return found


def test_every_environment_variable_is_in_the_reference(built: Built) -> None:
    documented = built.objects("confval") | built.objects("envvar")
    assert read_variables() - documented == set()


def test_every_variable_of_the_reference_is_read(built: Built) -> None:
    sources = {text for path in (ROOT / "simpleflow").rglob("*.py") for text in strings(path)}
    assert built.objects("envvar") - READ_ELSEWHERE - read_variables() - sources == set()


def test_documented_variables_are_in_the_reference(built: Built) -> None:
    documented = built.objects("confval") | built.objects("envvar")
    found = {(page, name) for page, text in built.texts("compat") for name in _VARIABLE.findall(text)}
    found |= {(page, name) for page, text in built.texts("compat", "reference/api") for name in _SETTING.findall(text)}
    assert len(found) > 50
    assert {(page, name) for page, name in found if name not in documented} == set()


# -- errors, names and examples


def errors() -> set[str]:
    """All exceptions of the package but for those of the service, which answers them."""
    found = set()
    for module in pkgutil.walk_packages(simpleflow.__path__, "simpleflow."):
        if not module.name.endswith("__main__") and not module.name.startswith("simpleflow.service"):
            members = vars(importlib.import_module(module.name)).items()
            classes = [(name, value) for name, value in members if inspect.isclass(value)]
            found |= {
                f"{module.name}.{name}"
                for name, value in classes
                if issubclass(value, BaseException) and value.__module__ == module.name and not name.startswith("_")
            }
    return found


def test_every_error_is_in_the_reference(built: Built) -> None:
    assert built.python("exception") | INTERNAL == errors()
    assert built.python("exception") & INTERNAL == set()


def test_documented_errors_exist(built: Built) -> None:
    known = {name.rpartition(".")[2] for name in built.python("exception")} | set(dir(builtins)) | SWF_CODES
    named = {
        (page, name)
        for page, text in built.literals()
        for name in re.findall(r"(?<![.\w])[A-Z][a-z]\w+(?:Error|Exception)\b", text)
    }
    assert len(named) > 20
    assert {(page, name) for page, name in named if name not in known} == set()


def test_public_names_are_in_the_reference(built: Built) -> None:
    """Those of docs/compat.rst: as an object, or where there is no docstring as a literal."""
    literals = {node.astext() for node in built.pages["reference/api"].findall(nodes.literal)}
    documented = {id(pkgutil.resolve_name(name)) for name in built.python("class", "function", "data", "exception")}
    modules = sorted(built.python("module"), key=len, reverse=True)
    missing, found = set(), 0
    for name in {node.astext() for node in built.pages["compat"].findall(nodes.literal)}:
        module = next((module for module in modules if name.startswith(f"{module}.")), None)
        thing = re.split(r"[.(]", name.removeprefix(f"{module}."))[0]
        if module is not None and python_name(f"{module}.{thing}"):
            value = pkgutil.resolve_name(f"{module}.{thing}")
            found += 1
            if (
                id(value) not in documented
                and not {thing, f"{module}.{thing}"} & literals
                and not inspect.ismodule(value)
            ):
                missing.add(f"{module}.{thing}")
    assert missing == set()
    assert found > 150


def example_files() -> set[str]:
    return {f"examples/{path.name}" for path in (ROOT / "examples").glob("[!_]*.py")}


def test_every_example_is_in_the_reference(built: Built) -> None:
    terms = built.pages["reference/examples"].findall(nodes.term)
    assert {term.astext() for term in terms} == example_files()


def test_documented_examples_exist(built: Built) -> None:
    words = {
        (page, name) for page, text in built.texts("compat") for name in re.findall(r"\bexamples[./][\w./]+\w", text)
    }
    assert len(words) > 20
    assert {(page, word) for page, word in words if not example_exists(word)} == set()


def example_exists(name: str) -> bool:
    if "/" in name:
        return (ROOT / name).exists()
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


# -- blocks that are programs


def python_blocks(pages: Iterable[tuple[str, nodes.document]]) -> set[str]:
    """Pages with a block of Python that the code itself has not written."""
    found = set()
    for name, page in pages:
        for node in page.findall(nodes.literal_block):
            if "python" in (*node["classes"], node.get("language")):
                found.add(name)
    return found


def test_every_block_of_python_runs_in_some_test(built: Built) -> None:
    shown = {name.partition("/")[0] for name in python_blocks(built.pages.items())}
    assert shown == set(RUN_BY)
    for page, test in RUN_BY.items():
        assert page.removesuffix(".rst") in (ROOT / test).read_text(), f"{test} does not read {page}"
