import re
from pathlib import Path

import pytest

from simpleflow.cli.exits import MEANINGS, Exit, exit_of


@pytest.mark.parametrize(
    ("close", "code"),
    [
        ("COMPLETED", 0),
        ("Completed", 0),
        ("FAILED", 1),
        ("TIMED_OUT", 4),
        ("TimedOut", 4),
        ("CANCELED", 5),
        ("TERMINATED", 6),
        ("CONTINUED_AS_NEW", 0),
        ("ContinuedAsNew", 0),
        ("BLOCKED", 1),
    ],
)
def test_how_an_execution_closed_is_the_exit_code(close: str, code: int) -> None:
    assert exit_of(close) == code


def test_each_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Exit)
    assert sorted(Exit) == [0, 1, 2, 3, 4, 5, 6, 130]


def test_the_codes_are_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "commands.rst").read_text()
    rows = re.findall(r"\* - (\d+)\n     - (.+)", page)
    assert {int(code): meaning for code, meaning in rows} == {int(code): text for code, text in MEANINGS.items()}
