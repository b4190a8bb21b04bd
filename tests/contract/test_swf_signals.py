"""Signals, cancel requests and termination."""

from __future__ import annotations

from typing import Any

from service_kit import Kit, cancel, cancel_external, complete, decision, signal_external


def test_a_signal(kit: Kit) -> None:
    run_id = kit.start()
    kit.task()
    kit.signal(name="s")
    assert kit.last(run_id, "WorkflowExecutionSignaled") == {"signalName": "s", "externalInitiatedEventId": 0}
    kit.signal(name="s", input="in", runId=run_id)
    signaled = {"signalName": "s", "input": "in", "externalInitiatedEventId": 0}
    assert kit.last(run_id, "WorkflowExecutionSignaled") == signaled


def test_a_signal_to_a_closed_run(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(complete())
    request = {"domain": "test", "workflowId": "w", "signalName": "s"}
    by_id = "UnknownResourceFault", "Unknown execution, workflowId = w"
    assert kit.refused("SignalWorkflowExecution", **request) == by_id
    text = f"Unknown execution: WorkflowExecution=[workflowId=w, runId={run_id}]"
    assert kit.refused("SignalWorkflowExecution", **request, runId=run_id) == ("UnknownResourceFault", text)
    kit.start()
    assert kit.refused("SignalWorkflowExecution", **request, runId=run_id) == ("UnknownResourceFault", text)


def two(kit: Kit) -> tuple[str, str]:
    """The runs `w` and `target`, both decided once."""
    runs = kit.start(), kit.start("target")
    kit.decide()
    kit.decide()
    return runs


def test_a_signal_to_another_run(kit: Kit) -> None:
    source, target = two(kit)
    kit.signal()
    kit.decide(signal_external("target", "hello", input="in", control="c"))
    initiated = {"workflowId": "target", "signalName": "hello", "input": "in", "control": "c"}
    assert kit.types(source, after=7) == [
        "DTC",
        "SignalExternalWorkflowExecutionInitiated",
        "ExternalWorkflowExecutionSignaled",
        "DTS",
    ]
    wanted = {**initiated, "decisionTaskCompletedEventId": 8}
    assert kit.last(source, "SignalExternalWorkflowExecutionInitiated") == wanted
    told = {"workflowExecution": {"workflowId": "target", "runId": target}, "initiatedEventId": 9}
    assert kit.last(source, "ExternalWorkflowExecutionSignaled") == told
    assert kit.types(target, "target", after=4) == ["WorkflowExecutionSignaled", "DTS"]
    assert kit.last(target, "WorkflowExecutionSignaled", "target") == {
        "signalName": "hello",
        "input": "in",
        "externalWorkflowExecution": {"workflowId": "w", "runId": source},
        "externalInitiatedEventId": 9,
    }


def failure_of(kit: Kit, sent: dict[str, Any], event_type: str) -> dict[str, Any]:
    run_id = kit.start()
    kit.decide(sent)
    assert kit.types(run_id, after=5) == [event_type, "DTS"]
    failure = kit.last(run_id, event_type)
    kit.terminate()
    return failure


def test_a_signal_to_an_unknown_run(kit: Kit) -> None:
    wanted = {
        "workflowId": "target",
        "cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
        "initiatedEventId": 5,
        "decisionTaskCompletedEventId": 4,
    }
    event_type = "SignalExternalWorkflowExecutionFailed"
    assert failure_of(kit, signal_external("target"), event_type) == wanted
    assert failure_of(kit, signal_external("target", control="c"), event_type) == {**wanted, "control": "c"}
    closed = kit.start("target")
    kit.terminate("target")
    kit.start("target", taskList={"name": "elsewhere"})
    assert failure_of(kit, signal_external("target", runId=closed), event_type) == {**wanted, "runId": closed}


def test_a_signal_to_oneself(kit: Kit) -> None:
    run_id = kit.start()
    kit.decide(signal_external("w"))
    assert kit.types(run_id, after=4) == [
        "SignalExternalWorkflowExecutionInitiated",
        "WorkflowExecutionSignaled",
        "ExternalWorkflowExecutionSignaled",
        "DTS",
    ]


def test_several_effects_on_other_runs_schedule_one_task(kit: Kit) -> None:
    source, target = two(kit)
    kit.signal()
    kit.decide(signal_external("target"), cancel_external("target"), signal_external("nobody"))
    assert kit.types(source, after=8) == [
        "SignalExternalWorkflowExecutionInitiated",
        "RequestCancelExternalWorkflowExecutionInitiated",
        "SignalExternalWorkflowExecutionInitiated",
        "ExternalWorkflowExecutionSignaled",
        "ExternalWorkflowExecutionCancelRequested",
        "SignalExternalWorkflowExecutionFailed",
        "DTS",
    ]
    assert kit.types(target, "target", after=4) == [
        "WorkflowExecutionSignaled",
        "DTS",
        "WorkflowExecutionCancelRequested",
    ]


def test_a_cancel_request(kit: Kit) -> None:
    run_id = kit.start()
    kit.task()
    kit.request_cancel()
    kit.request_cancel(runId=run_id)
    assert kit.types(run_id, after=3) == [
        "WorkflowExecutionCancelRequested",
        "DTS",
        "WorkflowExecutionCancelRequested",
    ]
    assert kit.last(run_id, "WorkflowExecutionCancelRequested") == {"externalInitiatedEventId": 0}
    assert kit.status(run_id) == "OPEN"
    refused = kit.refused("RequestCancelWorkflowExecution", domain="test", workflowId="w", runId="r")
    assert refused[0] == "UnknownResourceFault"


def test_a_cancel_request_to_another_run(kit: Kit) -> None:
    source, target = two(kit)
    kit.signal()
    kit.decide(cancel_external("target", runId=target, control="c"))
    initiated = {"workflowId": "target", "runId": target, "control": "c", "decisionTaskCompletedEventId": 8}
    assert kit.last(source, "RequestCancelExternalWorkflowExecutionInitiated") == initiated
    told = {"workflowExecution": {"workflowId": "target", "runId": target}, "initiatedEventId": 9}
    assert kit.last(source, "ExternalWorkflowExecutionCancelRequested") == told
    assert kit.types(source)[-1] == "DTS"
    requested = {"externalWorkflowExecution": {"workflowId": "w", "runId": source}, "externalInitiatedEventId": 9}
    assert kit.last(target, "WorkflowExecutionCancelRequested", "target") == requested
    assert kit.types(target, "target")[-1] == "DTS"
    assert kit.describe(target, "target")["executionInfo"]["cancelRequested"] is True


def test_a_cancel_request_to_an_unknown_run(kit: Kit) -> None:
    event_type = "RequestCancelExternalWorkflowExecutionFailed"
    assert failure_of(kit, cancel_external("target", control="c"), event_type) == {
        "workflowId": "target",
        "cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION",
        "initiatedEventId": 5,
        "decisionTaskCompletedEventId": 4,
        "control": "c",
    }


def test_runs_of_another_domain_cannot_be_reached(kit: Kit) -> None:
    other = Kit(kit.client, "other").register()
    other.start("target")
    failure = failure_of(kit, signal_external("target"), "SignalExternalWorkflowExecutionFailed")
    assert failure["cause"] == "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"


def test_canceling_a_run(kit: Kit) -> None:
    run_id = kit.start()
    kit.request_cancel()
    kit.decide(cancel(details="d"))
    assert kit.status(run_id) == "CANCELED"
    canceled = {"details": "d", "decisionTaskCompletedEventId": 5}
    assert kit.last(run_id, "WorkflowExecutionCanceled") == canceled


def test_terminating_a_run(kit: Kit) -> None:
    run_id = kit.start()
    kit.terminate(reason="r", details="d")
    assert kit.last(run_id, "WorkflowExecutionTerminated") == {
        "reason": "r",
        "details": "d",
        "childPolicy": "ABANDON",
        "cause": "OPERATOR_INITIATED",
    }
    assert kit.status(run_id) == "TERMINATED"
    refused = kit.refused("TerminateWorkflowExecution", domain="test", workflowId="w")
    assert refused == ("UnknownResourceFault", "Unknown execution, workflowId = w")
    assert kit.no_task()


def test_terminating_a_run_by_its_run_id(kit: Kit) -> None:
    first = kit.start()
    refused = kit.refused("TerminateWorkflowExecution", domain="test", workflowId="w", runId="r")
    text = "Unknown execution: WorkflowExecution=[workflowId=w, runId=r]"
    assert refused == ("UnknownResourceFault", text)
    kit.terminate(runId=first)
    assert kit.last(first, "WorkflowExecutionTerminated") == {"childPolicy": "ABANDON", "cause": "OPERATOR_INITIATED"}


def test_terminating_a_run_whose_decider_is_at_work(kit: Kit) -> None:
    run_id = kit.start()
    task = kit.task()
    kit.terminate()
    refused = kit.refused("RespondDecisionTaskCompleted", taskToken=task.token, decisions=[decision("RecordMarker")])
    assert refused[0] == "ValidationException"
    refused = kit.refused("RespondDecisionTaskCompleted", taskToken=task.token)
    assert refused[0] == "UnknownResourceFault"
    assert kit.types(run_id)[-1] == "WorkflowExecutionTerminated"
