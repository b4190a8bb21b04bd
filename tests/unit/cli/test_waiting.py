"""The end of executions, waited for: ``workflow.wait`` and ``workflow.result``."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support import stage as stages
from support.command_line import Ran, run
from support.stage import DOMAIN, RESULT, STATES, Stage, complete, continue_as_new, decision

from simpleflow.cli import following
from simpleflow.cli.exits import Exit
from simpleflow.swf.errors import Refused, Unreachable

CODES = {
    "completed": Exit.DONE,
    "long": Exit.DONE,
    "failed": Exit.FAILED,
    "timed_out": Exit.TIMED_OUT,
    "canceled": Exit.CANCELED,
    "terminated": Exit.TERMINATED,
}
TOLD = {
    "failed": "failed: Workflow execution error: nö",
    "timed_out": "timed out",
    "canceled": "was canceled",
    "terminated": "was terminated: no longer needed",
}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.use(monkeypatch, Stage())


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)


class Pauses:
    """What happens at the first pauses; there are no others. ``seconds`` is how long each was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds: list[float] = []
        self._plays: list[Callable[[], object]] = []
        monkeypatch.setattr(following, "pause", self)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self._plays.pop(0)()

    def play(self, *plays: Callable[[], object]) -> None:
        self._plays = list(plays)


def nothing() -> None:
    """A pause in which nothing happens."""


def waits(stage: Stage, workflow_id: str = "w") -> str:
    """An execution that has been started."""
    return stage.start(workflow_id)


def completes(stage: Stage) -> None:
    stage.decide("w", complete())


def both(words: list[str]) -> list[list[str]]:
    return [["workflow.wait", DOMAIN, *words], ["workflow.result", DOMAIN, *words, "--wait"]]


# -- of what has ended


@pytest.mark.parametrize("state", sorted(CODES))
def test_the_exit_code_tells_how_it_ended(stage: Stage, state: str) -> None:
    for words in both([state]):
        ran = run(*words)
        assert ran.code == CODES[state]
        first = ran.stderr.partition("\n")[0]
        assert first == (f"Error: the execution {state!r} {TOLD[state]}" if state in TOLD else "")


def test_every_state_is_looked_at() -> None:
    assert sorted([*CODES, "open"]) == sorted(STATES)


@pytest.mark.parametrize("options", [[], ["--wait"], ["--timeout", "0"]])
def test_the_result_is_json_on_stdout(stage: Stage, options: list[str]) -> None:
    ran = run("workflow.result", DOMAIN, "completed", *options)
    assert (ran.code, json.loads(ran.stdout), ran.stdout.count("\n"), ran.stderr) == (Exit.DONE, RESULT, 1, "")
    assert run("workflow.wait", DOMAIN, "completed") == Ran(Exit.DONE, "", "")


def test_a_result_that_stdout_cannot_write_is_ascii(stage: Stage) -> None:
    ran = run("workflow.result", DOMAIN, "completed", encoding="ascii")
    assert json.loads(ran.stdout) == RESULT


def test_why_there_is_no_result(stage: Stage) -> None:
    ran = run("workflow.result", DOMAIN, "failed")
    assert (ran.code, ran.stdout) == (Exit.FAILED, "")
    assert ran.stderr == "Error: the execution 'failed' failed: Workflow execution error: nö\nTraceback:\n  line\n"


def test_a_run_is_the_one_that_is_named(stage: Stage) -> None:
    older = stage.runs["completed"][0]
    ran = run("workflow.result", DOMAIN, "completed", older)
    assert (ran.code, ran.stderr) == (Exit.FAILED, "Error: the execution 'completed' failed: an older run\n")


def test_what_is_open_has_no_result(stage: Stage) -> None:
    ran = run("workflow.result", DOMAIN, "open")
    assert (ran.code, ran.stdout) == (Exit.NOT_FOUND, "")
    assert ran.stderr == "Error: the execution 'open' is open, so it has no result yet; --wait waits for it.\n"


# -- of what ends meanwhile


def test_waits_for_the_end(stage: Stage, pauses: Pauses) -> None:
    for words in both(["w"]):
        waits(stage)
        pauses.play(nothing, lambda: completes(stage))
        ran = run(*words)
        assert (ran.code, ran.stderr) == (Exit.DONE, "")
    assert json.loads(ran.stdout) == RESULT
    assert pauses.seconds == [0.1] * 4


def test_amazon_is_asked_less_often(stage: Stage, pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.client, "is_amazon", True)
    waits(stage)
    pauses.play(lambda: completes(stage))
    assert run("workflow.wait", DOMAIN, "w").code == Exit.DONE
    assert pauses.seconds == [2.0]


@pytest.mark.parametrize("named", [False, True])
def test_a_run_that_continues_as_new_is_followed(stage: Stage, pauses: Pauses, named: bool) -> None:
    run_id = waits(stage)
    again = continue_as_new("w")
    pauses.play(lambda: stage.decide("w", again), lambda: stage.decide("w", again), lambda: completes(stage))
    words = ["workflow.result", DOMAIN, "w", *([run_id] if named else [])]
    assert json.loads(run(*words, "--wait").stdout) == RESULT
    assert json.loads(run(*words).stdout) == RESULT
    looked_at = [request["execution"]["runId"] for request in stage.client.requests("GetWorkflowExecutionHistory")]
    assert len(set(looked_at)) == 3


def test_a_wait_that_takes_too_long(stage: Stage, pauses: Pauses) -> None:
    pauses.play(lambda: stage.wait(0.1), lambda: stage.wait(0.1), lambda: stage.wait(0.05))
    for words in (["workflow.wait", DOMAIN, "open"], ["workflow.result", DOMAIN, "open"]):
        ran = run(*words, "--timeout", "0.25" if "workflow.wait" in words else "0")
        assert (ran.code, ran.stdout) == (Exit.TIMED_OUT, "")
    assert pauses.seconds == pytest.approx([0.1, 0.1, 0.05])
    assert ran.stderr == "Error: the execution 'open' is still open after 0 s.\n"


@pytest.mark.parametrize("words", both(["open"]))
def test_ctrl_c(stage: Stage, pauses: Pauses, words: list[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    pauses.play(nothing, interrupt)
    ran = run(*words)
    assert (ran.code, ran.stdout, ran.stderr.strip()) == (Exit.INTERRUPTED, "", "interrupted")


LOST = Unreachable("SWF cannot be reached at https://swf.example: no route")
THROTTLED = Refused("GetWorkflowExecutionHistory", "ThrottlingException", "Rate exceeded", 400)
DENIED = Refused("GetWorkflowExecutionHistory", "AccessDeniedException", "no", 400)


def fails(stage: Stage, *errors: Exception) -> Callable[[], None]:
    return lambda: stage.client.fail_next.update(GetWorkflowExecutionHistory=list(errors))


def test_what_passes_is_waited_out_and_told_once(stage: Stage, pauses: Pauses) -> None:
    waits(stage)
    pauses.play(fails(stage, LOST, THROTTLED), nothing, nothing, fails(stage, LOST), lambda: completes(stage))
    ran = run("workflow.wait", DOMAIN, "w")
    assert (ran.code, ran.stderr) == (Exit.DONE, f"{LOST}; still waiting\n" * 2)


def test_what_does_not_pass_is_not(stage: Stage, pauses: Pauses) -> None:
    pauses.play(fails(stage, DENIED))
    ran = run("workflow.wait", DOMAIN, "open")
    assert (ran.code, ran.stderr) == (Exit.FAILED, f"Error: {DENIED}\n")


def test_nothing_is_waited_for_where_nobody_answers(stage: Stage, pauses: Pauses) -> None:
    fails(stage, LOST)()
    ran = run("workflow.wait", DOMAIN, "open")
    assert ran.code == Exit.FAILED
    assert ran.stderr.startswith(f"Error: {LOST}; check that it is up") and ran.stderr.count("\n") == 1


def test_a_result_that_cannot_be_read_is_told_in_a_line(stage: Stage) -> None:
    waits(stage)
    stage.decide("w", decision("CompleteWorkflowExecution", result="[1e999]"))
    ran = run("workflow.result", DOMAIN, "w")
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (Exit.FAILED, "", 1)


def test_a_payload_that_may_not_be_followed_is_told_in_a_line(stage: Stage) -> None:
    waits(stage)
    stage.decide("w", decision("CompleteWorkflowExecution", result="simpleflow+s3://elsewhere/x 9"))
    ran = run("workflow.result", DOMAIN, "w")
    assert (ran.code, ran.stdout, ran.stderr.count("\n")) == (Exit.FAILED, "", 1)
    assert "SIMPLEFLOW_JUMBO_FIELDS_READ" in ran.stderr
