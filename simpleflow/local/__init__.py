"""Local mode: a workflow, its children and its activities in this process, on a clock that need not wait."""

from ..exceptions import NotCompleted, WrongArguments
from .executor import Executor
from .outcome import LocalRun
from .run import execute, run

__all__ = ["Executor", "LocalRun", "NotCompleted", "WrongArguments", "execute", "run"]
