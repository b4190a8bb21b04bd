"""Workflow programs by chance, in schedules by chance: what replay promises holds for all of them.

At every decision the driver compares the live engine with a fresh one and checks the response; an oracle that knows
nothing of replay says what the result must be.
"""

from __future__ import annotations

import json
import logging
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from support.driver import SWF_LIMITS, Option, World, attributes, check_ids
from support.interpreter import ROOTS, TAPE, WORKFLOWS, Worker, work
from support.oracle import End, Oracle, Unsupported
from support.programs import features, programs
from support.schedules import Seeded

from simpleflow.replay.limits import Limits

TEST_LIMITS = Limits(decisions=10, request_bytes=82_000, open_activities=15)

_EXPECTED_REFUSALS = {
    ("RequestCancelActivityTaskFailed", "ACTIVITY_ID_UNKNOWN"),
    ("CancelTimerFailed", "TIMER_ID_UNKNOWN"),
    ("ScheduleActivityTaskFailed", "ACTIVITY_TYPE_DOES_NOT_EXIST"),
    ("SignalExternalWorkflowExecutionFailed", "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"),
}


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def meaning(program) -> tuple[Oracle, End]:
    oracle = Oracle()
    try:
        return oracle, oracle.program(program)
    except Unsupported:
        assume(False)
        raise


def play(program, seed: int, limits: Limits, *, chaos: bool, registered: bool) -> World:
    """One execution of the program, to its end."""
    root = ROOTS[program.get("judge", False)]
    world = World(
        *WORKFLOWS,
        work=Worker(),
        schedule=Seeded(seed),
        limits=limits,
        chaos=chaos,
        activities=[work] if registered else [],
        tape=TAPE,
    )
    world.start(root, program)
    for name in program.get("externals", ()):
        world.outside.append(Option(1, f"signal {name}", lambda name=name: signal(world, name)))
    world.drive()
    return world


def signal(world: World, name: str) -> None:
    if any(world.status(key) == "OPEN" for key in world.runs if key.workflow_id == "root") or not world.runs:
        world.signal(name, {"external": name})


def check_end(world: World, end: End) -> None:
    kind, given = world.close_event(world.last_run())
    if kind == "WorkflowExecutionCompleted":
        assert end.completes, given
        assert json.loads(given["result"]) == end.values
    else:
        assert kind == "WorkflowExecutionFailed" and end.fails, (kind, given)
        assert any(reason in given["reason"] for reason in end.reasons), (given["reason"], end.reasons)


def check_histories(world: World, oracle: Oracle) -> None:
    """Everything was asked for as often as it had to be, and nothing was refused that need not be."""
    attempts: Counter[str] = Counter()
    markers: Counter[str] = Counter()
    sends: Counter[str] = Counter()
    for key in world.runs:
        events = world.events(key)
        check_ids(events)
        for event in events:
            given = attributes(event)
            kind = event["eventType"]
            if kind == "ActivityTaskScheduled":
                attempts[json.loads(given["input"])["args"][0]] += 1
            elif kind == "MarkerRecorded":
                markers[given["markerName"]] += 1
            elif kind == "SignalExternalWorkflowExecutionInitiated" and "control" not in given:
                sends[given["signalName"]] += 1
            elif "cause" in given and kind.endswith("Failed") and given["cause"] != "UNHANDLED_DECISION":
                assert (kind, given["cause"]) in _EXPECTED_REFUSALS, (kind, given)
    effects = markers.pop("simpleflow.side_effect", 0)
    for label in oracle.racy:
        assert attempts.pop(label, 0) <= oracle.attempts.pop(label)
    if oracle.exact:
        assert (attempts, markers, sends, effects) == (oracle.attempts, oracle.markers, oracle.sends, oracle.effects)
    else:
        assert attempts <= oracle.attempts and markers <= oracle.markers and sends <= oracle.sends
        assert effects <= oracle.effects


def prove(program, seed: int, limits: Limits, *, chaos: bool, registered: bool) -> None:
    oracle, end = meaning(program)
    world = play(program, seed, limits, chaos=chaos, registered=registered)
    check_end(world, end)
    check_histories(world, oracle)
    world.audit()


SEEDS = st.integers(0, 2**32)


def examples(share: float = 1.0) -> settings:
    """A moderate number by default, as many as the profile says where one was chosen."""
    profile = settings.get_current_profile_name()
    most = settings().max_examples if profile in ("quick", "explore", "long") else 60
    return settings(max_examples=int(most * share), suppress_health_check=list(HealthCheck))


@examples()
@given(programs(), SEEDS, st.booleans())
def test_replay_with_the_limits_of_swf(program, seed, registered):
    prove(program, seed, SWF_LIMITS, chaos=True, registered=registered)


@examples()
@given(programs(), SEEDS, st.booleans())
def test_replay_with_the_limits_of_the_test_environment(program, seed, registered):
    prove(program, seed, TEST_LIMITS, chaos=True, registered=registered)


@examples(0.5)
@given(programs(), SEEDS)
def test_every_response_in_its_turn(program, seed):
    prove(
        program,
        seed,
        Limits(decisions=2, open_activities=1, open_timers=1, open_children=1),
        chaos=False,
        registered=True,
    )


#: What must not be rare. Each is in at least 5 % of programs.
WANTED = """
    literal argument|future argument|nested future|projection|group argument|work|group|chain|func|nested containers
    parallel|send|no break|no bubbles|group raises|chain raises|func raises|retried|later|activity timeout|quiet failure
    loud failure|try|exception|timer|cancel_timer|marker|effect|bad_effect|send|latch|next|external signal|child
    wait FIRST_COMPLETED|wait FIRST_EXCEPTION|wait with a timeout|completed|peek|racy|cancel|drop|idempotent|now|random
    uuid4|markers|verdict|continue|wait|report
"""


def test_every_feature_is_in_many_programs():
    found: Counter[str] = Counter()
    total = 500

    @settings(
        max_examples=total,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def count(program):
        found.update(features(program))

    count()
    wanted = [name.strip() for line in WANTED.strip().splitlines() for name in line.split("|")]
    rare = {name: found[name] for name in wanted if found[name] < total * 0.05}
    assert not rare, rare
