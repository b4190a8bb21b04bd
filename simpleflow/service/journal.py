"""What a call changed, as data, and the port that keeps it.

The changes of a call, in order, are all that a store needs: events with the nonces of tokens, registry records and
heartbeats.
Everything else can be computed from them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .events import Event


@dataclass(frozen=True, slots=True)
class Run:
    """The identity of one run. `serial` counts the runs of the service in the order of their start, from 1."""

    serial: int
    region: str
    domain: str
    workflow_id: str
    run_id: str

    def ref(self) -> dict[str, str]:
        """The run as SWF writes it in requests, answers and events."""
        return {"workflowId": self.workflow_id, "runId": self.run_id}


@dataclass(frozen=True, slots=True)
class Domain:
    region: str
    name: str
    status: str
    description: str | None
    #: As registered: days, or `NONE`.
    retention: str
    #: Resource tags by key.
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Type:
    """A workflow type or an activity type, as `kind` (`WorkflowType`, `ActivityType`) says."""

    region: str
    domain: str
    kind: str
    name: str
    version: str
    status: str
    description: str | None
    created_ms: int
    deprecated_ms: int | None
    #: The registered defaults, under SWF's names.
    defaults: dict[str, Any]
    #: `{"name", "version"}`, shared by all events that mention the type.
    ref: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClosedRun:
    """What stays of a run that has closed, besides its events."""

    run: Run
    started_ms: int
    closed_ms: int
    #: Gone from this instant on.
    purge_ms: int
    #: The answer to DescribeWorkflowExecution.
    description: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DomainPut:
    domain: Domain


@dataclass(frozen=True, slots=True)
class TypePut:
    type: Type


@dataclass(frozen=True, slots=True)
class TypeDeleted:
    type: Type


@dataclass(frozen=True, slots=True)
class RunOpened:
    """Precedes the first event of the run."""

    run: Run


@dataclass(frozen=True, slots=True)
class Appended:
    run: Run
    event: Event
    #: That of the token under which a task was given out, beside the event that says it has started.
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`details` are the latest ones given, by this heartbeat or an earlier one."""

    run: Run
    scheduled_id: int
    at_ms: int
    details: str | None


@dataclass(frozen=True, slots=True)
class RunClosed:
    """Follows the closing event of the run. With a retention of 0 a RunPurged comes next."""

    closed: ClosedRun


@dataclass(frozen=True, slots=True)
class RunPurged:
    """The run and its history are gone."""

    run: Run


Change = DomainPut | TypePut | TypeDeleted | RunOpened | Appended | Heartbeat | RunClosed | RunPurged


class Journal(Protocol):
    def commit(self, changes: Sequence[Change]) -> None:
        """Keep the changes of one transaction: all of them or, if it raises, none."""


class NullJournal:
    """Keeps nothing: for a service that lives in memory alone."""

    def commit(self, changes: Sequence[Change]) -> None:
        pass
