"""``workflow.tasks``, ``workflow.profile``, ``task.list`` and ``task.info``."""

from __future__ import annotations

from typing import Any

import pytest
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, INPUT, RESULT, Stage, decision, schedule

from simpleflow.cli.exits import Exit

INCREMENT = "activity-examples.basic.increment-{}"


@pytest.fixture(scope="module")
def shared() -> Stage:
    return Stage()


@pytest.fixture
def stage(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.use(monkeypatch, shared)


def listed(*arguments: str) -> list[dict[str, Any]]:
    ran = run(*arguments, "--format", "json", "--utc")
    assert (ran.code, ran.stderr) == (0, "")
    rows: list[dict[str, Any]] = ran.json()
    return rows


# -- workflow.tasks


def test_tasks_and_signals_the_newest_first(stage: Stage) -> None:
    rows = listed("workflow.tasks", DOMAIN, "open")
    assert [(row["Tasks"], row["Last State"]) for row in rows] == [
        ("gö", "signaled"),
        ("examples.basic", "started"),
        ("examples.basic.increment", "scheduled"),
        ("examples.basic.increment", "started"),
        ("examples.basic.increment", "completed"),
    ]
    assert rows[-1]["Scheduled Time"] < rows[-1]["Last State Time"] < rows[0]["Last State Time"]
    assert rows[0]["Scheduled Time"] is None
    assert listed("workflow.tasks", DOMAIN, "open", "-n", "2") == rows[:2]


def test_all_tasks_of_a_history_of_many_pages(stage: Stage) -> None:
    assert len(listed("workflow.tasks", DOMAIN, "long")) == 600
    profile = listed("workflow.profile", DOMAIN, "long")
    assert sorted(row["Task"] for row in profile) == sorted(INCREMENT.format(number) for number in range(1, 601))


# -- workflow.profile


def test_what_runs_and_what_took_no_time_is_there_too(stage: Stage) -> None:
    rows = {row["Task"]: row for row in listed("workflow.profile", DOMAIN, "open")}
    assert list(rows) == ["child", INCREMENT.format(2), INCREMENT.format(1), INCREMENT.format(3)]
    running, done, waiting = (rows[INCREMENT.format(number)] for number in (2, 1, 3))
    assert (running["Last State"], running["End"]) == ("started", None)
    assert running["Time Running"] == round(stage.now_ms() / 1000 - 1000.008, 3)
    assert (done["Time Scheduled"], done["Time Running"]) == (0.001, 0.001)
    assert done["Start"] < done["End"]
    assert (waiting["Last State"], waiting["Start"], waiting["Time Running"]) == ("scheduled", None, None)
    assert waiting["Time Scheduled"] > 60
    assert waiting["Percentage of total time"] is None


def test_times_are_shares_of_the_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 s in all: one task waited 10 s and ran for 25, another took no time at all."""
    stage = stages.use(monkeypatch, Stage())
    stage.start("timed")
    stage.decide("timed", schedule(1, "timed"), schedule(2, "timed"))
    stage.client.skip(10)
    task = stage.on("PollForActivityTask", taskList={"name": "timed"})
    stage.client.skip(25)
    stage.call("RespondActivityTaskCompleted", taskToken=task["taskToken"])
    stage.client.skip(65)
    stage.decide("timed", decision("CompleteWorkflowExecution"))
    longest, other = listed("workflow.profile", DOMAIN, "timed")
    assert longest["Task"] == INCREMENT.format(1)
    assert longest["Time Scheduled"] == pytest.approx(10, abs=0.02)
    assert longest["Time Running"] == pytest.approx(25, abs=0.02)
    assert longest["Percentage of total time"] == pytest.approx(25, abs=0.1)
    # it never ran, and waited until the execution closed
    assert other["Time Scheduled"] == pytest.approx(100, abs=0.02)
    assert listed("workflow.profile", DOMAIN, "timed", "--nb-tasks", "1") == [longest]
    assert listed("workflow.profile", DOMAIN, "timed", "--sort=-time-scheduled") == [other, longest]


def test_a_task_that_nobody_took_waited_until_it_timed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    stage.start("waits")
    waiting = schedule(1, "nobody")
    waiting["scheduleActivityTaskDecisionAttributes"]["scheduleToStartTimeout"] = "20"
    stage.decide("waits", waiting)
    stage.client.skip(100)
    (row,) = listed("workflow.profile", DOMAIN, "waits")
    assert (row["Last State"], row["Start"], row["Time Running"]) == ("timed_out", None, None)
    assert row["Time Scheduled"] < 101
    stage.start("longer")
    stage.client.skip(100)
    (later,) = listed("workflow.profile", DOMAIN, "waits")
    assert later == row


def test_an_execution_that_took_no_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tasks have no share of it."""
    monkeypatch.setattr(stage, "_now_ms", 1_000_003)
    rows = listed("workflow.profile", DOMAIN, "open")
    assert len(rows) == 4
    assert {row["Percentage of total time"] for row in rows} == {None}


def test_nothing_to_profile(stage: Stage) -> None:
    assert run("workflow.profile", DOMAIN, "terminated").stdout == ""
    assert run("workflow.tasks", DOMAIN, "terminated", "--format", "csv").lines == [
        "Tasks,Last State,Last State Time,Scheduled Time"
    ]


# -- task.list


def test_tasks_by_their_ids_the_oldest_first(stage: Stage) -> None:
    rows = listed("task.list", DOMAIN, "open")
    assert [(row["ID"], row["Type"], row["State"]) for row in rows] == [
        (INCREMENT.format(1), "activity", "completed"),
        (INCREMENT.format(2), "activity", "started"),
        (INCREMENT.format(3), "activity", "scheduled"),
        ("a timer", "timer", "started"),
        ("child", "child_workflow", "started"),
    ]
    assert [bool(row["Started"]) for row in rows] == [True, True, False, False, True]
    assert [bool(row["Ended"]) for row in rows] == [True, False, False, False, False]


def test_a_task_that_is_asked_to_stop_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    cancel = decision("RequestCancelActivityTask", activityId=INCREMENT.format(2))
    stage.decide("open", cancel, decision("CancelTimer", timerId="a timer"))
    rows = {row["ID"]: row for row in listed("task.list", DOMAIN, "open")}
    asked, timer = rows[INCREMENT.format(2)], rows["a timer"]
    assert (asked["State"], asked["Ended"]) == ("cancel_requested", None)
    assert timer["State"] == "canceled" and timer["Ended"] > timer["Scheduled"]


def test_attempts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stages.use(monkeypatch, Stage())
    stage.start("again")

    def attempt() -> tuple[int, str, str | None]:
        (row,) = listed("task.list", DOMAIN, "again")
        return row["Attempt"], row["State"], row["Reason"]

    for number, answer in ((1, "Failed"), (2, "Failed"), (3, "Completed")):
        stage.decide("again", schedule(1, "again"))
        assert attempt() == (number, "scheduled", None)
        stage.work("again", answer, **({"reason": "nö"} if answer == "Failed" else {}))
        assert attempt() == (number, answer.lower(), "nö" if answer == "Failed" else None)


# -- task.info


def test_an_activity(stage: Stage) -> None:
    (row,) = listed("task.info", DOMAIN, "completed", INCREMENT.format(1))
    assert row.pop("timestamp").startswith("1970-01-01T00:16:40.")
    assert row == {
        "type": "activity",
        "id": INCREMENT.format(1),
        "name": "examples.basic.increment",
        "version": "example",
        "state": "completed",
        "input": INPUT,
        "result": RESULT,
        "reason": None,
    }


def test_a_failure_and_its_details(stage: Stage) -> None:
    (row,) = listed("task.info", DOMAIN, "failed", INCREMENT.format(1))
    assert (row["state"], row["reason"]) == ("failed", "nö\nno")
    assert "details" not in row
    (row,) = listed("task.info", DOMAIN, "failed", INCREMENT.format(1), "--details")
    assert '"error": "ValueError"' in row["details"]


@pytest.mark.parametrize(
    ("task_id", "type", "state"), [("child", "child_workflow", "started"), ("a timer", "timer", "started")]
)
def test_other_kinds_of_tasks(task_id: str, type: str, state: str, stage: Stage) -> None:
    (row,) = listed("task.info", DOMAIN, "open", task_id)
    assert (row["type"], row["id"], row["state"]) == (type, task_id, state)
    assert row["timestamp"]


def test_an_unknown_task(stage: Stage) -> None:
    ran = run("task.info", DOMAIN, "open", "nothing")
    assert (ran.code, ran.stdout) == (Exit.NOT_FOUND, "")
    assert ran.stderr.startswith("Error: the execution 'open' has no task 'nothing'; `simpleflow task.list TestDomain ")
