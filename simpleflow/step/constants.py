"""How the activities that look up and mark steps are scheduled. Times are in seconds."""

from __future__ import annotations

from typing import Any

from ..constants import HOUR, MINUTE

STEP_ACTIVITY_PARAMS_DEFAULT: dict[str, Any] = {
    "schedule_to_start_timeout": 4 * HOUR,
    "start_to_close_timeout": MINUTE,
    "schedule_to_close_timeout": 4 * HOUR + MINUTE,
    "heartbeat_timeout": 3 * MINUTE,
    "task_priority": 100,
    "version": "1.0",
    "idempotent": True,
    "raises_on_failure": True,
    "retry": 1,
}

#: Who did a step, where that is not known.
UNKNOWN_CONTEXT: dict[str, Any] = dict.fromkeys(("domain_name", "workflow_id", "run_id", "version"), "unknown")
