"""Histories as text."""

from __future__ import annotations

from ...history import History
from ...utils import json_dumps


def dump_history_to_json(history: History) -> str:
    """The activities and child workflows of a history: a JSON array of pairs, an id and what is known of the task."""
    return json_dumps([*history.activities.items(), *history.child_workflows.items()])
