"""Activities, workflows and other code by their names."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..activity import Activity
from ..exceptions import NotFound
from ..registry import registry
from ..utils import import_from_module
from ..workflow import Workflow

_OURS = str(Path(__file__).parents[1]) + "/"


def load(path: str) -> Any:
    """The object at a dotted path. Raises NotFound, also where the module itself raises on import."""
    try:
        return import_from_module(path)
    except (Exception, SystemExit) as error:
        raise NotFound(f"unable to import {path!r}: {_told(path, error)}") from error


def find_workflow(path: str) -> type[Workflow]:
    """The Workflow class at a dotted path. Raises NotFound."""
    found = load(path)
    if not (isinstance(found, type) and issubclass(found, Workflow)):
        raise NotFound(f"{path} is {_kind(found)}; expected a class that inherits from simpleflow.Workflow.")
    return found


def find_activity(name: str, modules: Sequence[str] = ()) -> Activity:
    """The activity of a type name: one that has been defined, else what is imported under this name.

    If ``modules`` are given, only they and what is in them may be imported. Raises NotFound. A name comes from a
    history, so it leads to activities only, never to another callable.
    """
    found = registry[None].get(name)
    if found is None:
        if modules and not any(name.startswith(f"{module}.") for module in modules):
            raise NotFound(
                f"{name} may not be imported here; this worker serves {', '.join(modules)}. "
                "Start it with --module for others too."
            )
        found = load(name)
        # a plain function may have become an activity elsewhere in its module
        found = registry[None].get(name, found)
    if not isinstance(found, Activity):
        raise NotFound(
            f"{name} is {_kind(found)}; expected an activity. Decorate it with activity.with_attributes() where it is "
            "defined; for another task list and the like, `run` makes a copy by its options()."
        )
    return found


def _told(path: str, error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.msg} ({error.filename}:{error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((_OURS, "<frozen"))]
    frames = [f for f in frames if f.filename != importlib.__file__]
    if isinstance(error, SystemExit):
        where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
        return f'it calls sys.exit when it is imported{where}; put that below `if __name__ == "__main__":`.'
    if frames:
        return f"{type(error).__name__}: {error} ({frames[-1].filename}:{frames[-1].lineno})"
    if isinstance(error, AttributeError):
        return _missing_name(path)
    if isinstance(error, ModuleNotFoundError):
        return f"there is no module {error.name!r} in {sys.path[0] or '.'} or elsewhere on sys.path."
    return "expected a module and a name, as in package.module.name."


def _missing_name(path: str) -> str:
    module, _, name = path.rpartition(".")
    if _is_module(path):
        return f"it is a module; expected a name in it, as in {path}.Name."
    owner = sys.modules.get(module)
    close = difflib.get_close_matches(name, vars(owner), 1, cutoff=0.4) if owner is not None else []
    return f"{module} has no {name}." + (f" Did you mean {close[0]}?" if close else "")


def _is_module(path: str) -> bool:
    try:
        return importlib.util.find_spec(path) is not None
    except ModuleNotFoundError:  # what stands in front is no package
        return False


def _kind(found: Any) -> str:
    if isinstance(found, Activity):
        return "an activity"
    return f"the class {found.__qualname__}" if isinstance(found, type) else f"of type {type(found).__name__}"
