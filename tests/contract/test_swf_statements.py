"""Every statement about the service has its test."""

from __future__ import annotations

import ast
from pathlib import Path

from service_statements import HTTP, STATEMENTS

HERE = Path(__file__).parent


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {f"{path.stem}::{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_statement_has_its_test() -> None:
    assert sorted(STATEMENTS) == list(range(1, 147))
    present = set().union(*(functions_of(path) for path in HERE.glob("test_swf_*.py")))
    assert [test for test in STATEMENTS.values() if test != HTTP and test not in present] == []
