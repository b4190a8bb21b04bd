"""Every combination of ``--domain``, SWF_DOMAIN and words."""

import re

import pytest

from simpleflow.cli.exits import Refusal
from simpleflow.cli.targets import DOMAIN, EXECUTION, TASK, Shape, read_target

#: A command that never took a domain among its words.
OPTION = Shape(("WORKFLOW_ID",), ("RUN_ID",), domain_first=False)

#: Shape, words, --domain, SWF_DOMAIN -> the domain and the other words; None where that is wrong usage.
TABLE = [
    (DOMAIN, "", None, None, None),
    (DOMAIN, "", None, "env", "env:"),
    (DOMAIN, "", "opt", None, "opt:"),
    (DOMAIN, "", "opt", "env", "opt:"),
    (DOMAIN, "d", None, None, "d:"),
    (DOMAIN, "d", None, "env", "d:"),
    (DOMAIN, "d", "opt", None, None),
    (DOMAIN, "d", "opt", "env", None),
    (DOMAIN, "d x", None, None, None),
    (DOMAIN, "d x", None, "env", None),
    (EXECUTION, "", None, None, None),
    (EXECUTION, "", None, "env", None),
    (EXECUTION, "", "opt", None, None),
    (EXECUTION, "", "opt", "env", None),
    (EXECUTION, "w", None, None, None),
    (EXECUTION, "w", None, "env", "env:w"),
    (EXECUTION, "w", "opt", None, "opt:w"),
    (EXECUTION, "w", "opt", "env", "opt:w"),
    (EXECUTION, "d w", None, None, "d:w"),
    (EXECUTION, "d w", None, "env", "d:w"),
    (EXECUTION, "w r", "opt", None, "opt:w r"),
    (EXECUTION, "w r", "opt", "env", "opt:w r"),
    (EXECUTION, "d w r", None, None, "d:w r"),
    (EXECUTION, "d w r", None, "env", "d:w r"),
    (EXECUTION, "d w r", "opt", None, None),
    (EXECUTION, "d w r", "opt", "env", None),
    (EXECUTION, "d w r x", None, None, None),
    (EXECUTION, "d w r x", None, "env", None),
    (TASK, "w", None, "env", None),
    (TASK, "w", "opt", None, None),
    (TASK, "w t", None, None, None),
    (TASK, "w t", None, "env", "env:w t"),
    (TASK, "w t", "opt", None, "opt:w t"),
    (TASK, "w t", "opt", "env", "opt:w t"),
    (TASK, "d w t", None, None, "d:w t"),
    (TASK, "d w t", None, "env", "d:w t"),
    (TASK, "w t r", "opt", None, "opt:w t r"),
    (TASK, "d w t r", None, None, "d:w t r"),
    (TASK, "d w t r", None, "env", "d:w t r"),
    (TASK, "d w t r", "opt", None, None),
    (OPTION, "", None, None, None),
    (OPTION, "", None, "env", None),
    (OPTION, "w", None, None, None),
    (OPTION, "w", None, "env", "env:w"),
    (OPTION, "w", "opt", None, "opt:w"),
    (OPTION, "w r", None, "env", "env:w r"),
    (OPTION, "w r", "opt", "env", "opt:w r"),
    (OPTION, "d w", None, None, "d:w"),
    (OPTION, "d w r", None, None, "d:w r"),
    (OPTION, "d w r", None, "env", "d:w r"),
    (OPTION, "d w r", "opt", None, None),
    (OPTION, "d w r x", None, "env", None),
]


@pytest.mark.parametrize(("shape", "words", "option", "variable", "expected"), TABLE)
def test_every_combination(
    shape: Shape,
    words: str,
    option: str | None,
    variable: str | None,
    expected: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWF_DOMAIN", variable or "")
    if expected is None:
        with pytest.raises(Refusal) as refused:
            read_target(shape, words.split(), option)
        assert refused.value.exit_code == 2
    else:
        target = read_target(shape, words.split(), option)
        assert f"{target.domain}:{' '.join(target.words.values())}" == expected


def test_the_table_holds_every_combination() -> None:
    """For each shape: with and without the option and the variable; too few words, too many, and what is between."""
    listed = {(shape, option, variable) for shape, _, option, variable, _ in TABLE}
    for shape in (DOMAIN, EXECUTION, OPTION):
        counts = {len(words.split()) for other, words, _, _, _ in TABLE if other == shape}
        assert counts == set(range(1 + len(shape.needs + shape.takes) + 2))
    assert {(EXECUTION, option, variable) for option in (None, "opt") for variable in (None, "env")} <= listed


@pytest.mark.parametrize(
    ("shape", "words", "option", "message"),
    [
        (EXECUTION, ["w"], None, "the domain is missing: give it as the first argument, with --domain, or in SWF_"),
        (EXECUTION, [], None, "0 arguments given; expected [DOMAIN] WORKFLOW_ID [RUN_ID]."),
        (EXECUTION, ["a", "b", "c"], "d", "3 arguments given besides --domain d; expected WORKFLOW_ID [RUN_ID]."),
        (DOMAIN, ["a"], "d", "1 argument given besides --domain d; expected none."),
    ],
)
def test_wrong_usage_says_what_to_do(
    shape: Shape, words: list[str], option: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWF_DOMAIN", raising=False)
    with pytest.raises(Refusal) as refused:
        read_target(shape, words, option)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("22abc%2Bd%3D", "22abc+d="), ("22abc+d=", "22abc+d="), ("100%", "100%")],
)
def test_a_run_id_may_be_quoted_as_in_a_url(given: str, meant: str) -> None:
    assert read_target(EXECUTION, ["w", given], "d").run_id == meant


def test_the_words_have_names() -> None:
    target = read_target(TASK, ["w", "t"], "d")
    assert (target.workflow_id, target.run_id, target.words["TASK_ID"]) == ("w", None, "t")


@pytest.mark.parametrize(
    ("shape", "words", "told"),
    [
        (EXECUTION, ["w"], r"the domain is missing: .*\. If 'w' is the domain, WORKFLOW_ID is missing\.$"),
        (TASK, ["d", "w"], r"the domain is missing: .*\. If 'd' is the domain, TASK_ID is missing\.$"),
        (DOMAIN, [], r"the domain is missing: .*, or in SWF_DOMAIN\.$"),
        (EXECUTION, ["d", ""], r"^WORKFLOW_ID is empty; expected \[DOMAIN\] WORKFLOW_ID \[RUN_ID\]\.$"),
        (EXECUTION, ["", "w"], r"^DOMAIN is empty; expected"),
        (EXECUTION, ["d\udcff", "w"], r"the domain 'd\\udcff' is not UTF-8"),
    ],
)
def test_what_is_missing_is_named(shape: Shape, words: list[str], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWF_DOMAIN", raising=False)
    with pytest.raises(Refusal) as refused:
        read_target(shape, words, None)
    assert re.search(told, refused.value.message)
