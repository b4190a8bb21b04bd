"""Parts of the value of a group."""

from __future__ import annotations

from typing import Any

from simpleflow import Workflow, activity, local
from simpleflow.canvas import Group


def test_a_part_of_a_group_in_which_another_member_failed() -> None:
    @activity.with_attributes()
    def fails() -> None:
        raise ValueError("no")

    @activity.with_attributes()
    def works(x: int) -> int:
        return x

    class Parts(Workflow):
        name, version, task_list = "parts", "1", "t"

        def run(self) -> Any:
            group = self.submit(Group((fails,), (works, 5)))
            second = self.submit(works, group[1])
            return [group[0].result, group[1].result, second.result]

    assert local.run(Parts, check_replay=True) == [None, 5, 5]
