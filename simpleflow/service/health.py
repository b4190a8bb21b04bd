"""What `/health` tells."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .durable import Durable


def health(durable: Durable, uptime_s: float) -> dict[str, Any]:
    """The state of the service; with `reason` when the database cannot be written."""
    service = durable.service
    regions: dict[str, dict[str, Any]] = {}
    for (region, _), count in service.open_executions().items():
        regions.setdefault(region, {"openExecutions": 0, "backlog": []})["openExecutions"] += count
    for name, tasks in service.backlog().items():
        entry = {"kind": name.kind, "domain": name.domain, "taskList": name.name, "tasks": tasks}
        regions[name.region]["backlog"].append(entry)
    told: dict[str, Any] = {"status": "ok", "version": _version(), "uptime": round(uptime_s, 3), "regions": regions}
    if durable.trouble is not None:
        told |= {"status": "failing", "reason": str(durable.trouble)}
    return told


def _version() -> str:
    try:
        return version("simpleflow")
    except PackageNotFoundError:
        return "unknown"
