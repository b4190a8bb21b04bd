"""What may be given to ``Workflow.submit``."""

from __future__ import annotations


class Submittable:
    """One task."""


class SubmittableContainer:
    """Several tasks that are submitted together and give one future."""
