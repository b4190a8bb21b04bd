"""The activities that look up and mark steps: one object for each step that is done, in a bucket of S3."""

from __future__ import annotations

from .. import activity, storage
from ..payloads import codec
from .constants import STEP_ACTIVITY_PARAMS_DEFAULT, UNKNOWN_CONTEXT

_KEPT = tuple(UNKNOWN_CONTEXT)


class StepsDone:
    """The names of the steps that are marked below ``path``."""

    def __init__(self, bucket: str, path: str) -> None:
        self.bucket = bucket
        self.path = path

    def execute(self) -> list[str]:
        return [found.key.removeprefix(self.path) for found in storage.list_keys(self.bucket, self.path)]


class StepMark:
    """Mark a step as done; the mark tells which execution did it."""

    def __init__(self, bucket: str, path: str, step_name: str) -> None:
        self.bucket = bucket
        self.path = path
        self.step_name = step_name

    def execute(self) -> None:
        context = activity.current_context.get() or UNKNOWN_CONTEXT
        content = codec.encode({name: context.get(name) for name in _KEPT})
        storage.push_content(self.bucket, f"{self.path}{self.step_name}", content, "application/json")


GetStepsDoneTask = activity.with_attributes(f"{__name__}.GetStepsDoneTask", **STEP_ACTIVITY_PARAMS_DEFAULT)(StepsDone)
MarkStepDoneTask = activity.with_attributes(f"{__name__}.MarkStepDoneTask", **STEP_ACTIVITY_PARAMS_DEFAULT)(StepMark)
