"""Local mode: a workflow, its children and its activities in this process, on a clock that need not wait."""

from .executor import Executor
from .outcome import LocalRun, NotCompleted
from .run import WrongArguments, execute, run

__all__ = ["Executor", "LocalRun", "NotCompleted", "WrongArguments", "execute", "run"]
