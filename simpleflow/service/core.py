"""The service: one door, `call`, for HTTP, local mode and tests alike.

A call is one transaction. What is due by its instant happens first, each expiry as a transaction of its own. Then the
operation checks, computes and changes; its changes go to the journal together, and only then is anybody told that a
task list got a task. A Fault changes nothing.

If anything else goes wrong in the middle, the memory may hold half a transaction that the journal does not have. The
service then refuses to go on: make a new one and restore it from what the journal kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from . import faults
from .deadlines import Key
from .events import Event
from .execution import Execution, Ledger
from .faults import Fault
from .journal import Domain, DomainPut, Journal, NullJournal, Run, Type, TypePut
from .limits import Limits
from .operations import OPERATIONS, Answer, Desk, Request
from .operations.tasks import abandon_decision_task
from .rates import Buckets
from .registry import Registry
from .runs import Entropy, Runs
from .state import State
from .tasklists import ListName, Ref, TaskLists
from .visibility import Archive, MemoryArchive

DEFAULT_REGION = "us-east-1"

#: Polls write an event too, but a task that is being handed over is not taken back for the length of its history.
_POLLS = frozenset({"PollForDecisionTask", "PollForActivityTask"})

Argument = TypeVar("Argument")
Result = TypeVar("Result")

#: Called with kind (`decision` or `activity`), region, domain and name of a list that got a task.
TaskListener = Callable[[str, str, str, str], None]


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One open run as a journal gives it back: nonces by scheduledEventId, heartbeats as (instant, latest details)."""

    run: Run
    events: list[Event]
    nonces: dict[int, str] = field(default_factory=dict)
    heartbeats: dict[int, tuple[int, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that can be computed from a journal, in a form to compare."""

    states: dict[str, State]
    deadlines: dict[Key, int]
    task_lists: dict[ListName, list[tuple[Ref, bool]]]


class Service:
    def __init__(
        self,
        limits: Limits | None = None,
        *,
        journal: Journal | None = None,
        archive: Archive | None = None,
        entropy: Entropy = secrets.token_bytes,
        on_task_available: TaskListener | None = None,
    ) -> None:
        """`on_task_available` is called behind the commit of the call that made a task ready."""
        self._journal = NullJournal() if journal is None else journal
        self._listener = on_task_available
        self._filled: list[ListName] = []
        self._broken = False
        lists: TaskLists[Execution] = TaskLists(self._filled.append)
        self._ledger = Ledger(limits or Limits(), lists)
        registry = Registry()
        closed = MemoryArchive() if archive is None else archive
        self._runs = Runs(self._ledger, registry, closed, entropy)
        buckets = Buckets(self._ledger.limits.rates)
        self._desk = Desk(self._ledger.limits, self._ledger, registry, self._runs, closed, buckets)

    # -- the door ------------------------------------------------------------------------------------

    def call(self, operation: str, request: Request, now_ms: int, region: str = DEFAULT_REGION) -> Answer:
        """Carry out one operation on a request that has passed validation; raises a Fault."""
        handler = OPERATIONS.get(operation)
        if handler is None:
            raise faults.unknown_operation(operation)
        self.expire(now_ms)
        if not self._desk.buckets.take(region, operation, now_ms):
            raise faults.throttling()
        self._desk.region = region
        return self._transact(handler, self._desk, request, operation not in _POLLS)

    def next_due(self) -> int | None:
        """The earliest instant at which a timer or a timeout falls due."""
        return self._ledger.deadlines.next_due()

    def expire(self, now_ms: int) -> int:
        """Let happen what is due by `now_ms`; how many timers and timeouts that were."""
        self._check_usable()
        self._ledger.now_ms = now_ms
        expired = 0
        while (due := self._ledger.deadlines.pop_due(now_ms)) is not None:
            self._transact(_expire, self._desk, due, True)
            expired += 1
        if self._runs.purge():
            self._commit()
        return expired

    def abandon_decision_task(self, task_token: str, now_ms: int, region: str = DEFAULT_REGION) -> None:
        """Time out a decision task at once, since nobody received the answer to its poll; raises a Fault."""
        self.expire(now_ms)
        self._desk.region = region
        self._transact(abandon_decision_task, self._desk, task_token, True)

    # -- reading back --------------------------------------------------------------------------------

    def restore(
        self, domains: Iterable[Domain], types: Iterable[Type], runs: Iterable[StoredRun], last_serial: int = 0
    ) -> None:
        """Take in what a journal kept; once, before the first call.

        `runs` come in the order of their serials: the open ones, and the closed ones unless the archive has them.
        """
        for domain in domains:
            self._desk.registry.apply(DomainPut(domain))
        for type in types:
            self._desk.registry.apply(TypePut(type))
        for stored in runs:
            execution = Execution(stored.run, self._ledger)
            for event in stored.events:
                execution.replay(event)
            for scheduled_id, nonce in stored.nonces.items():
                execution.restore_nonce(scheduled_id, nonce)
            for scheduled_id, (at_ms, details) in stored.heartbeats.items():
                execution.restore_heartbeat(scheduled_id, at_ms, details)
            self._runs.restore(execution)
        self._runs.reserve_serials(last_serial)
        self._filled.clear()

    def snapshot(self) -> Snapshot:
        runs = {execution.run.run_id: execution.state for execution in self._runs.open_runs()}
        return Snapshot(runs, self._ledger.deadlines.entries(), self._ledger.task_lists.waiting())

    # -- watching ------------------------------------------------------------------------------------

    def backlog(self) -> dict[ListName, int]:
        """The number of tasks that wait, by task list."""
        return self._ledger.task_lists.backlog()

    def open_executions(self) -> dict[tuple[str, str], int]:
        """The number of open executions, by region and domain."""
        return self._runs.open_counts()

    def regions_of(self, domain: str) -> list[str]:
        """The regions that have a domain of that name."""
        return self._desk.registry.regions_of(domain)

    # -- transactions --------------------------------------------------------------------------------

    def _transact(
        self, act: Callable[[Desk, Argument], Result], desk: Desk, argument: Argument, enforce: bool
    ) -> Result:
        try:
            result = act(desk, argument)
            if enforce:
                self._runs.enforce_history_limit()
            self._ledger.overlong.clear()
            self._commit()
        except Fault:
            self._broken = bool(self._ledger.changes)
            raise
        except BaseException:
            self._broken = True
            raise
        return result

    def _commit(self) -> None:
        changes = self._ledger.changes
        if not changes:
            return
        self._journal.commit(changes)
        self._ledger.changes = []
        filled, listener = self._filled[:], self._listener
        self._filled.clear()
        if listener is not None:
            for name in filled:
                listener(*name)

    def _check_usable(self) -> None:
        if self._broken:
            raise faults.internal_failure("An earlier call failed half way; restore the service from its journal")


def _expire(desk: Desk, due: tuple[Execution, int, int]) -> None:
    execution, rank, ref = due
    execution.expire(rank, ref)
    desk.runs.settle()
