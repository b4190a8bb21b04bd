"""Calls of activities and child workflows: the ones with ids, retries and failure hooks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import settings
from ..exceptions import TaskException, WorkflowException
from ..futures import Future
from ..payloads import attempts, codec, signatures
from ..payloads.limits import JumboTooLargeError
from ..registry import full_name
from ..task import ActivityTask, WorkflowTask
from ..utils.hashing import hex_hash
from . import failures, judging, names
from . import state as s
from .arguments import encoded, filled
from .calls import ActivityCancellation, Call, ChildCancellation, RetryTimer, back_off
from .decisions import Wire, decision, priority, seconds, task_list
from .repair import EXTRA
from .state import Record
from .work import MissingType

# Whose cancellation it was that brought about this end.
_CANCELLATIONS = {"ActivityTaskCanceled": s.CANCEL_ACTIVITY, "ChildWorkflowExecutionCanceled": s.CANCEL_CHILD}

# A type that stays unknown although it was registered is tried at once only so often.
_REGISTRATIONS = 3


@dataclass(frozen=True, slots=True)
class Definition:
    """What all calls of an activity or a child workflow have in common. It is checked when it is made.

    ``prefix`` stands in front of the numbers that are ids; ``numbered`` tells whether they are. ``attributes`` are
    those of the decision that do not change from call to call. ``reader`` is that of the futures.
    """

    type_name: str
    prefix: str
    numbered: bool
    attributes: dict[str, Any]
    reader: Callable[[Any], Any] | None


class TaskCall(Call):
    """What activities and children share."""

    kind: str
    text: str
    exception_class: type[TaskException] = TaskException
    failed_attempts = 0
    _refusals = 0
    _timer: RetryTimer | None = None
    _whole: str | None = None  # the input, where it was known at submit
    submitted: str | None = None  # the input of the first attempt, where the id follows from it
    _extra: tuple[Future[Any], ...] = ()
    _ignored = frozenset({"meta", "__extra"})

    def __init__(self, run: Any, task: Any) -> None:
        payload = task.payload
        definition = run.definitions.get(payload)
        if definition is None:
            definition = run.definitions[payload] = self._define(run, task)
        Call.__init__(self, run)
        self.text, self.holes = encoded(self._envelope(task))
        override = run.fibers.submit.raises
        self.task = task
        self.definition: Definition = definition
        if definition.reader is not None:
            self.future.reader = definition.reader
        self.type_name = definition.type_name
        self.raises = payload.raises_on_failure if override is None else override
        self.priority = names.checked_priority(definition.type_name, run.priority_of(payload))
        if not self.holes:
            self._whole = run.named("input", self.text)  # an author's mistake shows at submit
        if definition.numbered:
            self.key = (self.kind, names.shortened(definition.prefix + run.number(self.kind, payload.name)))

    def _define(self, run: Any, task: Any) -> Definition:
        """Raises InvalidTask."""
        raise NotImplementedError

    def _envelope(self, task: Any) -> Any:
        """What becomes the input."""
        return {"args": task.args, "kwargs": task.kwargs}

    # -- ids

    @property
    def missing(self) -> MissingType:
        """The type to register, should SWF not know it."""
        raise NotImplementedError

    def _compute_id(self) -> str:
        """The id, where it follows from the arguments."""
        raise NotImplementedError

    def arguments_digest(self) -> str:
        assert self.input is not None
        value = self.run.decode(self.input)
        return names.json_digest(codec.encode({"args": value["args"], "kwargs": value["kwargs"]}))

    # -- from start to the outbox

    def start(self, *extra: Future[Any]) -> None:
        if self._whole is None or extra or not self.definition.numbered:
            self._extra = extra
            super().start()
        else:
            self.input = self._whole
            self._send()

    def launch(self) -> None:
        self.input = self.submitted = self._text()
        if self.definition.numbered:
            self._send()
        else:
            self.run.in_fiber(lambda: self.run.guarded(self.future, self._launch_computed))

    def _text(self) -> str:
        if self._whole is not None and not self._extra:
            return self._whole
        named: str = self.run.named("input", self._filled())
        return named

    def _filled(self) -> str:
        """The input as JSON, wherever it stands."""
        text = filled(self.text, self.holes)
        if self._extra:
            envelope = self.run.payload(text)
            envelope["args"] += [future.payload() for future in self._extra]
            text = encoded(envelope)[0]
        return text

    def _next_input(self, edited: str | None) -> str | None:
        """The input of the next attempt, made of ``edited`` if that is not None."""
        if edited is None:
            return self.input
        named: str = self.run.named("input", edited)
        return named

    def _launch_computed(self) -> None:
        """The id is the author's business: two calls with one id must be the same call, and share one future."""
        self.key = (self.kind, names.shortened(self._compute_id()))
        if self.future.done:  # cancelled while the author's function waited
            return
        twin = self.run.same_call(self)
        if twin is None:
            self._send()
        else:
            twin.future.add_callback(self._end_like)

    def _send(self) -> None:
        self.launched = True
        self.run.emit(self)

    def _end_like(self, twin: Future[Any]) -> None:
        if self.future.done:  # cancelled, or failed with a member of a group that has ended only now
            return
        if twin.failure is not None:
            self.future.set_exception(twin._exception, twin.failure)
        elif twin.cancelled:
            self.future.set_cancelled()
        elif twin._exception is not None:
            self.future.set_exception(twin._exception)
        elif twin.done:
            self.future.set_text(encoded(twin.payload())[0])

    # -- what becomes of it

    def begun(self, record: Record) -> None:
        self.future.set_running()

    def consider(self, record: Record) -> None:
        if record.outcome not in failures.FAILED or self.future.done:
            return
        if record.outcome in failures.REFUSED:
            remedy = failures.REMEDIES.get(record.attributes["cause"])
            if remedy is not None:
                self._refused(remedy)
                return
        if self._interrupted(record):
            self.run.emit(self)
            return
        self._check_canceled(record)
        self.failed_attempts += 1
        judging.judge(self.run, self, record)

    def _check_canceled(self, record: Record) -> None:
        """An error if it was cancelled because the code asked for that, which it does not any more."""
        kind = _CANCELLATIONS.get(record.outcome or "")
        cancellations = self.run.claims.unclaimed.get((kind, self.key[1])) if kind else None
        if cancellations and not self.run.restarting:
            self.run.claims.end_unasked(cancellations[0], self)

    def _interrupted(self, record: Record) -> bool:
        """Whether a stop of our own ended it: that was no attempt."""
        if record.outcome == "ActivityTaskTimedOut":
            return record.event_id in self.run.state.interrupted
        return record.attributes.get("reason") == s.INTERRUPTED

    def conclude(self, record: Record) -> None:
        if record.outcome in s.SUCCEEDED and not self.future.done:
            self.future.set_text(record.attributes.get("result"))

    def _refused(self, remedy: str) -> None:
        self._refusals += 1
        if remedy == failures.WAIT_FOR_CLOSE:
            self.run.wait_for_close(self)
            return
        if remedy == failures.REGISTER:
            self.run.missing_types[self.missing] = None
            if self._refusals <= _REGISTRATIONS:
                self.run.emit(self)
                return
        self._later(back_off(self._refusals))

    def follow_verdict(self, record: Record, verdict: failures.Verdict) -> None:
        """Do what was decided about a failure."""
        if self.future.done:
            return
        exception = failures.exception_of(record, self.run.fetch_told)
        match verdict:
            case failures.Retry(delay, text):
                self.input = self._next_input(text)
                if delay:
                    self._later(delay)
                else:
                    self.run.emit(self)
            case failures.Fail(raises):
                if self.raises if raises is None else raises:
                    self.run.raise_later(self.future, exception, self.exception_class(self.task, exception))
                else:
                    self.future.set_exception(exception)
            case failures.Ignore(value):
                self.future.set_finished(value)
            case failures.Cancel():
                self.future.set_cancelled()
            case failures.Follow(other):
                other.add_callback(self._end_like)

    def _later(self, delay: float) -> None:
        self._timer = RetryTimer(self.run, f"__simpleflow_task_{self.key[1]}", delay, self._again)
        self.run.emit(self._timer)

    def _again(self) -> None:
        self._timer = None
        if not self.future.done:
            self.run.emit(self)

    def cancel(self) -> None:
        self.run.fibers.check_part()
        if self._timer is not None:
            self.run.cancel_timer(self._timer)
        else:
            super().cancel()

    def private_task(self) -> Any:
        """A copy for ``on_task_failure`` to edit: its arguments are those of the attempt that failed."""
        private = copy.copy(self.task)
        value = self.run.decode(self.input)
        private.id = self.key[1]
        private.args, private.kwargs = list(value["args"]), dict(value["kwargs"])
        return private

    def edited(self, private: Any) -> dict[str, Any]:
        """The input of the next attempt."""
        return {**self.run.decode(self.input), "args": private.args, "kwargs": private.kwargs}


class ActivityCall(TaskCall):
    kind = s.ACTIVITY

    task: ActivityTask
    _edited: str | None = None  # the input as ``on_task_failure`` has left it

    def _define(self, run: Any, task: ActivityTask) -> Definition:
        activity = task.activity
        _check_activity(activity)
        attributes = {
            "activityType": {"name": activity.name, "version": str(activity.version)},
            "taskList": {
                "name": str(run.task_list_override or activity.task_list or settings.ACTIVITY_DEFAULT_TASK_LIST)
            },
            "scheduleToStartTimeout": seconds(activity.task_schedule_to_start_timeout),
            "scheduleToCloseTimeout": seconds(activity.task_schedule_to_close_timeout),
            "startToCloseTimeout": seconds(activity.task_start_to_close_timeout),
            "heartbeatTimeout": seconds(activity.task_heartbeat_timeout),
        }
        numbered = not activity.idempotent and getattr(activity.callable, "get_task_id", None) is None
        called = activity.callable
        reader = signatures.reader(getattr(called, "execute", called), f"the result of {activity.name}")
        return Definition(activity.name, f"activity-{activity.name}-", numbered, attributes, reader)

    def _envelope(self, task: ActivityTask) -> Any:
        meta = task.activity.meta
        return {"args": task.args, "kwargs": task.kwargs, **({"meta": meta} if meta else {})}

    def _compute_id(self) -> str:
        get_task_id = getattr(self.task.activity.callable, "get_task_id", None)
        if get_task_id is None:
            return self.definition.prefix + self.arguments_digest()
        return f"{self.definition.prefix}{get_task_id(self.run.workflow, *self._given(), **self._given_keywords())}"

    def _given(self) -> list[Any]:
        return list(self.run.decode(self.input)["args"])

    def _given_keywords(self) -> dict[str, Any]:
        return dict(self.run.decode(self.input)["kwargs"])

    def decision(self) -> Wire:
        attributes = {**self.definition.attributes, "activityId": self.key[1], "input": self.input}
        if self.priority is not None:
            attributes["taskPriority"] = str(self.priority)
        repair = self.run.repair
        if repair is not None and repair.gives(self.key[1], attributes["activityType"], self.input, self.run):
            attributes["taskList"] = {"name": repair.repairing.task_list}
        return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}

    def _next_input(self, edited: str | None) -> str | None:
        self._edited = self._edited if edited is None else edited
        text = self._filled() if self._edited is None else self._edited
        envelope = attempts.numbered(self.run.payload(text), self.failed_attempts + 1)
        try:
            return super()._next_input(encoded(envelope)[0])
        except JumboTooLargeError:  # by the few characters of the number
            return super()._next_input(text)

    def ask_to_stop(self) -> None:
        self.run.ask_to_stop(ActivityCancellation(self.run, self.key[1]))

    @property
    def missing(self) -> MissingType:
        return MissingType("activity", *self.definition.attributes["activityType"].values())


class ForeignActivityCall(ActivityCall):
    """An activity that is not written in Python: the bare JSON of its arguments."""

    _ignored = frozenset()

    def _envelope(self, task: ActivityTask) -> Any:
        return task.kwargs or task.args

    def _text(self) -> str:
        if self._extra:
            raise TypeError(f"{self.task.name} takes no result of the task before it: its input is bare JSON.")
        return super()._text()

    def arguments_digest(self) -> str:
        return names.digest(self.run.fetch(self.input) or "")

    def _given(self) -> list[Any]:
        value = self.run.decode(self.input)
        return value if isinstance(value, list) else []

    def _given_keywords(self) -> dict[str, Any]:
        value = self.run.decode(self.input)
        return value if isinstance(value, dict) else {}

    def private_task(self) -> Any:
        private = copy.copy(self.task)
        private.id = self.key[1]
        private.args, private.kwargs = self._given(), self._given_keywords()
        return private

    def edited(self, private: Any) -> Any:
        return private.kwargs or private.args

    def _next_input(self, edited: str | None) -> str | None:
        return TaskCall._next_input(self, edited)  # bare JSON has no place for more


class ChildCall(TaskCall):
    kind = s.CHILD
    task: WorkflowTask
    exception_class = WorkflowException

    def __init__(self, run: Any, task: WorkflowTask) -> None:
        self.workflow = task.workflow
        self.settings: dict[str, Any] = {}
        super().__init__(run, task)

    def _define(self, run: Any, task: WorkflowTask) -> Definition:
        workflow = task.workflow
        _check_workflow(workflow)
        attributes = {
            "workflowType": {"name": full_name(workflow), "version": str(workflow.version)},
            "executionStartToCloseTimeout": str(
                getattr(workflow, "execution_timeout", None) or settings.WORKFLOW_DEFAULT_EXECUTION_TIME
            ),
            "taskStartToCloseTimeout": str(
                getattr(workflow, "decision_tasks_timeout", None) or settings.WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT
            ),
            "childPolicy": workflow.child_policy,
        }
        prefix = f"{task.name}-{run.workflow_id}--{hex_hash(run.run_id)}--"
        numbered = not task.idempotent and getattr(workflow, "get_workflow_id", None) is None
        reader = signatures.reader(workflow.run, f"the result of {full_name(workflow)}")
        return Definition(full_name(workflow), prefix, numbered, attributes, reader)

    def _compute_id(self) -> str:
        own = self._ask("get_workflow_id") if getattr(self.workflow, "get_workflow_id", None) is not None else None
        if own:
            return str(own)
        if self.task.idempotent:
            return self.definition.prefix + self.arguments_digest()
        return self.definition.prefix + str(self.run.number(self.kind, self.workflow.name))

    def _ask(self, hook: str) -> Any:
        value = self.run.decode(self.input)
        return call_hook(self.workflow, hook, value["args"], value["kwargs"])

    def _send(self) -> None:
        if hasattr(self.workflow, "get_task_list") or hasattr(self.workflow, "get_tag_list"):
            self.run.in_fiber(lambda: self.run.guarded(self.future, self._send_asking))
        else:
            super()._send()

    def _send_asking(self) -> None:
        """The author's functions of the arguments are asked now, so that a mistake in them shows at submit."""
        asks = ("get_task_list", "get_tag_list")
        self.settings = {hook: self._ask(hook) for hook in asks if hasattr(self.workflow, hook)}
        if self.settings.get("get_task_list"):
            names.checked("task list", self.settings["get_task_list"])
        self._tags()
        super()._send()

    def decision(self) -> Wire:
        own = self.task.task_list or self.settings.get("get_task_list") or self.workflow.task_list
        return decision(
            "StartChildWorkflowExecution",
            **self.definition.attributes,
            workflowId=self.key[1],
            input=self._told_input(),
            taskList=task_list(self.run.task_list_override or own or self.run.task_list),
            taskPriority=priority(self.priority),
            tagList=self._tags(),
        )

    def _told_input(self) -> str | None:
        """The input, with what the child is to repair."""
        repair = self.run.repair
        prefix, name = self.definition.prefix, self.task.name
        repairing = repair and repair.of_child(self.key[1], prefix, name, self.definition.type_name)
        if repairing is None:
            return self.input
        envelope = {**self.run.payload(self.input), EXTRA: repairing.extra()}
        told: str = self.run.named("input", encoded(envelope)[0])
        return told

    def _tags(self) -> list[str] | None:
        tags = self.settings.get("get_tag_list") or getattr(self.workflow, "tag_list", None)
        if tags == self.workflow.INHERIT_TAG_LIST:
            tags = self.run.tag_list
        return names.checked_tags(tags) if tags else None

    def ask_to_stop(self) -> None:
        child = next((child for child in self.run.state.open[s.CHILD].values() if child.owner is self), None)
        self.run.ask_to_stop(ChildCancellation(self.run, self.key[1], child.run_id if child else None))

    @property
    def missing(self) -> MissingType:
        return MissingType("workflow", *self.definition.attributes["workflowType"].values())


def call_hook(workflow: Any, hook: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Call ``get_…`` of a Workflow class, which may be a class method, a static method or a plain function.

    A static or plain function gets the class in front of the arguments, a class method has it already.
    """
    raw = next(vars(cls)[hook] for cls in workflow.__mro__ if hook in vars(cls))
    function = getattr(workflow, hook)
    return function(*args, **kwargs) if isinstance(raw, classmethod) else function(workflow, *args, **kwargs)


_ACTIVITY_TIMEOUTS = (
    "task_schedule_to_start_timeout",
    "task_schedule_to_close_timeout",
    "task_start_to_close_timeout",
    "task_heartbeat_timeout",
)


def _check_activity(activity: Any) -> None:
    names.checked("activity name", activity.name)
    names.checked("activity version", str(activity.version), longest=64)
    if activity.task_list is not None:
        names.checked("task list", activity.task_list)
    for timeout in _ACTIVITY_TIMEOUTS:
        names.checked_timeout(f"{timeout[5:]} of {activity.name}", getattr(activity, timeout))


def _check_workflow(workflow: Any) -> None:
    names.checked("workflow name", full_name(workflow))
    names.checked("workflow version", str(workflow.version), longest=64)
    if workflow.task_list is not None:
        names.checked("task list", workflow.task_list)
    for timeout in ("execution_timeout", "decision_tasks_timeout"):
        names.checked_timeout(f"{timeout} of {full_name(workflow)}", getattr(workflow, timeout, None))
