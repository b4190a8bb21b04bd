"""Codecs of the user: what they encode, what they are given to decode, and what happens without them."""

import base64
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sealed import Sealed

from simpleflow import Workflow, activity
from simpleflow.exceptions import DecisionAbandoned, PayloadUnavailable, PayloadWrong
from simpleflow.local.driver import Driver, Start
from simpleflow.local.run import execute
from simpleflow.payloads import codec, coding, jumbo, limits, nested, objects
from simpleflow.payloads.fields import INLINE, Fields
from simpleflow.payloads.jumbo import location
from simpleflow.payloads.limits import LIMITS
from simpleflow.payloads.objects import StoredObjects
from simpleflow.payloads.stores import MemoryStore
from simpleflow.process.perform import ActivityCallData, Failed, perform
from simpleflow.settings import SettingError


class Broken(Sealed):
    def encode(self, data: bytes) -> bytes:
        raise OSError("no key")


HERE = __name__
SEALED = f"{HERE}.Sealed"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    objects._fields.cache_clear()
    yield
    objects._fields.cache_clear()
    coding.load.cache_clear()


def a_door(with_codec: bool = True, write: str | None = "memory://here") -> Fields:
    place = location(write) if write else None
    return Fields(place, objects=StoredObjects({"memory": MemoryStore()}), codec=Sealed() if with_codec else None)


# -- fields


@given(st.text(), st.sampled_from(sorted(LIMITS)), st.sampled_from(["", "simpleflow+", "simpleflow+code:", "é" * 300]))
def test_every_text_comes_back(text: str, field: str, prefix: str) -> None:
    door = a_door()
    for whole in (prefix + text, prefix + text * 500):
        stored = door.store(field, whole)
        assert len(stored) <= LIMITS[field]
        assert door.fetch(stored) == whole


def test_fields_and_objects_are_encoded() -> None:
    door = a_door()
    short, long = door.store("input", "secret"), door.store("input", os.urandom(30_000).hex())
    assert short.startswith("simpleflow+code:") and door.store("input", "secret") != short
    reference = jumbo.reference(long)
    assert reference is not None and isinstance(door.objects, StoredObjects)
    assert door.objects.get(reference).startswith("simpleflow+code:")
    # who looks after executions can read it
    assert door.store("execution_context", "signals") == "signals"


def test_references_stay_visible_to_nobody_and_are_not_encoded_twice() -> None:
    door = a_door()
    reference = door.store("result", codec.encode(os.urandom(30_000).hex()))
    alone = nested.finished(nested.draft(door.payload(reference)))
    assert door.store("input", alone) == reference
    inside = door.store("input", nested.finished(nested.draft({"args": [door.payload(reference)]})))
    assert inside.startswith("simpleflow+code:")
    assert door.decode(inside) == {"args": [door.decode(reference)]}


def test_what_was_written_before_is_read() -> None:
    before, now = a_door(with_codec=False), a_door()
    assert now.decode(before.store("input", '{"a":1}')) == {"a": 1}


def test_as_much_of_a_text_as_fits() -> None:
    door = a_door(write=None)
    for text in ("", "short", os.urandom(400).hex(), "x" * 100_000):
        short = door.brief("reason", text)
        assert len(short) <= 256 and short.startswith("simpleflow+code:")
        read = door.fetch(short)
        assert read is not None and (read == text or (read.endswith(" ...") and text.startswith(read[:-4])))
    assert INLINE.brief("reason", "x" * 300) == limits.shorten_reason("x" * 300)


def test_without_the_codec_the_error_says_what_to_set() -> None:
    text = a_door().store("input", "secret")
    with pytest.raises(PayloadUnavailable, match="set SIMPLEFLOW_PAYLOAD_CODEC as where it was written"):
        INLINE.fetch(text)
    with pytest.raises(
        PayloadUnavailable, match="the codec Sealed of SIMPLEFLOW_PAYLOAD_CODEC cannot decode a payload"
    ):
        a_door().fetch("simpleflow+code:" + base64.b64encode(b"x" * 40).decode())
    with pytest.raises(PayloadWrong, match="no base64"):
        a_door().fetch("simpleflow+code:!")


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no.such.module", "ModuleNotFoundError"),
        (f"{HERE}.nothing", "AttributeError"),
        ("json.dumps", r"has no encode\(bytes\) and decode\(bytes\)"),
        (f"{HERE}.a_door", "has no encode"),
    ],
)
def test_a_setting_that_names_no_codec(path: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", path)
    with pytest.raises(SettingError, match=f"SIMPLEFLOW_PAYLOAD_CODEC is '{path}'.*{problem}"):
        objects.fields()


def test_a_module_or_an_object_may_be_a_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "made", Sealed(), raising=False)
    for path in (SEALED, f"{HERE}.made"):
        monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", path)
        assert objects.fields().fetch(objects.fields().store("input", "x")) == "x"


# -- whole executions


@activity.with_attributes(name="coding.echo", raises_on_failure=True)
def echo(x: Any) -> Any:
    return x


@activity.with_attributes(name="coding.once", idempotent=True)
def once(x: Any) -> Any:
    return x


@activity.with_attributes(name="coding.bad")
def bad(x: Any) -> None:
    raise ValueError(x)


class Secretive(Workflow):
    name, version, task_list = "coding.w", "1", "decisions"

    def run(self, secret: str) -> Any:
        first = self.submit(echo, secret)
        self.submit(self.record_marker("m", secret))
        signal = self.submit(self.wait_signal("s"))
        failed = self.submit(bad, signal)
        effect = self.side_effect(lambda: secret, "effect")
        again = [self.submit(once, secret), self.submit(once, first)]
        reason = failed.exception.reason
        return [first, signal, reason, effect, *again, self.list_markers()[0].details]


EXPECTED = ["secret", "secret", "ValueError: secret", "secret", "secret", "secret", "secret"]


def played() -> Any:
    return execute(Secretive, ["secret"], signals=[("s", "secret")], check_replay=True)


@pytest.mark.parametrize("limit", [None, 100])
def test_nothing_can_be_read_in_a_history(limit: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", SEALED)
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "memory://m")
    for field in ("input", "result", "details") if limit else ():
        monkeypatch.setitem(LIMITS, field, limit)
    run = played()
    assert run.value == EXPECTED, run.explain()
    assert "secret" not in str(run.history)


def test_a_codec_is_switched_on_while_an_execution_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every decision is compared with one from scratch, whose payloads are encoded in another way."""
    for moment in range(1, 12):
        monkeypatch.delenv("SIMPLEFLOW_PAYLOAD_CODEC", raising=False)
        objects._fields.cache_clear()
        driver = Driver(check_replay=True)
        driver.start(Start(workflow_class=Secretive, input='{"args":["secret"],"kwargs":{}}'))
        driver.signal("local", "s", '"secret"')
        for _ in range(moment):
            driver._step()
        monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", SEALED)
        driver._fields = objects.fields()
        driver._engine.close()
        driver._engine._fields = driver._fields
        run = driver.run()
        assert run.value == EXPECTED, run.explain()


def test_a_codec_that_fails_gives_the_decision_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", f"{HERE}.Broken")
    driver = Driver()
    driver.start(Start(workflow_class=Secretive, input='{"args":["secret"],"kwargs":{}}'))
    with pytest.raises(DecisionAbandoned, match=r"the codec Broken .* cannot encode a payload: OSError: no key"):
        driver.run()


@pytest.mark.parametrize("name", ["Broken", "nothing"])
def test_a_failure_that_cannot_be_encoded_tells_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_PAYLOAD_CODEC", f"{HERE}.{name}")
    outcome = perform(ActivityCallData("coding.bad", "1", "id", '["secret"]'))
    assert isinstance(outcome, Failed)
    assert "SIMPLEFLOW_PAYLOAD_CODEC" in outcome.reason + outcome.details
    assert "secret" not in outcome.reason + outcome.details
