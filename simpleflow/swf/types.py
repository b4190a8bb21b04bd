"""Domains and types: registered when they are missing."""

from __future__ import annotations

import logging
from typing import Any

from ..replay.work import MissingType
from .client import Client
from .errors import Refused

logger = logging.getLogger(__name__)

_RETENTION_DAYS = "30"
_NO_LIMIT = "NONE"
_DEFAULT_TIMEOUT = "300"
_EXISTS = frozenset({"DomainAlreadyExistsFault", "TypeAlreadyExistsFault"})
_DENIED = "AccessDeniedException"


def register_domain(client: Client, domain: str) -> None:
    _register(client, "RegisterDomain", {"name": domain, "workflowExecutionRetentionPeriodInDays": _RETENTION_DAYS})


def register_type(client: Client, domain: str, missing: MissingType, task_list: str | None = None) -> None:
    """Register a type whose defaults never matter: every schedule and start says what it wants."""
    _register(client, *_REQUESTS[missing.kind](domain, missing, task_list or "default"))


def _activity(domain: str, missing: MissingType, task_list: str) -> tuple[str, dict[str, Any]]:
    timeouts = ("ScheduleToStart", "ScheduleToClose", "StartToClose")
    return "RegisterActivityType", {
        "domain": domain,
        "name": missing.name,
        "version": missing.version,
        "defaultTaskList": {"name": task_list},
        "defaultTaskHeartbeatTimeout": _NO_LIMIT,
        **{f"defaultTask{timeout}Timeout": _NO_LIMIT for timeout in timeouts},
    }


def _workflow(domain: str, missing: MissingType, task_list: str) -> tuple[str, dict[str, Any]]:
    return "RegisterWorkflowType", {
        "domain": domain,
        "name": missing.name,
        "version": missing.version,
        "defaultTaskList": {"name": task_list},
        "defaultTaskStartToCloseTimeout": _DEFAULT_TIMEOUT,
        "defaultExecutionStartToCloseTimeout": "3600",
        "defaultChildPolicy": "TERMINATE",
    }


_REQUESTS = {"activity": _activity, "workflow": _workflow}


def _register(client: Client, operation: str, request: dict[str, Any]) -> None:
    try:
        client.call(operation, request)
    except Refused as error:
        if error.code == _DENIED:
            logger.warning("%s; it is taken to be registered already", error)
        elif error.code not in _EXISTS:
            raise
    else:
        logger.info("%s: %s %s", operation, request["name"], request.get("version", ""))
