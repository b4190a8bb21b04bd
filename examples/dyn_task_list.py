"""Task lists chosen at run time: of an activity by ``options``, of a child workflow from its arguments.

simpleflow workflow.start --local examples.dyn_task_list.DynTaskListWorkflow --input '[["eu", "us"]]'
"""

from simpleflow import Workflow, activity


@activity.with_attributes(task_list="quickstart", version="example")
def greet(whom):
    return f"hello, {whom}"


class RegionWorkflow(Workflow):
    name = "region"
    version = "example"
    task_list = "example"

    @classmethod
    def get_task_list(cls, region):
        return f"deciders-{region}"

    def run(self, region):
        # A copy with another task list; the definition stays as it is.
        return self.submit(greet.options(task_list=f"workers-{region}"), region).result


class DynTaskListWorkflow(Workflow):
    name = "dyn_task_list"
    version = "example"
    task_list = "example"

    def run(self, regions):
        here = self.submit(greet, "world")
        there = [self.submit(RegionWorkflow, region) for region in regions]
        return [here.result, *(future.result for future in there)]
