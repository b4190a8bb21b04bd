"""The activities that look up and mark steps: one object for each step that is done, in a bucket of S3."""

from __future__ import annotations

from .. import activity, storage
from ..payloads import codec
from .constants import STEP_ACTIVITY_PARAMS_DEFAULT, UNKNOWN_CONTEXT

_KEPT = tuple(UNKNOWN_CONTEXT)


def _directory(path: str) -> str:
    return path if not path or path.endswith("/") else f"{path}/"


class GetStepsDoneTask:
    """The names of the steps that are marked in the directory ``path``."""

    def __init__(self, bucket: str, path: str) -> None:
        self.bucket = bucket
        self.path = _directory(path)

    def execute(self) -> list[str]:
        return [found.key.removeprefix(self.path) for found in storage.list_keys(self.bucket, self.path)]


class MarkStepDoneTask:
    """Mark a step as done; the mark tells which execution did it."""

    def __init__(self, bucket: str, path: str, step_name: str) -> None:
        self.bucket = bucket
        self.path = _directory(path)
        self.step_name = step_name

    def execute(self) -> None:
        context = activity.current_context.get() or UNKNOWN_CONTEXT
        content = codec.encode({name: context.get(name) for name in _KEPT})
        storage.push_content(self.bucket, f"{self.path}{self.step_name}", content, "application/json")


get_steps_done = activity.with_attributes(**STEP_ACTIVITY_PARAMS_DEFAULT)(GetStepsDoneTask)
mark_step_done = activity.with_attributes(**STEP_ACTIVITY_PARAMS_DEFAULT)(MarkStepDoneTask)
