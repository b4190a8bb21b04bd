"""What nobody looks at travels as its reference: local mode, stores in memory, small fields."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.exceptions import PayloadGone, PayloadRefused
from simpleflow.local import driver
from simpleflow.local.outcome import LocalRun
from simpleflow.local.run import execute
from simpleflow.payloads import jumbo, limits, nested, objects
from simpleflow.payloads.jumbo import Reference
from simpleflow.payloads.stores import MemoryStore
from simpleflow.replay.arguments import same

LONG = "long " * 100
LOOKS = "simpleflow+file:///etc/passwd 9"
LIMIT = 260


class Watched(MemoryStore):
    """Tells what the decider has asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []
        self.working = False

    def get(self, reference: Reference) -> bytes:
        if not self.working:
            self.got.append(str(reference))
        return super().get(reference)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://m")
    for field in ("input", "result", "details", "control"):
        monkeypatch.setitem(limits.LIMITS, field, LIMIT)
    store = Watched()
    perform = getattr(driver, "perform")  # noqa: B009 - it is not exported

    def performing(*args: Any, **named: Any) -> Any:
        store.working = True
        try:
            return perform(*args, **named)
        finally:
            store.working = False

    monkeypatch.setattr(driver, "perform", performing)
    monkeypatch.setattr(objects, "MEMORY", store)
    objects._fields.cache_clear()
    yield store
    objects._fields.cache_clear()


@activity.with_attributes(name="passing.same", raises_on_failure=True)
def same_again(*values: Any) -> Any:
    return values[-1]


@activity.with_attributes(name="passing.all", raises_on_failure=True)
def all_of(*values: Any, **named: Any) -> Any:
    return [*values, *named.values()]


@activity.with_attributes(name="passing.length", raises_on_failure=True)
def length(value: Any) -> int:
    return len(value)


@activity.with_attributes(name="passing.idempotent", idempotent=True)
def once(value: Any) -> Any:
    return value


class Base(Workflow):
    name, version, task_list = "passing.w", "1", "decisions"


def played(run: Any, *args: Any) -> LocalRun:
    """Its value is there without a look by the decider."""
    outcome = execute(type("Passing", (Base,), {"run": run}), args, check_replay=True)
    assert outcome.status == "COMPLETED", outcome.explain()
    return outcome


def inputs(run: LocalRun) -> list[str]:
    scheduled = [event for event in run.history if event["eventType"] == "ActivityTaskScheduled"]
    return [event["activityTaskScheduledEventAttributes"]["input"] for event in scheduled]


def make(times: int) -> str:
    return "ab" * times


maker = activity.with_attributes(name="passing.make", raises_on_failure=True)(make)


def test_a_chain_of_fifty(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        future = self.submit(maker, 10_000)
        for _ in range(50):
            future = self.submit(same_again, future)
        return self.submit(length, future).result

    outcome = played(run)
    assert outcome.value == 20_000
    assert store.got == []
    assert len(store.objects) == 1
    assert all(len(text) < LIMIT for text in inputs(outcome))
    (reference,) = store.objects
    assert inputs(outcome)[1] == f'simpleflow+json:{{"args":["simpleflow+{reference} 20002"],"kwargs":{{}}}}'


def test_results_that_are_sent_in_a_chain(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        chain = Chain((maker, 10_000), (same_again,), Group((same_again, 1), (same_again, 2)), send_result=True)
        return self.submit(length, self.submit(chain)[1])

    assert played(run).value == 20_000
    assert store.got == []


def test_groups_parts_and_signals(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        group = self.submit(Group((maker, 10_000), (maker, 20_000), (length, "abc")))
        self.submit(self.signal("s", group[1], workflow_id=self.get_run_context()["workflow_id"]))
        self.submit(self.record_marker("m", {"of the group": group}))
        signal = self.submit(self.wait_signal("s"))
        return [
            self.submit(length, group[0]),
            self.submit(length, signal["args"][0]),
            self.submit(all_of, group, key=group[2]),
            group,
        ]

    outcome = played(run)
    assert store.got == []
    expected = [make(10_000), make(20_000), 3]
    assert outcome.value == [20_000, 40_000, [expected, 3], expected]


def test_children_and_what_continues(store: Watched) -> None:
    class Child(Base):
        name = "passing.child"

        def run(self, text: str, left: int) -> Any:
            if left:
                self.submit(self.continue_as_new(self.submit(same_again, text), left - 1))
            return self.submit(same_again, text)

    def run(self: Workflow) -> Any:
        return self.submit(length, self.submit(Child, self.submit(maker, 10_000), 1)).result

    assert played(run).value == 20_000
    # what `run` of the child is given, at its start and at its second start, live and in the checks
    assert {reference.split()[-1] for reference in store.got} == {"20002"}
    assert len(store.objects) == 2  # with the arguments of the activity that gets a text and no future


def test_a_result_is_what_a_future_has(store: Watched) -> None:
    outcome = played(lambda self: self.submit(maker, 10_000))
    assert jumbo.reference(outcome.result) is not None
    assert store.got == [] and outcome.value == make(10_000)


def test_texts_that_look_like_references_are_texts(store: Watched) -> None:
    odd = [
        LOOKS,
        {LOOKS: LOOKS, "simpleflow+json:{}": 1},
        "simpleflow+text:x",
        'a"simpleflow+s3://b/c 1',
        '\\"simpleflow+',
    ]

    def run(self: Workflow, odd: Any) -> Any:
        future = self.submit(maker, 10_000)
        both = self.submit(all_of, odd, future, key=odd)
        return [self.submit(all_of, both, {"deep": [odd, both[0]]}), both]

    value = played(run, odd).value
    both = [odd, make(10_000), odd]
    assert value == [[both, {"deep": [odd, odd]}], both]


def test_a_part_of_what_stands_outside_is_looked_at(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        future = self.submit(all_of, LONG, "b")
        return self.submit(same_again, future[1]).result

    assert played(run).value == "b"
    assert store.got


def test_a_missing_part_is_told_at_once() -> None:
    def run(self: Workflow) -> Any:
        future = self.submit(all_of, LONG, "b")
        future.wait()
        with pytest.raises(IndexError, match="the result has no part 5"):
            self.submit(same_again, future[5])
        return 1

    assert played(run).value == 1


def test_one_call_in_two_forms_is_one_call() -> None:
    def run(self: Workflow) -> Any:
        future = self.submit(maker, 1_000)
        return futures.wait(self.submit(once, future), self.submit(once, future.result))

    outcome = played(run)
    assert outcome.value == [make(1_000)] * 2
    assert len(inputs(outcome)) == 2


def test_whoever_follows_another_passes_it_on(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        first = self.submit(maker, 1_000)
        same = [self.submit(once, first), self.submit(once, first)]
        store.got.clear()  # the id is that of the value
        return self.submit(all_of, *same)

    assert played(run).value == [make(1_000)] * 2


# -- claims


def test_what_was_recorded_whole_is_the_same() -> None:
    door = objects.fields()
    reference = door.store("result", json.dumps(make(1_000)))
    found = nested.finished(nested.draft({"args": [door.payload(reference)], "kwargs": {}}))
    whole = json.dumps({"args": [make(1_000)], "kwargs": {}}, separators=(",", ":"))
    changed = json.dumps({"args": [make(999)], "kwargs": {}}, separators=(",", ":"))
    passed = door.store("input", found)
    assert passed == f'simpleflow+json:{{"args":["{reference}"],"kwargs":{{}}}}'
    for recorded in (door.store("input", whole), whole):
        assert same(recorded, passed, door=door) and same(passed, recorded, door=door)
    assert not same(door.store("input", changed), passed, door=door)
    assert not same(passed, changed, door=door)


def test_what_is_not_compared_fetches_nothing(store: Watched) -> None:
    door = objects.fields()
    reference = door.store("result", json.dumps(make(1_000)))
    old, new = [
        nested.finished(nested.draft({"args": [door.payload(reference)], "meta": meta})) for meta in ("old", "new")
    ]
    assert same(old, new, frozenset({"meta"}), door)
    assert store.got == []
    assert not same(old, new, door=door)


# -- trust


def test_references_inside_are_trusted_no_more() -> None:
    door = objects.fields()
    for inside, error in (
        (LOOKS, PayloadRefused),
        ("simpleflow+memory://m/../n/x 1", PayloadRefused),
        ("simpleflow+memory://m/x 99999999", PayloadRefused),
        (f"simpleflow+memory://m/{'0' * 64} 9", PayloadGone),
    ):
        with pytest.raises(error):
            door.fetch(f'simpleflow+json:{{"args":["{inside}"]}}')
    assert door.decode(f'simpleflow+json:{{"{LOOKS}":1}}') == {LOOKS: 1}  # a key is no reference
    assert door.decode('simpleflow+json:["simpleflow+ is great"]') == ["simpleflow+ is great"]


def test_a_few_bytes_do_not_become_more_than_is_bearable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE", "3000")
    door = objects.fields()
    reference = door.store("result", json.dumps("x" * 2000))
    with pytest.raises(PayloadRefused, match="more than 100 times what SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE allows"):
        door.fetch(f"simpleflow+json:[{','.join([json.dumps(reference)] * 160)}]")


def test_references_that_lead_in_a_circle(store: Watched) -> None:
    name = "00000000-0000-0000-0000-000000000000"  # of an older version, which does not tell the content
    text = f'simpleflow+json:["simpleflow+memory://m/{name} 81"]'
    store.objects[jumbo.location(f"memory://m/{name}")] = text.encode()
    assert len(text) == 81
    with pytest.raises(PayloadRefused, match="lead to others more than 16 times"):
        objects.fields().fetch(text)
