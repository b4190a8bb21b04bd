"""The tasks under the names that they had when SWF had classes of its own: those of ``simpleflow.task``."""

from __future__ import annotations

from typing import Any

from .. import task
from ..task import (
    ActivityTask,
    CancelTimerTask,
    ContinueAsNewWorkflowTask,
    MarkerTask,
    NonPythonicActivityTask,
    TimerTask,
    WorkflowTask,
)

__all__ = [
    "ActivityTask",
    "CancelTimerTask",
    "ContinueAsNewWorkflowTask",
    "MarkerTask",
    "NonPythonicActivityTask",
    "SignalTask",
    "SwfTask",
    "TimerTask",
    "WorkflowTask",
]

#: SWF takes them all.
SwfTask = task.Task


class SignalTask(task.SignalTask):
    """A signal to the execution ``workflow_id``; ``extra_input`` goes beside the arguments."""

    def __init__(
        self,
        name: str,
        workflow_id: str | None,
        run_id: str | None = None,
        control: Any = None,
        extra_input: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, *args, **kwargs)
        self.workflow_id = workflow_id
        self.run_id = run_id
        self.control = control
        self.extra_input = dict(extra_input or {})
