"""Groups, chains and functions that produce them; what a failure does to a chain; futures with a result of their own.

simpleflow workflow.start --local examples.canvas.CanvasWorkflow
simpleflow workflow.start --local examples.canvas.CustomCanvasWorkflow --input '[[3, 1, 2]]'
"""

from simpleflow import Workflow, activity
from simpleflow.canvas import Chain, FuncGroup, Group, GroupFuture


@activity.with_attributes(task_list="quickstart", version="example")
def add(x, y=1):
    return x + y


@activity.with_attributes(task_list="quickstart", version="example")
def multiply(x, y):
    return x * y


@activity.with_attributes(task_list="quickstart", version="example")
def total(numbers):
    return sum(numbers)


@activity.with_attributes(task_list="quickstart", version="example")
def fail():
    raise ValueError("this one always fails")


class CanvasWorkflow(Workflow):
    name = "canvas"
    version = "example"
    task_list = "example"

    def run(self):
        side_by_side = Group((add, 1), Chain((add, 2), (multiply, 3, 4)))
        pipeline = Chain(
            (add, 1),
            (multiply, 10),  # 10 * 2: the result before it comes last
            FuncGroup(lambda x: Group(*((add, x, i) for i in range(3)))),
            (total,),
            send_result=True,
        )
        return {
            "side by side": self.submit(side_by_side).result,
            "pipeline": self.submit(pipeline).result,
            "failures": [self.submit(chain).result for chain in self.failing_chains()],
        }

    def failing_chains(self):
        after = ((add, 1), (multiply, 2, 3))
        return [
            # A member that fails is the last one to run...
            Chain(fail, *after),
            # ...unless the chain goes on all the same.
            Chain(fail, *after, break_on_failure=False),
            # A chain that does not raise keeps the failure to itself, and the outer chain goes on.
            Chain(Chain(fail, *after, raises_on_failure=False), *after),
            # The innermost tells the middle one, which breaks; the middle one tells nobody.
            Chain(
                Chain(
                    Chain(fail, raises_on_failure=False, bubbles_exception_on_failure=True),
                    (add, 1),
                    raises_on_failure=False,
                ),
                (multiply, 2, 3),
            ),
        ]


class Largest(GroupFuture):
    """Its result is the largest result of the members."""

    def sync_result(self):
        return max(future.result for future in self.futures)


class LargestOf(Group):
    default_future_class = Largest


class CustomCanvasWorkflow(Workflow):
    name = "custom_canvas"
    version = "example"
    task_list = "example"

    def run(self, numbers):
        given = self.submit(Group(*((add, n) for n in numbers), future_class=Largest))
        by_class = self.submit(LargestOf(*((multiply, n, n) for n in numbers)))
        # A future of one's own is an argument like any other.
        return [given.result, by_class.result, self.submit(add, given, by_class).result]
