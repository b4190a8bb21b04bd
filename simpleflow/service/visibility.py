"""Who sees which runs: the filters of list and count, the order of their results, and what is told of one run.

`Shelf` keeps runs sorted by an instant, once for all of them and once for each value that a filter may ask for, so that
a page costs its own length and not that of the shelf. `Archive` is the port to the closed runs; in memory they lie on
two shelves, by start and by close.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from .events import Event, given
from .journal import ClosedRun, Run
from .limits import DAY_MS
from .state import State

Item = TypeVar("Item")
#: Instant in milliseconds and serial of the run.
Position = tuple[int, int]
#: A filter and its value: ("execution", id), ("type", name), ("version", name, version), ("tag", tag), ("status", s).
Filter = tuple[str, ...]

ALL: Filter = ()
_BEFORE_ALL, _AFTER_ALL = -1, 1 << 62


@dataclass(frozen=True, slots=True)
class Query:
    """Which runs of a domain, in which order."""

    region: str
    domain: str
    #: The instant that counts: `start` or `close`.
    by: str
    oldest_ms: int
    #: Inclusive, as `oldest_ms` is.
    latest_ms: int
    filter: Filter = ALL
    #: Newest first unless set.
    ascending: bool = False


# -- what is told of a run ---------------------------------------------------------------------------


def info(run: Run, state: State) -> dict[str, Any]:
    """The executionInfo of a run."""
    origin = state.origin
    found: dict[str, Any] = {
        "execution": run.ref(),
        "workflowType": origin["workflowType"],
        "startTimestamp": state.started_ms / 1000,
        "executionStatus": "OPEN" if state.is_open else "CLOSED",
        "cancelRequested": state.cancel_requested and state.is_open,
    }
    if not state.is_open:
        found["closeStatus"] = state.close_status
        found["closeTimestamp"] = state.closed_ms / 1000
    for name, member in (("parent", "parentWorkflowExecution"), ("tagList", "tagList")):
        if member in origin:
            found[name] = origin[member]
    return found


_CONFIGURATION = (
    "taskStartToCloseTimeout",
    "executionStartToCloseTimeout",
    "childPolicy",
    "taskPriority",
    "lambdaRole",
)


def describe(run: Run, state: State) -> dict[str, Any]:
    """The answer to DescribeWorkflowExecution. Closing a run does not close what was open in it."""
    origin = state.origin
    configuration = {**given(origin, _CONFIGURATION), "taskList": {"name": state.task_list}}
    answer: dict[str, Any] = {
        "executionInfo": info(run, state),
        "executionConfiguration": configuration,
        "openCounts": {
            "openActivityTasks": len(state.activities),
            "openTimers": len(state.timers),
            "openChildWorkflowExecutions": sum(1 for started_id in state.children.values() if started_id),
            "openDecisionTasks": 0 if state.scheduled is None else 1,
            "openLambdaFunctions": 0,
        },
    }
    if state.latest_activity_ms is not None:
        answer["latestActivityTaskTimestamp"] = state.latest_activity_ms / 1000
    if state.execution_context is not None:
        answer["latestExecutionContext"] = state.execution_context
    return answer


def closed_run(run: Run, state: State, retention: str) -> ClosedRun:
    """What stays of a run that has closed; `retention` is that of its domain, as registered."""
    days = 0 if retention == "NONE" else int(retention)
    return ClosedRun(run, state.started_ms, state.closed_ms, state.closed_ms + days * DAY_MS, describe(run, state))


def filters_of(told: dict[str, Any]) -> list[Filter]:
    """The filters that find a run, given its executionInfo."""
    type = told["workflowType"]
    found: list[Filter] = [
        ALL,
        ("execution", told["execution"]["workflowId"]),
        ("type", type["name"]),
        ("version", type["name"], type["version"]),
        *(("tag", tag) for tag in dict.fromkeys(told.get("tagList", ()))),
    ]
    if "closeStatus" in told:
        found.append(("status", told["closeStatus"]))
    return found


# -- shelves -----------------------------------------------------------------------------------------


class Shelf(Generic[Item]):
    """Runs of one domain sorted by an instant."""

    def __init__(self) -> None:
        self._rows: dict[Filter, list[tuple[int, int, Item]]] = {}

    def add(self, filters: list[Filter], ms: int, serial: int, item: Item) -> None:
        for filter in filters:
            rows = self._rows.setdefault(filter, [])
            insort(rows, (ms, serial, item))

    def remove(self, filters: list[Filter], ms: int, serial: int) -> None:
        for filter in filters:
            rows = self._rows[filter]
            del rows[bisect_left(rows, (ms, serial))]
            if not rows:
                del self._rows[filter]

    def find(self, query: Query, after: Position | None = None) -> Iterator[tuple[Position, Item]]:
        """The runs that match, in order, those beyond the position `after`."""
        rows, low, high = self._range(query)
        if query.ascending:
            if after is not None:
                low = max(low, bisect_left(rows, (after[0], after[1] + 1)))
            indexes = range(low, high)
        else:
            if after is not None:
                high = min(high, bisect_left(rows, after))
            indexes = range(high - 1, low - 1, -1)
        for index in indexes:
            ms, serial, item = rows[index]
            yield (ms, serial), item

    def count(self, query: Query) -> int:
        _, low, high = self._range(query)
        return max(0, high - low)

    def _range(self, query: Query) -> tuple[list[tuple[int, int, Item]], int, int]:
        rows = self._rows.get(query.filter, [])
        low = bisect_left(rows, (query.oldest_ms, _BEFORE_ALL))
        high = bisect_right(rows, (query.latest_ms, _AFTER_ALL))
        return rows, low, high


_EMPTY: Shelf[ClosedRun] = Shelf()


# -- closed runs -------------------------------------------------------------------------------------


Found = tuple[Position, ClosedRun]


class Archive(Protocol):
    """The closed runs that are still kept. Nothing that is past its `purge_ms` is ever found."""

    def add(self, closed: ClosedRun, events: list[Event]) -> None: ...

    def get(self, run_id: str, now_ms: int) -> ClosedRun | None: ...

    def events(self, run_id: str, first: int, last: int) -> list[Event]:
        """The events `first` to `last`, both included, of a run that `get` finds."""

    def event_count(self, run_id: str) -> int: ...

    def find(self, query: Query, now_ms: int, after: Position | None = None) -> Iterator[Found]: ...

    def count(self, query: Query, now_ms: int) -> int: ...

    def purge(self, now_ms: int, at_most: int) -> list[Run]:
        """Drop up to `at_most` runs whose retention is over; which ones."""


class MemoryArchive:
    def __init__(self) -> None:
        self._runs: dict[str, tuple[ClosedRun, list[Event]]] = {}
        self._shelves: dict[tuple[str, str, str], Shelf[ClosedRun]] = {}
        self._purges: list[tuple[int, int, str]] = []

    def add(self, closed: ClosedRun, events: list[Event]) -> None:
        run = closed.run
        self._runs[run.run_id] = (closed, events)
        filters = filters_of(closed.description["executionInfo"])
        for by, ms in (("start", closed.started_ms), ("close", closed.closed_ms)):
            shelf = self._shelves.setdefault((run.region, run.domain, by), Shelf())
            shelf.add(filters, ms, run.serial, closed)
        heapq.heappush(self._purges, (closed.purge_ms, run.serial, run.run_id))

    def get(self, run_id: str, now_ms: int) -> ClosedRun | None:
        found = self._runs.get(run_id)
        return found[0] if found is not None and now_ms < found[0].purge_ms else None

    def events(self, run_id: str, first: int, last: int) -> list[Event]:
        return self._runs[run_id][1][first - 1 : last]

    def event_count(self, run_id: str) -> int:
        return len(self._runs[run_id][1])

    def find(self, query: Query, now_ms: int, after: Position | None = None) -> Iterator[Found]:
        shelf = self._shelves.get((query.region, query.domain, query.by), _EMPTY)
        return (found for found in shelf.find(query, after) if now_ms < found[1].purge_ms)

    def count(self, query: Query, now_ms: int) -> int:
        shelf = self._shelves.get((query.region, query.domain, query.by), _EMPTY)
        if self._purges and self._purges[0][0] <= now_ms:
            return sum(1 for _, closed in shelf.find(query) if now_ms < closed.purge_ms)
        return shelf.count(query)

    def purge(self, now_ms: int, at_most: int) -> list[Run]:
        gone: list[Run] = []
        while self._purges and self._purges[0][0] <= now_ms and len(gone) < at_most:
            _, _, run_id = heapq.heappop(self._purges)
            gone.append(self._drop(self._runs.pop(run_id)[0]))
        return gone

    def _drop(self, closed: ClosedRun) -> Run:
        run = closed.run
        filters = filters_of(closed.description["executionInfo"])
        for by, ms in (("start", closed.started_ms), ("close", closed.closed_ms)):
            self._shelves[run.region, run.domain, by].remove(filters, ms, run.serial)
        return run
