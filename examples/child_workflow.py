"""Child workflows: a class is submitted like an activity. Ids, tags and how often an idempotent child runs.

simpleflow workflow.start --local examples.child_workflow.ParentWorkflow --input '[3]' --tags one,two
"""

from simpleflow import Workflow, activity, futures


@activity.with_attributes(task_list="quickstart", version="example")
def square(x):
    return x * x


class ChildWorkflow(Workflow):
    name = "child"
    version = "example"
    task_list = "example"
    execution_timeout = 60

    def run(self, x):
        return self.submit(square, x).result


class NamedChildWorkflow(ChildWorkflow):
    """Says which id and which tags it has, from its arguments."""

    name = "named_child"

    @classmethod
    def get_workflow_id(cls, x):
        return f"child-of-{x}"

    @classmethod
    def get_tag_list(cls, x):
        return cls.INHERIT_TAG_LIST

    def run(self, x):
        context = self.get_run_context()
        return {"id": context["workflow_id"], "tags": context["tag_list"], "square": super().run(x)}


class IdempotentChildWorkflow(ChildWorkflow):
    """Its id follows from its arguments: submitted twice with the same ones, it runs once."""

    name = "idempotent_child"
    idempotent = True

    def run(self, x):
        return self.get_run_context()["run_id"]


class ParentWorkflow(Workflow):
    name = "parent"
    version = "example"
    task_list = "example"

    def run(self, x):
        y = self.submit(ChildWorkflow, x)
        z = self.submit(ChildWorkflow, y)
        named = self.submit(NamedChildWorkflow, x)
        once, again = futures.wait(self.submit(IdempotentChildWorkflow, x), self.submit(IdempotentChildWorkflow, x))
        return {"squares": [y.result, z.result], "named": named.result, "ran once": once == again}
