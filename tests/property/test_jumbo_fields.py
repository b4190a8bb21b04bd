"""A workflow cannot see whether its payloads stand in the history or outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from simpleflow import Workflow, activity
from simpleflow.local.run import execute
from simpleflow.payloads import limits, objects, stores

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("simpleflow+file:///etc/passwd 9"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
).map(lambda value: [value, "x" * 10])


@activity.with_attributes(name="jumbo.property.echo")
def echo(*values: Any) -> Any:
    return values


class Passing(Workflow):
    name, version, task_list = "jumbo.property", "1", "decisions"

    def run(self, value: Any) -> Any:
        first = self.submit(echo, value)
        second = self.submit(echo, first, value)
        self.submit(self.record_marker("m", second))
        signal = self.submit(self.wait_signal("s"))
        return [second.result, signal.result, [marker.details for marker in self.list_markers()]]


@contextmanager
def small_fields() -> Iterator[stores.MemoryStore]:
    small = dict.fromkeys(("input", "result", "details", "control", "execution_context"), 100)
    store = stores.MemoryStore()
    with (
        mock.patch.dict(limits.LIMITS, small),
        mock.patch.dict("os.environ", SIMPLEFLOW_JUMBO_FIELDS_BUCKET="memory://m"),
        mock.patch.object(objects, "MEMORY", store),
    ):
        objects._fields.cache_clear()
        yield store
    objects._fields.cache_clear()


def played(value: Any) -> tuple[Any, list[str]]:
    run = execute(Passing, [value], signals=[("s", value)], check_replay=True)
    return run.value, [event["eventType"] for event in run.history]


@given(VALUES)
@settings(max_examples=60)
def test_outside_or_inside_is_the_same(value: Any) -> None:
    inside = played(value)
    with small_fields():
        assert played(value) == inside
    assert inside[0][1] == value


def test_much_stands_outside_in_these_runs() -> None:
    with small_fields() as store:
        played(["x" * 200])
    assert len(store.objects) >= 4
