"""Payloads outside the history, as the replay engine meets them: local mode, stores in memory, small fields."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.exceptions import DecisionAbandoned, NondeterminismError, PayloadUnavailable, TaskFailed
from simpleflow.local.run import execute
from simpleflow.payloads import jumbo, limits, objects
from simpleflow.payloads.fields import Fields
from simpleflow.payloads.jumbo import Reference, location
from simpleflow.payloads.stores import MemoryStore
from simpleflow.replay.arguments import same
from simpleflow.replay.state import CHILD

LONG = "long " * 100


class Watched(MemoryStore):
    """Tells what was asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []
        self.put_: list[str] = []
        self.refuses = False

    def get(self, reference: Reference) -> bytes:
        self.got.append(str(reference))
        return super().get(reference)

    def put(self, reference: Reference, body: bytes) -> None:
        if self.refuses:
            raise PayloadUnavailable("the store is full")
        self.put_.append(str(reference))
        super().put(reference, body)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://m")
    for field in limits.LIMITS:
        if field not in ("reason", "identity"):
            monkeypatch.setitem(limits.LIMITS, field, 120)
    store = Watched()
    monkeypatch.setattr(objects, "MEMORY", store)
    objects._fields.cache_clear()
    yield store
    objects._fields.cache_clear()


@activity.with_attributes(name="jumbo.same")
def same_again(x: Any) -> Any:
    return x


@activity.with_attributes(name="jumbo.bad", raises_on_failure=True)
def bad(x: Any) -> Any:
    raise ValueError(x)


@activity.with_attributes(name="jumbo.flaky", retry=1)
def flaky(x: Any) -> Any:
    raise ValueError(x)


class Base(Workflow):
    name, version, task_list = "jumbo.w", "1", "decisions"


def of(run: Any, **members: Any) -> type[Workflow]:
    return type("Jumbo", (Base,), {"run": run, **members})


def texts(history: Any) -> list[str]:
    """Every long text of a history but the reasons of failures, which are cut."""
    found: list[str] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            for name, part in value.items():
                if name != "reason":
                    look(part)
        elif isinstance(value, str) and len(value) > 120:
            found.append(value)

    for event in history:
        look(event)
    return found


def test_every_field_that_can_be_long(store: Watched) -> None:
    class Child(Base):
        name = "jumbo.child"

        def run(self, text: str) -> Any:
            return text + self.submit(self.wait_signal("from parent")).result["args"][0]

    def run(self: Workflow, text: str) -> Any:
        child = self.submit(Child, text)
        self.submit(self.record_marker("m", text))
        self.submit(self.start_timer("t", 1, control=text)).result
        self.submit(self.signal("from parent", text, workflow_id=child_id(self)))
        effect = self.side_effect(lambda: text * 2, "effect")  # type: ignore[attr-defined]
        failed = self.submit(flaky, text)
        again = self.submit(same_again, [text, failed, child]).result
        details = self.get_event_details("timer", "t")
        assert details is not None and details["control"] == text
        marker = self.get_event_details("marker", "m")
        assert marker is not None and marker["details"] == text == self.list_markers()[0].details
        assert isinstance(failed.exception, TaskFailed)
        assert json.loads(failed.exception.details)["message"] == text
        return [effect, again]

    def child_id(self: Workflow) -> str:
        (child,) = self.executor.state.open[CHILD].values()  # type: ignore[attr-defined]
        return str(child.key[1])

    outcome = execute(of(run), [LONG], check_replay=True)
    assert outcome.value == [LONG * 2, [LONG, None, LONG * 2]], outcome.explain()
    assert texts(outcome.history) == []


def test_a_waiting_context_may_be_long() -> None:
    def run(self: Workflow) -> Any:
        waits = [self.submit(self.wait_signal(f"signal {number:50}")) for number in range(5)]
        return futures.wait(*waits)

    signals = [(f"signal {number:50}", number) for number in range(4)]
    outcome = execute(of(run), signals=signals, check_replay=True)
    assert outcome.status == "BLOCKED"
    outcome = execute(of(run), signals=[*signals, (f"signal {4:50}", 4)], check_replay=True)
    assert outcome.value == [0, 1, 2, 3, 4]


def test_the_details_of_a_failed_execution() -> None:
    def run(self: Workflow) -> Any:
        self.submit(bad, LONG).result

    outcome = execute(of(run), check_replay=True)
    assert outcome.status == "FAILED" and outcome.details is not None
    assert outcome.details.startswith("simpleflow+memory://m/")
    assert LONG.rstrip() in outcome.explain()


def test_continue_as_new() -> None:
    def run(self: Workflow, text: str, again: bool) -> Any:
        if again:
            self.submit(self.continue_as_new(text=text, again=False))
        return text

    outcome = execute(of(run), (), {"text": LONG, "again": True}, check_replay=True)
    assert outcome.value == LONG
    assert texts(outcome.history) == []


def test_a_computed_id_of_a_long_input() -> None:
    @activity.with_attributes(name="jumbo.idempotent", idempotent=True)
    def idempotent(x: Any) -> Any:
        return len(x)

    def run(self: Workflow) -> Any:
        return [self.submit(idempotent, LONG).result, self.submit(idempotent, LONG).result]

    outcome = execute(of(run), check_replay=True)
    assert outcome.value == [len(LONG)] * 2
    scheduled = [event for event in outcome.history if event["eventType"] == "ActivityTaskScheduled"]
    assert len(scheduled) == 1


def test_nobody_downloads_what_nobody_looks_at(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        futures = [self.submit(same_again, LONG) for _ in range(3)]
        for future in futures:
            self.submit(self.record_marker("m", "x"))
            future.wait() if not future.done else None
        return "short"

    outcome = execute(of(run), check_replay=True)
    assert outcome.value == "short"
    # the arguments, which the activities read; the engine has read no result and compared all claims without reading
    (arguments,) = set(store.got)
    assert len(store.got) == 3
    assert len(set(store.put_)) == 2 and arguments in store.put_


def test_a_replay_stores_nothing(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        first = self.submit(same_again, LONG).result
        return self.submit(same_again, first[::-1]).result

    execute(of(run))
    once = list(store.put_)
    store.put_.clear()
    execute(of(run), check_replay=True)
    assert store.put_ == once


def test_a_store_that_takes_nothing_gives_the_decision_up(store: Watched) -> None:
    store.refuses = True

    def run(self: Workflow) -> Any:
        try:
            return self.submit(same_again, LONG).result
        except Exception:
            return "the author's code must not see this"

    with pytest.raises(DecisionAbandoned, match="the store is full"):
        execute(of(run))


def test_a_value_that_is_lost_can_be_caught(store: Watched) -> None:
    def run(self: Workflow) -> Any:
        future = self.submit(same_again, LONG)
        futures.wait(future, return_when=futures.FIRST_COMPLETED)
        store.objects.clear()
        try:
            return future.result
        except Exception as error:
            return type(error).__name__

    assert execute(of(run)).value == "PayloadGone"


# -- claims


@pytest.mark.parametrize("ignored", [frozenset(), frozenset({"meta"})])
def test_claims_compare_text_then_digest_then_content(store: Watched, ignored: frozenset[str]) -> None:
    door = objects.fields()
    elsewhere = Fields(location("memory://other"), max_size=10**6)
    text = json.dumps({"args": [LONG]}, separators=(",", ":"))
    here = door.store("input", text)
    assert same(here, here, ignored, door)
    assert same(str(elsewhere.name("input", text)), here, ignored, door)  # from when the bucket was another
    assert same(text, here, ignored, door)  # from when there was none
    assert store.got == []
    other = door.store("input", json.dumps({"args": [LONG]}, indent=4))  # by another encoder
    assert same(other, here, ignored, door)
    assert sorted(store.got) == sorted([other, here])
    changed = door.store("input", json.dumps({"args": [LONG + "!"]}))
    assert not same(changed, here, ignored, door)
    more = door.store("input", json.dumps({"args": [LONG], "meta": 1}))
    assert same(more, here, ignored, door) == bool(ignored)


def test_changed_code_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def run(self: Workflow) -> Any:
        calls.append("")
        return self.submit(same_again, LONG + "!" * (len(calls) > 1)).result

    with pytest.raises(NondeterminismError, match=r"jumbo\.same"):
        execute(of(run), check_replay=True)


def test_what_was_sent_is_not_kept() -> None:
    kept: list[Any] = []

    def run(self: Workflow) -> Any:
        future = self.submit(same_again, LONG)
        kept.append(future.canceller)
        return len(future.result)

    assert execute(of(run)).value == len(LONG)
    assert len(kept) == 2  # the run, and its replay when it was over
    for call in kept:
        assert isinstance(call.input, jumbo.Unsent) and call.input.body is None
