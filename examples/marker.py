"""Markers: notes in the history, written by the workflow and read back by it.

simpleflow workflow.start --local examples.marker.MarkerWorkflow
"""

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain


@activity.with_attributes(task_list="quickstart", version="example")
def work(x):
    return x + 1


class MarkerWorkflow(Workflow):
    name = "marker"
    version = "example"
    task_list = "example"

    def run(self):
        done = self.submit(work, 1)
        self.submit(self.record_marker("progress", {"step": 1, "result": done})).wait()
        self.submit(
            Chain(
                self.record_marker("progress", {"step": 2}),
                (work, done),
                self.record_marker("finished"),
            )
        ).wait()
        return {
            "last of each name": {marker.name: marker.details for marker in self.list_markers()},
            "all": [marker.name for marker in self.list_markers(all=True)],
        }
