"""Two versions of a program, each for the activity that names it: the worker fetches them.

The bucket is an example's; put a program of yours into a bucket of yours.

simpleflow workflow.start --local examples.download2.VersionsWorkflow
"""

import subprocess

from simpleflow import Workflow, activity, futures


def program(version):
    return {"binaries": {"greet": f"s3://example-programs/greet-{version}"}}


@activity.with_attributes(task_list="quickstart", version="example", raises_on_failure=True, meta=program(1))
def greet(name):
    return subprocess.check_output(["greet", name], text=True).strip()


@activity.with_attributes(task_list="quickstart", version="example", raises_on_failure=True, meta=program(2))
def greet_again(name):
    return subprocess.check_output(["greet", name], text=True).strip()


class VersionsWorkflow(Workflow):
    name = "download2"
    version = "example"
    task_list = "example"

    def run(self, name="world"):
        return futures.wait(self.submit(greet, name), self.submit(greet_again, name))
