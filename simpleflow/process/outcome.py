"""How the execution of an activity task can end, as data. ``Completed`` and ``Failed`` are those of ``perform``."""

from __future__ import annotations

from dataclasses import dataclass

from ..payloads import codec
from .perform import Completed, Failed
from .signals import signal_name


@dataclass(frozen=True, slots=True)
class Canceled:
    """The task was to end, and its code did. ``details`` is what it raised then, as in ``Failed``, if it did."""

    details: str | None = None


@dataclass(frozen=True, slots=True)
class Died:
    """The process of the task ended in the middle. ``status`` is its exit code, or the number of a signal times -1."""

    pid: int
    status: int

    def failure(self) -> Failed:
        """The same as a failure, in the form that those of activities have."""
        reason = f"process {self.pid} died: {self._how()}"
        told = {"error": "Died", "error_type": f"{__name__}.Died", "message": reason, "traceback": ""}
        return Failed(reason, codec.encode(told))

    def _how(self) -> str:
        if self.status >= 0:
            return f"exit code {self.status}"
        name = signal_name(-self.status)
        hint = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"exit code {self.status} ({name}{hint})"


Outcome = Completed | Failed | Canceled | Died
