"""One run of one execution: the executor that its workflow talks to.

A run lives from decision to decision. ``advance`` folds a batch, lets failures be judged and futures finish in event
order, and resumes the author's code until nothing moves; ``response.respond`` then says what is answered. A fresh run
goes through the same steps for every batch of the history, so both see the same.

Decisions and records meet in the outbox: what the program asks for stands there until the event that confirms it is
folded, one decision later. A record that nobody has asked for by then waits for whoever asks for it later; it counts
as a difference at once if the same activity was asked for in another way.
"""

from __future__ import annotations

import inspect
import itertools
import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any, NoReturn

from .. import task
from ..activity import PRIORITY_NOT_SET, Activity
from ..canvas import FuncGroup, as_member
from ..exceptions import (
    DecisionAbandoned,
    DuplicateTaskId,
    ExecutionBlocked,
    NondeterminismError,
    PayloadError,
    PayloadUnavailable,
    TaskFailed,
)
from ..futures import Failure, Future, Ripples
from ..history import History
from ..marker import Marker
from ..payloads import codec, jumbo, signatures
from ..payloads.fields import INLINE, Fields
from . import calls, failures, hooks, recall, startables, task_calls, views
from . import state as s
from .arguments import encoded, filled, same
from .endings import CANCELED, Ending, canceled, completed, continued, driven, ending_of, failed
from .events import Batch, as_datetime
from .fibers import Fibers, Replaying
from .fold import fold
from .ids import Numbers
from .outbox import Outbox
from .repair import EXTRA, Repair, not_repairing
from .signals import Signals
from .state import ExecutionState, Record, Signal
from .work import Event, MissingType, RunKey

logger = logging.getLogger(__name__)

_REFERENCE = jumbo.PREFIX[0]  # with which no JSON begins


class Stopped(BaseException):
    """Carries an error of the engine past the author's code: the run is to be dropped."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Run:
    """``effects`` are the recorded side effects of the whole history, also those that lie ahead of the replay."""

    repair: Repair | None = None

    def __init__(
        self,
        key: RunKey,
        workflow_class: type[Any],
        task_list_override: str | None = None,
        effects: list[str] | None = None,
        fields: Fields = INLINE,
    ) -> None:
        self.key = key
        self.workflow_id = key.workflow_id
        self.run_id = key.run_id
        self.workflow_class = workflow_class
        self.task_list_override = task_list_override
        self.effects = effects or []
        self.fields = fields
        self._extra: dict[str, Any] = {}  # what the input says besides the arguments
        self.state = ExecutionState()
        self.time: float | datetime = 0
        self.events: list[Event] = []  # kept only for hooks
        self.hooks = hooks.of(workflow_class)
        self.fatal: Exception | None = None
        self.full: set[str] = set()  # kinds that SWF takes no more of until one of them closes
        self.missing_types: dict[MissingType, None] = {}  # that SWF has refused and not taken since
        self.definitions: dict[Any, task_calls.Definition] = {}  # of the activities and children asked for so far
        self.restarting = False
        self.latched: dict[tuple[str, int], int] = {}  # which signal the n-th wait for a name took, in whatever pass
        self.last_started = 0
        self._flag = Replaying()
        self._begin()

    def _begin(self) -> None:
        """Everything that belongs to one pass of the author's code, from the top."""
        self.fibers = Fibers(self._flag)
        self.block = self.fibers.block
        self.outbox = Outbox()
        self.unclaimed: dict[s.Key, list[Record]] = {}
        self.ending: Ending | None = None
        self.failures: list[Failure] = []
        self._streams: dict[str, Random] = {}
        self._numbers = Numbers(self.fibers)
        self.number = self._numbers.next
        self.ripples = Ripples()
        self.next_number = itertools.count(1).__next__
        self.observed: list[str] = []  # the side effects of this pass, recorded or not
        self._waits = 0
        self._computed: dict[s.Key, task_calls.TaskCall] = {}
        self._asked_to_stop: set[s.Key] = set()
        self.signals = Signals(self)
        self.workflow = self.workflow_class(self)

    # -- one decision

    def advance(self, batch: Batch, replaying: bool) -> None:
        """Take in the events of one decision. Raises Stopped."""
        events, self.last_started, self.time = batch
        self._flag.now = replaying
        if self.hooks:
            self.events.extend(events)
        first = not self.state.execution
        cut = recall.cut_short(self)
        fold(self.state, events)
        self._confirm()
        if self.ending is not None:
            self._answer_refusal()
            return
        self._compare_effects(cut)
        if self.state.cancel_requested and self._cancels():
            return
        if self.restarting:
            self._restart()
        else:
            if self.state.signals:
                self.signals.propagate(self.state.started, self.state.ended)
            self._settle()
            if first:
                self.fibers.spawn(self._main)
        self.fibers.resume()
        if self.fatal is not None:
            raise Stopped(self.fatal)
        if self.ending is not None:
            self.fibers.close()

    def take_in(self, batch: Batch) -> None:
        """Fold events and link what they record, and go no further. Raises Stopped."""
        fold(self.state, batch.events)
        self._confirm()

    def _confirm(self) -> None:
        """What was decided: link each record with the part of the program that asked for it."""
        state = self.state
        strangers = False
        for record in state.recorded:
            owner = self.outbox.confirm(record.key)
            if owner is None and record.key[0] == s.SIGNAL:
                owner = self._refused_signal(record) or self._passed_on(record)
            if owner is not None:
                self._claim(owner, record)
            elif record.key[1] not in s.OWN_TIMERS:
                self.unclaimed.setdefault(record.key, []).append(record)
                strangers = True
        for record in state.started:
            record.started = True
            if record.owner is not None:
                record.owner.begun(record)
        if strangers and not self.restarting and self.ending is None:
            self._meet_strangers()

    def _refused_signal(self, record: Record) -> calls.SignalCall | None:
        """The first signal on its way to the target of one that was refused, which does not say its name."""
        *target, name = record.key[1]
        for owner in self.outbox.of_kinds(s.SIGNAL) if name is None else ():
            if list(owner.key[1][:2]) == target and self.outbox.drop(owner):
                return owner  # type: ignore[no-any-return]
        return None

    def _passed_on(self, record: Record) -> Any:
        """The signal that is passed on by a record of 0.35, which does not say so in ``control``."""
        for owner in self.outbox.of_kinds(s.PROPAGATED):
            if (owner.target, owner.target_run, owner.signal.name) == record.key[1] and self.outbox.drop(owner):
                return owner
        return None

    def _meet_strangers(self) -> None:
        """Nobody asked for these: an error if the same activity was asked for otherwise, or the timer is waited for."""
        for record in (record for record in self.state.recorded if record.owner is None):
            if record.outcome == "TimerCanceled":
                self._meet_canceled(self.state.records.get(record.attributes["startedEventId"]), record)
            for owner in self.outbox.of_kinds(record.key[0]) if record.type_name else ():
                if owner.type_name == record.type_name:
                    self._stop(NondeterminismError(record.event_id, record.describe(), owner.describe()))

    def _meet_canceled(self, timer: Record | None, cancellation: Record) -> None:
        """Nobody asked for this cancellation: whoever still waits for the timer would take it for over."""
        owner = timer and timer.owner
        if owner is not None and not (isinstance(owner, calls.Call) and owner.future.done):
            self.end_unasked(cancellation, owner)

    def end_unasked(self, cancellation: Record, owner: Any) -> NoReturn:
        """What the history cancelled is not cancelled by the code."""
        asked = f"{owner.describe()} to its end"
        self._stop(NondeterminismError(cancellation.event_id, cancellation.describe(), asked))

    def _compare_effects(self, cut: bool) -> None:
        left = self.outbox.holds(calls.SideEffect.key) or calls.SideEffect.key in self.unclaimed
        if left and not self.restarting and (error := recall.difference(self, cut)) is not None:
            self._stop(error)

    def _claim(self, owner: Any, record: Record) -> None:
        try:
            owner.check(record)
        except NondeterminismError as error:
            self._stop(error)
        except PayloadError as error:  # nobody knows whether they are the same
            self._stop(DecisionAbandoned(f"{record.describe()} cannot be compared with {owner.describe()}: {error}"))
        if self.missing_types and record.outcome not in failures.REFUSED and isinstance(owner, task_calls.TaskCall):
            self.missing_types.pop(owner.missing, None)
        record.owner = owner

    def _settle(self) -> None:
        """What came of it: failures are judged first, then futures finish; both in event order."""
        state = self.state
        if self.full:
            records = (item for item in state.ended if isinstance(item, Record))
            self.full -= {record.key[0] for record in records if record.outcome_id != record.event_id}
        for record in state.unsettled:
            if record.owner is not None:
                record.owner.consider(record)
        for item in state.ended:
            if self.ending is not None:
                return
            if isinstance(item, Signal):
                self.signals.receive(item.name)
            elif item.owner is not None:
                item.owner.conclude(item)
                item.owner = None  # which is the end of what nobody else keeps

    def _restart(self) -> None:
        """``run`` starts at the top again, and finds everything that has been recorded."""
        self.fibers.close()
        effects = [marker.details or "" for marker in self.state.markers if marker.name == s.SIDE_EFFECT]
        self.effects = max(self.effects, effects, key=len)
        self._begin()
        for record in self.state.records.values():
            record.owner = None
            if record.key[1] not in s.OWN_TIMERS:
                self.unclaimed.setdefault(record.key, []).append(record)
        started = [record for record in self.state.records.values() if record.started]
        signals = sorted((x for xs in self.state.signals.values() for x in xs), key=lambda x: x.event_id)
        self.signals.propagate(started, signals)
        self.fibers.spawn(self._main)

    def _answer_refusal(self) -> None:
        """The end is fixed; a close that SWF refused for new events is sent again, for another cause it fails."""
        cause, self.state.close_refused = self.state.close_refused, None
        if cause not in (None, "UNHANDLED_DECISION"):
            assert self.ending is not None
            self.ending = failed(f"{self.ending.kind} was refused: {cause}")

    def _stop(self, error: Exception) -> NoReturn:
        """Drop the run; the author's code never sees why."""
        self.fatal = error
        self.fibers.halted = True
        if not self.fibers.closed and self.fibers.current() is not None:
            self.fibers.park()
        raise Stopped(error)

    def close(self) -> None:
        """Drop everything: the author's clean-up runs and can do nothing."""
        self.fibers.close()

    # -- the author's code

    def _main(self) -> None:
        try:
            call = self._input()
            args, kwargs = signatures.arguments(self.workflow_class.run, call["args"], call["kwargs"], skip=1)
            result = self.workflow.run(*args, **kwargs)
            if inspect.iscoroutine(result):
                result = driven(result)
            text = self.named("result", self.text_of(result, "result"))
            for failure in self.failures:
                if not failure.asked:
                    raise failure.exception.with_traceback(None)
        except ExecutionBlocked:
            self._ask_for_restart()
        except (Exception, SystemExit) as error:
            self._give_up_without_memory(error)
            self._fix(ending_of(error, self.fields))
        else:
            self._fix(completed(text))

    def _input(self) -> dict[str, Any]:
        value = self.decode(self.state.execution.get("input"))
        if isinstance(value, dict) and isinstance(value.get(EXTRA), dict):
            self._extra = {EXTRA: not_repairing(value[EXTRA])}
        if value is None:
            return {"args": [], "kwargs": {}}
        if isinstance(value, dict) and value.keys() & {"args", "kwargs"}:
            return {"args": value.get("args") or [], "kwargs": value.get("kwargs") or {}}
        if isinstance(value, dict):
            return {"args": [], "kwargs": {key: member for key, member in value.items() if key != EXTRA}}
        return {"args": value if isinstance(value, list) else [value], "kwargs": {}}

    def _ask_for_restart(self) -> None:
        if not self.restarting:
            logger.warning(
                "%s raised ExecutionBlocked: `run` starts from the top at each new event from now on. "
                "futures.wait(..., return_when=futures.FIRST_COMPLETED) waits without that.",
                self.workflow_class.__name__,
            )
        self.restarting = True

    def text_of(self, value: Any, root: str) -> str:
        """The JSON of a value of the author's, when all futures in it are there."""
        text, holes = encoded(value, root)
        for future in holes:
            future.join()
        return filled(text, holes)

    def call_author(self, function: Callable[[], None]) -> None:
        if self.ending is not None:
            return
        self.fibers.run(function)
        if self.fibers.current() is not None:
            if self.fibers.halted:
                self.fibers.park()
        elif self.fatal is not None:
            raise Stopped(self.fatal)

    def in_fiber(self, function: Callable[[], None]) -> None:
        """Run code of the author's that may wait: the caller waits with it, if it is the author's code too."""
        if self.fibers.current() is not None:
            function()
        else:
            self.call_author(function)

    def guarded(self, future: Future[Any], function: Callable[[], None]) -> None:
        """An error becomes the failure of the future; ``submit`` raises it if it is that submit's own."""
        try:
            function()
        except DecisionAbandoned as error:
            self._stop(error)
        except (Exception, SystemExit) as error:
            if not future.done:  # cancelled while the function waited
                self.fibers.submit.failure = self._fail(future, error, error)

    def fail_future(self, future: Future[Any], error: BaseException) -> None:
        self._fail(future, error, error)

    def raise_later(self, future: Future[Any], exception: BaseException, raised: BaseException) -> None:
        self._fail(future, exception, raised)

    def _give_up_without_memory(self, error: BaseException) -> None:
        """A lack of memory is no matter of the run: the decision is given up."""
        if isinstance(error, MemoryError):
            self._stop(DecisionAbandoned(f"no memory: {error}"))

    def _fail(self, future: Future[Any], exception: BaseException, raised: BaseException) -> Failure:
        self._give_up_without_memory(raised)
        failure = Failure(raised)
        self.failures.append(failure)
        future.set_exception(exception, failure)
        return failure

    def history(self) -> History:
        return History(self.events)

    # -- the port of futures

    def decode(self, text: str | None) -> Any:
        if text is None or text[:1] != _REFERENCE:
            return codec.decode(text)
        return codec.decode(self.fetch(text))

    def payload(self, text: str | None) -> Any:
        if text is None or text[:1] != _REFERENCE:
            return codec.decode(text)
        try:
            return self.fields.payload(text)
        except PayloadUnavailable as error:
            self._stop(DecisionAbandoned(str(error)))

    def named(self, field: str, text: str) -> str:
        """What stands in a field for a text. Raises JumboTooLargeError; what the world does gives the decision up."""
        try:
            return self.fields.name(field, text)
        except PayloadUnavailable as error:
            self._stop(DecisionAbandoned(str(error)))

    def fetch(self, text: str | None) -> str | None:
        """The text of a field. Raises PayloadError where that cannot change; anything else gives the decision up."""
        try:
            return self.fields.fetch(text)
        except PayloadUnavailable as error:
            self._stop(DecisionAbandoned(str(error)))

    def fetch_told(self, text: str | None) -> str | None:
        """``fetch`` for what a failure tells: it stays a failure if the rest of it is lost."""
        try:
            return self.fetch(text)
        except PayloadError as error:
            return f"{text}: {error}"

    def start_wait_timer(self, seconds: float) -> Future[None]:
        self.fibers.check_part()
        self._waits += 1
        timer = calls.TimerCall(self, f"_simpleflow_wait_{self._waits}", seconds, reserved=True)
        timer.start()
        return timer.future

    # -- submit

    def submit(self, submittable: Any, /, *args: Any, **kwargs: Any) -> Any:
        if self.fibers.current() is None:
            raise RuntimeError("a hook cannot submit: it only observes the run.")
        self.fibers.check_part()
        this = self.fibers.submit
        outer = this.priority
        if "__priority" in kwargs:
            this.priority = kwargs.pop("__priority")
        this.failure = None
        try:
            if isinstance(submittable, Activity):
                startable: Any = task_calls.ActivityCall(self, task.ActivityTask(submittable, *args, **kwargs))
            else:
                member = as_member(submittable, *args, **kwargs)
                if isinstance(member, FuncGroup):
                    return self._submit_product(member)
                startable = self._prepared(member)
            startable.start()
        finally:
            this.priority = outer
        future = startable.future
        own: Failure | None = this.failure  # what this submit itself did wrong
        if own is not None and future.failure is own:
            own.asked = True
            raise own.exception.with_traceback(None)
        return future

    def _submit_product(self, group: FuncGroup) -> Any:
        """Submitted by the author, a FuncGroup is called at once and gives the future of its product."""
        scope = self.scope()
        with self.raising(group.raises_on_failure) as raises:  # of the product, not of what the function submits itself
            pass
        product = group.produce(self, scope, raises)
        if product is None:
            return None
        product.start()
        return product.future

    def prepare(self, member: Any) -> Any:
        self.fibers.current()  # raises in a run that has been dropped
        return self._prepared(member)

    def _prepared(self, member: Any) -> Any:
        return startables.made_of(self, member)

    def emit(self, owner: Any) -> None:
        """Ask for the owner's decision; claim the record that has been waiting for it, if there is one."""
        record = self._waiting_record(owner) if self.unclaimed else None
        if record is None:
            self.outbox.add(owner)
            return
        self._claim(owner, record)
        if record.started:
            owner.begun(record)
        if record.outcome is not None:
            owner.consider(record)
            owner.conclude(record)

    def _waiting_record(self, owner: Any) -> Record | None:
        queue = self.unclaimed.get(owner.key)
        if not queue:
            return None
        place = 0
        if not self.restarting:
            if isinstance(owner, calls.SideEffect):
                self._stop(recall.late(owner, queue[0]))
            if isinstance(owner, calls.NEEDS_ITS_TIME):
                place = next((n for n, record in enumerate(queue) if record.outcome is None), len(queue))
        record = queue.pop(place) if place < len(queue) else None
        if not queue:
            del self.unclaimed[owner.key]
        return record

    def left_over(self) -> list[list[Record]]:
        """Records that nobody asked for. The last pass of a restarting run may ask for less than those before it."""
        return [] if self.restarting else list(self.unclaimed.values())

    def withdraw(self, owner: Any) -> bool:
        return self.outbox.drop(owner)

    def wait_for_close(self, owner: Any) -> None:
        """SWF has too many of this kind open: ask again when one has closed."""
        self.full.add(owner.key[0])
        self.emit(owner)

    def cancel_timer(self, timer: calls.RetryTimer) -> None:
        if not self.withdraw(timer):
            self.emit(calls.TimerCancellation(self, timer.key[1]))

    def same_call(self, call: task_calls.TaskCall) -> task_calls.TaskCall | None:
        """An earlier call with the same computed id. Raises DuplicateTaskId if it is not the same call."""
        twin = self._computed.setdefault(call.key, call)
        if twin is call:
            return None
        if twin.type_name != call.type_name or not same(twin.submitted, call.submitted, door=self):
            raise DuplicateTaskId(call.key[1], twin.describe(), call.describe())
        return twin

    def ask_to_stop(self, owner: Any) -> None:
        """Ask SWF to cancel an activity or child; once."""
        if owner.key not in self._asked_to_stop:
            self._asked_to_stop.add(owner.key)
            self.emit(owner)

    # -- numbers and settings of what is submitted

    def scope(self) -> str:
        return self._numbers.next_scope()

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        fiber = self.fibers.current()
        assert fiber is not None
        outer, fiber.scope = fiber.scope, scope
        try:
            yield
        finally:
            fiber.scope = outer

    @contextmanager
    def raising(self, raises: bool | None) -> Iterator[bool | None]:
        this = self.fibers.submit
        outer = this.raises
        this.raises = raises if outer is None else outer
        try:
            yield this.raises
        finally:
            this.raises = outer

    def priority_of(self, payload: Any) -> Any:
        explicit = self.fibers.submit.priority
        if explicit is not PRIORITY_NOT_SET:
            return explicit
        own = getattr(payload, "task_priority", PRIORITY_NOT_SET)
        if own is PRIORITY_NOT_SET or isinstance(payload, type):
            # `task_priority` of a child's class is the default of its tasks, not its own
            return self.workflow.task_priority
        return own

    @property
    def task_list(self) -> str | None:
        return (self.state.execution.get("taskList") or {}).get("name")

    @property
    def tag_list(self) -> list[str]:
        return list(self.state.execution.get("tagList") or ())

    # -- the end

    def _fix(self, ending: Ending) -> None:
        """How the run ends; no code of the author's goes on."""
        self.ending = self.ending or ending
        self.fibers.halted = True

    def end(self, ending: Ending) -> None:
        """Fix the end of the run; the code that asked for it does not go on."""
        self._fix(ending)
        if self.fibers.current() is not None:
            self.fibers.park()

    def fail(self, reason: str, details: Any) -> None:
        self.fibers.check_part()
        text = details if details is None or isinstance(details, str) else codec.encode(details)
        self.end(failed(f"Workflow execution failed: {reason}", text, self.fields))

    def continue_as_new(self, text: str) -> None:
        execution = self.state.execution
        envelope = {**self.payload(text), **self._extra}
        self.end(
            continued(
                input=self.named("input", encoded(envelope)[0]),
                executionStartToCloseTimeout=execution.get("executionStartToCloseTimeout"),
                taskStartToCloseTimeout=execution.get("taskStartToCloseTimeout"),
                taskList=execution.get("taskList"),
                taskPriority=execution.get("taskPriority"),
                childPolicy=execution.get("childPolicy"),
                tagList=execution.get("tagList"),
                workflowTypeVersion=execution["workflowType"]["version"],
                lambdaRole=execution.get("lambdaRole"),
            )
        )

    def _cancels(self) -> bool:
        """Follow a request to cancel, if the workflow agrees: what is open is asked to stop before the close."""
        try:
            accepted = self.workflow.should_cancel(self.history())
        except (Exception, SystemExit) as error:
            self._give_up_without_memory(error)
            self.ending = ending_of(error, self.fields)
            self.fibers.close()
            return True
        if accepted:
            for activity in self.state.open[s.ACTIVITY].values():
                self.ask_to_stop(calls.ActivityCancellation(self, activity.key[1]))
            for child in self.state.open[s.CHILD].values():
                self.ask_to_stop(calls.ChildCancellation(self, child.key[1], child.run_id))
            self.ending = canceled()
            self.fibers.close()
        return bool(accepted)

    @property
    def canceling(self) -> bool:
        return self.ending is not None and self.ending.kind == CANCELED

    # -- what is not a pure function of the arguments

    @property
    def replaying(self) -> bool:
        return self._flag.now

    def now(self) -> datetime:
        return as_datetime(self.time)

    @property
    def random(self) -> Random:
        return self._stream("random")

    def uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._stream("uuid4").getrandbits(128), version=4)

    def _stream(self, name: str) -> Random:
        self.fibers.check_part()
        if name not in self._streams:
            self._streams[name] = Random(f"{name} {self.run_id}")
        return self._streams[name]

    def side_effect(self, function: Callable[[], Any], name: str) -> Any:
        self.fibers.check_part()
        number = len(self.observed)
        if number < len(self.effects):
            text = self.effects[number]
            effect = self.decode(text)
            if not isinstance(effect, dict) or effect.get("name") != name:
                recorded = f"side effect number {number + 1}: {text:.200}"
                self._stop(NondeterminismError(0, recorded, f"side effect number {number + 1} named {name!r}"))
        else:
            text = self.named("details", codec.encode(self._observe(function, {"n": number + 1, "name": name})))
            effect = self.decode(text)
        self.observed.append(text)
        self.emit(calls.SideEffect(self, text, name))
        if "error" in effect:
            raise TaskFailed(name, effect["error"])
        return effect["value"]

    def _observe(self, function: Callable[[], Any], effect: dict[str, Any]) -> dict[str, Any]:
        try:
            with self.fibers.observed_by("the function of side_effect"):
                return {**effect, "value": function()}
        except (Exception, SystemExit) as error:
            self._give_up_without_memory(error)
            return {**effect, "error": f"{type(error).__name__}: {error}"}

    # -- what the history says

    def list_markers(self, all: bool) -> list[Marker]:
        return views.markers(self.state, all, self.decode)

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        return views.event_details(self.state, event_type, event_name, self.decode)

    def get_run_context(self) -> dict[str, Any]:
        return views.run_context(self.key, self.state)
