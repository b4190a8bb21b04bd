"""Objects by name, and other questions about them."""

from __future__ import annotations

import importlib
from typing import Any


def full_object_name(obj: Any) -> str:
    """The name by which ``import_from_module`` finds a class or function; of anything else that of its class."""
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    return f"{named.__module__}.{named.__qualname__}"


def import_from_module(path: str) -> Any:
    """The object at a dotted path, ``package.module.name``; the name may have dots.

    Raises ImportError if the module cannot be imported, AttributeError if it has no such name.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name or not name:
        raise ImportError(f"unable to import {path!r}: it should be a module and a name, as in package.module.name")
    try:
        owner: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there, one that it needs is not
        try:
            owner = import_from_module(module_name)  # a class that holds the name
        except (ImportError, AttributeError):
            raise error from None
    return getattr(owner, name)


def issubclass_(candidate: Any, base: type | tuple[type, ...]) -> bool:
    """``issubclass``, and False for what is no class."""
    return isinstance(candidate, type) and issubclass(candidate, base)


def remove_none(value: Any) -> Any:
    """``value`` without the Nones in its dicts, lists, tuples and sets, at any depth."""
    if isinstance(value, dict):
        return {key: remove_none(part) for key, part in value.items() if part is not None}
    if isinstance(value, (list, tuple, set)):
        kind = next(kind for kind in (list, tuple, set) if isinstance(value, kind))
        return kind(remove_none(part) for part in value if part is not None)
    return value
