"""The tables of script/mutants fit the code: each fragment stands in its file once."""

from __future__ import annotations

from pathlib import Path

import pytest

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("table", sorted((ROOT / "tests" / "mutants").glob("*.toml")), ids=lambda path: path.stem)
def test_every_fragment_is_found_once(table: Path) -> None:
    mutants = tomllib.loads(table.read_text())["mutant"]
    wrong = [m["name"] for m in mutants if (ROOT / m["file"]).read_text().count(m["old"]) != 1 or m["old"] == m["new"]]
    assert wrong == []
    assert len({mutant["name"] for mutant in mutants}) == len(mutants)
    assert len(mutants) >= 25
