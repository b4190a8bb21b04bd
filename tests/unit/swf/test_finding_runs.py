"""Which run of a workflow id is meant, and what is asked of SWF about one."""

from __future__ import annotations

import pytest
from support.stage import DOMAIN, STATES, Stage

from simpleflow.replay.work import RunKey
from simpleflow.swf.errors import Refused
from simpleflow.swf.executions import describe, first_event, newest_run


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.mark.parametrize("state", STATES)
def test_the_newest_run_open_or_closed(state: str, stage: Stage) -> None:
    key = newest_run(stage.client, DOMAIN, state)
    assert key == RunKey(DOMAIN, state, stage.runs[state][-1])


def test_the_open_run_comes_before_those_that_are_closed(stage: Stage) -> None:
    opened = stage.start("failed")
    stage.client.calls.clear()
    assert newest_run(stage.client, DOMAIN, "failed") == RunKey(DOMAIN, "failed", opened)
    assert [name for name, _ in stage.client.calls] == ["ListOpenWorkflowExecutions"]


def test_nobody_has_this_id(stage: Stage) -> None:
    assert newest_run(stage.client, DOMAIN, "nobody") is None
    with pytest.raises(Refused, match="Unknown domain"):
        newest_run(stage.client, "Nowhere", "open")


def test_what_a_run_is_and_how_it_began(stage: Stage) -> None:
    key = RunKey(DOMAIN, "completed", stage.runs["completed"][0])
    assert describe(stage.client, key)["executionInfo"]["closeStatus"] == "FAILED"
    assert first_event(stage.client, key)["eventType"] == "WorkflowExecutionStarted"
    for read in (describe, first_event):
        with pytest.raises(Refused, match="Unknown execution"):
            read(stage.client, key._replace(run_id="none"))
