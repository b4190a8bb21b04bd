"""Faults, tokens, events and clocks: small things with a fixed form."""

from __future__ import annotations

import inspect
import json
import tracemalloc

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.service import events, faults, tokens
from simpleflow.service.clock import RealClock, VirtualClock
from simpleflow.service.faults import Fault
from simpleflow.service.limits import DAY_MS
from simpleflow.service.operations import OPERATIONS
from simpleflow.service.state import FOLDS, duration_ms

MODEL = Loader().load_service_model("swf", "service-2")


# -- faults ------------------------------------------------------------------------------------------


def test_a_fault_on_the_wire() -> None:
    fault = faults.unknown_execution("w", "r")
    assert fault.to_wire() == {
        "__type": "com.amazonaws.swf.base.model#UnknownResourceFault",
        "message": "Unknown execution: WorkflowExecution=[workflowId=w, runId=r]",
    }
    assert (fault.code, fault.status) == ("UnknownResourceFault", 400)
    assert str(fault) == f"UnknownResourceFault: {fault.message}"
    assert faults.unknown_execution("w").message == "Unknown execution, workflowId = w"


def test_a_fault_without_a_message() -> None:
    fault = faults.serialization()
    assert fault.to_wire() == {"__type": "com.amazon.coral.service#SerializationException"}
    assert str(fault) == "SerializationException"
    assert faults.internal_failure().status == 500
    assert faults.unknown_operation().to_wire() == {"__type": "com.amazon.coral.service#UnknownOperationException"}


def test_there_is_a_function_for_every_fault_of_the_model() -> None:
    made = set()
    for name, function in inspect.getmembers(faults, inspect.isfunction):
        if name.endswith("_text"):
            continue
        arguments = [1 if name in ("unknown_activity", "unknown_decision_task") else "x"] * len(
            [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        )
        fault = function(*arguments)
        assert isinstance(fault, Fault)
        made.add(fault.type)
    modelled = {name for name, shape in MODEL["shapes"].items() if shape.get("exception")}
    assert {type.rpartition("#")[2] for type in made if type.startswith("com.amazonaws.swf.base.model#")} == modelled
    assert "com.amazon.coral.availability#ThrottlingException" in made
    assert "com.amazon.coral.validate#ValidationException" in made


# -- tokens ------------------------------------------------------------------------------------------


@given(st.text(alphabet="abc0+/=", min_size=1, max_size=64), st.integers(1, 25_000), st.text("0123456789abcdef"))
def test_a_task_token_comes_back(run_id: str, scheduled_id: int, nonce: str) -> None:
    token = tokens.task_token(tokens.DECISION, run_id, scheduled_id, nonce)
    assert 1 <= len(token) <= 1024
    assert tokens.read_task_token(tokens.DECISION, token) == (run_id, scheduled_id, nonce)
    with pytest.raises(Fault, match="Invalid token"):
        tokens.read_task_token(tokens.ACTIVITY, token)


@given(st.text(max_size=50))
def test_no_text_breaks_the_reading_of_tokens(text: str) -> None:
    for read in (
        lambda: tokens.read_task_token(tokens.DECISION, text),
        lambda: tokens.read_page_token("X", text, 0, (int,)),
    ):
        with pytest.raises(Fault, match="Invalid token"):
            read()


def test_nonces_are_compared_whole() -> None:
    assert tokens.same_nonce("abc", "abc")
    assert not tokens.same_nonce("abc", "abd")
    assert not tokens.same_nonce("abc", "\ud800")
    assert not tokens.same_nonce("", "a")


@given(st.text(max_size=256), st.text(max_size=64), st.integers(0, 2**62))
def test_a_page_token_comes_back(name: str, version: str, number: int) -> None:
    token = tokens.page_token("ListX", 5, name, version, number)
    assert len(token) <= 2048
    assert tokens.read_page_token("ListX", token, 5 + DAY_MS, (str, str, int)) == [name, version, number]
    for operation, shape in (("ListY", (str, str, int)), ("ListX", (str, str, str)), ("ListX", (str, str))):
        with pytest.raises(Fault, match="Invalid token"):
            tokens.read_page_token(operation, token, 5, shape)
    with pytest.raises(Fault, match="maximum lifetime"):
        tokens.read_page_token("ListX", token, 6 + DAY_MS, (str, str, int))


def test_a_page_token_keeps_lone_surrogates() -> None:
    token = tokens.page_token("ListX", 5, "a\ud800")
    assert tokens.read_page_token("ListX", token, 5, (str,)) == ["a\ud800"]


# -- events ------------------------------------------------------------------------------------------


def test_the_event_types_are_those_of_the_model() -> None:
    assert set(events.ATTRIBUTES) == set(MODEL["shapes"]["EventType"]["enum"])
    members = set(MODEL["shapes"]["HistoryEvent"]["members"])
    assert set(events.ATTRIBUTES.values()) == members - {"eventId", "eventTimestamp", "eventType"}
    assert set(events.CLOSING.values()) == set(MODEL["shapes"]["CloseStatus"]["enum"])
    assert set(FOLDS) <= set(events.ATTRIBUTES)


def test_the_json_of_an_event_is_made_once() -> None:
    event = events.make_event(1, 1_700_000_000_123, "TimerFired", {"timerId": "t\u00e9", "startedEventId": 5})
    wire = event.wire()
    assert wire is event.wire()
    assert json.loads(wire) == event
    assert b'"eventTimestamp":1700000000.123,' in wire and b" " not in wire
    assert events.event_ms(event) == 1_700_000_000_123


def test_the_json_of_an_event_takes_the_memory_that_it_needs() -> None:
    made = [events.make_event(number, 1, "TimerFired", {"timerId": "t"}) for number in range(1, 101)]
    tracemalloc.start()
    try:
        length = sum(len(event.wire()) for event in made)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2 * length


def test_lone_surrogates_are_written_escaped() -> None:
    assert events.to_json({"a": "x\ud800"}) == b'{"a":"x\\ud800"}'


@given(st.integers(0, 4_102_444_800_000))
def test_milliseconds_survive_the_wire(at_ms: int) -> None:
    event = events.make_event(1, at_ms, "TimerFired", {})
    assert events.event_ms(events.Event(json.loads(event.wire()))) == at_ms


# -- durations, clocks, the table of operations ------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("", None), ("NONE", None), ("0", 0), ("15", 15_000), ("99999999", 365 * DAY_MS)],
)
def test_durations(text: str | None, expected: int | None) -> None:
    assert duration_ms(text) == expected


def test_a_virtual_clock_moves_when_it_is_told() -> None:
    clock = VirtualClock(1000)
    assert (clock.now_ms(), clock.monotonic()) == (1000, 0.0)
    assert clock.advance(1.5) == clock.now_ms() == 2500
    assert clock.jump(2000) == 2500
    assert clock.jump(3000) == 3000
    assert clock.monotonic() == 2.0


def test_a_real_clock_goes_forward() -> None:
    clock = RealClock()
    first, since = clock.now_ms(), clock.monotonic()
    assert first > 1_700_000_000_000
    assert clock.now_ms() >= first and clock.monotonic() >= since


def test_the_operations_are_those_of_the_model() -> None:
    assert set(OPERATIONS) == set(MODEL["operations"])
    assert len(OPERATIONS) == 39
