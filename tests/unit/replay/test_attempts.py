"""The input of a later attempt says which one it is; SWF does not tell a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from simpleflow import Workflow, activity
from simpleflow.local.outcome import LocalRun
from simpleflow.local.run import execute
from simpleflow.payloads import attempts, limits, objects
from simpleflow.payloads.fields import Fields
from simpleflow.payloads.jumbo import location
from simpleflow.payloads.nested import opened
from simpleflow.payloads.stores import MemoryStore


@activity.with_attributes(name="attempts.work", retry=3)
def work(x: Any, succeeds: int = 3) -> Any:
    assert work.context is not None
    attempt = work.context["attempt"]
    if attempt != succeeds:
        raise ValueError(attempt)
    return attempt


@activity.with_attributes(name="attempts.computed", retry=3, idempotent=True)
def computed(x: int) -> int:
    assert computed.context is not None
    attempt: int = computed.context["attempt"]
    if attempt == 1:
        raise ValueError(attempt)
    return x + attempt


seen: list[Any] = []


@activity.with_attributes(name="attempts.unnumbered", retry=1)
def unnumbered(x: str) -> Any:
    assert unnumbered.context is not None
    seen.append(unnumbered.context["attempt"])
    if len(seen) == 1:
        raise ValueError(x)
    return seen


@activity.with_attributes(name="attempts.same")
def same_again(x: Any) -> Any:
    return x


def outcome(run: Callable[..., Any], **members: Any) -> LocalRun:
    members = {"name": "attempts", "version": "1", "task_list": "t", "run": run, **members}
    return execute(type("Attempts", (Workflow,), members), check_replay=True)


def inputs(run: LocalRun, name: str = "attempts.work") -> list[Any]:
    of_event = [event.get("activityTaskScheduledEventAttributes") for event in run.history]
    texts = [told["input"] for told in of_event if told is not None and told["activityType"]["name"] == name]
    return [json.loads(text) for text in texts]


def test_a_first_attempt_says_nothing_and_each_later_one_its_number() -> None:
    run = outcome(lambda self: self.submit(work, 7).result)
    assert run.value == 3
    assert [told.get("meta") for told in inputs(run)] == [None, {"attempt": 2}, {"attempt": 3}]
    assert {json.dumps(told["args"]) for told in inputs(run)} == {"[7]"}


def test_the_number_stands_beside_the_meta_of_the_author() -> None:
    run = outcome(lambda self: self.submit(work.options(meta={"mine": 1}), 7).result)
    assert run.value == 3
    assert [told["meta"] for told in inputs(run)] == [{"mine": 1}, {"mine": 1, "attempt": 2}, {"mine": 1, "attempt": 3}]


def test_a_meta_without_members_has_no_place_for_it() -> None:
    seen.clear()
    run = outcome(lambda self: self.submit(unnumbered.options(meta="mine"), "x").result)
    assert run.value == [None, None]
    assert [told["meta"] for told in inputs(run, "attempts.unnumbered")] == ["mine", "mine"]
    assert attempts.attempt_told('{"args":[],"kwargs":{},"meta":"mine"}') is None


def test_what_the_author_edited_stays_in_the_attempts_after_it() -> None:
    def on_task_failure(self: Workflow, context: Any) -> Any:
        if context.attempt_number > 1:
            return None
        context.a_task.args = [8]
        return context.decide_retry(0)

    run = outcome(lambda self: self.submit(work, 7).result, on_task_failure=on_task_failure)
    assert run.value == 3
    assert [(told["args"], told.get("meta")) for told in inputs(run)] == [
        ([7], None),
        ([8], {"attempt": 2}),
        ([8], {"attempt": 3}),
    ]


def test_calls_with_one_computed_id_are_one_call_after_a_retry_too() -> None:
    run = outcome(lambda self: [self.submit(computed, 1).result, self.submit(computed, 1).result])
    assert run.value == [3, 3]
    assert len(inputs(run, "attempts.computed")) == 2


def test_an_argument_that_came_from_another_task_is_there_again() -> None:
    run = outcome(lambda self: self.submit(work, self.submit(same_again, ["x"])).result)
    assert run.value == 3
    assert {json.dumps(told["args"]) for told in inputs(run)} == {'[["x"]]'}


def test_an_input_that_stands_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://m")
    monkeypatch.setitem(limits.LIMITS, "input", 120)
    store = MemoryStore()
    monkeypatch.setattr(objects, "MEMORY", store)
    objects._fields.cache_clear()
    try:
        run = outcome(lambda self: self.submit(work, "long " * 100).result)
    finally:
        objects._fields.cache_clear()
    assert run.value == 3


def test_an_input_without_room_for_the_number_is_sent_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = json.dumps({"args": ["x" * 100], "kwargs": {}}, separators=(",", ":"))
    monkeypatch.setitem(limits.LIMITS, "input", len(bare))
    seen.clear()
    run = outcome(lambda self: self.submit(unnumbered, "x" * 100).result)
    assert run.value == [None, None]
    assert [told.get("meta") for told in inputs(run, "attempts.unnumbered")] == [None, None]


def test_what_an_input_tells() -> None:
    assert attempts.attempt_told(None) == 1
    assert attempts.attempt_told('{"args":[],"kwargs":{}}') == 1
    assert attempts.attempt_told('{"args":[],"kwargs":{},"meta":{"attempt":2}}') == 2
    assert attempts.attempt_told('{"args":["\\"attempt\\""],"kwargs":{"attempt":5}}') == 1
    assert attempts.attempt_told('["attempt", ') == 1
    for hostile in ("true", '"2"', "-1", "null", "[2]"):
        assert attempts.attempt_told(f'{{"args":[],"meta":{{"attempt":{hostile}}}}}') == 1
    assert attempts.attempt_told('{"attempt":' + "9" * 5000 + "}") is None


def test_what_would_have_to_be_fetched_or_decrypted_tells_nothing() -> None:
    assert attempts.attempt_told("simpleflow+s3://bucket/key 40000") is None
    assert attempts.attempt_told("simpleflow+code:YWJj") is None


def test_a_text_with_references_inside_is_read_for_it() -> None:
    inner = {"args": [], "kwargs": {}, "meta": {"attempt": 4}}
    text = f"simpleflow+json:{json.dumps(inner)}"
    assert opened(json.dumps(inner)) == inner
    assert attempts.attempt_told(text) == 4
    assert location("memory://m") is not None and Fields().payload(text) == inner


def test_a_full_field_may_have_had_no_room_for_it() -> None:
    assert attempts.attempt_told("x" * (limits.LIMITS["input"] - 100)) == 1
    assert attempts.attempt_told("x" * limits.LIMITS["input"]) is None
