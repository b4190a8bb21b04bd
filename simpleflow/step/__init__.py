"""Steps: parts of a workflow that an execution does not repeat if an earlier one with its id has done them."""

from .submittable import Step
from .workflow import WorkflowStepMixin

__all__ = ["Step", "WorkflowStepMixin"]
