"""The operations on domains and their resource tags."""

from __future__ import annotations

import dataclasses
from itertools import islice

from .. import faults
from ..journal import Domain, DomainPut, TypePut
from ..limits import reached
from ..registry import ACTIVITY, DEPRECATED, REGISTERED, WORKFLOW
from ..tokens import page_token, read_page_token
from .desk import Answer, Desk, Request, page_size
from .types import deprecated

#: Amazon puts the account number here; a service of one's own has none.
ACCOUNT = "000000000000"


def register_domain(desk: Desk, request: Request) -> Answer:
    name, retention = request["name"], request["workflowExecutionRetentionPeriodInDays"]
    tags = _tags(desk, request.get("tags") or [], {})
    if desk.registry.has_domain(desk.region, name):
        raise faults.domain_already_exists(name)
    if reached(desk.registry.domain_count(desk.region), desk.limits.domains):
        raise faults.limit_exceeded(f"Limit on registered domains reached: {desk.limits.domains}")
    description = request.get("description")
    desk.record(DomainPut(Domain(desk.region, name, REGISTERED, description, retention, tags)))
    return {}


def describe_domain(desk: Desk, request: Request) -> Answer:
    domain = desk.registry.domain(desk.region, request["name"])
    configuration = {"workflowExecutionRetentionPeriodInDays": domain.retention}
    return {"domainInfo": _info(domain), "configuration": configuration}


def list_domains(desk: Desk, request: Request) -> Answer:
    size, after = page_size(request), None
    if request.get("nextPageToken"):
        after = read_page_token("ListDomains", request["nextPageToken"], desk.now_ms, (str,))[0]
    domains = desk.registry.domains(desk.region, after, bool(request.get("reverseOrder")))
    wanted = (domain for domain in domains if domain.status == request["registrationStatus"])
    found = list(islice(wanted, size + 1))
    answer: Answer = {"domainInfos": [_info(domain) for domain in found[:size]]}
    if len(found) > size:
        answer["nextPageToken"] = page_token("ListDomains", desk.now_ms, found[size - 1].name)
    return answer


def deprecate_domain(desk: Desk, request: Request) -> Answer:
    """The domain's types go with it."""
    domain = desk.registry.domain(desk.region, request["name"])
    if domain.status == DEPRECATED:
        raise faults.domain_deprecated(domain.name)
    desk.record(DomainPut(dataclasses.replace(domain, status=DEPRECATED)))
    for kind in (WORKFLOW, ACTIVITY):
        for type in list(desk.registry.types(domain, kind)):
            if type.status == REGISTERED:
                desk.record(TypePut(deprecated(type, desk.now_ms)))
    return {}


def undeprecate_domain(desk: Desk, request: Request) -> Answer:
    """Its types stay deprecated until each is undeprecated itself."""
    domain = desk.registry.domain(desk.region, request["name"])
    if domain.status == REGISTERED:
        raise faults.domain_already_exists(domain.name)
    desk.record(DomainPut(dataclasses.replace(domain, status=REGISTERED)))
    return {}


def list_tags_for_resource(desk: Desk, request: Request) -> Answer:
    domain = _by_arn(desk, request["resourceArn"])
    return {"tags": [{"key": key, "value": value} for key, value in domain.tags.items()]}


def tag_resource(desk: Desk, request: Request) -> Answer:
    domain = _by_arn(desk, request["resourceArn"])
    tags = _tags(desk, request["tags"], domain.tags)
    desk.record(DomainPut(dataclasses.replace(domain, tags=tags)))
    return {}


def untag_resource(desk: Desk, request: Request) -> Answer:
    domain = _by_arn(desk, request["resourceArn"])
    tags = {key: value for key, value in domain.tags.items() if key not in set(request["tagKeys"])}
    desk.record(DomainPut(dataclasses.replace(domain, tags=tags)))
    return {}


def _info(domain: Domain) -> dict[str, str]:
    info = {"name": domain.name, "status": domain.status, "arn": _arn(domain.region, domain.name)}
    if domain.description is not None:
        info["description"] = domain.description
    return info


def _arn(region: str, name: str) -> str:
    return f"arn:aws:swf:{region}:{ACCOUNT}:/domain/{name}"


def _by_arn(desk: Desk, arn: str) -> Domain:
    name = arn.rpartition("/")[2]
    if arn != _arn(desk.region, name) or not desk.registry.has_domain(desk.region, name):
        raise faults.unknown_resource(f"Unknown resource: {arn}")
    return desk.registry.domain(desk.region, name)


def _tags(desk: Desk, wanted: list[dict[str, str]], present: dict[str, str]) -> dict[str, str]:
    """The tags of a resource once those wanted are added to those present."""
    tags = {**present, **{tag["key"]: tag.get("value") or "" for tag in wanted}}
    if desk.limits.resource_tags is not None and len(tags) > desk.limits.resource_tags:
        raise faults.too_many_tags(f"A resource may have at most {desk.limits.resource_tags} tags")
    return tags
