"""What the reference takes from the code: ``.. generated:: commands`` and its like, and names that need no page."""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles

from simpleflow import settings
from simpleflow.cli.main import cli
from simpleflow.cli.options import NAMES

ROOT = Path(__file__).resolve().parents[2]

# What stands in a text of the code as it is: a literal, a quoted word, an option, a name in capitals.
_WORDS = re.compile(r"(``[^`]+``)|`([^`]+)`|((?<![\w-])--?[a-z][\w-]*|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\S*\*\S*)")
# A default as repr() gives it.
_UNWRITTEN = re.compile(r"<[^<>]+>")


def prose(text: str) -> str:
    """A text of the code as reStructuredText."""
    return _WORDS.sub(lambda match: match[1] or f"``{match[2] or match[3]}``", text)


def commands() -> Iterator[str]:
    """The options of the program, then each command."""
    program = click.Context(cli, info_name="simpleflow", show_default=True, **cli.context_settings)
    yield from _heading("simpleflow")
    yield ".. program:: simpleflow"
    yield "These options stand before the command; those of listings may stand after it as well."
    yield from _options(program)
    for name in sorted(cli.list_commands(program)):
        command = cli.get_command(program, name)
        assert command is not None
        yield from _command(click.Context(command, info_name=name, parent=program, show_default=True))


def _command(context: click.Context) -> Iterator[str]:
    command, words = context.command, context.command_path
    yield f".. _{words.replace(' ', '-')}:"
    yield from _heading(words.partition(" ")[2])
    yield f".. program:: {words}"
    yield _block(" ".join([words, *command.collect_usage_pieces(context)]))
    text, _, example = textwrap.dedent(command.help or "").partition("Example: ")
    for paragraph in re.split(r"\n\s*\n", text.replace("\b", "")):
        yield prose(" ".join(paragraph.split()))
    yield _block(f"$ {example.strip()}")
    yield from _options(context)
    if _lists(command):
        yield "Takes the options of listings: " + ", ".join(f":option:`simpleflow --{name}`" for name in NAMES) + "."


def _lists(command: click.Command) -> bool:
    return set(NAMES) <= {parameter.name for parameter in command.params}


def _options(context: click.Context) -> Iterator[str]:
    shared = NAMES if context.parent is not None and _lists(context.command) else ()
    for parameter in context.command.get_params(context):
        if isinstance(parameter, click.Option) and parameter.name not in shared:
            told = copy.copy(parameter)
            told.show_envvar = f"{told.envvar}" not in (told.help or "")
            names, text = told.get_help_record(context) or ("", "")
            yield f".. option:: {names.replace(' / ', ', ')}\n\n   {prose(' '.join(text.split()))}"


def all_settings() -> Iterator[str]:
    for name, setting in settings.SETTINGS.items():
        kind, default = f":type: {setting.expected}", f":default: {_default(setting.default)}"
        yield f".. confval:: {name}\n   {kind}\n   {default}\n\n   {prose(setting.meaning)}"


def _default(default: Any) -> str:
    if default is None:
        return "none"
    return prose(default.__doc__.rstrip(".")) if callable(default) else f"``{default}``"


def examples() -> Iterator[str]:
    """Each file of examples/: the first line that it says of itself, and how it is run."""
    for path in sorted((ROOT / "examples").glob("[!_]*.py")):
        about, *more = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()
        lines = [" ".join(line.split()) for line in more if line.startswith("simpleflow ")]
        yield f"``examples/{path.name}``\n   {prose(about)}"
        yield textwrap.indent(_block(*(f"$ {line}" for line in lines)), "   ")


def _heading(title: str) -> Iterator[str]:
    yield f"{title}\n{'-' * len(title)}"


def _block(*lines: str) -> str:
    return "::\n\n" + textwrap.indent("\n".join(lines), "   ")


_SOURCES: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "settings": all_settings,
    "examples": examples,
}


class Generated(SphinxDirective):
    """``.. generated:: commands`` stands for what the code says of itself; it is read anew at each build."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        source = f"<{self.arguments[0]}>"
        text = "\n\n".join(_SOURCES[self.arguments[0]]()).splitlines()
        parent = nodes.section()
        parent.document = self.state.document
        nested_parse_with_titles(self.state, StringList(text, source), parent)
        return parent.children


def resolve_code(app: Sphinx, env: Any, node: Any, contnode: nodes.Node) -> nodes.Node | None:
    """A name without a page of its own is no broken link if the code, or a library that it uses, has it."""
    if node.get("refdomain") != "py":
        return None
    name = node["reftarget"]
    return contnode if exists(name) or exists(f"{node.get('py:module')}.{name}") else None


@functools.cache
def exists(dotted: str) -> bool:
    """Whether a name of Python's own, or one with its module, can be had."""
    if "." not in dotted:
        return hasattr(builtins, dotted)
    try:
        pkgutil.resolve_name(dotted)
    except (ImportError, AttributeError, ValueError):
        return False
    return True


def skip_errors(app: Sphinx, kind: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Errors have a page of their own."""
    return True if isinstance(member, type) and issubclass(member, BaseException) else None


def without_object(app: Sphinx, name: str, member: Any, options: Any, bases: list[Any]) -> None:
    """What every class inherits from is not told."""
    bases[:] = [base for base in bases if base is not object]


def without_empty_bases(app: Sphinx, doctree: nodes.document) -> None:
    """Nor is that a class inherits from nothing else."""
    for line in list(doctree.findall(nodes.paragraph)):
        if line.astext().strip() == "Bases:":
            line.parent.remove(line)


def plain_defaults(
    app: Sphinx, kind: str, name: str, member: Any, options: Any, arguments: str, result: str
) -> tuple[str, str]:
    """A default that cannot be written, such as that of a factory, is an ellipsis."""
    return arguments and _UNWRITTEN.sub("...", arguments), result


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("generated", Generated)
    app.connect("missing-reference", resolve_code)
    app.connect("autodoc-process-signature", plain_defaults)
    app.connect("autodoc-process-bases", without_object)
    app.connect("autodoc-skip-member", skip_errors)
    app.connect("doctree-read", without_empty_bases)
    return {"parallel_read_safe": True}
