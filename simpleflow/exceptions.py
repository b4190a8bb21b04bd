"""Every exception that an author meets, but for those of the JSON codec: they are in ``payloads``, which raises them.

BaseException
  RunEvicted                 the run of this code is over; only clean-up may follow
  DecisionDeadlock           ``run`` held the decider's thread for too long
  Exception
    ExecutionBlocked         a value is asked for that nobody here can wait for
    TaskException            a task failed whose ``raises_on_failure`` is true
      WorkflowException      the same for a child workflow
    TaskFailed               an activity, child, timer or signal failed
    TimeoutError             a task took longer than one of its timeouts
    TaskCanceled             a task was cancelled
    TaskTerminated           a child workflow was terminated
    AggregateException       what the members of a group or chain failed with
    ExecutionError           a child process failed (``simpleflow.execute``)
      ExecutionTimeoutError  a child process took too long
    DuplicateTaskId          one id was given to two different tasks
    NondeterminismError      today's code does not fit the recorded history
    NotFound                 a name leads to nothing that can be used
    WrongArguments           a workflow's ``run`` does not take these arguments (also a TypeError)
    NotCompleted             a local run, or one in a test, did not complete
    InvalidTask              a task that Amazon SWF would refuse (also a ValueError)
    DecisionAbandoned        the outside world failed while deciding; try the decision again
    PayloadError             a payload that stands outside the history cannot be used
      PayloadGone            there is no such object
      PayloadWrong           the object is not what its reference says
      PayloadRefused         the reference leads where nothing may be read
      PayloadUnavailable     the store did not answer as it should; try again
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class ExecutionBlocked(Exception):
    """A future is not finished and this code has no run that could wait for it.

    Raised by an author inside ``Workflow.run`` it asks for ``run`` to start again from the top at the next event.
    """


class RunEvicted(BaseException):
    """The run that this code belongs to has been dropped; nothing may be submitted any more."""


class DecisionDeadlock(BaseException):
    """``run`` did not give the thread back in time."""


class TaskException(Exception):
    """A task failed and its ``raises_on_failure`` is true. ``exception`` says how, ``payload`` what was called."""

    def __init__(self, task: Any, exception: BaseException | None = None) -> None:
        super().__init__(task, exception)
        self.task = task
        self.exception = exception

    @property
    def payload(self) -> Any:
        return getattr(self.task, "payload", self.task)

    def __str__(self) -> str:
        return f"{getattr(self.task, 'name', self.task)}: {self.exception!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(task={self.task!r}, exception={self.exception!r})"


class WorkflowException(TaskException):
    """A child workflow failed and its ``raises_on_failure`` is true."""

    @property
    def workflow(self) -> Any:
        return self.payload


class TaskFailed(Exception):
    """A task failed with ``reason`` and ``details`` (text, or what JSON details decode to)."""

    def __init__(self, name: str | None, reason: str | None = None, details: Any = None) -> None:
        super().__init__(name, reason, details)
        self.name = name
        self.reason = reason
        self.details = details

    def __repr__(self) -> str:
        return f'{type(self).__name__} ({self.name}, "{self.reason}")'


class TimeoutError(Exception):
    """A timeout of type ``timeout_type`` (SWF's name) of ``timeout_value`` seconds passed."""

    def __init__(self, timeout_type: str = "unknown timeout", timeout_value: Any = None) -> None:
        super().__init__(timeout_type, timeout_value)
        self.timeout_type = timeout_type
        self.timeout_value = timeout_value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.timeout_type})"


class TaskCanceled(Exception):
    """A task was cancelled; ``details`` is what it said."""

    def __init__(self, details: Any = None) -> None:
        super().__init__(*(() if details is None else (details,)))
        self.details = details

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'' if self.details is None else self.details})"


class TaskTerminated(Exception):
    """A child workflow was terminated."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class AggregateException(Exception):
    """What the members of a group or chain failed with: one exception or None for each member."""

    def __init__(self, exceptions: Iterable[BaseException | None]) -> None:
        self.exceptions: list[BaseException | None] = list(exceptions)
        super().__init__(self.exceptions)

    def append(self, exception: BaseException | None) -> None:
        self.exceptions.append(exception)

    def handle(self, predicate: Callable[..., bool], *args: Any, **kwargs: Any) -> None:
        """Ask ``predicate(exception, *args, **kwargs)`` of each; raise the ones for which it is false."""
        unhandled = [e for e in self.exceptions if e is not None and not predicate(e, *args, **kwargs)]
        if unhandled:
            raise AggregateException(unhandled)

    def flatten(self) -> AggregateException:
        """The same exceptions without nesting and without None."""
        flat: list[BaseException | None] = []
        for exception in self.exceptions:
            if isinstance(exception, AggregateException):
                flat.extend(exception.flatten().exceptions)
            elif exception is not None:
                flat.append(exception)
        return AggregateException(flat)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AggregateException) and self.exceptions == other.exceptions

    __hash__ = Exception.__hash__

    def __str__(self) -> str:
        return f"{self.exceptions!r}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.exceptions!r})"


class ExecutionError(Exception):
    """A child process failed; the argument is a JSON text with error, message and traceback."""


class ExecutionTimeoutError(ExecutionError):
    """``command`` did not end within ``timeout_value`` seconds."""

    def __init__(self, command: str = "unknown", timeout_value: float | None = None) -> None:
        super().__init__(command, timeout_value)
        self.command = command
        self.timeout_value = timeout_value

    def __str__(self) -> str:
        return f"{self.command} did not end within {self.timeout_value} s"


class DuplicateTaskId(Exception):
    """One task id was computed for two different calls."""

    def __init__(self, task_id: str, first: str, second: str) -> None:
        super().__init__(
            f"task id {task_id!r} was given to two different calls: {first} and {second}. "
            "Let get_task_id, get_workflow_id or the arguments tell them apart."
        )
        self.task_id = task_id
        self._told = (task_id, first, second)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._told


class NondeterminismError(Exception):
    """Today's code gives an event of the history another meaning.

    ``event_id`` is the event (0 where there is none), ``recorded`` and ``submitted`` are the two meanings.
    """

    REMEDY = (
        "Put the old code back, or give the changed workflow a new version or task list; "
        "`simpleflow workflow.replay` shows beforehand whether a change fits running executions."
    )

    def __init__(self, event_id: int, recorded: str, submitted: str) -> None:
        super().__init__(
            f"event {event_id} of the history records {recorded}, but the code now asks for {submitted}. {self.REMEDY}"
        )
        self.event_id = event_id
        self.recorded = recorded
        self.submitted = submitted

    def without_inputs(self) -> str:
        """The same without payloads, for logs."""
        recorded, submitted = (text.partition(" with input ")[0] for text in (self.recorded, self.submitted))
        asks = "gives it another input" if recorded == submitted else f"asks for {submitted}"
        return f"event {self.event_id} of the history records {recorded}, but the code now {asks}. {self.REMEDY}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.event_id, self.recorded, self.submitted)


class NotFound(Exception):
    """A name leads to nothing that can be used; the message says what is wrong in one line."""


class WrongArguments(TypeError):
    """``run`` does not take these arguments."""


class NotCompleted(Exception):
    """A run failed, was cancelled, timed out or is blocked; ``run`` (a ``local.LocalRun``) says how."""

    def __init__(self, run: Any) -> None:
        super().__init__(run.explain())
        self.run = run

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.run,)


class InvalidTask(ValueError):
    """A task that Amazon SWF would refuse: a name or id that is too long or has a forbidden character, and so on."""


class DecisionAbandoned(Exception):
    """Something outside failed while deciding (a payload cannot be fetched, no memory): nothing was decided."""


class PayloadError(Exception):
    """A payload that stands outside the history cannot be used."""


class PayloadGone(PayloadError):
    """The store has no such object, or shows it to nobody."""


class PayloadWrong(PayloadError):
    """The object is not what its reference says: other content, or another size."""


class PayloadRefused(PayloadError):
    """The reference leads out of the configured stores, or to more than may be read."""


class PayloadUnavailable(PayloadError):
    """The store could not be asked, or could not take what it was given: a fault of the outside world."""
