"""What the program has asked for: one class for each kind of task, from submit to its end.

A call gets its number and the text of its arguments when it is submitted. It is started when its turn has come,
launched (its decision goes to the outbox) when its last argument is there, and ends when the event is folded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..exceptions import InvalidTask, NondeterminismError, TaskFailed
from ..futures import Future
from ..payloads import codec, jumbo
from . import failures, names
from . import state as s
from .arguments import Holes, encoded, filled, same
from .decisions import Wire, decision
from .endings import failed
from .state import Key, Record


class Owner:
    """Base of everything that goes to the outbox. ``check`` compares the input of a record with its own."""

    key: Key
    place = 0
    awaited = False  # whether somebody waits, or may wait, for what SWF will not wake the decider for
    input: str | None = None
    type_name: str | None = None
    _ignored: frozenset[str] = frozenset()

    def __init__(self, run: Any) -> None:
        self.run = run

    def decision(self) -> Wire:
        raise NotImplementedError

    def check(self, record: Record) -> None:
        if record.input == self.input and record.type_name == self.type_name:
            if isinstance(self.input, jumbo.Unsent):
                self.input.release()  # it was stored before it was recorded
            return
        refused = record.outcome_id == record.event_id and record.input is None
        fits = refused or same(record.input, self.input, self._ignored, self.run)
        if record.type_name != self.type_name or not fits:
            raise NondeterminismError(record.event_id, record.describe(), self.describe())

    def describe(self) -> str:
        kind, name = self.key
        called = f" of {self.type_name}" if self.type_name else ""
        return f"{kind} {name!r}{called}" + (f" with input {self.input:.200}" if self.input else "")

    def begun(self, record: Record) -> None:
        """The activity or child has been started."""

    def consider(self, record: Record) -> None:
        """See ``outbox.Owner``."""

    def conclude(self, record: Record) -> None:
        """See ``outbox.Owner``."""


class Call(Owner):
    """A task with a future. ``text`` is the JSON of its arguments, which has ``holes`` until it is launched."""

    launched = False
    text: str | None = None
    holes: Holes = ()
    _field = "input"
    _missing = 0  # holes that are still open

    def __init__(self, run: Any) -> None:
        self.run = run
        self.future: Future[Any] = Future(run)
        self.future.canceller = self

    def start(self, *extra: Future[Any]) -> None:
        if not self.holes:
            self.run.guarded(self.future, self.launch)
            return
        holes = dict.fromkeys(self.holes)
        self._missing = len(holes)
        for hole in holes:
            hole.add_callback(self._hole_changed)

    def _hole_changed(self, hole: Future[Any]) -> None:
        if self.future.done:
            return
        if hole.failure is not None:
            self.future.set_exception(hole._exception or hole.failure.exception, hole.failure)
        elif hole.done:
            self._missing -= 1
            if not self._missing:
                self.run.guarded(self.future, self.launch)

    def launch(self) -> None:
        if self.text is not None:
            self.input = self.run.named(self._field, filled(self.text, self.holes))
        self.launched = True
        self.run.emit(self)

    def cancel(self) -> None:
        """The author cancels the future: take the decision back, or ask SWF to stop what was sent."""
        self.run.fibers.check_part()
        if self.launched and not self.run.withdraw(self):
            self.ask_to_stop()

    def ask_to_stop(self) -> None:
        """What was sent cannot be stopped, unless the kind of task says how."""


class TimerCall(Call):
    """A timer of the author's or, with ``reserved``, of the library's."""

    def __init__(self, run: Any, timer_id: str, timeout: Any, control: Any = None, *, reserved: bool = False) -> None:
        super().__init__(run)
        self.key = (s.TIMER, names.checked("timer id", timer_id, reserved=reserved))
        self.seconds = whole_seconds(f"timer {timer_id!r}", timeout)
        self.control = None if control is None else run.named("control", codec.encode(control))

    def decision(self) -> Wire:
        return decision("StartTimer", timerId=self.key[1], startToFireTimeout=str(self.seconds), control=self.control)

    def check(self, record: Record) -> None:
        """The id says all."""

    def conclude(self, record: Record) -> None:
        if self.future.done:
            return
        if record.outcome == "TimerFired":
            self.future.set_finished(None)
        elif record.outcome == "TimerCanceled":
            self.future.set_cancelled()
        elif failures.REMEDIES.get(record.attributes["cause"]) == failures.WAIT_FOR_CLOSE:
            self.run.wait_for_close(self)
        else:
            self.future.set_exception(TaskFailed(self.key[1], record.attributes["cause"]))

    def ask_to_stop(self) -> None:
        self.run.emit(TimerCancellation(self.run, self.key[1]))


def whole_seconds(what: str, timeout: Any) -> int:
    try:
        seconds = math.ceil(float(timeout))
    except (TypeError, ValueError, OverflowError):
        seconds = -1
    if not 0 <= seconds < 10**8:
        raise InvalidTask(f"{what} has the timeout {timeout!r}; it is a number of seconds from 0 to 99999999.")
    return seconds


class TimerCancellation(Owner):
    """The cancellation of a timer whose future was cancelled."""

    def __init__(self, run: Any, timer_id: str) -> None:
        super().__init__(run)
        self.key = (s.CANCEL_TIMER, timer_id)

    def decision(self) -> Wire:
        return decision("CancelTimer", timerId=self.key[1])

    def check(self, record: Record) -> None:
        """The id says all."""


class CancelTimerCall(Call):
    """The cancellation of a timer that the author submitted."""

    awaited = True

    def __init__(self, run: Any, timer_id: str) -> None:
        super().__init__(run)
        self.key = (s.CANCEL_TIMER, names.checked("timer id", timer_id))

    def decision(self) -> Wire:
        return decision("CancelTimer", timerId=self.key[1])

    def check(self, record: Record) -> None:
        """The id says all."""

    def conclude(self, record: Record) -> None:
        if self.future.done:
            return
        if "cause" in record.attributes:
            self.future.set_exception(TaskFailed(self.key[1], record.attributes["cause"]))
        else:
            self.future.set_finished(None)


#: Those that are no longer asked for once they have ended: a timer that is over already would be no time at all, and
#: its cancellation is not that of another timer.
NEEDS_ITS_TIME = (TimerCall, TimerCancellation, CancelTimerCall)


class MarkerCall(Call):
    """A marker. Markers of one name are told apart by their order."""

    _field = "details"

    def __init__(self, run: Any, name: str, details: Any) -> None:
        super().__init__(run)
        if details is not None:
            self.text, self.holes = encoded(details, "details")
        self.key = (s.MARKER, names.checked("marker name", name, free=True))

    @property
    def awaited(self) -> bool:  # type: ignore[override]
        return self.future.awaited

    def decision(self) -> Wire:
        return decision("RecordMarker", markerName=self.key[1], details=self.input)

    def conclude(self, record: Record) -> None:
        if self.future.done:
            return
        if "cause" in record.attributes:
            self.future.set_exception(TaskFailed(self.key[1], record.attributes["cause"]))
        else:
            self.future.set_text(self.input)


class SideEffect(Owner):
    """The marker of ``side_effect`` number n."""

    key = (s.MARKER, s.SIDE_EFFECT)

    def __init__(self, run: Any, text: str, name: str) -> None:
        super().__init__(run)
        self.input = text
        self.name = name

    def decision(self) -> Wire:
        return decision("RecordMarker", markerName=s.SIDE_EFFECT, details=self.input)

    def conclude(self, record: Record) -> None:
        if "cause" in record.attributes:  # its value stands nowhere: a replay would go on with another one
            told = f"the side effect {self.name!r} could not be recorded: {record.attributes['cause']}"
            self.run.end(failed(told))


class SignalCall(Call):
    """A signal to another execution. Signals of one name to one target are told apart by their order."""

    def __init__(self, run: Any, task: Any) -> None:
        super().__init__(run)
        self.text, self.holes = encoded({"args": task.args, "kwargs": task.kwargs, **task.extra_input})
        to_self = task.workflow_id is None
        self.target = run.workflow_id if to_self else names.checked("workflow id", task.workflow_id, free=True)
        self.target_run = run.run_id if to_self else task.run_id
        self.name = names.checked("signal name", task.name, free=True)
        self.control = None if task.control is None else run.named("control", codec.encode(task.control))
        self.key = (s.SIGNAL, (self.target, self.target_run, self.name))
        self._refusals = 0

    def decision(self) -> Wire:
        return decision(
            "SignalExternalWorkflowExecution",
            workflowId=self.target,
            runId=self.target_run,
            signalName=self.name,
            input=self.input,
            control=self.control,
        )

    def conclude(self, record: Record) -> None:
        if self.future.done:
            return
        cause = record.attributes.get("cause")
        if cause is None:
            self.future.set_text(self.input)
        elif failures.REMEDIES.get(cause) == failures.BACK_OFF:
            self._refusals += 1
            _wait_for_rate(self, self._refusals, self._again)
        else:
            self.future.set_exception(TaskFailed(self.name, cause))

    def _again(self) -> None:
        if not self.future.done:
            self.run.emit(self)


class Request(Owner):
    """What nobody waits for. It is sent again as long as the rate was too high; any other refusal is of no account."""

    _refusals = 0

    def conclude(self, record: Record) -> None:
        if failures.REMEDIES.get(record.attributes.get("cause", "")) == failures.BACK_OFF:
            self._refusals += 1
            _wait_for_rate(self, self._refusals, lambda: self.run.emit(self))


def _wait_for_rate(owner: Owner, refusals: int, then: Callable[[], None]) -> None:
    timer_id = f"__simpleflow_signal_{names.digest(repr(owner.key))}"
    owner.run.emit(RetryTimer(owner.run, timer_id, back_off(refusals), then))


class Propagation(Request):
    """A received signal on its way to the parent or a child; ``control`` tells which one."""

    def __init__(self, run: Any, signal: s.Signal, workflow_id: str, run_id: str | None) -> None:
        super().__init__(run)
        self.signal = signal
        self.target, self.target_run = workflow_id, run_id
        self.control = f"{s.PROPAGATED} {signal.event_id}"
        self.key = (s.PROPAGATED, (self.control, workflow_id))
        self.input = signal.input

    def decision(self) -> Wire:
        return decision(
            "SignalExternalWorkflowExecution",
            workflowId=self.target,
            runId=self.target_run,
            signalName=self.signal.name,
            input=self.input,
            control=self.control,
        )


class RetryTimer(Owner):
    """A timer of the library's own, after which something is asked for again."""

    def __init__(self, run: Any, timer_id: str, seconds: float, then: Callable[[], None]) -> None:
        super().__init__(run)
        self.key = (s.TIMER, names.shortened(timer_id))
        self.seconds = seconds
        self.then = then

    def decision(self) -> Wire:
        return decision("StartTimer", timerId=self.key[1], startToFireTimeout=str(math.ceil(self.seconds)))

    def check(self, record: Record) -> None:
        """The id says all."""

    def consider(self, record: Record) -> None:
        self.then()


class ActivityCancellation(Owner):
    def __init__(self, run: Any, activity_id: str) -> None:
        super().__init__(run)
        self.key = (s.CANCEL_ACTIVITY, activity_id)

    def decision(self) -> Wire:
        return decision("RequestCancelActivityTask", activityId=self.key[1])


class ChildCancellation(Request):
    def __init__(self, run: Any, workflow_id: str, run_id: str | None) -> None:
        super().__init__(run)
        self.key = (s.CANCEL_CHILD, workflow_id)
        self.child_run_id = run_id

    def decision(self) -> Wire:
        return decision("RequestCancelExternalWorkflowExecution", workflowId=self.key[1], runId=self.child_run_id)


def back_off(refusals: int) -> float:
    """Seconds to wait after so many refusals for a rate limit: 1 doubling to 60."""
    return float(min(2 ** (refusals - 1), 60))
