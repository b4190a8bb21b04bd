"""The port that a workflow talks to: what the run of one execution offers to the language."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from .futures import Future, Port
from .marker import Marker


class History(Protocol):
    """The history as hooks see it (``simpleflow.history.History``)."""

    @property
    def events(self) -> list[dict[str, Any]]: ...


class Startable(Protocol):
    """A task that has its place in the program, and so its number, but has not been started."""

    @property
    def future(self) -> Future[Any]: ...

    def start(self, *extra: Any) -> None:
        """Start it, with ``extra`` arguments after its own."""


class Executor(Port, Protocol):
    """One run of one execution. Its methods may be called by the code of the run only."""

    @property
    def workflow(self) -> Any: ...

    @property
    def replaying(self) -> bool:
        """Whether the code repeats what it did for an earlier decision."""

    @property
    def random(self) -> random.Random: ...

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Number and start a task; its future (None for an empty FuncGroup)."""

    def prepare(self, submittable: Any) -> Startable:
        """Number a member of a container."""

    def raising(self, raises: bool | None) -> AbstractContextManager[bool | None]:
        """Inside, prepared tasks take this ``raises_on_failure``, unless one further out was given."""

    def scope(self) -> str:
        """A scope of its own for the numbers of tasks that come later."""

    def within(self, scope: str) -> AbstractContextManager[None]:
        """Inside, numbers are given in this scope."""

    def fail_future(self, future: Future[Any], error: BaseException) -> None:
        """Finish a future with an error that is raised where its result is asked for, or at the end of ``run``."""

    def call_author(self, function: Callable[[], None]) -> None:
        """Run code of the author's beside ``run``: it may wait, and whoever is its cause goes on."""

    def fail(self, reason: str, details: Any) -> None: ...

    def now(self) -> datetime: ...

    def uuid4(self) -> uuid.UUID: ...

    def side_effect(self, function: Callable[[], Any], name: str) -> Any: ...

    def list_markers(self, all: bool) -> list[Marker]: ...

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None: ...

    def get_run_context(self) -> dict[str, Any]: ...
