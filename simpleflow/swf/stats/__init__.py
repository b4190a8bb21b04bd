"""Where the time of an execution went, for code of users and the command line."""

from . import pretty
from .base import Timing, WorkflowStats

__all__ = ["Timing", "WorkflowStats", "pretty"]
