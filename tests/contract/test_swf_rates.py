"""Rates, for a service that has them: off by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from service_kit import Kit, cancel_external, child, schedule, signal_external, timer

from simpleflow.service import model
from simpleflow.service.rates import AMAZON, Buckets, Rate

TOO_OFTEN = ("ThrottlingException", "Rate exceeded")


def test_calls_are_refused_until_the_bucket_fills_again(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(rates={"SignalWorkflowExecution": Rate(bucket=3, per_second=2)})
    run_id = kit.start()
    for _ in range(3):
        kit.signal()
    wanted = {"domain": "test", "workflowId": "w", "signalName": "go"}
    assert kit.refused("SignalWorkflowExecution", **wanted) == TOO_OFTEN
    kit.request_cancel()
    kit.advance(0.5)
    kit.signal()
    assert kit.refused("SignalWorkflowExecution", **wanted) == TOO_OFTEN
    kit.advance(100)
    for _ in range(3):
        kit.signal()
    assert kit.refused("SignalWorkflowExecution", **wanted) == TOO_OFTEN
    assert kit.types(run_id).count("WorkflowExecutionSignaled") == 7


@pytest.mark.parametrize(
    "decision, failure, cause",
    [
        (schedule, "ScheduleActivityTaskFailed", "ACTIVITY_CREATION_RATE_EXCEEDED"),
        (timer, "StartTimerFailed", "TIMER_CREATION_RATE_EXCEEDED"),
        (child, "StartChildWorkflowExecutionFailed", "CHILD_CREATION_RATE_EXCEEDED"),
        (
            lambda _: signal_external("w"),
            "SignalExternalWorkflowExecutionFailed",
            "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
        ),
        (
            lambda _: cancel_external("w"),
            "RequestCancelExternalWorkflowExecutionFailed",
            "REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_RATE_EXCEEDED",
        ),
    ],
)
def test_decisions_fail_until_the_bucket_fills_again(
    limited_kit: Callable[..., Kit], decision: Callable[[str], Any], failure: str, cause: str
) -> None:
    kit = limited_kit(rates={decision("a")["decisionType"]: Rate(bucket=1, per_second=1)})
    run_id = kit.start()
    kit.decide(decision("a"), decision("b"))
    assert kit.last(run_id, failure)["cause"] == cause
    kit.advance(1)
    kit.decide(decision("c"))
    assert kit.types(run_id).count(failure) == 1


def test_what_nobody_limits_is_not_limited(kit: Kit) -> None:
    kit.start()
    for _ in range(300):
        kit.signal()


def test_regions_have_buckets_of_their_own() -> None:
    buckets = Buckets({"x": Rate(1, 1)})
    assert [buckets.take(region, "x", 0) for region in ("one", "two", "one")] == [True, True, False]


def test_a_clock_that_goes_back_fills_no_bucket() -> None:
    buckets = Buckets({"x": Rate(2, 1)})
    assert [buckets.take("r", "x", now_ms) for now_ms in (5000, 1000, 1000, 1500, 2000)] == [
        *(True, True, False, False, True)
    ]


def test_amazons_rates_are_those_of_operations_and_decisions() -> None:
    decisions = {"ScheduleActivityTask", "StartTimer", "StartChildWorkflowExecution"}
    decisions |= {"SignalExternalWorkflowExecution", "RequestCancelExternalWorkflowExecution"}
    assert set(AMAZON) == {*model.operations(), *decisions}
    assert AMAZON["PollForDecisionTask"] == Rate(2000, 200)
