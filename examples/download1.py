"""A function that needs a program: it is fetched from S3 where it is not yet, and first on the PATH.

The bucket is an example's; put a program of yours into a bucket of yours.

simpleflow workflow.start --local examples.download1.DownloadWorkflow
"""

import subprocess

from simpleflow import Workflow, activity
from simpleflow.download import with_binaries


@activity.with_attributes(task_list="quickstart", version="example", raises_on_failure=True)
@with_binaries({"greet": "s3://example-programs/greet-1"})
def greet(name):
    return subprocess.check_output(["greet", name], text=True).strip()


class DownloadWorkflow(Workflow):
    name = "download1"
    version = "example"
    task_list = "example"

    def run(self, name="world"):
        return self.submit(greet, name).result
