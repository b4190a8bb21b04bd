"""Waiting for the first of several tasks, for all of them as they finish, and no longer than so many seconds.

simpleflow workflow.start --local examples.wait_any.WaitAnyWorkflow --input '[{"lisbon": 3, "oslo": 1, "rome": 2}]'
"""

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain


@activity.with_attributes(task_list="quickstart", version="example")
def answer(city):
    return city.upper()


class WaitAnyWorkflow(Workflow):
    """``cities``: after how many seconds each of them answers."""

    name = "wait_any"
    version = "example"
    task_list = "example"

    def run(self, cities):
        answers = [
            self.submit(Chain(self.start_timer(city, seconds), (answer, city))) for city, seconds in cities.items()
        ]
        first = futures.wait(*answers, return_when=futures.FIRST_COMPLETED).done[0]
        in_order = [future.result[-1] for future in futures.as_completed(*answers)]

        slow = self.submit(self.start_timer("slow", 3600))
        done, not_done = futures.wait(slow, timeout=10)
        for future in not_done:
            future.cancel()
        return {"first": first.result[-1], "in order": in_order, "in time": len(done), "cancelled": slow.cancelled}
