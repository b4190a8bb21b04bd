"""The quotas of the service. Each may be lowered; None means that it is not enforced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .rates import Rate

PAGE_SIZE = 1000
DAY_MS = 86_400_000
#: No timeout, whatever it says, outlives a year.
YEAR_MS = 365 * DAY_MS


@dataclass(frozen=True, slots=True)
class Limits:
    #: Registered domains of one region, the deprecated ones included.
    domains: int | None = 100
    #: Workflow types, and as many activity types, of one domain, the deprecated ones included.
    types: int | None = 10_000
    #: Open executions of one domain, children included.
    open_executions: int | None = 100_000
    #: Open children of one execution.
    open_children: int | None = 1_000
    #: Activities of one execution that are scheduled or started.
    open_activities: int | None = 1_000
    #: Open timers of one execution.
    open_timers: int | None = 1_000
    #: Events of one history; an execution that reaches it is terminated.
    history_events: int | None = 25_000
    #: Polls that wait on one task list at the same time; enforced by whoever holds the polls.
    pollers: int | None = 1_000
    #: Resource tags of one domain.
    resource_tags: int | None = 50
    #: How often, by operation and by type of decision (see `rates.AMAZON`); what is not named, without limit.
    rates: Mapping[str, Rate] = field(default_factory=dict)


#: Nothing enforced of what is open, and nothing of histories: for runs in one process.
UNLIMITED = Limits(
    domains=None,
    types=None,
    open_executions=None,
    open_children=None,
    open_activities=None,
    open_timers=None,
    history_events=None,
)


def reached(count: int, limit: int | None) -> bool:
    """Whether `count` things leave no room for one more."""
    return limit is not None and count >= limit
