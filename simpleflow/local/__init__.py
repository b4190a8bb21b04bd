"""Local mode: a workflow, its children and its activities in this process, on a clock that need not wait."""

from ..process.starting import WrongArguments
from .executor import Executor
from .outcome import LocalRun, NotCompleted
from .run import execute, run

__all__ = ["Executor", "LocalRun", "NotCompleted", "WrongArguments", "execute", "run"]
