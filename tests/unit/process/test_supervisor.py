import pytest

from simpleflow.process import supervisor
from simpleflow.process.supervisor import Forked, Supervisor


def test_the_first_death_costs_no_time_and_the_next_ones_ever_more() -> None:
    waits = [supervisor._patience(deaths) for deaths in range(12)]
    assert waits[:5] == [0, 0.25, 0.5, 1, 2]
    assert waits == sorted(waits)
    assert waits[-1] == 30


class Deaths:
    """Stands in for the kernel: tells of children that end when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.started: list[tuple[int, float]] = []
        self.ended: dict[int, int] = {}

    def spawn(self, number: int) -> Forked:
        self.started.append((number, self.now))
        return Forked(len(self.started))

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        return (pid, self.ended.pop(pid)) if pid in self.ended else (0, 0)


@pytest.fixture
def deaths(monkeypatch: pytest.MonkeyPatch) -> Deaths:
    deaths = Deaths()
    monkeypatch.setattr(supervisor.os, "waitpid", deaths.waitpid)
    return deaths


def test_who_dies_young_again_and_again_is_replaced_later_and_later(deaths: Deaths) -> None:
    made = Supervisor(deaths.spawn, 1, clock=lambda: deaths.now)
    made._due = {0: deaths.now}
    dues = []
    for _ in range(4):
        deaths.now = made._due[0]
        made._start_those_due()
        deaths.ended[len(deaths.started)] = 1 << 8
        made._reap()
        dues.append(made._due[0] - deaths.now)
    assert dues == [0, 0.25, 0.5, 1]
    deaths.now = made._due[0]
    made._start_those_due()
    deaths.now += supervisor.YOUNG_SECONDS
    deaths.ended[len(deaths.started)] = 9
    made._reap()
    assert made._due[0] == deaths.now


def test_nobody_starts_before_it_is_due(deaths: Deaths) -> None:
    made = Supervisor(deaths.spawn, 2, clock=lambda: deaths.now)
    made._due = {0: deaths.now, 1: deaths.now + 1}
    made._start_those_due()
    assert deaths.started == [(0, 100.0)]
    deaths.now += 1
    made._start_those_due()
    assert deaths.started == [(0, 100.0), (1, 101.0)]


def test_what_cannot_be_started_is_tried_again(deaths: Deaths) -> None:
    def refuse(number: int) -> Forked:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    made = Supervisor(refuse, 1, clock=lambda: deaths.now)
    made._due = {0: deaths.now}
    made._start_those_due()
    made._start_those_due()
    assert made._due == {0: deaths.now + 0.25}


def test_the_first_process_of_a_container_reaps_orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = iter([(40, 0), (2, 9), (41, 0), (0, 0)])
    monkeypatch.setattr(supervisor.os, "getpid", lambda: 1)
    monkeypatch.setattr(supervisor.os, "waitpid", lambda pid, options: next(ended))
    assert supervisor._ended({2: (0, 0.0), 3: (1, 0.0)}) == [(2, -9)]
    assert list(ended) == []


def test_nor_has_it_to_have_children(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(pid: int, options: int) -> tuple[int, int]:
        raise ChildProcessError

    monkeypatch.setattr(supervisor.os, "getpid", lambda: 1)
    monkeypatch.setattr(supervisor.os, "waitpid", none)
    assert supervisor._ended({}) == []


@pytest.mark.parametrize(("status", "told"), [(3, "exit code 3"), (-11, "SIGSEGV"), (-50, "signal 50")])
def test_how_a_child_ended(status: int, told: str) -> None:
    assert supervisor._told(status) == told
