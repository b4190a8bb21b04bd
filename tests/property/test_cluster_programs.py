"""Workflow programs by chance in clusters by chance: whatever goes wrong there, they end as the oracle says."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.interpreter import ROOTS, work
from support.oracle import End, Oracle, Unsupported
from support.programs import programs

from simpleflow.payloads import codec
from simpleflow.process.perform import Completed, Failed, failure_of
from simpleflow.replay.state import INTERRUPTED
from simpleflow.swf.activity_work import ActivityWork
from simpleflow.testing import Cluster
from simpleflow.testing.client import InProcess
from simpleflow.testing.stage import Job


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


class Programs(Cluster):
    """Its workers do ``work``: the first ``fails`` attempts of a label fail; those with a ``~`` are not heard of."""

    def _begin(self, work_item: ActivityWork, started_id: int, client: InProcess) -> Job:
        return Job(work_item, started_id, self.outcome(work_item.call.input or ""), self.clock.now_ms())

    def outcome(self, text: str) -> Completed | Failed | None:
        call = json.loads(text)
        label, fails, *args = call["args"]
        if self.failures()[label] >= fails:
            return Completed(codec.encode(work(label, fails, *args, **call["kwargs"])))
        if "~" in label:
            return None
        return Failed(label, failure_of(ValueError(label)).details)

    def failures(self) -> Counter[str]:
        """The failed attempts by label. An interruption is none, and what a worker did that died left no trace."""
        found: Counter[str] = Counter()
        for events in self.memory.histories.values():
            interrupted = interruptions(events)
            for event in events:
                kind, attributes = event["eventType"], attributes_of(event)
                failed = kind == "ActivityTaskFailed" and attributes["reason"] != INTERRUPTED
                timed_out = kind == "ActivityTaskTimedOut" and attributes["scheduledEventId"] not in interrupted
                if failed or timed_out:
                    scheduled = attributes_of(events[attributes["scheduledEventId"] - 1])
                    found[json.loads(scheduled["input"])["args"][0]] += 1
        return found


def interruptions(events: list[Any]) -> set[int]:
    """The events that scheduled activities which were interrupted."""
    signals = [attributes_of(event) for event in events if event["eventType"] == "WorkflowExecutionSignaled"]
    told = [json.loads(signal["input"]) for signal in signals if signal["signalName"] == INTERRUPTED]
    return {scheduled_id for ids in told for scheduled_id in ids}


def attributes_of(event: Any) -> Any:
    kind = event["eventType"]
    return event[f"{kind[0].lower()}{kind[1:]}EventAttributes"]


def check_end(cluster: Cluster, kind: str, given: Any, end: End) -> None:
    if kind == "WorkflowExecutionCompleted":
        good = end.completes and json.loads(given["result"]) == end.values
    else:
        good = kind == "WorkflowExecutionFailed" and end.fails and any(name in given["reason"] for name in end.reasons)
    if not good:
        raise cluster.failure(f"{kind} with {given}; the oracle says {end}")


def check_records(cluster: Cluster, oracle: Oracle) -> None:
    """What leaves a record left one, however often it was decided."""
    markers: Counter[str] = Counter()
    sends: Counter[str] = Counter()
    for events in cluster.memory.histories.values():
        for event in events:
            attributes = attributes_of(event)
            if event["eventType"] == "MarkerRecorded":
                markers[attributes["markerName"]] += 1
            elif event["eventType"] == "SignalExternalWorkflowExecutionInitiated" and "control" not in attributes:
                sends[attributes["signalName"]] += 1
    effects = markers.pop("simpleflow.side_effect", 0)
    found, most = (markers, sends, effects), (oracle.markers, oracle.sends, oracle.effects)
    good = found == most if oracle.exact else markers <= most[0] and sends <= most[1] and effects <= most[2]
    if not good:
        raise cluster.failure(f"recorded were {found}; the oracle says {most}")


MOST = 60 if settings.get_current_profile_name() == "repeatable" else settings().max_examples


@settings(max_examples=MOST, suppress_health_check=list(HealthCheck))
@given(programs(), st.integers(0, 2**32), st.booleans())
def test_programs_end_as_the_oracle_says(program, seed, races):
    oracle = Oracle()
    try:
        end = oracle.program(program)
    except Unsupported:
        assume(False)
        raise
    cluster = Programs(seed, races=races)
    execution = cluster.start(ROOTS[program.get("judge", False)], [program], workflow_id="root")
    for name in program.get("externals", ()):
        signal = {"workflowId": "root", "signalName": name, "input": json.dumps({"external": name})}
        cluster.sometime(cluster.call, "SignalWorkflowExecution", **signal)
    cluster.finish(execution)
    last = execution.events[-1]
    check_end(cluster, last["eventType"], attributes_of(last), end)
    check_records(cluster, oracle)
