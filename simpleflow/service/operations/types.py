"""The operations on workflow types and activity types. Both kinds behave alike; each pair is made from one function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import islice
from typing import Any

from .. import faults
from ..journal import Type, TypeDeleted, TypePut
from ..limits import reached
from ..registry import ACTIVITY, DEPRECATED, REGISTERED, WORKFLOW
from ..tokens import page_token, read_page_token
from .desk import Answer, Desk, Operation, Request, page_size

#: The member that holds name and version of a type, by kind.
_MEMBER = {WORKFLOW: "workflowType", ACTIVITY: "activityType"}
#: The operation that lists a kind.
_LIST = {WORKFLOW: "ListWorkflowTypes", ACTIVITY: "ListActivityTypes"}

_DEFAULTS = {
    WORKFLOW: (
        "defaultTaskStartToCloseTimeout",
        "defaultExecutionStartToCloseTimeout",
        "defaultTaskList",
        "defaultTaskPriority",
        "defaultChildPolicy",
        "defaultLambdaRole",
    ),
    ACTIVITY: (
        "defaultTaskStartToCloseTimeout",
        "defaultTaskHeartbeatTimeout",
        "defaultTaskList",
        "defaultTaskPriority",
        "defaultTaskScheduleToStartTimeout",
        "defaultTaskScheduleToCloseTimeout",
    ),
}


def deprecated(type: Type, now_ms: int) -> Type:
    return dataclasses.replace(type, status=DEPRECATED, deprecated_ms=now_ms)


def _register(kind: str, desk: Desk, request: Request) -> Answer:
    domain = desk.domain(request)
    ref = {"name": request["name"], "version": request["version"]}
    if domain.status == DEPRECATED:
        raise faults.domain_deprecated(domain.name)
    if desk.registry.find(domain, kind, ref) is not None:
        raise faults.type_already_exists(kind, **ref)
    if reached(desk.registry.type_count(domain, kind), desk.limits.types):
        raise faults.limit_exceeded(f"Limit on registered types of a domain reached: {desk.limits.types}")
    type = Type(
        region=domain.region,
        domain=domain.name,
        kind=kind,
        status=REGISTERED,
        description=request.get("description"),
        created_ms=desk.now_ms,
        deprecated_ms=None,
        defaults=_defaults(kind, request),
        ref=ref,
        **ref,
    )
    desk.record(TypePut(type))
    return {}


def _defaults(kind: str, request: Request) -> dict[str, Any]:
    found = {name: value for name in _DEFAULTS[kind] if (value := request.get(name))}
    if "defaultTaskList" in found:
        found["defaultTaskList"] = {"name": found["defaultTaskList"]["name"]}
    return found


def _describe(kind: str, desk: Desk, request: Request) -> Answer:
    type = _named(kind, desk, request)
    return {"typeInfo": _info(type), "configuration": dict(type.defaults)}


def _list(kind: str, desk: Desk, request: Request) -> Answer:
    domain, size, after = desk.domain(request), page_size(request), None
    if request.get("nextPageToken"):
        name, version = read_page_token(_LIST[kind], request["nextPageToken"], desk.now_ms, (str, str))
        after = (name, version)
    status, name = request["registrationStatus"], request.get("name")
    types = desk.registry.types(domain, kind, after, bool(request.get("reverseOrder")))
    wanted = (type for type in types if type.status == status and name in (None, type.name))
    found = list(islice(wanted, size + 1))
    answer: Answer = {"typeInfos": [_info(type) for type in found[:size]]}
    if len(found) > size:
        last = found[size - 1]
        answer["nextPageToken"] = page_token(_LIST[kind], desk.now_ms, last.name, last.version)
    return answer


def _deprecate(kind: str, desk: Desk, request: Request) -> Answer:
    type = _named(kind, desk, request)
    if type.status == DEPRECATED:
        raise faults.type_deprecated(kind, type.name, type.version)
    desk.record(TypePut(deprecated(type, desk.now_ms)))
    return {}


def _undeprecate(kind: str, desk: Desk, request: Request) -> Answer:
    type = _named(kind, desk, request)
    if type.status == REGISTERED:
        raise faults.type_already_exists(kind, type.name, type.version)
    desk.record(TypePut(dataclasses.replace(type, status=REGISTERED, deprecated_ms=None)))
    return {}


def _delete(kind: str, desk: Desk, request: Request) -> Answer:
    type = _named(kind, desk, request)
    if type.status == REGISTERED:
        raise faults.type_not_deprecated()
    desk.record(TypeDeleted(type))
    return {}


def _named(kind: str, desk: Desk, request: Request) -> Type:
    return desk.registry.type(desk.domain(request), kind, request[_MEMBER[kind]])


def _info(type: Type) -> dict[str, Any]:
    info: dict[str, Any] = {
        _MEMBER[type.kind]: type.ref,
        "status": type.status,
        "creationDate": type.created_ms / 1000,
    }
    if type.description is not None:
        info["description"] = type.description
    if type.deprecated_ms is not None:
        info["deprecationDate"] = type.deprecated_ms / 1000
    return info


def _for(kind: str, operation: Callable[[str, Desk, Request], Answer]) -> Operation:
    return lambda desk, request: operation(kind, desk, request)


TYPE_OPERATIONS: dict[str, Operation] = {
    f"{verb}{kind}{plural}": _for(kind, operation)
    for kind in (WORKFLOW, ACTIVITY)
    for verb, plural, operation in (
        ("Register", "", _register),
        ("Describe", "", _describe),
        ("List", "s", _list),
        ("Deprecate", "", _deprecate),
        ("Undeprecate", "", _undeprecate),
        ("Delete", "", _delete),
    )
}
