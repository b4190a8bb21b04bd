"""What activities measure of themselves, kept in S3 and put together when the execution has closed.

An activity of a class that inherits from ``MetrologyTask`` stores ``activity.<activity id>.json``; a workflow that
inherits from ``MetrologyWorkflow`` puts them all into ``metrology.json`` beside them. The settings METROLOGY_BUCKET
and METROLOGY_PATH_PREFIX say where.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote

from . import settings, storage
from .activity import current_context
from .executor import History
from .payloads import codec
from .workflow import Workflow

_KEPT = ("id", "name", "version", "state", "scheduled_timestamp", "started_timestamp", "completed_timestamp")


@dataclass(slots=True)
class StepIO:
    """What went through one side of a step."""

    bytes: int = 0
    records: int = 0

    def add(self, bytes: int = 0, records: int = 0) -> None:
        self.bytes += bytes
        self.records += records


@dataclass(slots=True)
class Step:
    """A part of an activity. ``total_time`` is in seconds; ``meta`` is the author's, anything with a JSON form."""

    name: str
    read: StepIO = field(default_factory=StepIO)
    write: StepIO = field(default_factory=StepIO)
    meta: dict[str, Any] = field(default_factory=dict)
    total_time: float | None = None
    error: str | None = None

    def stats(self) -> dict[str, Any]:
        return asdict(self)


class StepExecution:
    """Measures a step: ``with self.step("parse") as step: step.read.add(bytes=10)``."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __enter__(self) -> Step:
        self._began = time.perf_counter()
        return self.step

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.step.total_time = time.perf_counter() - self._began
        if kind is not None:
            self.step.error = kind.__name__


class MetrologyTask:
    """To inherit in the class of an activity."""

    @property
    def steps(self) -> list[Step]:
        """The steps so far, in order."""
        return self.__dict__.setdefault("_metrology_steps", [])  # type: ignore[no-any-return]

    @property
    def meta(self) -> dict[str, Any]:
        """What the author wants to keep beside the steps; anything with a JSON form."""
        return self.__dict__.setdefault("_metrology_meta", {})  # type: ignore[no-any-return]

    def step(self, name: str) -> StepExecution:
        """A context manager that measures a part of the activity and gives its ``Step``."""
        self.steps.append(Step(name))
        return StepExecution(self.steps[-1])

    def stats(self) -> dict[str, Any]:
        return {"meta": self.meta, "steps": [step.stats() for step in self.steps]}

    def upload_stats(self) -> None:
        """Store what was measured; nothing outside the execution of an activity."""
        context = current_context.get()
        if context is None:
            return
        place = _place(context["workflow_id"], context["run_id"])
        path = f"{place}/activity.{quote(context['activity_id'], safe='')}.json"
        _push(path, self.stats())

    def post_execute(self) -> None:
        """What a worker calls after ``execute``."""
        self.upload_stats()


class MetrologyWorkflow(Workflow):
    """To inherit in place of ``Workflow``. Its ``after_closed`` stores ``metrology.json``."""

    def after_closed(self, history: History) -> None:
        self.push_metrology(history)

    def push_metrology(self, history: Any) -> None:
        """Store one object for all activities: what the history tells of each, and what it measured of itself.

        May be done again: the object is the same.
        """
        context = self.get_run_context()
        place = _place(context["workflow_id"], context["run_id"])
        bucket = str(settings.METROLOGY_BUCKET)
        measured = {
            found.key.removeprefix(f"{place}/activity.").removesuffix(".json"): found.key
            for found in storage.list_keys(bucket, f"{place}/activity.")
        }
        told = []
        for activity in history.activities.values():
            row = {name: activity.get(name) for name in _KEPT}
            key = measured.get(quote(activity["id"], safe=""))
            told.append({**row, "metrology": codec.decode(storage.pull_content(bucket, key)) if key else None})
        _push(f"{place}/metrology.json", told)


def _place(workflow_id: str, run_id: str) -> str:
    prefix = settings.METROLOGY_PATH_PREFIX
    return "/".join([*([str(prefix).rstrip("/")] if prefix else []), workflow_id, quote(run_id, safe="")])


def _push(path: str, value: Any) -> None:
    storage.push_content(str(settings.METROLOGY_BUCKET), path, codec.encode(value), "application/json")
