"""``simpleflow.swf.task``, ``utils``, ``helpers`` and ``executor``: names that code of users imports."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from support.histories import Written
from support.swf_in_process import InProcessClient

from simpleflow import Workflow, activity, task
from simpleflow.exceptions import NotFound
from simpleflow.history import History
from simpleflow.local.run import execute
from simpleflow.swf import executor, helpers, identity, utils
from simpleflow.swf import task as swf_task
from simpleflow.swf.errors import Refused


@activity.with_attributes(version="1", task_list="work")
def triple(x: int = 0, **given: Any) -> Any:
    return given or x * 3


class Triples(Workflow):
    name = "kept.triples"
    version = "1"
    task_list = "decide"

    def run(self, x: int) -> Any:
        return self.submit(swf_task.ActivityTask(triple, x)).result


class Child(Workflow):
    name = "kept.child"
    version = "1"
    task_list = "decide"

    def run(self, *, again: bool = False) -> str:
        if not again:
            self.submit(swf_task.ContinueAsNewWorkflowTask(again=True))
        return "child"


class Everything(Workflow):
    name = "kept.everything"
    version = "1"
    task_list = "decide"

    def run(self) -> Any:
        self.submit(swf_task.MarkerTask("m", {"a": 1}))
        timer = self.submit(swf_task.TimerTask("t", 3600, "control"))
        self.submit(swf_task.CancelTimerTask("t"))
        timer.wait()
        me = self.get_run_context()
        sent = self.submit(swf_task.SignalTask("s", me["workflow_id"], me["run_id"], None, {"more": 1}, 1, two=2))
        sent.wait()
        return {
            "foreign": self.submit(swf_task.NonPythonicActivityTask(triple, 5)).result,
            "child": self.submit(swf_task.WorkflowTask(self.executor, Child)).result,
            "signal": self.submit(self.wait_signal("s")).result,
            "marker": self.list_markers()[0].details,
            "timer": timer.cancelled,
        }


def test_each_task_can_be_submitted_under_its_old_name() -> None:
    ended = execute(Everything)
    assert json.loads(ended.result or "") == {
        "foreign": 15,
        "child": "child",
        "signal": {"args": [1], "kwargs": {"two": 2}, "more": 1},
        "marker": {"a": 1},
        "timer": True,
    }


def test_every_task_is_one_for_swf() -> None:
    assert isinstance(task.TimerTask("t", 1), swf_task.SwfTask)
    assert swf_task.ActivityTask(triple, 1).payload is triple
    with pytest.raises(ValueError, match="not both"):
        swf_task.NonPythonicActivityTask(triple, 1, x=2)


# -- executions


@pytest.fixture
def client() -> InProcessClient:
    client = InProcessClient()
    client.call("RegisterDomain", {"name": "d", "workflowExecutionRetentionPeriodInDays": "1"})
    client.call("RegisterWorkflowType", {"domain": "d", "name": "kept.triples", "version": "1"})
    return client


def started(client: InProcessClient) -> str:
    answer = client.call(
        "StartWorkflowExecution",
        {
            "domain": "d",
            "workflowId": "w",
            "workflowType": {"name": "kept.triples", "version": "1"},
            "taskList": {"name": "decide"},
            "childPolicy": "TERMINATE",
            "executionStartToCloseTimeout": "60",
            "taskStartToCloseTimeout": "60",
            "tagList": ["a", "b"],
            "input": "{}",
        },
    )
    return str(answer["runId"])


def test_the_open_execution_is_found_and_then_the_closed_one(client: Any) -> None:
    run_id = started(client)
    found = utils.get_workflow_execution("d", "w", client=client)
    assert (found.domain, found.workflow_id, found.run_id) == ("d", "w", run_id)
    assert found.workflow_type == {"name": "kept.triples", "version": "1"}
    assert (found.status, found.close_status, found.close_timestamp) == ("OPEN", None, None)
    assert found.tag_list == ("a", "b")
    assert found.start_timestamp > 0
    client.call("TerminateWorkflowExecution", {"domain": "d", "workflowId": "w"})
    closed = utils.get_workflow_execution("d", "w", client=client)
    assert (closed.run_id, closed.status, closed.close_status) == (run_id, "CLOSED", "TERMINATED")
    assert closed.close_timestamp is not None
    newer = started(client)
    assert utils.get_workflow_execution("d", "w", client=client).run_id == newer
    assert utils.get_workflow_execution("d", "w", run_id, client=client) == closed


def test_an_execution_that_is_not_there(client: Any) -> None:
    with pytest.raises(ValueError, match=r"no execution 'nobody' in the domain d"):
        utils.get_workflow_execution("d", "nobody", client=client)
    with pytest.raises(ValueError, match=r"no execution 'w' run"):
        utils.get_workflow_execution("d", "w", "run", client=client)
    assert helpers.get_workflow_execution("d", "nobody", client=client) is None
    client.fail_next["DescribeWorkflowExecution"] = [Refused("D", "OperationNotPermittedFault", "no", 400)]
    with pytest.raises(Refused):
        utils.get_workflow_execution("d", "w", "run", client=client)


def test_the_history_of_an_execution(client: Any) -> None:
    run_id = started(client)
    history = utils.get_workflow_history("d", "w", client=client)
    assert isinstance(history, History)
    assert history.events[0]["eventType"] == "WorkflowExecutionStarted"
    found = helpers.get_workflow_execution("d", "w", run_id, client=client)
    assert found is not None
    assert found.history().events == history.events


# -- activities


POLLED = {
    "taskToken": "t",
    "activityId": "a",
    "activityType": {"name": "n", "version": "v"},
    "workflowExecution": {"workflowId": "w", "runId": "r"},
    "startedEventId": 3,
    "input": '{"args": [1]}',
}


def test_what_an_activity_may_know_of_its_task() -> None:
    assert utils.sanitize_activity_context(POLLED) == {
        "name": "n",
        "version": "v",
        "workflow_id": "w",
        "run_id": "r",
        "activity_id": "a",
        "input": {"args": [1]},
    }


def history_of_two_attempts() -> tuple[Written, int, int]:
    recorded = Written(Triples, 2)
    recorded.begin()
    recorded.end()
    first = recorded.scheduled(triple, 1, [2], taskList={"name": "work"})
    recorded.add("ActivityTaskFailed", scheduledEventId=first, startedEventId=0, reason="no", details="")
    second = recorded.scheduled(triple, 1, [2], taskList={"name": "work"})
    return recorded, first, second


def test_an_activity_is_found_by_its_id_and_by_the_event_of_any_attempt() -> None:
    recorded, first, second = history_of_two_attempts()
    history = History(recorded.events)
    name = f"activity-{triple.name}-1"
    for wanted in ({"activity_id": name}, {"scheduled_id": first}, {"scheduled_id": second}):
        found, args, kwargs, meta, told = helpers.find_activity(history, **wanted)
        assert (found, args, kwargs, meta, told["id"]) == (triple, [2], {}, {}, name)
    _, args, kwargs, meta, _ = helpers.find_activity(
        history, activity_id=name, input={"kwargs": {"x": 3}, "meta": {"m": 1}}
    )
    assert (args, kwargs, meta) == ([], {"x": 3}, {"m": 1})


def test_an_activity_that_is_not_there() -> None:
    recorded, _, _ = history_of_two_attempts()
    history = History(recorded.events)
    with pytest.raises(ValueError, match="with the id 'nothing'"):
        helpers.find_activity(history, activity_id="nothing")
    with pytest.raises(ValueError, match="scheduled by event 1 "):
        helpers.find_activity(history, scheduled_id=1)
    recorded.add(
        "ActivityTaskScheduled",
        activityId="x",
        activityType={"name": "no.such.code", "version": "1"},
        input="{}",
        taskList={"name": "work"},
        decisionTaskCompletedEventId=0,
    )
    with pytest.raises(NotFound, match=r"no\.such\.code"):
        helpers.find_activity(History(recorded.events), activity_id="x")


def test_the_identity_is_the_one_that_polls() -> None:
    assert helpers.swf_identity is identity.swf_identity


# -- classes in inputs


def test_the_class_of_an_execution_is_written_into_its_input_and_read_from_the_event() -> None:
    given: dict[str, Any] = {"args": [1]}
    utils.set_workflow_class_name(given, Triples)
    path = f"{__name__}.Triples"
    assert given == {"args": [1], "__extra": {"class": path}}
    event = {
        "eventType": "WorkflowExecutionStarted",
        "workflowExecutionStartedEventAttributes": {"workflowType": {"name": "type"}, "input": json.dumps(given)},
    }
    assert utils.get_name_from_event(event) == path
    for other in ({"input": '{"args": []}'}, {"input": "[1]"}, {}):
        event["workflowExecutionStartedEventAttributes"] = {"workflowType": {"name": "type"}, **other}
        assert utils.get_name_from_event(event) == "type"


# -- the executor


def test_a_history_is_replayed() -> None:
    recorded = Written(Triples, 2)
    recorded.begin()
    first = executor.Executor("d", Triples, "elsewhere").replay(SimpleNamespace(history=History(recorded.events)))
    [decision] = first.decisions
    attributes = decision["scheduleActivityTaskDecisionAttributes"]
    assert (attributes["activityId"], attributes["taskList"]) == (f"activity-{triple.name}-1", {"name": "elsewhere"})
    assert first.execution_context is None
    recorded.end()
    recorded.completed(recorded.scheduled(triple, 1, [2], taskList={"name": "work"}), 6)
    recorded.begin()
    second = executor.Executor(SimpleNamespace(name="d"), Triples).replay(History(recorded.events))
    [decision] = second.decisions
    assert decision["completeWorkflowExecutionDecisionAttributes"]["result"] == "6"


@pytest.mark.parametrize("ids", [{}, {"repair_workflow_id": "w", "repair_run_id": "r"}])
@pytest.mark.parametrize("given", [[2], {"args": [2], "kwargs": {}, "__extra": {"class": "c"}}])
def test_a_history_is_replayed_as_the_repair_of_another(given: Any, ids: dict[str, str]) -> None:
    old = Written(Triples, 2)
    old.begin()
    old.end()
    old.completed(old.scheduled(triple, 1, [2], taskList={"name": "work"}), 6)
    new = Written(Triples, 2)
    new.events[0]["workflowExecutionStartedEventAttributes"]["input"] = json.dumps(given)
    new.begin()
    before = json.dumps(new.events)
    lists = []
    for force in (None, "nothing", "tripl.-1$"):
        made = executor.Executor("d", Triples, None, History(old.events), force, **ids)  # type: ignore[arg-type]
        [decision] = made.replay(History(new.events)).decisions
        lists.append(decision["scheduleActivityTaskDecisionAttributes"]["taskList"]["name"])
    assert [name.startswith("FAKE-") for name in lists] == [True, True, False]
    assert json.dumps(new.events) == before


class Waits(Workflow):
    name = "kept.waits"
    version = "1"
    task_list = "decide"

    def run(self) -> None:
        self.submit(self.wait_signal("go")).wait()


def test_a_replay_tells_the_execution_context_and_knows_the_ids_of_the_run() -> None:
    recorded = Written(Waits)
    recorded.begin()
    execution = SimpleNamespace(workflow_id="w", run_id="r")
    answer = executor.Executor("d", Waits).replay(
        SimpleNamespace(history=History(recorded.events), execution=execution)
    )
    assert (answer.decisions, answer.execution_context) == ([], {"waiting_signals": ["go"]})
