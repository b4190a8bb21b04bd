"""The operations that list and count executions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from .. import faults
from ..tokens import page_token, read_page_token
from ..visibility import ALL, Filter, Position, Query, info
from .desk import Answer, Desk, Request, page_size

#: The filters of which a request may have one, with the members that make up the value.
_FILTERS = {
    "executionFilter": ("execution", ("workflowId",)),
    "typeFilter": ("type", ("name", "version")),
    "tagFilter": ("tag", ("tag",)),
    "closeStatusFilter": ("status", ("status",)),
}
_OPEN_FILTERS = ("executionFilter", "typeFilter", "tagFilter")
_FOREVER_MS = 1 << 60


def list_open_workflow_executions(desk: Desk, request: Request) -> Answer:
    return _page(desk, request, "ListOpenWorkflowExecutions", _open_query(desk, request), _open)


def list_closed_workflow_executions(desk: Desk, request: Request) -> Answer:
    return _page(desk, request, "ListClosedWorkflowExecutions", _closed_query(desk, request), _closed)


def count_open_workflow_executions(desk: Desk, request: Request) -> Answer:
    query = _open_query(desk, request)
    return {"count": desk.runs.shelf(query.region, query.domain).count(query), "truncated": False}


def count_closed_workflow_executions(desk: Desk, request: Request) -> Answer:
    query = _closed_query(desk, request)
    return {"count": desk.archive.count(query, desk.now_ms), "truncated": False}


def _open(desk: Desk, query: Query, after: Position | None) -> Iterator[tuple[Position, Any]]:
    for position, execution in desk.runs.shelf(query.region, query.domain).find(query, after):
        yield position, info(execution.run, execution.state)


def _closed(desk: Desk, query: Query, after: Position | None) -> Iterator[tuple[Position, Any]]:
    for position, closed in desk.archive.find(query, desk.now_ms, after):
        yield position, closed.description["executionInfo"]


def _page(desk: Desk, request: Request, operation: str, query: Query, find: Any) -> Answer:
    size, after = page_size(request), None
    if request.get("nextPageToken"):
        ms, serial = read_page_token(operation, request["nextPageToken"], desk.now_ms, (int, int))
        after = (ms, serial)
    found = list(islice(find(desk, query, after), size + 1))
    answer: Answer = {"executionInfos": [told for _, told in found[:size]]}
    if len(found) > size:
        answer["nextPageToken"] = page_token(operation, desk.now_ms, *found[size - 1][0])
    return answer


# -- queries -----------------------------------------------------------------------------------------


def _open_query(desk: Desk, request: Request) -> Query:
    return _query(desk, request, "start", request["startTimeFilter"], _OPEN_FILTERS)


def _closed_query(desk: Desk, request: Request) -> Query:
    by_start, by_close = request.get("startTimeFilter"), request.get("closeTimeFilter")
    if by_start is not None and by_close is not None:
        raise faults.validation("Cannot specify both a startTimeFilter and a closeTimeFilter")
    if by_start is not None:
        return _query(desk, request, "start", by_start, tuple(_FILTERS))
    if by_close is not None:
        return _query(desk, request, "close", by_close, tuple(_FILTERS))
    raise faults.validation("Must specify time filter")


def _query(desk: Desk, request: Request, by: str, window: dict[str, float], allowed: tuple[str, ...]) -> Query:
    domain = desk.domain(request)
    latest = window.get("latestDate")
    return Query(
        region=desk.region,
        domain=domain.name,
        by=by,
        oldest_ms=_ms(window["oldestDate"]),
        latest_ms=_FOREVER_MS if latest is None else _last_ms(latest),
        filter=_filter(request, allowed),
        ascending=bool(request.get("reverseOrder")),
    )


def _filter(request: Request, allowed: tuple[str, ...]) -> Filter:
    named = [name for name in allowed if request.get(name) is not None]
    if len(named) > 1:
        listed = ", ".join(named)
        raise faults.validation(f"Cannot specify more than one exclusive filters in the same query: [{listed}]")
    if not named:
        return ALL
    kind, members = _FILTERS[named[0]]
    values = [value for member in members if (value := request[named[0]].get(member))]
    return ("version" if len(values) > 1 else kind, *values)


def _ms(seconds: float) -> int:
    return max(-_FOREVER_MS, min(_FOREVER_MS, round(seconds * 1000)))


def _last_ms(seconds: float) -> int:
    """The last instant of a bound. Clients cut theirs to whole seconds, so a whole second counts to its end."""
    whole = float(seconds).is_integer()
    return _ms(seconds) + (999 if whole else 0)
