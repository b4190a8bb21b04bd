"""docs/guide: every page is a program. Its Python blocks are run in order; its ``>>>`` lines say what they say."""

from __future__ import annotations

import doctest
import importlib.util
import sys
from pathlib import Path

import docutils.core
import docutils.nodes
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "guide").glob("*.rst"))

_SETTINGS = {"report_level": 5, "halt_level": 5, "file_insertion_enabled": False}
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def test_there_are_pages() -> None:
    assert len(PAGES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_happens(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = f"guide_{page.stem}"
    spec = importlib.util.spec_from_loader(name, None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(tmp_path)
    document = docutils.core.publish_doctree(page.read_text(), str(page), settings_overrides=_SETTINGS)
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    for node in document.findall(
        lambda node: isinstance(node, (docutils.nodes.literal_block, docutils.nodes.doctest_block))
    ):
        code = node.astext()
        where = f"{page.name}, line {node.line}"
        if isinstance(node, docutils.nodes.doctest_block):
            test = doctest.DocTestParser().get_doctest(code, module.__dict__, where, str(page), node.line)
            test.globs = module.__dict__
            said: list[str] = []
            assert runner.run(test, out=said.append, clear_globs=False).failed == 0, "".join(said)
        elif "python" in node["classes"]:
            exec(compile(code, where, "exec"), module.__dict__)
