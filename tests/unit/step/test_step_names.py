"""Which steps run, by their names."""

from __future__ import annotations

import pytest

from simpleflow.step import constants, utils


@pytest.mark.parametrize(
    ("step", "names", "covered"),
    [
        ("a.b.c", ["a"], True),
        ("a.b.c", ["a.b"], True),
        ("a.b.c", ["a.b.c"], True),
        ("a.b.c", ["x", "*"], True),
        ("a.b.c", ["a.b.c.d"], False),
        ("ab", ["a"], False),
        ("a", [], False),
    ],
)
def test_what_is_said_of_a_step_holds_below_it(step: str, names: list[str], covered: bool) -> None:
    assert utils.should_force_step(step, names) is covered
    assert utils.should_skip_step(step, names) is covered


@pytest.mark.parametrize(
    ("done", "forced", "skipped", "itself", "runs", "by_force"),
    [
        ([], [], [], False, True, False),
        (["a"], [], [], False, False, False),
        (["a"], ["a"], [], False, True, False),
        (["a"], [], [], True, True, False),
        ([], [], ["a"], False, False, True),
        ([], ["a"], ["a"], False, True, False),
        ([], [], ["*"], True, True, False),
    ],
)
def test_forced_beats_skipped_beats_done(
    done: list[str], forced: list[str], skipped: list[str], itself: bool, runs: bool, by_force: bool
) -> None:
    assert utils.step_will_run("a", forced, skipped, done, itself) is runs
    assert utils.step_is_forced("a", forced, itself) is (itself or "a" in forced)
    assert utils.step_is_skipped_by_force("a", skipped, forced, itself) is by_force


def test_reasons_are_sorted_and_told_once() -> None:
    reasons = {"a": ["z", "b"], "*": ["b"], "other": ["no"]}
    assert utils.get_step_force_reasons("a.b", reasons) == ["b", "z"]
    assert utils.get_step_skip_reasons("a.b", reasons) == ["b", "z"]


def test_how_the_activities_of_steps_are_scheduled() -> None:
    assert constants.STEP_ACTIVITY_PARAMS_DEFAULT == {
        "schedule_to_start_timeout": 14400,
        "start_to_close_timeout": 60,
        "schedule_to_close_timeout": 14460,
        "heartbeat_timeout": 180,
        "task_priority": 100,
        "version": "1.0",
        "idempotent": True,
        "raises_on_failure": True,
        "retry": 1,
    }
    assert set(constants.UNKNOWN_CONTEXT.values()) == {"unknown"}
