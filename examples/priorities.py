"""Task priorities: of the workflow's tasks, of an activity, of one call; and none.

A worker of SWF gets the tasks with the highest number first.

simpleflow workflow.start --local examples.priorities.PrioritiesWorkflow
"""

from simpleflow import Workflow, activity, futures


@activity.with_attributes(task_list="quickstart", version="example")
def usual():
    return "the workflow's priority"


@activity.with_attributes(task_list="quickstart", version="example", task_priority=10)
def urgent():
    return "its own priority"


@activity.with_attributes(task_list="quickstart", version="example", task_priority=None)
def whenever():
    return "no priority"


class PrioritiesWorkflow(Workflow):
    name = "priorities"
    version = "example"
    task_list = "example"
    task_priority = 5

    def run(self):
        return futures.wait(
            self.submit(usual),
            self.submit(urgent),
            self.submit(whenever),
            self.submit(urgent, __priority=7),
            self.submit(urgent, __priority=None),
        )
