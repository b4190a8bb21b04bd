"""``workflow.list`` and ``workflow.filter``: the executions of a domain."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from ..replay.work import RunKey
from ..swf.client import Client
from ..swf.errors import Refused
from ..swf.executions import describe, first_event
from .calling import Call, swf_command
from .exits import Refusal
from .output import Listing
from .targets import DOMAIN
from .times import instant
from .values import Number

Info = dict[str, Any]

_OPERATIONS = {"open": "ListOpenWorkflowExecutions", "closed": "ListClosedWorkflowExecutions"}
_CLOSE_STATUSES = ("COMPLETED", "FAILED", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW", "TIMED_OUT")
started_since = click.option(
    "-d",
    "--started-since",
    type=Number(0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="Those that started in the last so many days.",
)


# -- workflow.list


@swf_command("workflow.list", DOMAIN)
@click.option(
    "-s", "--status", type=click.Choice(tuple(_OPERATIONS)), default="open", show_default=True, help="Which ones."
)
@started_since
def list_executions(call: Call, status: str, started_since: float) -> Listing:
    """List the executions of a domain, the newest first.

    Example: simpleflow --header workflow.list TestDomain --status closed --started-since 2
    """
    found = _find(call, status, {"oldestDate": _days_before(call.now, started_since)}, call.page)
    return Listing(
        ("Workflow ID", "Workflow Type", "Status"),
        (
            {
                "Workflow ID": info["execution"]["workflowId"],
                "Workflow Type": info["workflowType"]["name"],
                "Status": info["executionStatus"],
            }
            for info in found
        ),
    )


def closed_since(call: Call, days: float, more: dict[str, Any]) -> Iterator[Info]:
    """The closed executions that started in the last so many days, by another filter of SWF's, the newest first."""
    return _find(call, "closed", {"oldestDate": _days_before(call.now, days)}, more)


def _find(call: Call, status: str, started: dict[str, int], more: dict[str, Any]) -> Iterator[Info]:
    request = {"domain": call.domain, "startTimeFilter": started, **more}
    return call.client.pages(_OPERATIONS[status], "executionInfos", request)


def _days_before(now: datetime, days: float) -> int:
    try:
        return max(0, int((now - timedelta(days=days)).timestamp()))
    except OverflowError:
        return 0


# -- workflow.filter


class _Detail:
    """What SWF does not list: it costs requests for each execution. None where the execution has gone meanwhile."""

    def __init__(self, client: Client, key: RunKey) -> None:
        self._client, self._key = client, key

    @functools.cached_property
    def configuration(self) -> dict[str, Any]:
        found = self._unless_gone(describe)
        return {} if found is None else found["executionConfiguration"]

    @functools.cached_property
    def input(self) -> Any:
        from ..history import History  # a list of executions begins without them
        from ..replay.repair import as_given

        event = self._unless_gone(first_event)
        return None if event is None else as_given(History([event]).workflow["input"])

    def _unless_gone(self, read: Callable[[Client, RunKey], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            return read(self._client, self._key)
        except Refused as error:
            if error.code != "UnknownResourceFault":
                raise
            return None


def _seconds(text: str | None) -> int | str | None:
    return int(text) if text and text.isdecimal() else text


_COLUMNS: dict[str, Callable[[Info, _Detail], Any]] = {
    "Workflow ID": lambda info, _: info["execution"]["workflowId"],
    "Workflow Type": lambda info, _: info["workflowType"]["name"],
    "Workflow Version": lambda info, _: info["workflowType"]["version"],
    "Run ID": lambda info, _: info["execution"]["runId"],
    "Status": lambda info, _: info["executionStatus"],
    "Child Policy": lambda _, detail: detail.configuration.get("childPolicy"),
    "Close Status": lambda info, _: info.get("closeStatus"),
    "Start Timestamp": lambda info, _: instant(info["startTimestamp"]),
    "Close Timestamp": lambda info, _: instant(info.get("closeTimestamp")),
    "Cancel Requested": lambda info, _: info["cancelRequested"],
    "Execution Timeout": lambda _, detail: _seconds(detail.configuration.get("executionStartToCloseTimeout")),
    "Input": lambda _, detail: detail.input,
    "Tags": lambda info, _: info.get("tagList", []),
    "Decision Tasks Timeout": lambda _, detail: _seconds(detail.configuration.get("taskStartToCloseTimeout")),
    "Parent Workflow ID": lambda info, _: info.get("parent", {}).get("workflowId"),
    "Parent Run ID": lambda info, _: info.get("parent", {}).get("runId"),
}


class _Found(Mapping[str, Any]):
    """A row of which only what is shown is asked for."""

    def __init__(self, call: Call, info: Info) -> None:
        execution = info["execution"]
        self._info = info
        self._detail = _Detail(call.client, RunKey(call.domain, execution["workflowId"], execution["runId"]))

    def __getitem__(self, name: str) -> Any:
        return _COLUMNS[name](self._info, self._detail)

    def __iter__(self) -> Iterator[str]:
        return iter(_COLUMNS)

    def __len__(self) -> int:
        return len(_COLUMNS)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which executions. SWF takes one filter in a request; the others are looked at here."""

    workflow_id: str | None
    tag: str | None
    type_name: str | None
    type_version: str | None
    close_status: str | None

    def request(self) -> dict[str, Any]:
        """The filter that leaves the fewest, as a rule."""
        type_filter = {"name": self.type_name, "version": self.type_version}
        filters: list[tuple[str | None, str, dict[str, Any]]] = [
            (self.workflow_id, "executionFilter", {"workflowId": self.workflow_id}),
            (self.tag, "tagFilter", {"tag": self.tag}),
            (self.type_name, "typeFilter", {name: value for name, value in type_filter.items() if value}),
            (self.close_status, "closeStatusFilter", {"status": self.close_status}),
        ]
        return next(({name: filter} for value, name, filter in filters if value), {})

    def has(self, info: Info) -> bool:
        kind = info["workflowType"]
        return (
            self.workflow_id in (None, info["execution"]["workflowId"])
            and (self.tag is None or self.tag in info.get("tagList", ()))
            and self.type_name in (None, kind["name"])
            and self.type_version in (None, kind["version"])
            and self.close_status in (None, info.get("closeStatus"))
        )


@swf_command("workflow.filter", DOMAIN)
@click.option("-s", "--status", type=click.Choice(tuple(_OPERATIONS)), help="Which ones; by default open.")
@click.option("--tag", help="Those with this tag.")
@click.option("--workflow-id", help="Those with this workflow id.")
@click.option("--workflow-type-name", help="Those of this type.")
@click.option("--workflow-type-version", help="Those of this version of their type.")
@click.option(
    "-c",
    "--close-status",
    type=click.Choice(_CLOSE_STATUSES, case_sensitive=False),
    help="Those that closed so; only with closed executions, which it makes the default.",
)
@started_since
@click.option("--from-date", metavar="DATE", help="Those that started then or later, instead of --started-since.")
@click.option("--to-date", metavar="DATE", help="Those that started then or earlier.")
def filter_executions(
    call: Call,
    status: str | None,
    close_status: str | None,
    started_since: float,
    from_date: str | None,
    to_date: str | None,
    **wanted: str | None,
) -> Listing:
    """Search the executions of a domain, the newest first, with all that is known of them.

    DATE is as in 2026-08-04, 2026-08-04T23:04 or 2026-08-04T23:04:34+02:00; without a zone it is of the local one, or
    with --utc of UTC. Child policy, timeouts and input cost requests for each execution; leave them out with --columns.

    Example: simpleflow workflow.filter TestDomain --status closed --tag nightly --columns workflow-id,close-status
    """
    if close_status and status == "open":
        raise Refusal("--close-status goes with --status closed; an execution that is open has none.")
    status = status or ("closed" if close_status else "open")
    started = {"oldestDate": _days_before(call.now, started_since)}
    if from_date:
        started["oldestDate"] = _date(from_date, "--from-date", call.output.utc)
    if to_date:
        started["latestDate"] = _date(to_date, "--to-date", call.output.utc)
    if started.get("latestDate", started["oldestDate"]) < started["oldestDate"]:
        raise Refusal("--to-date is before --from-date, or before what --started-since says.")
    asked = _Wanted(
        wanted["workflow_id"],
        wanted["tag"],
        wanted["workflow_type_name"],
        wanted["workflow_type_version"],
        close_status,
    )
    rows = (_Found(call, info) for info in _find(call, status, started, asked.request()) if asked.has(info))
    return Listing(tuple(_COLUMNS), rows, activity="searching")


def _date(text: str, option: str, utc: bool) -> int:
    """Seconds since the epoch. Raises Refusal."""
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        if utc and moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return int(moment.timestamp())
    except (ValueError, OverflowError):
        raise Refusal(f"{option} is {text!r}; expected a date as in 2026-08-04 or 2026-08-04T23:04:34.") from None
