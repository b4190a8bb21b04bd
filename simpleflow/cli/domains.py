"""``domain.*``, ``type.list`` and ``tasklist.stat``: where executions live, and what waits there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..swf.errors import Refused
from .calling import Call, swf_command
from .output import Listing, Row
from .targets import DOMAIN, Shape
from .times import instant

_status = click.option(
    "-s",
    "--status",
    type=click.Choice(("registered", "deprecated")),
    default="registered",
    show_default=True,
    help="Which ones.",
)


@swf_command("domain.list")
@_status
def list_domains(call: Call, status: str) -> Listing:
    """List the domains.

    Example: simpleflow --header domain.list
    """
    found = call.client.pages("ListDomains", "domainInfos", {"registrationStatus": status.upper(), **call.page})
    return Listing(
        ("Name", "Status", "Description", "ARN"),
        (
            {
                "Name": info["name"],
                "Status": info["status"],
                "Description": info.get("description"),
                "ARN": info.get("arn"),
            }
            for info in found
        ),
    )


@swf_command("domain.create", listing=False)
@click.argument("name")
@click.option("--description", help="What it is for.")
@click.option(
    "--retention",
    type=click.IntRange(0, 90),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="How long closed executions are kept.",
)
def create(call: Call, name: str, description: str | None, retention: int) -> None:
    """Register a domain.

    Example: simpleflow domain.create TestDomain --retention 7
    """
    more = {"description": description} if description else {}
    there = "exists already; `simpleflow domain.list` lists it, with --status deprecated if it is deprecated."
    with _faults(name, DomainAlreadyExistsFault=there):
        request = {"name": name, "workflowExecutionRetentionPeriodInDays": str(retention), **more}
        call.client.call("RegisterDomain", request)


@swf_command("domain.deprecate", listing=False)
@click.argument("name")
def deprecate(call: Call, name: str) -> None:
    """Allow no new executions and types in a domain; those that there are go on.

    Example: simpleflow domain.deprecate TestDomain
    """
    with _faults(name, DomainDeprecatedFault="is deprecated already."):
        call.client.call("DeprecateDomain", {"name": name})


@swf_command("domain.undeprecate", listing=False)
@click.argument("name")
def undeprecate(call: Call, name: str) -> None:
    """Allow new executions and types in a domain again.

    Example: simpleflow domain.undeprecate TestDomain
    """
    with _faults(name, DomainAlreadyExistsFault="is not deprecated."):
        call.client.call("UndeprecateDomain", {"name": name})


@contextmanager
def _faults(name: str, **told: str) -> Iterator[None]:
    """What these faults say of the domain; SWF tells only its name."""
    try:
        yield
    except Refused as error:
        if error.code not in told:
            raise
        raise click.ClickException(f"the domain {name!r} {told[error.code]}") from None


# -- type.list


@swf_command("type.list", DOMAIN)
@click.option("-k", "--kind", type=click.Choice(("workflow", "activity")), help="Those of workflows, or of activities.")
@_status
def list_types(call: Call, kind: str | None, status: str) -> Listing:
    """List the workflow types and the activity types of a domain.

    Example: simpleflow --header type.list TestDomain --kind activity
    """
    kinds = (kind,) if kind else ("workflow", "activity")
    columns = ("Kind", "Name", "Version", "Status", "Description", "Created", "Deprecated")
    return Listing(columns, (row for kind in kinds for row in _types(call, kind, status)))


def _types(call: Call, kind: str, status: str) -> Iterator[Row]:
    request = {"domain": call.domain, "registrationStatus": status.upper(), **call.page}
    for info in call.client.pages(f"List{kind.capitalize()}Types", "typeInfos", request):
        named: dict[str, Any] = info[f"{kind}Type"]
        yield {
            "Kind": kind,
            "Name": named["name"],
            "Version": named["version"],
            "Status": info["status"],
            "Description": info.get("description"),
            "Created": instant(info["creationDate"]),
            "Deprecated": instant(info.get("deprecationDate")),
        }


# -- tasklist.stat

_BACKLOGS = {"decision": "CountPendingDecisionTasks", "activity": "CountPendingActivityTasks"}


@swf_command("tasklist.stat", Shape(("TASK_LIST",)))
def stat(call: Call) -> Listing:
    """Tell how many decision tasks and activity tasks wait in a task list.

    Amazon SWF tells about how many; where it stopped counting, Truncated is true.

    Example: simpleflow --header tasklist.stat TestDomain default
    """
    task_list = call.target.words["TASK_LIST"]
    request = {"domain": call.domain, "taskList": {"name": task_list}}
    counts = ((kind, call.client.call(operation, request)) for kind, operation in _BACKLOGS.items())
    return Listing(
        ("Task List", "Kind", "Backlog", "Truncated"),
        (
            {
                "Task List": task_list,
                "Kind": kind,
                "Backlog": count["count"],
                "Truncated": count.get("truncated", False),
            }
            for kind, count in counts
        ),
    )
