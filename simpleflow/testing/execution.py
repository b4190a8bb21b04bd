"""One execution of a simulation, as a test sees it."""

from __future__ import annotations

from os import PathLike
from typing import Any, Protocol

from ..exceptions import NotCompleted
from ..history import History
from ..local.outcome import BLOCKED, LocalRun, close_of
from ..payloads import codec
from ..payloads.objects import fields
from ..replay.work import Event, RunKey
from ..service.events import CLOSING
from .histories import write_history


class Simulation(Protocol):
    """What an execution needs of the simulation that it runs in."""

    def events(self, run_id: str) -> list[Event]: ...

    def call(self, operation: str, **request: Any) -> dict[str, Any]: ...

    def finish(self, execution: Execution) -> None: ...

    def wait_of(self, key: RunKey) -> str: ...


class Execution:
    """An execution, and all that followed it where it continued as new."""

    def __init__(self, simulation: Simulation, first: RunKey) -> None:
        self._simulation = simulation
        self._first = first

    def __repr__(self) -> str:
        return f"<Execution {self.workflow_id} {self.status}>"

    @property
    def workflow_id(self) -> str:
        return self._first.workflow_id

    @property
    def runs(self) -> list[RunKey]:
        """The runs so far: one, and one more for each time that it continued as new."""
        runs = [self._first]
        while (following := next_run(self._simulation.events(runs[-1].run_id))) is not None:
            runs.append(self._first._replace(run_id=following))
        return runs

    @property
    def run_id(self) -> str:
        """The id of the last run."""
        return self.runs[-1].run_id

    @property
    def events(self) -> list[Event]:
        """The events of the last run as SWF gives them."""
        return self._simulation.events(self.run_id)

    @property
    def history(self) -> History:
        """The history of the last run."""
        return History(self.events)

    @property
    def status(self) -> str:
        """OPEN, or how Amazon SWF says that the execution has closed: COMPLETED, FAILED, CANCELED, ..."""
        return CLOSING.get(self.events[-1]["eventType"], "OPEN")

    @property
    def end(self) -> LocalRun:
        """How the execution ended; it goes on to its end first. Its status is BLOCKED if there is none."""
        self._simulation.finish(self)
        run, events = self.runs[-1], self.events
        if events[-1]["eventType"] in CLOSING:
            close = close_of(events)
        else:
            close = {"status": BLOCKED, "reason": f"blocked: {self._simulation.wait_of(run)}"}
        return LocalRun(workflow_id=run.workflow_id, run_id=run.run_id, history=events, **close)

    @property
    def result(self) -> Any:
        """What ``run`` returned, as it comes out of JSON; the execution goes on to its end first.

        Raises NotCompleted if it failed, was cancelled, timed out, or waits for what will never happen.
        """
        return self.end.value

    @property
    def exception(self) -> NotCompleted | None:
        """What ``result`` would raise."""
        end = self.end
        return None if end.status == "COMPLETED" else NotCompleted(end)

    def signal(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        """Send a signal from outside. Raises ``swf.errors.Refused`` if the execution is closed, EncodeError."""
        text = codec.encode({"args": list(args), "kwargs": kwargs}, root="")
        value = fields().store("input", text)
        self._call("SignalWorkflowExecution", signalName=name, input=value)

    def cancel(self) -> None:
        """Ask the execution to cancel. Raises ``swf.errors.Refused`` if it is closed."""
        self._call("RequestCancelWorkflowExecution")

    def terminate(self) -> None:
        """Close the execution from outside. Raises ``swf.errors.Refused`` if it is closed."""
        self._call("TerminateWorkflowExecution")

    def save(self, path: str | PathLike[str]) -> None:
        """Write the history of the last run as JSON, for ``replay``."""
        write_history(path, self.runs[-1], self.events)

    def _call(self, operation: str, **request: Any) -> None:
        self._simulation.call(operation, workflowId=self.workflow_id, **request)


def next_run(events: list[Event]) -> str | None:
    """The run id of the run that continues this one."""
    continued = events[-1].get("workflowExecutionContinuedAsNewEventAttributes")
    return None if continued is None else str(continued["newExecutionRunId"])
