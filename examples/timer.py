"""Timers: waiting without holding anything up, in a chain, and cancelled before their time.

simpleflow workflow.start --local examples.timer.TimerWorkflow
"""

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, Group


@activity.with_attributes(task_list="quickstart", version="example")
def ring():
    return "the alarm rings"


class TimerWorkflow(Workflow):
    name = "timer"
    version = "example"
    task_list = "example"

    def run(self):
        start = self.now()
        alarm = self.submit(Chain(self.start_timer("alarm", 2), ring))
        message = alarm.result[-1]
        waited = self.now() - start

        # A year that is over after a second: a timer that was cancelled ends its group as cancelled.
        year = self.submit(
            Group(
                self.start_timer("year", 365 * 24 * 3600),
                Chain(self.start_timer("second", 1), self.cancel_timer("year")),
            )
        )
        year.wait()
        return {
            "message": message,
            "in time": waited.total_seconds() >= 2,
            "year": year.state,
            "hours": int((self.now() - start).total_seconds() // 3600),
        }
