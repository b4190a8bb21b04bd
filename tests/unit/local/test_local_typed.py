"""Values keep the types that annotations name, from activity to activity and to the end."""

import dataclasses
import datetime
import uuid
from typing import Any

import pytest

from simpleflow import Workflow, activity, local
from simpleflow.exceptions import NotCompleted
from simpleflow.local.run import execute

UTC = datetime.timezone.utc


@dataclasses.dataclass
class Order:
    id: uuid.UUID
    at: datetime.datetime
    tags: set[str] = dataclasses.field(default_factory=set)


ORDER = Order(uuid.UUID(int=7), datetime.datetime(2020, 1, 2, tzinfo=UTC), {"a", "b"})


@activity.with_attributes(version="1", task_list="typed", raises_on_failure=True)
def later(order: Order, by: datetime.date | None = None) -> Order:
    assert type(order) is Order and type(order.at) is datetime.datetime and order.tags == {"a", "b"}
    return dataclasses.replace(order, at=order.at + datetime.timedelta(days=1))


@activity.with_attributes(version="1", task_list="typed", raises_on_failure=True)
class Counted:
    def __init__(self, days: dict[int, datetime.date]) -> None:
        self.days = days

    def execute(self) -> dict[int, list[datetime.date]]:
        return {key: [day] for key, day in self.days.items()}


@activity.with_attributes(version="1", task_list="typed", raises_on_failure=True)
def lying() -> list[Order]:
    return [{"id": 5}]  # type: ignore[list-item]


class Child(Workflow):
    name, version, task_list = "typed child", "1", "typed"

    def run(self, order: Order) -> set[uuid.UUID]:
        assert type(order) is Order
        return {order.id}


class Typed(Workflow):
    name, version, task_list = "typed", "1", "typed"

    def run(self, order: Order, *days: datetime.date) -> tuple[Order, datetime.datetime, Any]:
        first = self.submit(later, order)
        second = self.submit(later, first)
        third = self.submit(later, second.result)
        assert third.result == dataclasses.replace(ORDER, at=ORDER.at + datetime.timedelta(days=3))
        assert third["at"].result == third.result.at
        assert self.submit(Child, second).result == {ORDER.id}
        counted = self.submit(Counted, {7: days[0]})
        assert counted.result == {7: [days[0]]} and counted[7].result == [days[0]]
        assert self.submit(Counted, {8: counted[7][0]}).result == {8: [days[0]]}
        return third.result, third.result.at, third.result.id


def test_annotated_types_all_the_way() -> None:
    day = datetime.date(2020, 5, 6)
    run = execute(Typed, [ORDER, day], check_replay=True)
    assert run.status == "COMPLETED", run.explain()
    at = ORDER.at + datetime.timedelta(days=3)
    assert local.run(Typed, ORDER, day) == (dataclasses.replace(ORDER, at=at), at, str(ORDER.id))


class Trusting(Workflow):
    name, version, task_list = "trusting", "1", "typed"

    def run(self) -> Any:
        return self.submit(lying).result


def test_a_result_that_is_not_what_was_promised() -> None:
    with pytest.raises(NotCompleted, match=r"the result of .*lying\[0\] has no 'at', which .*Order requires"):
        local.run(Trusting)


class Wrong(Workflow):
    name, version, task_list = "wrong", "1", "typed"

    def run(self) -> Any:
        return self.submit(later, {"id": "x", "at": 1}).result


def test_an_argument_that_does_not_fit_fails_the_activity() -> None:
    with pytest.raises(
        NotCompleted, match=r"order\.at should be the text of a datetime\.datetime, but is int|order\.id"
    ):
        local.run(Wrong)
