"""A loop without an end in sight: each run does a piece and continues as a new one, with a short history of its own.

simpleflow workflow.start --local examples.continue_as_new.SumWorkflow --input '[10]'
"""

from simpleflow import Workflow, activity


@activity.with_attributes(task_list="quickstart", version="example")
def add(x, y):
    return x + y


class SumWorkflow(Workflow):
    """The sum of the numbers from 1 to n, one run for each."""

    name = "continue_as_new"
    version = "example"
    task_list = "example"

    def run(self, n, i=1, so_far=0):
        so_far = self.submit(add, so_far, i).result
        if i < n:
            self.submit(self.continue_as_new(n, i=i + 1, so_far=so_far))  # does not return
        return so_far
