"""Timers and markers."""

from __future__ import annotations

from collections.abc import Callable

from service_kit import Kit, cancel_timer, complete, decision, marker, timer


def test_a_timer_of_no_seconds_fires_behind_its_batch(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("t", 0, control="c"), marker("m"))
    assert kit.types(run_id, after=4) == ["TimerStarted", "MarkerRecorded", "TimerFired", "DTS"]
    started = {"timerId": "t", "startToFireTimeout": "0", "control": "c", "decisionTaskCompletedEventId": 4}
    assert kit.last(run_id, "TimerStarted") == started
    assert kit.last(run_id, "TimerFired") == {"timerId": "t", "startedEventId": 5}
    events = kit.history(run_id)
    assert events[-1]["eventTimestamp"] == events[-2]["eventTimestamp"]


def test_a_timer_fires_when_it_is_due(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("t", 10))
    kit.advance(9.999)
    assert kit.types(run_id)[-1] == "TimerStarted"
    kit.advance(0.001)
    assert kit.types(run_id)[-2:] == ["TimerFired", "DTS"]
    kit.advance(100)
    assert kit.types(run_id)[-1] == "DTS"


def test_a_timer_id_is_in_use_until_it_fires_or_is_canceled(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("t", 10), timer("t", 20))
    assert kit.types(run_id, after=4) == ["TimerStarted", "StartTimerFailed", "DTS"]
    failure = {"timerId": "t", "cause": "TIMER_ID_ALREADY_IN_USE", "decisionTaskCompletedEventId": 4}
    assert kit.last(run_id, "StartTimerFailed") == failure
    kit.decide(cancel_timer("t"), timer("t", 30))
    assert kit.types(run_id)[-2:] == ["TimerCanceled", "TimerStarted"]
    kit.advance(30)
    kit.decide(timer("t", 40))
    assert kit.types(run_id)[-1] == "TimerStarted"


def test_a_canceled_timer_never_fires(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("t", 10))
    kit.signal()
    kit.decide(cancel_timer("t"))
    assert kit.lines(run_id)[-1] == "10 TimerCanceled st5 d9"
    assert kit.last(run_id, "TimerCanceled")["timerId"] == "t"
    kit.advance(100)
    assert len(kit.history(run_id)) == 10
    assert kit.no_task()


def test_an_unknown_timer(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("t", 5))
    kit.signal()
    task = kit.task()
    kit.advance(5)
    task.decide(cancel_timer("t"))
    assert kit.types(run_id)[-4:] == ["TimerFired", "DTS", "DTC", "CancelTimerFailed"]
    failure = {"timerId": "t", "cause": "TIMER_ID_UNKNOWN", "decisionTaskCompletedEventId": 11}
    assert kit.last(run_id, "CancelTimerFailed") == failure


def test_markers_do_not_wake_the_decider(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(marker("m", details="d"), marker("m"))
    assert kit.types(run_id, after=4) == ["MarkerRecorded", "MarkerRecorded"]
    assert kit.last(run_id, "MarkerRecorded") == {"markerName": "m", "decisionTaskCompletedEventId": 4}
    first = kit.history(run_id)[4]["markerRecordedEventAttributes"]
    assert first == {"markerName": "m", "details": "d", "decisionTaskCompletedEventId": 4}
    assert kit.no_task()


def test_timers_that_are_overdue_fire_in_their_order(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("c", 30), timer("a", 10), timer("b", 20), timer("a2", 10))
    kit.advance(100)
    fired = [
        event["timerFiredEventAttributes"]["timerId"]
        for event in kit.history(run_id)
        if event["eventType"] == "TimerFired"
    ]
    assert fired == ["a", "a2", "b", "c"]
    assert kit.types(run_id, after=8) == ["TimerFired", "DTS", "TimerFired", "TimerFired", "TimerFired"]


def test_the_limit_of_open_timers(limited_kit: Callable[..., Kit]) -> None:
    kit = limited_kit(open_timers=2)
    run_id = kit.start()
    kit.decide(timer("a", 10), timer("b"), timer("c"))
    assert kit.last(run_id, "StartTimerFailed")["cause"] == "OPEN_TIMERS_LIMIT_EXCEEDED"
    kit.advance(10)
    kit.decide(timer("c"))
    assert kit.types(run_id)[-1] == "TimerStarted"


def test_there_are_no_lambda_functions(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(decision("ScheduleLambdaFunction", id="i", name="n", input="x"))
    assert kit.types(run_id, after=4) == ["ScheduleLambdaFunctionFailed", "DTS"]
    assert kit.last(run_id, "ScheduleLambdaFunctionFailed") == {
        "id": "i",
        "name": "n",
        "cause": "LAMBDA_SERVICE_NOT_AVAILABLE_IN_REGION",
        "decisionTaskCompletedEventId": 4,
    }


def test_timers_of_a_closed_run_are_forgotten(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("t", 10))
    kit.signal()
    kit.decide(complete())
    kit.advance(20)
    assert kit.types(run_id)[-1] == "WEC"
