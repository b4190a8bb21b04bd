"""Domains and types: what is registered, and which settings an execution or an activity takes from its type.

Records are frozen; a change puts a new one in the place of the old.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from . import faults
from .events import Attributes
from .journal import Domain, DomainPut, Type, TypeDeleted, TypePut

REGISTERED, DEPRECATED = "REGISTERED", "DEPRECATED"
WORKFLOW, ACTIVITY = "WorkflowType", "ActivityType"

TypeKey = tuple[str, str]


class _Types:
    """The types of one kind in one domain, by (name, version) and in that order."""

    __slots__ = ("by_key", "keys")

    def __init__(self) -> None:
        self.by_key: dict[TypeKey, Type] = {}
        self.keys: list[TypeKey] = []


class Registry:
    def __init__(self) -> None:
        self._domains: dict[tuple[str, str], Domain] = {}
        self._names: dict[str, list[str]] = {}
        self._types: dict[tuple[str, str, str], _Types] = {}

    # -- reading -------------------------------------------------------------------------------------

    def domain(self, region: str, name: str) -> Domain:
        """The domain; UnknownResourceFault if there is none."""
        found = self._domains.get((region, name))
        if found is None:
            raise faults.unknown_domain(name)
        return found

    def has_domain(self, region: str, name: str) -> bool:
        return (region, name) in self._domains

    def regions_of(self, name: str) -> list[str]:
        """The regions that have a domain of that name."""
        return sorted(region for region, known in self._domains if known == name)

    def domain_count(self, region: str) -> int:
        return len(self._names.get(region, ()))

    def domains(self, region: str, after: str | None, reverse: bool) -> Iterator[Domain]:
        """The domains of a region by name, those after the name `after`."""
        for name in _beyond(self._names.get(region, []), after, reverse):
            yield self._domains[region, name]

    def find(self, domain: Domain, kind: str, ref: dict[str, str]) -> Type | None:
        types = self._types.get((domain.region, domain.name, kind))
        return None if types is None else types.by_key.get((ref["name"], ref["version"]))

    def type(self, domain: Domain, kind: str, ref: dict[str, str]) -> Type:
        """The type; UnknownResourceFault if there is none."""
        found = self.find(domain, kind, ref)
        if found is None:
            raise faults.unknown_type(kind, ref["name"], ref["version"])
        return found

    def type_count(self, domain: Domain, kind: str) -> int:
        types = self._types.get((domain.region, domain.name, kind))
        return 0 if types is None else len(types.keys)

    def types(self, domain: Domain, kind: str, after: TypeKey | None = None, reverse: bool = False) -> Iterator[Type]:
        """The types of a kind by name and version, those after the key `after`."""
        types = self._types.get((domain.region, domain.name, kind), _NO_TYPES)
        for key in _beyond(types.keys, after, reverse):
            yield types.by_key[key]

    # -- changing ------------------------------------------------------------------------------------

    def apply(self, change: DomainPut | TypePut | TypeDeleted) -> None:
        if isinstance(change, DomainPut):
            self._put_domain(change.domain)
        elif isinstance(change, TypePut):
            self._put_type(change.type)
        else:
            self._delete_type(change.type)

    def _put_domain(self, domain: Domain) -> None:
        if (domain.region, domain.name) not in self._domains:
            insort(self._names.setdefault(domain.region, []), domain.name)
        self._domains[domain.region, domain.name] = domain

    def _put_type(self, type: Type) -> None:
        types = self._types.setdefault((type.region, type.domain, type.kind), _Types())
        key = (type.name, type.version)
        if key not in types.by_key:
            insort(types.keys, key)
        types.by_key[key] = type

    def _delete_type(self, type: Type) -> None:
        types = self._types[type.region, type.domain, type.kind]
        key = (type.name, type.version)
        del types.by_key[key]
        del types.keys[bisect_left(types.keys, key)]


_NO_TYPES = _Types()


def _beyond(ordered: list[Any], after: Any, reverse: bool) -> Iterator[Any]:
    """The items of a sorted list on the far side of `after`, seen in the direction asked for."""
    if not reverse:
        start = 0 if after is None else bisect_left(ordered, after)
        if after is not None and start < len(ordered) and ordered[start] == after:
            start += 1
        return (ordered[index] for index in range(start, len(ordered)))
    end = len(ordered) if after is None else bisect_left(ordered, after)
    return (ordered[index] for index in range(end - 1, -1, -1))


# -- settings ----------------------------------------------------------------------------------------

#: What an execution must have, in the order in which SWF complains: the setting and the type's default for it.
EXECUTION_SETTINGS = (
    ("executionStartToCloseTimeout", "defaultExecutionStartToCloseTimeout"),
    ("taskList", "defaultTaskList"),
    ("taskStartToCloseTimeout", "defaultTaskStartToCloseTimeout"),
    ("childPolicy", "defaultChildPolicy"),
)
#: What it may have besides.
EXECUTION_OPTIONS = (("taskPriority", "defaultTaskPriority"), ("lambdaRole", "defaultLambdaRole"))

#: The same for an activity task.
ACTIVITY_SETTINGS = (
    ("taskList", "defaultTaskList"),
    ("scheduleToStartTimeout", "defaultTaskScheduleToStartTimeout"),
    ("scheduleToCloseTimeout", "defaultTaskScheduleToCloseTimeout"),
    ("startToCloseTimeout", "defaultTaskStartToCloseTimeout"),
    ("heartbeatTimeout", "defaultTaskHeartbeatTimeout"),
)
ACTIVITY_OPTIONS = (("taskPriority", "defaultTaskPriority"),)

Settings = tuple[tuple[str, str], ...]


class Missing(Exception):
    """A setting that neither the request nor the type gives."""

    def __init__(self, setting: str) -> None:
        super().__init__(setting)
        self.setting = setting


def resolve(type: Type, request: Attributes, settings: Settings, options: Settings) -> Attributes:
    """The settings from the request, else from the type; `Missing` names the first one that is nowhere.

    An empty one counts as not given.
    """
    defaults = type.defaults
    resolved: Attributes = {}
    for name, default in settings:
        value = request.get(name) or defaults.get(default)
        if not value:
            raise Missing(name)
        resolved[name] = value
    for name, default in options:
        value = request.get(name) or defaults.get(default)
        if value:
            resolved[name] = value
    if request.get("taskList"):
        resolved["taskList"] = {"name": request["taskList"]["name"]}
    return resolved


def origin(type: Type, request: Attributes) -> Attributes:
    """What a run of that type starts with: its settings, type, input and tags. Raises `Missing`."""
    found = resolve(type, request, EXECUTION_SETTINGS, EXECUTION_OPTIONS)
    found["workflowType"] = type.ref
    if request.get("input") is not None:
        found["input"] = request["input"]
    if request.get("tagList") is not None:
        found["tagList"] = list(request["tagList"])
    return found
