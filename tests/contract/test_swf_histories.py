"""Histories of real executions, told again by scripted clients: the events and their links come out the same."""

from __future__ import annotations

from service_kit import (
    Kit,
    cancel,
    cancel_timer,
    child,
    complete,
    fail,
    marker,
    schedule,
    timer,
)


def same(kit: Kit, run_id: str, history: str, workflow_id: str = "w") -> None:
    """`history` has an event on each line, as `service_kit.line` writes them."""
    assert kit.lines(run_id, workflow_id) == [" ".join(line.split()) for line in history.strip().splitlines()]


def test_h1_a_close_with_a_running_activity(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    kit.work()
    started_ms = kit.client.now_ms
    kit.advance(1)
    kit.request_cancel()
    kit.decide(cancel())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATSt s5
        7 WorkflowExecutionCancelRequested
        8 DTS
        9 DTSt s8
        10 DTC s8 st9
        11 WorkflowExecutionCanceled d10
        """,
    )
    events = kit.history(run_id)
    assert events[0]["workflowExecutionStartedEventAttributes"]["parentInitiatedEventId"] == 0
    assert events[6]["workflowExecutionCancelRequestedEventAttributes"] == {"externalInitiatedEventId": 0}
    described = kit.describe(run_id)
    info = described["executionInfo"]
    assert (info["executionStatus"], info["closeStatus"], info["cancelRequested"]) == ("CLOSED", "CANCELED", False)
    assert described["openCounts"]["openActivityTasks"] == 1
    assert described["latestActivityTaskTimestamp"] * 1000 == started_ms


def test_h2_events_during_a_started_decision_task(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    work = kit.work()
    kit.request_cancel()
    task = kit.task()
    work.complete()
    assert kit.no_task()
    task.decide()
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATSt s5
        7 WorkflowExecutionCancelRequested
        8 DTS
        9 DTSt s8
        10 ATC s5 st6
        11 DTS
        12 DTC s8 st9
        13 DTSt s11
        14 DTC s11 st13
        15 WEC d14
        """,
    )


def test_h3_two_activities_in_a_row(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    kit.work().complete()
    kit.decide(schedule("b"))
    kit.work().complete()
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATSt s5
        7 ATC s5 st6
        8 DTS
        9 DTSt s8
        10 DTC s8 st9
        11 ATS d10
        12 ATSt s11
        13 ATC s11 st12
        14 DTS
        15 DTSt s14
        16 DTC s14 st15
        17 WEC d16
        """,
    )


def test_h4_a_child(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(child("c", taskList={"name": "children"}))
    kit.decide()
    kit.task("children").decide(complete(result="r"))
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 SCWEI d4
        6 CWES i5
        7 DTS
        8 DTSt s7
        9 DTC s7 st8
        10 ChildWorkflowExecutionCompleted st6 i5
        11 DTS
        12 DTSt s11
        13 DTC s11 st12
        14 WEC d13
        """,
    )
    assert kit.last(run_id, "ChildWorkflowExecutionCompleted")["result"] == "r"


def test_h5_a_child_fails_while_the_parent_decides(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(child("c", taskList={"name": "children"}))
    task = kit.task()
    kit.task("children").decide(fail(reason="r", details="d"))
    task.decide()
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 SCWEI d4
        6 CWES i5
        7 DTS
        8 DTSt s7
        9 ChildWorkflowExecutionFailed st6 i5
        10 DTS
        11 DTC s7 st8
        12 DTSt s10
        13 DTC s10 st12
        14 WEC d13
        """,
    )
    failed = kit.last(run_id, "ChildWorkflowExecutionFailed")
    assert (failed["reason"], failed["details"]) == ("r", "d")
    assert kit.last(run_id, "DTS")["scheduleToStartTimeout"] == "NONE"


def test_h6_timers(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(timer("timer 2", 120), timer("timer 1", 2))
    kit.advance(2)
    kit.decide(cancel_timer("timer 2"), timer("_simpleflow_wake_up_timer", 0))
    kit.advance(0)
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 TimerStarted d4
        6 TimerStarted d4
        7 TimerFired st6
        8 DTS
        9 DTSt s8
        10 DTC s8 st9
        11 TimerCanceled st5 d10
        12 TimerStarted d10
        13 TimerFired st12
        14 DTS
        15 DTSt s14
        16 DTC s14 st15
        17 WEC d16
        """,
    )


def test_h7_parallel_activities_signals_and_context(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(
        schedule("a", taskList={"name": "one"}),
        schedule("b", taskList={"name": "two"}),
        executionContext="signal 2, signal",
    )
    second, first = kit.work("two"), kit.work("one")
    kit.signal(name="signal")
    task = kit.task()
    first.complete()
    task.decide(executionContext="signal 2")
    kit.decide(executionContext="signal 2")
    kit.signal(name="signal 2")
    task = kit.task()
    second.complete()
    task.decide(executionContext="")
    kit.decide(schedule("c"))
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATS d4
        7 ATSt s6
        8 ATSt s5
        9 WorkflowExecutionSignaled
        10 DTS
        11 DTSt s10
        12 ATC s5 st8
        13 DTS
        14 DTC s10 st11
        15 DTSt s13
        16 DTC s13 st15
        17 WorkflowExecutionSignaled
        18 DTS
        19 DTSt s18
        20 ATC s6 st7
        21 DTS
        22 DTC s18 st19
        23 DTSt s21
        24 DTC s21 st23
        25 ATS d24
        """,
    )
    events = kit.history(run_id)
    assert events[21]["decisionTaskCompletedEventAttributes"]["executionContext"] == ""
    assert "executionContext" not in events[23]["decisionTaskCompletedEventAttributes"]
    assert kit.describe(run_id)["latestExecutionContext"] == ""
    kit.work().complete()
    kit.decide(complete())
    assert kit.types(run_id, after=25) == ["ATSt", "ATC", "DTS", "DTSt", "DTC", "WEC"]
    assert len(kit.history(run_id)) == 31


def test_h8_markers_do_not_wake_the_decider(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(marker("m"), marker("m"), marker("n"), timer("_simpleflow_wake_up_timer", 0))
    kit.advance(0)
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 MarkerRecorded d4
        6 MarkerRecorded d4
        7 MarkerRecorded d4
        8 TimerStarted d4
        9 TimerFired st8
        10 DTS
        11 DTSt s10
        12 DTC s10 st11
        13 WEC d12
        """,
    )


def test_h9_an_activity_that_fails(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    kit.work().fail(reason="r")
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATSt s5
        7 ActivityTaskFailed s5 st6
        8 DTS
        9 DTSt s8
        10 DTC s8 st9
        11 WEC d10
        """,
    )
    assert "details" not in kit.last(run_id, "ActivityTaskFailed")


def test_h10_a_refused_close_and_an_activity_id_used_again(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("PingWorker"), schedule("Sum2a"))
    ping, sum = kit.work(), kit.work()
    ping.complete()
    task = kit.task()
    sum.complete()
    task.decide(schedule("Sum2a"))
    task = kit.task()
    kit.work().complete()
    task.decide(complete())
    answer = kit.poll()
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATS d4
        7 ATSt s5
        8 ATSt s6
        9 ATC s5 st7
        10 DTS
        11 DTSt s10
        12 ATC s6 st8
        13 DTS
        14 DTC s10 st11
        15 ATS d14
        16 DTSt s13
        17 ATSt s15
        18 ATC s15 st17
        19 DTS
        20 DTC s13 st16
        21 CompleteWorkflowExecutionFailed d20
        22 DTSt s19
        """,
    )
    assert (answer["startedEventId"], answer["previousStartedEventId"]) == (22, 16)


def test_h11_one_worker_for_two_activities(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(schedule("a"))
    kit.work().complete()
    kit.decide(schedule("b"), schedule("c"))
    first = kit.work()
    first.complete()
    kit.decide()
    kit.advance(30.7)
    kit.work().complete()
    kit.decide(complete())
    same(
        kit,
        run_id,
        """
        1 WES
        2 DTS
        3 DTSt s2
        4 DTC s2 st3
        5 ATS d4
        6 ATSt s5
        7 ATC s5 st6
        8 DTS
        9 DTSt s8
        10 DTC s8 st9
        11 ATS d10
        12 ATS d10
        13 ATSt s11
        14 ATC s11 st13
        15 DTS
        16 DTSt s15
        17 DTC s15 st16
        18 ATSt s12
        19 ATC s12 st18
        20 DTS
        21 DTSt s20
        22 DTC s20 st21
        23 WEC d22
        """,
    )
    events = kit.history(run_id)
    assert round(events[17]["eventTimestamp"] - events[11]["eventTimestamp"], 3) == 30.7
