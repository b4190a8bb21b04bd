"""Jumbo fields: what is longer than a field of Amazon SWF stands on S3 or in a directory, and nobody notices.

SIMPLEFLOW_JUMBO_FIELDS_BUCKET names the place: bucket/prefix, or file:///directory. On the embedded service,
standalone has a directory of its own, and needs no setting.

simpleflow workflow.start --local examples.jumbo_fields.JumboFieldsWorkflow
"""

from simpleflow import Workflow, activity


@activity.with_attributes(task_list="quickstart", version="example")
def write(length):
    return "long" * (length // 4)


@activity.with_attributes(task_list="quickstart", version="example")
def shout(text):
    return text.upper()


@activity.with_attributes(task_list="quickstart", version="example")
def measure(text):
    return len(text)


class JumboFieldsWorkflow(Workflow):
    name = "jumbo-fields"
    version = "example"
    task_list = "example"

    def run(self, length=50_000):
        # passed on as futures, the texts themselves never come to the decider
        loud = self.submit(shout, self.submit(write, length))
        measured = self.submit(measure, loud)
        # asked for, the text is there like any other
        return {"length": measured.result, "begins": loud.result[:4]}
