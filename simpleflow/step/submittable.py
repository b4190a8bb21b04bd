"""A step as something to submit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..base import Submittable, SubmittableContainer
from ..canvas import Chain, FuncGroup
from ..executor import Executor, Startable
from ..task import MarkerTask
from .tasks import mark_step_done
from .utils import (
    get_step_force_reasons,
    get_step_skip_reasons,
    step_is_forced,
    step_is_skipped_by_force,
    step_will_run,
)

LOG_MARKER = "log.step"
#: Why a step is skipped that is done: the text of 0.35, which stands in the markers of running executions.
ALREADY_DONE = "Step was already played"

__all__ = ["LOG_MARKER", "Step"]


class Step(SubmittableContainer):
    """``activities`` (a task, group or chain), unless the step is done already.

    The step is looked up when its turn comes, and marked when its activities have ended well. Where it does not run,
    ``activities_if_step_already_done`` do. ``force`` runs it in any case; where it runs, the steps named in
    ``force_steps_if_executed`` are forced from then on. ``emit_signal`` sends the signal ``step.<name>`` to the
    workflow itself at the end. What happens is recorded in markers of the name ``log.step``: step, status
    (``scheduled``, ``completed`` or ``skipped``), forced (to run, or to be skipped) and reasons.

    The workflow that submits it inherits from ``WorkflowStepMixin``.
    """

    def __init__(
        self,
        step_name: str,
        activities: Submittable | SubmittableContainer,
        force: bool = False,
        activities_if_step_already_done: Submittable | SubmittableContainer | None = None,
        emit_signal: bool = False,
        force_steps_if_executed: Iterable[str] | None = None,
        bubbles_exception_on_failure: bool = False,
    ) -> None:
        self.step_name = step_name
        self.activities = activities
        self.force = force
        self.activities_if_step_already_done = activities_if_step_already_done
        self.emit_signal = emit_signal
        self.force_steps_if_executed = list(force_steps_if_executed or ())
        self.bubbles_exception_on_failure = bubbles_exception_on_failure

    def prepare(self, executor: Executor) -> Startable:
        workflow = executor.workflow
        chain = self._chain(workflow.get_steps_done_activity(), FuncGroup(self._turn, workflow), send_result=True)
        if self.emit_signal:
            chain.append(workflow.signal(f"step.{self.step_name}", propagate=False))
        return chain.prepare(executor)

    def _chain(self, *members: Any, send_result: bool = False) -> Chain:
        return Chain(*members, send_result=send_result, bubbles_exception_on_failure=self.bubbles_exception_on_failure)

    def _turn(self, workflow: Any, steps_done: list[str]) -> Chain:
        """What to do, now that it is known which steps are done."""
        name, forced_steps, skipped_steps = self.step_name, workflow.get_forced_steps(), workflow.get_skipped_steps()
        forced = step_is_forced(name, forced_steps, self.force)
        if not step_will_run(name, forced_steps, skipped_steps, steps_done, self.force):
            skipped = step_is_skipped_by_force(name, skipped_steps, forced_steps, self.force)
            reasons = get_step_skip_reasons(name, workflow.step_skip_reasons) if skipped else [ALREADY_DONE]
            instead = self.activities_if_step_already_done
            return self._chain(*([] if instead is None else [instead]), self._log("skipped", skipped, reasons))
        reasons = get_step_force_reasons(name, workflow.step_force_reasons) if forced else []
        workflow.add_forced_steps(self.force_steps_if_executed, f"Dep of {name}")
        mark = mark_step_done.options(**workflow.step_activity_params())
        return self._chain(
            self._log("scheduled", forced, reasons),
            self.activities,
            (mark, workflow.get_step_bucket(), workflow.get_step_path_prefix(), name),
            self._log("completed", forced, reasons),
        )

    def _log(self, status: str, forced: bool, reasons: list[str]) -> MarkerTask:
        return MarkerTask(LOG_MARKER, {"step": self.step_name, "status": status, "forced": forced, "reasons": reasons})

    def __repr__(self) -> str:
        return f"<Step {self.step_name}>"
