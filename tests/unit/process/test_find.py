import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simpleflow import Workflow, activity
from simpleflow.exceptions import NotFound
from simpleflow.process.find import find_activity, find_workflow


class Found(Workflow):
    class Inner(Workflow):
        pass


def plain(x: int) -> int:
    return x


wrapped = activity.Activity(plain)


@activity.with_attributes(name="a name of its own")
def renamed() -> None:
    pass


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"author_{tmp_path.name}"
    assert name.isidentifier()
    yield tmp_path / f"{name}.py"
    sys.modules.pop(name, None)


def test_a_workflow_is_found_by_its_path() -> None:
    assert find_workflow(f"{__name__}.Found") is Found
    assert find_workflow(f"{__name__}.Found.Inner") is Found.Inner


def test_an_activity_is_found_by_its_name_or_by_its_path() -> None:
    assert find_activity("a name of its own") is renamed
    assert find_activity(f"{__name__}.plain") is wrapped


def test_importing_a_module_may_define_the_activity(module: Path) -> None:
    module.write_text("from simpleflow import activity\ndef f(): pass\ndecorated = activity.Activity(f)\n")
    assert find_activity(f"{module.stem}.f").name == f"{module.stem}.f"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("os.system", "os.system is of type builtin_function_or_method; expected an activity."),
        ("decimal.Decimal", "decimal.Decimal is the class Decimal; expected an activity."),
        ("nosuchpackage.f", "unable to import 'nosuchpackage.f': there is no module 'nosuchpackage' in"),
        ("json.lods", "unable to import 'json.lods': json has no lods. Did you mean loads?"),
        ("decimal.Decimals", "unable to import 'decimal.Decimals': decimal has no Decimals. Did you mean Decimal"),
        ("nodots", "unable to import 'nodots': expected a module and a name"),
    ],
)
def test_what_is_no_activity_is_never_called(path: str, message: str) -> None:
    with pytest.raises(NotFound) as caught:
        find_activity(path)
    assert str(caught.value).startswith(message)


def test_a_module_is_told_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "found_package").mkdir()
    (tmp_path / "found_package" / "flows.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NotFound, match=r"it is a module; expected a name in it, as in found_package\.flows\.Name\.$"):
        find_workflow("found_package.flows")


def test_an_activity_is_no_workflow() -> None:
    with pytest.raises(NotFound, match=r"renamed is an activity; expected a class that inherits"):
        find_workflow(f"{__name__}.renamed")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nraise ValueError('boom')\n", "ValueError: boom (FILE:2)"),
        ("x = = 1\n", "invalid syntax (FILE:1)"),
        ("\nimport nosuchmodule\n", "ModuleNotFoundError: No module named 'nosuchmodule' (FILE:2)"),
        ("import json\njson.nothing\n", "AttributeError: module 'json' has no attribute 'nothing' (FILE:2)"),
    ],
)
def test_a_module_that_raises_is_told_with_the_line(module: Path, source: str, message: str) -> None:
    module.write_text(source)
    with pytest.raises(NotFound) as caught:
        find_workflow(f"{module.stem}.Any")
    assert str(caught.value) == f"unable to import '{module.stem}.Any': {message.replace('FILE', str(module))}"


def test_a_class_of_another_kind_is_named() -> None:
    with pytest.raises(NotFound, match=r"decimal.Decimal is the class Decimal; expected a class that inherits"):
        find_workflow("decimal.Decimal")


def test_only_what_is_in_the_modules_may_be_imported() -> None:
    modules = ("decimal", "json")
    with pytest.raises(NotFound, match="json has no nothing"):
        find_activity("json.nothing", modules)
    with pytest.raises(NotFound) as refused:
        find_activity("nosuchpackage.f", modules)
    assert str(refused.value) == (
        "nosuchpackage.f may not be imported here; this worker serves decimal, json. "
        "Start it with --module for others too."
    )


def test_a_part_of_a_modules_name_is_not_the_module(module: Path) -> None:
    module.write_text("raise AssertionError('imported')")
    with pytest.raises(NotFound, match="may not be imported here"):
        find_activity(f"{module.stem}.f", (module.stem[:-1],))


def test_an_activity_that_is_defined_already_need_not_be_imported() -> None:
    assert find_activity("a name of its own", ("json",)) is renamed


@pytest.mark.parametrize("code", ["import sys\nsys.exit(0)\n", "raise SystemExit\n"])
def test_a_module_that_ends_the_process_is_one_that_cannot_be_imported(module: Path, code: str) -> None:
    """As programs do that forget to ask whether they are one."""
    module.write_text(code)
    with pytest.raises(NotFound, match=r"sys\.exit when it is imported \(.*\.py:[12]\); put that below `if __name__"):
        find_workflow(f"{module.stem}.Flow")
