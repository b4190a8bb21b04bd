"""The simulated cluster: a seed says everything, every fault happens, and what goes wrong is reported."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from simpleflow import Workflow, activity, futures
from simpleflow.canvas import Chain, Group
from simpleflow.testing import Cluster, ClusterFailure, prove
from simpleflow.testing.cluster import FAULTS


@activity.with_attributes(name="cluster.add", raises_on_failure=True)
def add(*numbers: int) -> int:
    return sum(numbers)


class Base(Workflow):
    name, version, task_list = "cluster", "1", "decisions"


class Child(Base):
    name = "cluster-child"

    def run(self, x: int) -> Any:
        return self.submit(add, x, 1).result


class Sums(Base):
    """A bit of everything."""

    def run(self, x: int) -> Any:
        chains = self.submit(Group(*(Chain((add, x, n), (add, n), send_result=True) for n in range(3))))
        child = self.submit(Child, x)
        self.submit(self.start_timer("pause", 5)).wait()
        self.submit(self.record_marker("half", {"x": x})).wait()
        return [chains.result, child.result, self.submit(add, child, x).result]


RESULT = [[[10, 10], [11, 12], [12, 14]], 11, 21]


def test_a_cluster_gives_the_right_result_for_every_seed() -> None:
    for seed in range(60):
        assert Cluster(seed).run(Sums, 10) == RESULT


def test_a_seed_says_everything() -> None:
    def trace(seed: int) -> list[str]:
        cluster = Cluster(seed)
        cluster.run(Sums, 10)
        return cluster.trace.lines

    traces = [trace(seed) for seed in range(8)]
    assert traces == [trace(seed) for seed in range(8)]
    assert len(set(map(tuple, traces))) == 8


#: What the trace tells of each kind of fault.
SIGNS = dict(
    zip(
        FAULTS,
        ("is lost", "forgets", "decider 2 dies", "hangs over", "is stopped", "dies in", "hangs in", "restarts"),
        strict=True,
    )
)


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_of_fault_happens_and_does_no_harm(kind: str) -> None:
    lines: list[str] = []
    for seed in range(30):
        cluster = Cluster(seed, faults=[kind])
        assert cluster.run(Sums, 10) == RESULT
        lines += cluster.trace.lines
    text = " ".join(" ".join(lines).split())
    assert SIGNS[kind] in text
    assert not [sign for other, sign in SIGNS.items() if other != kind and sign in text]


def test_without_faults_only_the_order_is_by_chance() -> None:
    orders = set()
    for seed in range(10):
        cluster = Cluster(seed, faults=False)
        assert cluster.run(Sums, 10) == RESULT
        orders.add(tuple(cluster.trace.lines))
        assert not [line for line in cluster.trace.lines if any(sign in line for sign in SIGNS.values())]
    assert len(orders) == 10


def test_an_answer_that_is_repeated_or_late_is_refused() -> None:
    found: Counter[str] = Counter()
    for seed in range(60):
        cluster = Cluster(seed)
        cluster.run(Sums, 10)
        for line in cluster.trace.lines:
            found["decision"] += "answers" in line and "refused: UnknownResourceFault" in line
            found["activity"] += "completes" in line and "refused: UnknownResourceFault" in line
    assert min(found["decision"], found["activity"]) > 3, found


def test_a_dead_worker_costs_no_attempt() -> None:
    """None of these activities is tried again where it fails, and each must succeed."""
    ran: Counter[int] = Counter()
    for seed in range(40):
        cluster = Cluster(seed, faults=["a worker dies", "a worker is stopped", "a worker answers too late"])
        cluster.replace(add, lambda *numbers: ran.update([len(numbers)]) or sum(numbers))
        assert cluster.run(Child, 1) == 2
    assert ran[2] > 40


def test_hooks_hear_of_a_close_whose_acknowledgement_was_lost() -> None:
    heard: Counter[int] = Counter()

    class Hooked(Child):
        def on_completed(self, history: Any) -> None:
            heard[seed] += 1

    for seed in range(60):
        Cluster(seed, faults=["a request or an answer is lost"]).run(Hooked, 1)
    assert [seed for seed in range(60) if heard[seed] < 1] == []


def test_a_decision_that_came_too_late_has_not_been() -> None:
    """What a run saw for it, the time above all, must not stay in a run that lives on."""

    class Clocked(Base):
        def run(self) -> Any:
            for n in range(5):
                self.submit(add, round(self.now().timestamp() * 1000), n).wait()
            return n

    for seed in range(40):
        assert Cluster(seed, deciders=1, faults=["a decider answers too late"]).run(Clocked) == 4


def test_timers_are_not_overtaken_unless_asked_for() -> None:
    class Races(Base):
        def run(self) -> Any:
            slow = self.submit(add, 1)
            done, _ = futures.wait(slow, timeout=60)
            return len(done)

    results = [{Cluster(seed, races=races).run(Races) for seed in range(60)} for races in (False, True)]
    assert results == [{1}, {0, 1}]


def test_a_slow_activity_takes_its_time() -> None:
    cluster = Cluster(1)
    slow = cluster.replace(add, takes=100)
    assert cluster.run(Child, 1) == 2
    assert cluster.elapsed >= 100
    assert slow.calls[0].args == (1, 1)


def test_what_happens_outside_happens_sometime() -> None:
    class Waits(Base):
        def run(self) -> Any:
            self.submit(add, 1).wait()
            return self.submit(self.wait_signal("go")).result["args"]

    places = set()
    for seed in range(20):
        cluster = Cluster(seed)
        execution = cluster.start(Waits)
        cluster.sometime(execution.signal, "go", seed)
        assert execution.result == [seed]
        places.add(next(n for n, line in enumerate(cluster.trace.lines) if "test        signals" in line))
    assert len(places) > 4


def test_what_happens_outside_may_come_too_late() -> None:
    late, ends = 0, set()
    for seed in range(60):
        cluster = Cluster(seed)
        first, second = cluster.start(Child, [1]), cluster.start(Sums, [10])
        cluster.sometime(first.terminate)
        assert second.result == RESULT
        ends.add(first.status)
        late += "is too late" in cluster.trace.text()
    assert ends == {"COMPLETED", "TERMINATED"}
    assert late > 0


# -- what goes wrong is reported


class Fails(Base):
    def run(self) -> Any:
        return self.submit(add, "no number").result


def test_an_execution_that_fails_is_a_report() -> None:
    with pytest.raises(ClusterFailure) as caught:
        Cluster(3, deciders=1, workers=2).run(Fails)
    report = str(caught.value)
    assert report.startswith("seed 3: workflow-1 ends as FAILED: ")
    assert "TypeError" in report
    assert "Cluster(3, deciders=1, workers=2, faults=True, races=False)" in report
    assert "decider 1   takes decision task 3 of workflow-1" in report
    assert "fails activity-cluster.add-1 of workflow-1: TypeError" in report


def test_an_execution_that_waits_for_ever_is_a_report() -> None:
    class Waits(Base):
        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    with pytest.raises(ClusterFailure, match=r"ends as BLOCKED: blocked: waits for signal never \("):
        Cluster(0, faults=False).run(Waits)


def test_code_that_is_not_deterministic_is_a_report() -> None:
    numbers = itertools.count()

    class Changes(Base):
        def run(self) -> Any:
            return self.submit(add, next(numbers)).result

    with pytest.raises(
        ClusterFailure, match=r"a replay differs: event \d+ of the history records(.|\n)*takes decision"
    ):
        Cluster(0).run(Changes)


def test_an_execution_without_an_end_is_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forever(Base):
        def run(self) -> Any:
            self.submit(self.continue_as_new())

    monkeypatch.setattr("simpleflow.testing.cluster._MOST_STEPS", 500)
    with pytest.raises(ClusterFailure, match="not come to an end after 500 steps") as caught:
        Cluster(0).run(Forever)
    assert "lines left out" in str(caught.value)


# -- prove


def test_proof_of_a_workflow_that_stands_everything() -> None:
    assert prove(Sums, [10], seeds=range(20)).value == RESULT


def test_proof_of_a_workflow_that_fails_in_the_same_way() -> None:
    assert prove(Fails, seeds=range(20)).status == "FAILED"


def test_proof_of_a_workflow_that_waits_for_ever_wherever_it_is() -> None:
    class Waits(Base):
        def run(self) -> Any:
            return self.submit(self.wait_signal("never")).result

    # by some of the seeds no decider has the run any more at the end, and so none knows what it waits for
    assert prove(Waits, seeds=range(20)).status == "BLOCKED"


def test_an_activity_that_must_not_run_twice_is_found() -> None:
    """Its result tells how often it ran. Where a worker dies behind it, it runs again."""

    def prepare(cluster: Cluster) -> None:
        calls = itertools.count(1)
        cluster.replace(add, lambda *numbers: next(calls))

    with pytest.raises(ClusterFailure, match=r"with the result 2\. Without faults: .* with the result 1\.") as caught:
        prove(Child, [1], prepare=prepare)
    seed = int(str(caught.value).split()[1].strip(":"))
    again = Cluster(seed)
    prepare(again)
    assert again.run(Child, 1) == 2


def test_a_workflow_that_counts_how_often_it_runs_is_found() -> None:
    runs = itertools.count()

    class Counts(Base):
        def run(self) -> Any:
            next(runs)
            self.submit(add, 1).wait()
            return next(runs)

    with pytest.raises(ClusterFailure):
        prove(Counts)
