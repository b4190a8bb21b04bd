"""Activities in real processes. What one test does to a child does not disturb the next one."""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.processes import family, is_alive, wait_for_end, wait_until

from simpleflow.process.nursery import Plan
from simpleflow.process.outcome import Canceled, Died, Outcome
from simpleflow.process.perform import ActivityCallData, Completed, Failed
from simpleflow.process.pool import Pool, PoolClosed, Running

MODULE = "support.process_activities"
PLAN = Plan(modules=(MODULE,), before=(f"{MODULE}.before",))


def call(name: str, *args: Any) -> ActivityCallData:
    text = json.dumps({"args": args})
    return ActivityCallData(f"{MODULE}.{name}", "v", f"{name}-1", text, "workflow", "run", "domain", "list")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(1, plan=PLAN, grace=0.2) as pool:
        yield pool


@pytest.fixture
def run(pool: Pool) -> Callable[..., Outcome]:
    return lambda name, *args: pool.start(call(name, *args)).wait()


def value(outcome: Outcome) -> Any:
    assert isinstance(outcome, Completed), outcome
    return json.loads(outcome.result)


def when_it_beats(running: Running) -> tuple[Callable[[], str | None], Callable[[], Outcome]]:
    """Waits in a thread: gives the details of the next heartbeat, and the outcome."""
    beats: queue.Queue[str | None] = queue.Queue()
    outcomes: queue.Queue[Outcome] = queue.Queue()
    wait = lambda: outcomes.put(running.wait(lambda: beats.put(running.details)))  # noqa: E731
    threading.Thread(target=wait, daemon=True).start()
    return (lambda: beats.get(timeout=20)), (lambda: outcomes.get(timeout=20))


# -- ordinary tasks


def test_a_child_lives_for_many_tasks(run: Callable[..., Outcome]) -> None:
    assert value(run("add", 1)) == 2
    child = value(run("pid"))
    assert child not in (os.getpid(), None)
    assert value(run("pid")) == child


def test_failures_are_data(run: Callable[..., Outcome]) -> None:
    failed = run("fail")
    assert isinstance(failed, Failed)
    assert failed.reason == "ValueError: boom"
    assert "process_activities.py" in json.loads(failed.details)["traceback"]
    interrupted = run("interrupt")
    assert isinstance(interrupted, Failed)
    assert interrupted.reason.startswith("KeyboardInterrupt")


def test_a_task_runs_in_the_main_thread_of_a_group_of_its_own_and_logs_know_it(run: Callable[..., Outcome]) -> None:
    leads, main, context = value(run("where"))
    assert leads and main
    assert context == {
        "domain": "domain",
        "workflow_id": "workflow",
        "run_id": "run",
        "activity_id": "where-1",
        "attempt": "1",
        "event_id": "0",
        "task_type": f"{MODULE}.where",
        "task_list": "list",
    }


def test_middlewares_are_those_of_the_plan(run: Callable[..., Outcome]) -> None:
    assert value(run("seen_before")) is True


@pytest.mark.parametrize("name", ["os.getpid", "simpleflow.process.find.load"])
def test_nothing_outside_of_the_modules_is_imported(pool: Pool, name: str) -> None:
    outcome = pool.start(ActivityCallData(name, "v", "1", "{}")).wait()
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(f"{name} may not be imported here; this worker serves {MODULE}.")


def test_what_is_no_activity_is_not_called(run: Callable[..., Outcome]) -> None:
    outcome = run("not_an_activity")
    assert isinstance(outcome, Failed)
    assert "expected an activity" in outcome.reason


def test_what_an_activity_writes_is_there_when_it_is_over(capfd: pytest.CaptureFixture[str]) -> None:
    with Pool(1) as pool:
        assert pool.start(call("write", "to stdout")).wait() == Completed("null")
        assert capfd.readouterr().out == "to stdout"


@pytest.mark.parametrize(("how", "code"), [("exit", "3"), ("raise", "1"), ("return", "0")])
def test_what_an_activity_forks_tells_no_outcome(capfd: pytest.CaptureFixture[str], how: str, code: str) -> None:
    with Pool(1) as pool:
        assert value(pool.start(call("fork", how)).wait()) == code
        assert value(pool.start(call("add", 1)).wait()) == 2
    told = capfd.readouterr()
    assert told.out == "forked\n"
    assert ("ValueError: in the fork" in told.err) == (how == "raise")


def test_an_activity_begins_in_the_directory_of_the_worker(run: Callable[..., Outcome], tmp_path: Path) -> None:
    assert run("move", str(tmp_path)) == Completed("null")
    assert value(run("directory")) == os.getcwd()


def test_also_if_there_is_no_such_directory_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with Pool(1, max_tasks_per_child=1) as pool:
        assert [value(pool.start(call("add", x)).wait()) for x in (1, 2)] == [2, 3]


def test_an_activity_may_do_away_with_its_streams() -> None:
    with Pool(1) as pool:
        assert pool.start(call("without_streams")).wait() == Completed("null")
        assert value(pool.start(call("add", 1)).wait()) == 2


def test_a_child_is_replaced_after_its_tasks() -> None:
    with Pool(1, max_tasks_per_child=2) as pool:
        pids = [value(pool.start(call("pid")).wait()) for _ in range(4)]
        assert pids[0] == pids[1] != pids[2] == pids[3]
        wait_for_end(pids[0], pids[2])


# -- children that die


def test_a_death_is_told_with_exit_code_or_signal_and_the_child_replaced(run: Callable[..., Outcome]) -> None:
    child = value(run("pid"))
    assert run("exit_hard") == Died(child, 3)
    child = value(run("pid"))
    assert run("segfault") == Died(child, -signal.SIGSEGV)
    assert value(run("add", 1)) == 2


def test_what_a_dead_activity_has_started_is_ended(run: Callable[..., Outcome], tmp_path: Path) -> None:
    told = tmp_path / "pid"
    died = run("die_with_program", str(told))
    assert isinstance(died, Died) and died.status == -signal.SIGKILL
    wait_for_end(int(told.read_text()))


def test_a_death_is_told_though_a_fork_lives_on(run: Callable[..., Outcome], tmp_path: Path) -> None:
    told = tmp_path / "pid"
    died = run("die_before_fork", str(told))
    os.kill(int(told.read_text()), signal.SIGKILL)
    assert isinstance(died, Died) and died.status == 3


def test_a_task_that_an_idle_child_took_to_its_grave_unread_is_given_to_another(run: Callable[..., Outcome]) -> None:
    for _ in range(20):
        child = value(run("pid"))
        os.kill(child, signal.SIGKILL)  # it may or may not be dead when the next task is sent
        assert value(run("pid")) != child


def test_a_stopped_child_that_is_killed_has_not_begun(pool: Pool, run: Callable[..., Outcome]) -> None:
    child = value(run("pid"))
    os.kill(child, signal.SIGSTOP)
    running = pool.start(call("pid"))
    os.kill(child, signal.SIGKILL)
    assert value(running.wait()) != child


def test_a_child_that_has_closed_its_sockets_is_ended(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simpleflow.process.pool._LAST_BREATH", 0.2)
    died = run("close_everything")
    assert isinstance(died, Died) and died.status == -signal.SIGKILL
    assert value(run("add", 1)) == 2


# -- heartbeats


def test_heartbeats_arrive_with_their_details(pool: Pool) -> None:
    running = pool.start(call("beat", {"done": 1}, "text", None))
    seen: list[str | None] = []
    assert running.wait(lambda: seen.append(running.details)) == Completed("null")
    assert seen == ['{"done":1}', "text", "text"]


def test_details_that_are_too_long_fail_the_activity(run: Callable[..., Outcome]) -> None:
    outcome = run("beat", "x" * 2049)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("JumboTooLargeError: Message too long (2049 chars): heartbeat_details")


def test_a_thread_that_an_activity_left_behind_is_not_heard(pool: Pool, run: Callable[..., Outcome]) -> None:
    run("beat_late")
    running = pool.start(call("beat_for_another"))
    assert running.wait() == Completed("null")
    assert running.details is None


# -- cancellation


@pytest.mark.parametrize(
    ("how", "error"), [("acknowledge", "TaskCanceled"), ("fail", "ValueError")], ids=["acknowledged", "failed"]
)
def test_code_that_is_told_to_end_may_say_something(pool: Pool, how: str, error: str) -> None:
    running = pool.start(call("obey", how))
    next_beat, outcome = when_it_beats(running)
    assert next_beat() == "running"
    running.cancel()
    running.cancel()
    canceled = outcome()
    assert isinstance(canceled, Canceled)
    assert json.loads(canceled.details or "")["error"] == error


def test_a_result_is_kept_in_spite_of_the_cancellation(pool: Pool) -> None:
    running = pool.start(call("obey", "return"))
    next_beat, outcome = when_it_beats(running)
    next_beat()
    running.cancel()
    assert outcome() == Completed('"done"')
    running.cancel()


def test_code_that_goes_on_is_ended_with_all_that_it_started(
    pool: Pool, run: Callable[..., Outcome], tmp_path: Path
) -> None:
    told = tmp_path / "pids"
    running = pool.start(call("hang", str(told)))
    next_beat, outcome = when_it_beats(running)
    next_beat()
    pids = [int(pid) for pid in told.read_text().split()]
    running.cancel()
    assert outcome() == Canceled()
    wait_for_end(*pids)
    assert value(run("add", 1)) == 2


def test_a_program_that_the_code_waits_for_is_told_too(pool: Pool) -> None:
    pool.grace, grace = 20.0, pool.grace
    running = pool.start(call("wait_for_program"))
    next_beat, outcome = when_it_beats(running)
    program = int(next_beat() or "")
    running.cancel()
    canceled = outcome()
    pool.grace = grace
    assert isinstance(canceled, Canceled)
    assert json.loads(canceled.details or "")["message"] == f"ended with {-signal.SIGTERM}"
    assert not is_alive(program)


# -- several tasks in one process


def test_threads_share_a_process() -> None:
    with Pool(1, concurrency=2) as pool:
        both = [pool.start(call("meet")) for _ in range(2)]
        assert len({value(running.wait()) for running in both}) == 1
        assert value(pool.start(call("where")).wait())[1] is False


def test_tasks_are_spread_over_processes_first() -> None:
    with Pool(2, concurrency=2) as pool:
        both = [pool.start(call("obey", "return")) for _ in range(2)]
        assert {child.busy for child in pool._children.values()} == {1}
        for running in both:
            running.cancel()
            assert running.wait() == Completed('"done"')


def test_one_that_does_not_end_takes_no_other_with_it(tmp_path: Path) -> None:
    with Pool(1, concurrency=2, grace=0.1) as pool:
        told, pids, awaited = tmp_path / "told", tmp_path / "pids", tmp_path / "awaited"
        other = pool.start(call("wait_for_file", str(told), str(awaited)))
        wait_until(told.exists, "the other task runs")
        stuck = pool.start(call("hang", str(pids)))
        next_beat, outcome = when_it_beats(stuck)
        next_beat()
        child = int(told.read_text())
        stuck.cancel()
        assert outcome() == Canceled()
        assert is_alive(child)
        assert value(pool.start(call("pid")).wait()) != child  # a new process has taken its place
        awaited.touch()
        assert value(other.wait()) == child
        wait_for_end(child, int(pids.read_text().split()[1]))


# -- the pool itself


def test_a_closed_pool_leaves_nothing_and_takes_nothing(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    with Pool(2) as pool:
        running = pool.start(call("hang", str(told)))
        next_beat, outcome = when_it_beats(running)
        next_beat()
        wait_until(lambda: len(pool.pids()) == 2, "both children")
        everybody = [*family(pool._process.pid), *map(int, told.read_text().split())]
        assert len(set(everybody)) == 4
    assert isinstance(outcome(), Died)
    wait_for_end(*everybody)
    with pytest.raises(PoolClosed):
        pool.start(call("add", 1))
    assert not pool.broken


def test_a_pool_whose_nursery_dies_says_so(tmp_path: Path) -> None:
    told, broken = tmp_path / "pids", threading.Event()
    with Pool(1, on_broken=broken.set) as pool:
        running = pool.start(call("hang", str(told)))
        next_beat, outcome = when_it_beats(running)
        next_beat()
        nursery = psutil.Process(pool._process.pid)
        nursery.kill()
        assert broken.wait(20)
        assert pool.broken
        assert isinstance(outcome(), Died)
        assert isinstance(pool.start(call("add", 1)).wait(), Died)
        wait_for_end(*map(int, told.read_text().split()))


def test_a_module_that_cannot_be_imported_is_told_and_fails_its_tasks(capfd: pytest.CaptureFixture[str]) -> None:
    with Pool(1, plan=Plan(modules=("nosuchmodule",))) as pool:
        outcome = pool.start(ActivityCallData("nosuchmodule.f", "v", "1")).wait()
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("unable to import 'nosuchmodule.f'")
    assert "--module nosuchmodule cannot be imported: ModuleNotFoundError" in capfd.readouterr().err
