"""Middlewares: functions that run before and after each activity, in the process of the activity.

simpleflow workflow.start --local \
    --middleware-pre-execution examples.middleware.announce \
    --middleware-post-execution examples.middleware.report \
    examples.middleware.MiddlewareWorkflow --input '[20]'
"""

from simpleflow import Workflow, activity


def announce(context):
    print(f"{context['activity_id']} begins")


def report(context, result):
    print(f"{context['activity_id']} gives {result}")


@activity.with_attributes(task_list="quickstart", version="example")
def increment(x):
    return x + 1


class MiddlewareWorkflow(Workflow):
    name = "middleware"
    version = "example"
    task_list = "example"

    def run(self, x):
        return self.submit(increment, self.submit(increment, x)).result
