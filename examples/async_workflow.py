"""A workflow as a coroutine: futures are awaited.

simpleflow workflow.start --local examples.async_workflow.AsyncWorkflow --input '[3]'
"""

from simpleflow import Workflow, activity, futures


@activity.with_attributes(task_list="quickstart", version="example")
def square(x):
    return x * x


class AsyncWorkflow(Workflow):
    name = "async_workflow"
    version = "example"
    task_list = "example"

    async def run(self, n):
        first = await self.submit(square, n)
        more = await futures.wait(*self.map(square, range(n)))
        return first + await self.total(more)

    async def total(self, numbers):
        """A coroutine of one's own may await futures as well."""
        await self.submit(self.start_timer("pause", 1))
        return sum(numbers)
