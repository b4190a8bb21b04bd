"""What the annotations of a function say of its arguments and its result, applied to decoded values.

Only parameters whose annotation says more than JSON does are touched. An annotation that cannot be resolved, such as
one that is imported for type checkers only, leaves the value as it is.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .typed import convert


@dataclass(frozen=True, slots=True)
class _Signature:
    """Annotations by what they are for. ``rest`` is that of ``*args``, ``others`` that of ``**kwargs``."""

    positional: tuple[tuple[str, Any], ...]
    named: Mapping[str, Any]
    rest: tuple[str, Any] | None
    others: Any
    returned: Any


def arguments(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], *, skip: int = 0
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments as ``function`` annotates them; its first ``skip`` parameters are given otherwise.

    Raises DecodeError, whose path begins with the name of the parameter.
    """
    signature = _signature(function)
    if signature is None:
        return list(args), dict(kwargs)
    places = signature.positional[skip:]
    converted = [convert(value, hint, name) for value, (name, hint) in zip(args, places, strict=False)]
    beyond = args[len(converted) :]
    if signature.rest is not None:
        name, hint = signature.rest
        converted += [convert(value, hint, f"{name}[{place}]") for place, value in enumerate(beyond)]
    else:
        converted += beyond
    named = {name: convert(value, signature.named.get(name, signature.others), name) for name, value in kwargs.items()}
    return converted, named


def reader(function: Callable[..., Any], root: str) -> Callable[[Any], Any] | None:
    """Makes what ``function`` returned what it is annotated to return; None where that changes nothing.

    The reader raises DecodeError; its path begins with ``root``.
    """
    signature = _signature(function)
    if signature is None or signature.returned is Any:
        return None
    return lambda value: convert(value, signature.returned, root)


@functools.lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> _Signature | None:
    """None where no annotation changes anything."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # a builtin, or no function at all
        return None
    scope = _scope(function)
    positional: list[tuple[str, Any]] = []
    named: dict[str, Any] = {}
    rest: tuple[str, Any] | None = None
    others: Any = Any
    for name, parameter in signature.parameters.items():
        hint = _resolved(parameter.annotation, scope)
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = (name, hint)
        elif parameter.kind is parameter.VAR_KEYWORD:
            others = hint
        else:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append((name, hint))
            if parameter.kind is not parameter.POSITIONAL_ONLY:
                named[name] = hint
    returned = _resolved(signature.return_annotation, scope)
    hints = [hint for _, hint in positional] + [*named.values(), others, returned, *([rest[1]] if rest else [])]
    if all(hint is Any for hint in hints):
        return None
    return _Signature(tuple(positional), named, rest, others, returned)


def _scope(function: Any) -> dict[str, Any]:
    """The global names where ``function``, or how to make the class, was defined."""
    target = inspect.unwrap(function)
    target = getattr(target, "__func__", target)
    if isinstance(target, type):
        target = inspect.getattr_static(target, "__init__")
    names = getattr(target, "__globals__", None)
    return names if isinstance(names, dict) else {}


def _resolved(annotation: Any, scope: dict[str, Any]) -> Any:
    """``Any`` for none, and for one that cannot be resolved."""
    if annotation is inspect.Signature.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"hint": annotation})
    try:
        hint = typing.get_type_hints(holder, scope)["hint"]
    except Exception:  # whatever the annotation does when it is evaluated
        return Any
    return Any if hint in _UNTOUCHED else hint


_UNTOUCHED = (int, str, float, bool, type(None), dict, list, object)
