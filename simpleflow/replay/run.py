"""One run of one execution: the executor that its workflow talks to.

A run lives from decision to decision. ``advance`` folds a batch, lets failures be judged and futures finish in event
order, and resumes the author's code until nothing moves; ``response.respond`` then says what is answered. A fresh run
goes through the same steps for every batch of the history, so both see the same.

Values come and go through ``door``; what the program asks for meets what the history records in ``claims``.
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

from greenlet import GreenletExit

from .. import task
from ..activity import PRIORITY_NOT_SET, Activity
from ..canvas import FuncGroup, as_member
from ..exceptions import (
    DecisionAbandoned,
    DecisionDeadlock,
    DuplicateTaskId,
    ExecutionBlocked,
    RunEvicted,
)
from ..futures import Failure, Future, Ripples
from ..history import History
from ..marker import Marker
from ..payloads import codec, signatures
from ..payloads.fields import INLINE, Fields
from . import calls, hooks, startables, task_calls, views
from . import state as s
from .arguments import encoded, filled, same
from .claims import Claims
from .door import Door
from .effects import SideEffects
from .endings import CANCELED, Ending, canceled, completed, continued, driven, ending_of, failed
from .events import Batch, as_datetime
from .fibers import Fibers, Replaying
from .fold import fold
from .ids import Numbers
from .repair import EXTRA, Repair, not_repairing
from .signals import Signals
from .state import ExecutionState, Record, Signal
from .work import Event, MissingType, RunKey

logger = logging.getLogger(__name__)


class Stopped(BaseException):
    """Carries an error of the engine past the author's code: the run is to be dropped."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


#: What comes out of the author's code, and is no way in which that ends.
_NOT_THE_AUTHORS = (Stopped, RunEvicted, DecisionDeadlock, GreenletExit, KeyboardInterrupt)


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
        door = Door(fields, self.stop)
        self.decode, self.payload, self.named = door.decode, door.payload, door.named
        self.fetch, self.fetch_told = door.fetch, door.fetch_told
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
        self.claims = Claims(self)
        self.outbox = self.claims.outbox
        self.emit = self.claims.emit
        self.ending: Ending | None = None
        self.failures: list[Failure] = []
        self._streams: dict[str, Random] = {}
        self._numbers = Numbers(self.fibers)
        self.number = self._numbers.next
        self.ripples = Ripples()
        self.next_number = itertools.count(1).__next__
        self.side_effects = SideEffects(self)
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
        cut = self.side_effects.may_be_cut()
        fold(self.state, events)
        self.claims.confirm()
        if self.ending is not None:
            self._answer_refusal()
            return
        if not self.restarting:
            self.side_effects.compare(cut)
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
        self.claims.confirm()

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
        self.claims.begin_anew(self.state.records.values())
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

    def stop(self, error: Exception) -> NoReturn:
        """Drop the run; the author's code never sees why. A hook that caused it only observes: the run goes on."""
        if self.fibers.observer and self.fibers.running is None:
            raise Stopped(error)
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
        except _NOT_THE_AUTHORS:
            raise
        except BaseException as error:  # asyncio.CancelledError, say
            self.give_up_without_memory(error)
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
            self.stop(error)
        except (Exception, SystemExit) as error:
            if not future.done:  # cancelled while the function waited
                self.fibers.submit.failure = self._fail(future, error, error)

    def fail_future(self, future: Future[Any], error: BaseException) -> None:
        self._fail(future, error, error)

    def raise_later(self, future: Future[Any], exception: BaseException, raised: BaseException) -> None:
        self._fail(future, exception, raised)

    def give_up_without_memory(self, error: BaseException) -> None:
        """A lack of memory is no matter of the run: the decision is given up."""
        if isinstance(error, MemoryError):
            self.stop(DecisionAbandoned(f"no memory: {error}"))

    def _fail(self, future: Future[Any], exception: BaseException, raised: BaseException) -> Failure:
        self.give_up_without_memory(raised)
        failure = Failure(raised)
        self.failures.append(failure)
        future.set_exception(exception, failure)
        return failure

    def history(self) -> History:
        return History(self.events)

    # -- the port of futures

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
            self.give_up_without_memory(error)
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
        return self.side_effects.take(function, name)

    # -- what the history says

    def list_markers(self, all: bool) -> list[Marker]:
        return views.markers(self.state, all, self.decode)

    def get_event_details(self, event_type: str, event_name: str) -> dict[str, Any] | None:
        return views.event_details(self.state, event_type, event_name, self.decode)

    def get_run_context(self) -> dict[str, Any]:
        return views.run_context(self.key, self.state)
