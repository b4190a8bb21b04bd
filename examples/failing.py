"""Tasks that fail: what `result` gives, retries, and a workflow that decides itself what to do about a failure.

simpleflow workflow.start --local examples.failing.FailingWorkflow --input '[10]'
simpleflow workflow.start --local examples.failing.UnhandledWorkflow
"""

from simpleflow import Workflow, activity
from simpleflow.activity import RetryPolicy
from simpleflow.exceptions import TaskException


@activity.with_attributes(task_list="quickstart", version="example")
def divide(x, y):
    return x / y


class FailingWorkflow(Workflow):
    name = "failing"
    version = "example"
    task_list = "example"

    # Tried three times, after 1 and 2 seconds.
    patient = divide.options(retry=RetryPolicy(attempts=3, interval=1, backoff=2))
    strict = divide.options(raises_on_failure=True)
    # Trying again would not help here, so it is not done.
    hopeless = divide.options(retry=RetryPolicy(attempts=3, except_on=(ZeroDivisionError,)))

    def run(self, x):
        self.failures = []
        silent = self.submit(self.patient, x, 0)
        hopeless = self.submit(self.hopeless, x, 0)
        corrected = self.submit(divide, x, y="zero")
        return {
            "silent": silent.result,
            "reason": silent.exception.reason,
            "hopeless": hopeless.result,
            "corrected": corrected.result,
            "raised": self.raised_by(self.submit(self.strict, x, 0)),
            "failures": sorted(self.failures),
        }

    def raised_by(self, future):
        try:
            return future.result
        except TaskException as error:
            return str(error.exception.reason)

    def on_task_failure(self, failure_context):
        self.failures.append(f"{failure_context.task_error} {failure_context.attempt_number}")
        if failure_context.task_error == "TypeError":
            failure_context.a_task.kwargs["y"] = 2
            return failure_context.decide_retry(retry_wait_timeout=5)
        return None  # the policy of the activity applies


class UnhandledWorkflow(Workflow):
    """Nobody catches what the task raises, so the workflow fails with it."""

    name = "unhandled"
    version = "example"
    task_list = "example"

    def run(self):
        return self.submit(FailingWorkflow.strict, 1, 0).result
