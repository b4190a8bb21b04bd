"""Signals: to oneself, from a child to its parent, and a queue of them that is worked off one by one.

simpleflow workflow.start --local examples.signals.SignalsWorkflow
"""

from simpleflow import Workflow, activity


@activity.with_attributes(task_list="quickstart", version="example")
def price(item):
    return {"apple": 3, "pear": 4}[item]


class CustomerWorkflow(Workflow):
    """Orders what it is told to, and then closes the order."""

    name = "customer"
    version = "example"
    task_list = "example"

    def run(self, items):
        parent = self.get_run_context()["parent_workflow_id"]
        for item in items:
            self.submit(self.signal("order", item, workflow_id=parent, propagate=False))
        self.submit(self.signal("closed", by="the customer", workflow_id=parent, propagate=False))
        return len(items)


class SignalsWorkflow(Workflow):
    name = "signals"
    version = "example"
    task_list = "example"

    def run(self):
        # wait_signal is finished once a signal of this name has come, be it before or after.
        self.submit(self.signal("open", 1))
        opened = self.submit(self.wait_signal("open")).result

        ordered = self.submit(CustomerWorkflow, ["apple", "pear", "apple"])
        closed = self.submit(self.wait_signal("closed")).result

        # next_signal takes them one by one.
        prices = []
        for _ in range(ordered.result):
            order = self.submit(self.next_signal("order")).result
            prices.append(self.submit(price, order["args"][0]))
        return {
            "opened with": opened["args"],
            "closed by": closed["kwargs"]["by"],
            "total": sum(future.result for future in prices),
        }


class WaitingWorkflow(Workflow):
    """Waits for a signal from outside. In local mode nobody sends it: the run ends as blocked."""

    name = "waiting"
    version = "example"
    task_list = "example"

    def run(self):
        return self.submit(self.wait_signal("go on")).result
