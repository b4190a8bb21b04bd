"""A workflow each of whose payloads is long: input, results, signal, marker and the details of a failure."""

from __future__ import annotations

import json
from typing import Any

from simpleflow import Workflow, activity

MB4 = 4 * 1024**2
TEXT = "long" * (MB4 // 4)


@activity.with_attributes(task_list="jumbo", version="1", raises_on_failure=True)
def doubled(text: str) -> str:
    return text * 2


@activity.with_attributes(task_list="jumbo", version="1", raises_on_failure=True)
def same_again(text: str) -> str:
    return text


@activity.with_attributes(task_list="jumbo", version="1")
def measured(text: str) -> int:
    return len(text)


@activity.with_attributes(task_list="jumbo", version="1")
def failing(length: int) -> None:
    raise ValueError("no " * length)


class Long(Workflow):
    name = "jumbo"
    version = "1"
    task_list = "jumbo"

    def run(self, text: str) -> Any:
        own = self.get_run_context()["workflow_id"]
        half = text[: len(text) // 2]
        twice = self.submit(doubled, half)
        passed = self.submit(same_again, self.submit(same_again, twice))
        self.submit(self.record_marker("marker", passed))
        self.submit(self.signal("signal", text, workflow_id=own))
        signal = self.submit(self.wait_signal("signal")).result["args"][0]
        failed = self.submit(failing, MB4 // 3)
        again = self.submit(doubled, half).result
        assert failed.exception is not None
        return {
            "length": self.submit(measured, passed).result,
            "signal": signal == text,
            "marker": self.list_markers()[0].details == text,
            "message": len(json.loads(failed.exception.details)["message"]),
            "same": again == passed.result == text,
            "text": text,
        }


#: What it returns for TEXT.
EXPECTED = {"length": MB4, "signal": True, "marker": True, "message": MB4 // 3 * 3, "same": True, "text": TEXT}
#: What stands outside then: the input of the workflow, that of `doubled` and that of the signal; the text, as result
#: and marker; the failure; the result.
OBJECTS = 6
