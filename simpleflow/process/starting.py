"""What a Workflow class says of an execution before it is started."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ..exceptions import WrongArguments
from ..replay.task_calls import call_hook
from ..workflow import Workflow


def check_class(workflow_class: Any) -> None:
    """Raises TypeError for what is no Workflow class."""
    if not (isinstance(workflow_class, type) and issubclass(workflow_class, Workflow)):
        raise TypeError(f"{workflow_class!r} is no class that inherits from simpleflow.Workflow.")


def check_arguments(workflow_class: type[Workflow], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises WrongArguments; TypeError for what is no Workflow class."""
    check_class(workflow_class)
    signature = inspect.signature(functools.partial(workflow_class.run, None))  # type: ignore[arg-type]  # no self
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise WrongArguments(f"{workflow_class.__name__}.run{signature}: {error}.") from None


def tags_of(workflow_class: type[Workflow], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[str]:
    """The tags that the class gives an execution with these arguments."""
    if hasattr(workflow_class, "get_tag_list"):
        tags = call_hook(workflow_class, "get_tag_list", list(args), dict(kwargs))
    else:
        tags = getattr(workflow_class, "tag_list", None)
    return () if not tags or tags == Workflow.INHERIT_TAG_LIST else tags
