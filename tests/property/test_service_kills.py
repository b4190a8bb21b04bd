"""The same deciders, workers and operators over a database that is a file, and a service that is killed.

Calls share commits. A kill comes before a commit, and the calls since the last one never happened; or between a commit
and its answers, and the calls have happened though nobody knows. Either way the service that is read back must be the
one that the changes committed until then make, and all that must always hold goes on to hold.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from test_service_machine import LIMITS, Record, Recorder, ServiceMachine, comparable

from simpleflow.service.check import check
from simpleflow.service.core import Service
from simpleflow.service.database import Database
from simpleflow.service.journal import Change
from simpleflow.service.store import Store

MOMENTS = ["before the commit", "behind the commit"]


@dataclass
class Journals:
    """The journal of a service: the store, and beside it a recorder that the checks read."""

    store: Store
    recorder: Recorder
    #: What the store has taken down and not made durable.
    fresh: list[Change] = field(default_factory=list)

    def commit(self, changes: Sequence[Change]) -> None:
        self.store.commit(changes)
        self.recorder.commit(changes)
        self.fresh.extend(changes)


@dataclass
class Known:
    """What the clients know of tasks, and what was ever given out."""

    decision_tasks: list[str] = field(default_factory=list)
    activity_tasks: list[str] = field(default_factory=list)
    given_out: set[str] = field(default_factory=set)


class KilledService(ServiceMachine):
    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "service.db"
        self.database = Database(self.path)
        self.chance = random.Random(1)
        self.durable: list[Change] = []
        self.answered = Known()
        #: By moment, and by whether something was lost or not yet answered.
        self.kills: Counter[tuple[str, bool]] = Counter()
        self.due = False
        super().__init__()

    def teardown(self) -> None:
        self.journals.store.flush()
        self.journals.store.close()
        report = check(self.path)
        assert report.clean, report
        self.database.close()
        self.folder.cleanup()

    def make(self) -> Service:
        store = Store(self.database, "OFF")
        self.journals = Journals(store, self.journal)
        made = Service(LIMITS, journal=self.journals, archive=store.archive, entropy=self.random.randbytes)
        made.restore(store.domains(), store.types(), store.open_runs(), store.last_serial())
        return made

    @initialize(retention=st.sampled_from(["0", "1"]))
    def register(self, retention: str) -> None:
        super().register(retention)
        self.commit()

    def call(self, operation: str, **request: Any) -> Record:
        try:
            return super().call(operation, **request)
        finally:
            if self.chance.random() < 0.04:
                self.due = True

    @rule()
    def commit(self) -> None:
        """The answers leave."""
        self.flush()
        self.answered = Known(self.decision_tasks[:], self.activity_tasks[:], set(self.given_out))

    def flush(self) -> None:
        self.journals.store.flush()
        self.durable += self.journals.fresh
        self.journals.fresh.clear()

    def check(self) -> None:
        if self.due:
            self.due = False
            self.commit()
        super().check()

    @rule()
    def restart(self) -> None:
        """As after a stop, which drains."""
        self.commit()
        before, answers = comparable(self.service.snapshot()), self.look()
        self.journals.store.close()
        self.service = self.make()
        assert comparable(self.service.snapshot()) == before
        assert self.look() == answers

    @rule(moment=st.sampled_from(MOMENTS))
    def kill(self, moment: str) -> None:
        self.kills[moment, bool(self.journals.fresh)] += 1
        if moment == "behind the commit":
            self.flush()
        else:
            self.given_out = set(self.answered.given_out)
        self.decision_tasks, self.activity_tasks = self.answered.decision_tasks[:], self.answered.activity_tasks[:]
        self.journals.store.close()
        self.journal = Recorder()
        if self.durable:
            self.journal.commit(self.durable)
        self.service = self.make()
        expected = Service(LIMITS)
        self.journal.restore(expected)
        assert comparable(self.service.snapshot()) == comparable(expected.snapshot())


@pytest.mark.parametrize("seed", range(4))
def test_turmoil_and_kills(seed: int) -> None:
    machine = KilledService()
    try:
        machine.register("1")
        for turn in range(25):
            machine.turmoil(100 * seed + turn)
            machine.kill(machine.chance.choice(MOMENTS))
            machine.check()
        assert all(machine.kills[moment, True] > 2 for moment in MOMENTS), machine.kills
    finally:
        machine.teardown()


KilledService.TestCase.settings = settings(max_examples=25, stateful_step_count=30)
TestKilledService = KilledService.TestCase
