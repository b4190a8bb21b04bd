"""docs/compat.rst accounts for every public name of simpleflow 0.35, and says what is so.

Each row has a name and one of: the tests that exercise it, ``differs: <reason>``.
"""

import ast
import functools
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import click
import docutils.core
import docutils.nodes
import pytest

from simpleflow import settings
from simpleflow.cli import main as command_line

ROOT = Path(__file__).resolve().parents[2]
# Parameters that can be given by position only.
RENAMED = {"simpleflow.exceptions.WorkflowException(workflow)"}


class Row(NamedTuple):
    section: str
    name: str
    text: str
    tests: list[str]


@functools.cache
def names() -> dict[str, tuple[str, ...]]:
    """Name without parameters -> its parameters, in the order of the file; keys are ``section: name``."""
    section, found = "", {}
    for line in (ROOT / "tests" / "data" / "compat_names.txt").read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, parameters = line, ""
            if match := re.fullmatch(r"(simpleflow\.\S+)\((.+)\)", line):
                name, parameters = match.groups()
            assert f"{section}: {name}" not in found, f"twice in compat_names.txt: {name}"
            found[f"{section}: {name}"] = tuple(parameters.replace(",", " ").split())
    return found


@functools.cache
def rows() -> list[Row]:
    source = (ROOT / "docs" / "compat.rst").read_text()
    document = docutils.core.publish_doctree(source, settings_overrides={"report_level": 2, "halt_level": 2})
    found = []
    for section in document.findall(docutils.nodes.section):
        title = section.next_node(docutils.nodes.title)
        for body in section.findall(docutils.nodes.tbody):
            for row in body.findall(docutils.nodes.row):
                name, where = row.children
                tests = [node.astext() for node in where.findall(docutils.nodes.literal) if "::" in node.astext()]
                found.append(Row(title.astext(), name.astext(), where.astext(), tests))
    return found


def exercised(section: str) -> list[Row]:
    return [row for row in rows() if row.section == section and row.tests]


def resolve(dotted: str) -> Any:
    """The object behind a dotted name, raising when there is none."""
    parts = dotted.split(".")
    if parts[-1] == "__main__":
        # to import it is to run it
        return importlib.util.find_spec(dotted) or pytest.fail(f"there is no {dotted}")
    for split in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError as error:
            if not dotted.startswith(error.name or ""):
                raise
            continue
        return functools.reduce(member, parts[split:], module)
    raise AttributeError(f"there is no {dotted}")


def member(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        # What __init__ sets is an attribute of each instance.
        if inspect.isclass(owner) and any(
            f"self.{name}" in inspect.getsource(base) for base in owner.__mro__[:-1] if base.__module__ != "typing"
        ):
            return None
        raise


def exists(dotted: str) -> bool:
    try:
        resolve(dotted)
    except AttributeError:
        return False
    return True


def find_command(words: str) -> click.Command | None:
    """``workflow.start --domain`` -> the command, if it has that option; options alone belong to simpleflow itself."""
    name, _, option = words.rpartition("--") if "--" in words else (words, "", "")
    command: click.Command | None = command_line.cli
    if name.split():
        assert isinstance(command, click.Group)
        command = command.commands.get(name.split()[0])
    if command is None or not option:
        return command
    known = {"--help"} | {flag for parameter in command.params for flag in parameter.opts}
    return command if f"--{option}" in known else None


@functools.cache
def test_functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


test_functions.__test__ = False  # type: ignore[attr-defined]  # it is no test, whatever its name


def test_each_name_has_one_row_and_each_row_a_name() -> None:
    listed = [f"{row.section}: {row.name}" for row in rows()]
    assert sorted(listed) == sorted(set(listed)), "a name has two rows"
    assert sorted(listed) == sorted(names())


def test_each_row_says_one_of_two_things() -> None:
    odd = [
        row
        for row in rows()
        if not re.fullmatch(r"tests/\S+?( tests/\S+?)*(: .{10,})?", row.text, re.DOTALL)
        and not re.fullmatch(r"differs: .{20,}", row.text, re.DOTALL)
    ]
    assert odd == []


def test_the_tests_exist() -> None:
    missing = []
    for row in rows():
        for node in row.tests:
            file, _, function = node.partition("::")
            if not (ROOT / file).exists() or function not in test_functions(file):
                missing.append((row.name, node))
    assert missing == []


def test_python_names_resolve() -> None:
    dotted = [row.name for row in exercised("Python names") if row.name.startswith("simpleflow.")]
    assert dotted
    assert [name for name in dotted if not exists(name)] == []


def test_parameters_keep_their_names() -> None:
    lost = []
    for row in exercised("Python names"):
        if wanted := names()[f"{row.section}: {row.name}"]:
            known = inspect.signature(resolve(row.name)).parameters
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
                lost += [f"{row.name}({name})" for name in wanted if name not in known]
    assert set(lost) == RENAMED


def test_commands_and_options_exist() -> None:
    named = [row.name for row in exercised("Commands and options") if re.match(r"--|\w+\.\w+", row.name)]
    assert named
    assert [name for name in named if find_command(name) is None] == []


def test_settings_exist() -> None:
    missing = [row.name for row in exercised("Settings") if not hasattr(settings, row.name)]
    assert missing == []


def test_environment_variables_are_read_somewhere() -> None:
    files = [*(ROOT / "simpleflow").rglob("*.py"), *(ROOT / "script").iterdir(), *(ROOT / "tests").rglob("conftest.py")]
    sources = "\n".join(path.read_text() for path in files)
    assert [row.name for row in exercised("Environment variables") if row.name not in sources] == []


def test_examples_and_scripts_exist() -> None:
    named = [row.name for row in exercised("Examples and scripts")]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", ["simpleflow.nowhere", "simpleflow.futures.Future.nothing", "simpleflow.swf.Nobody"])
def test_a_name_that_does_not_exist_is_noticed(name: str) -> None:
    assert not exists(name)
