"""Durable workflows in plain Python, on Amazon SWF, on one machine, or in this process."""

import logging

from .activity import Activity
from .signal import WaitForSignal
from .workflow import Workflow

__version__ = "1.0.0.dev0"
__author__ = "the simpleflow authors"
__license__ = "MIT"

#: The logger for workflows and activities: silent while ``run`` repeats earlier decisions.
logger = logging.getLogger("simpleflow.runtime")

__all__ = ["Activity", "WaitForSignal", "Workflow", "logger"]
