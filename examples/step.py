"""Steps: parts that an execution does not repeat if an earlier one with the same workflow id has done them.

Which steps are done is kept in a bucket of S3: the setting STEP_BUCKET, which AWS_ENDPOINT_URL_S3 may lead elsewhere.

simpleflow workflow.start --local examples.step.StepWorkflow

With --input '{"kwargs": {"force": ["load"], "skip": ["report"]}}' a step that is done runs again, and
one that is not does not run.
"""

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.step import WorkflowStepMixin


@activity.with_attributes(task_list="quickstart", version="example")
def load(table):
    return f"{table} loaded"


@activity.with_attributes(task_list="quickstart", version="example")
def report(kind):
    return f"{kind} report sent"


class StepWorkflow(WorkflowStepMixin, Workflow):
    name = "step"
    version = "example"
    task_list = "example"

    def get_step_activity_params(self):
        return {"task_list": "quickstart"}

    def run(self, force=(), skip=()):
        self.add_forced_steps(force, "asked for")
        self.add_skipped_steps(skip, "asked for")
        steps = self.submit(
            Chain(
                self.step("load", Group((load, "users"), (load, "orders"))),
                self.step("load.index", Group((load, "index")), force=True),
                self.step("report", Chain((report, "full")), activities_if_step_already_done=Chain((report, "short"))),
            )
        )
        futures.wait(steps)
        return [
            [marker.details["step"], marker.details["status"], marker.details["forced"]]
            for marker in self.list_markers(all=True)
            if marker.name == "log.step" and marker.details["status"] != "scheduled"
        ]
