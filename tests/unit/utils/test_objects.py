from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Any

import pytest

from simpleflow.utils import full_object_name, hex_hash, import_from_module, issubclass_, remove_none


class Outer:
    class Inner:
        @staticmethod
        def call() -> None: ...


def test_a_name_finds_its_object() -> None:
    for thing in (enum.Enum, Path, Outer, Outer.Inner, Outer.Inner.call, test_a_name_finds_its_object):
        assert import_from_module(full_object_name(thing)) is thing


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("name", ImportError, "unable to import 'name': it should be a module and a name"),
        ("", ImportError, "unable to import ''"),
        ("enum.", ImportError, "unable to import 'enum.'"),
        ("no_such_package.x", ImportError, "no_such_package"),
        ("xml.no_such_module.x", ImportError, "xml.no_such_module"),
        ("enum.Enumm", AttributeError, "Enumm"),
        ("enum.Enum.nothing", AttributeError, "nothing"),
    ],
)
def test_names_that_find_nothing(path: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        import_from_module(path)


def test_a_missing_module_inside_a_module_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_more.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="not_installed_anywhere"):
        import_from_module("needs_more.x")
    assert "needs_more" not in sys.modules


def test_issubclass_() -> None:
    assert issubclass_(bool, int)
    assert issubclass_(bool, (str, int))
    assert not issubclass_(str, int)
    assert not issubclass_(1, int)
    assert not issubclass_(list[int], list)


@pytest.mark.parametrize(
    ("value", "rest"),
    [
        (None, None),
        ({"a": None, "b": {"c": None, "d": 0}}, {"b": {"d": 0}}),
        ([1, None, [None], {"a": None}], [1, [], {}]),
        ((None, 1), (1,)),
        ({None, 1}, {1}),
        ("text", "text"),
    ],
)
def test_remove_none(value: Any, rest: Any) -> None:
    assert remove_none(value) == rest
    assert type(remove_none(value)) is type(rest)


def test_other_objects_have_the_name_of_their_class() -> None:
    assert full_object_name(Outer()) == full_object_name(Outer)


def test_hex_hash() -> None:
    # as 0.35 gives them: workflow ids may have been made with it
    assert [hex_hash(text) for text in ("abc", "a", "")] == ["24d0127", "620062", "0"]
