"""What a workflow needs to have steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import settings
from ..task import ActivityTask
from .submittable import Step
from .tasks import get_steps_done


class WorkflowStepMixin:
    """To inherit beside ``Workflow``. Where steps are marked is for subclasses to change."""

    # of Workflow
    submit: Any
    get_run_context: Any
    task_list: Any

    def get_step_bucket(self) -> str:
        """The bucket, as ``simpleflow.storage`` takes it: by default STEP_BUCKET at SIMPLEFLOW_S3_HOST."""
        return f"{settings.SIMPLEFLOW_S3_HOST}/{settings.STEP_BUCKET}"

    def get_step_path_prefix(self) -> str:
        """The directory of the marks; by default executions of one workflow id share their steps."""
        return f"{self.get_run_context()['workflow_id']}/steps/"

    def get_step_activity_params(self) -> dict[str, Any]:
        """Options of the activities that look up and mark steps, over STEP_ACTIVITY_PARAMS_DEFAULT.

        Their task list, unless it is given here, is that of the workflow.
        """
        return {}

    def step_activity_params(self) -> dict[str, Any]:
        """What ``get_step_activity_params`` gives, with the task list."""
        own = {"task_list": self.task_list} if self.task_list else {}
        return own | (self.get_step_activity_params() or {})

    def step(self, *args: Any, **kwargs: Any) -> Step:
        """A step to submit, with the arguments of ``Step``."""
        return Step(*args, **kwargs)

    # -- forced and skipped steps

    @property
    def step_force_reasons(self) -> dict[str, list[str]]:
        """The reasons given for each name that is forced."""
        return self.__dict__.setdefault("_step_force_reasons", {})  # type: ignore[no-any-return]

    @property
    def step_skip_reasons(self) -> dict[str, list[str]]:
        """The reasons given for each name that is skipped."""
        return self.__dict__.setdefault("_step_skip_reasons", {})  # type: ignore[no-any-return]

    def add_forced_steps(self, steps: Iterable[str], reason: str | None = None) -> None:
        """Run these steps, and those below them, although they are done."""
        _add(self.step_force_reasons, steps, reason)

    def get_forced_steps(self) -> list[str]:
        return list(self.step_force_reasons)

    def add_skipped_steps(self, steps: Iterable[str], reason: str | None = None) -> None:
        """Do not run these steps, and those below them, unless they are forced."""
        _add(self.step_skip_reasons, steps, reason)

    def get_skipped_steps(self) -> list[str]:
        return list(self.step_skip_reasons)

    # -- steps that are done

    def get_steps_done_activity(self) -> ActivityTask:
        """The task that looks up which steps are done; an execution looks once."""
        return ActivityTask(
            get_steps_done.options(**self.step_activity_params()),
            self.get_step_bucket(),
            self.get_step_path_prefix(),
        )

    def get_steps_done(self) -> list[str]:
        """The names of the steps that were done when the execution first looked; waits for them."""
        return self.submit(self.get_steps_done_activity()).result  # type: ignore[no-any-return]


def _add(reasons: dict[str, list[str]], steps: Iterable[str], reason: str | None) -> None:
    for step in [steps] if isinstance(steps, str) else steps:
        given = reasons.setdefault(step, [])
        if reason is not None and reason not in given:
            given.append(reason)
