"""Calls of activities and child workflows: the ones with ids, retries and failure hooks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from .. import settings
from ..exceptions import TaskException, WorkflowException
from ..futures import Future
from ..payloads import codec
from ..registry import full_name
from ..task import ActivityTask, ChildWorkflowTask, NonPythonicActivityTask
from . import failures, names
from . import state as s
from .arguments import Arguments
from .calls import ActivityCancellation, Call, ChildCancellation, RetryTimer, back_off
from .decisions import Wire, decision, priority, seconds, task_list
from .state import Record
from .work import MissingType

_SUCCEEDED = frozenset({"ActivityTaskCompleted", "ChildWorkflowExecutionCompleted"})

# A type that stays unknown although it was registered is tried at once only so often.
_REGISTRATIONS = 3


class TaskCall(Call):
    """What activities and children share."""

    kind: str
    type_name: str
    exception_class: type[TaskException] = TaskException
    failed_attempts = 0
    _refusals = 0
    _timer: RetryTimer | None = None
    _whole: str | None = None  # the input, where it was known at submit
    _extra: tuple[Future[Any], ...] = ()
    _ignored = frozenset({"meta", "__extra"})

    def __init__(self, run: Any, task: Any, envelope: dict[str, Any]) -> None:
        self.arguments: Arguments
        super().__init__(run, Arguments(envelope))
        payload = task.payload
        override = run.raises_override
        self.task = task
        self.raises: bool = bool(payload.raises_on_failure) if override is None else override
        self.priority = run.priority_of(payload)
        if not self.arguments.holes:
            self._whole = run.fields.name("input", self.arguments.text())  # an author's mistake shows at submit
        self._computed_id = self._id_computer()
        if self._computed_id is None:
            self.key = (self.kind, names.shortened(self._numbered_id(run.number(self.kind, payload.name))))

    # -- ids

    def _id_computer(self) -> Callable[[], str] | None:
        """How the id follows from the arguments; None if it is a number."""
        raise NotImplementedError

    def _numbered_id(self, number: str) -> str:
        raise NotImplementedError

    def arguments_digest(self) -> str:
        assert self.input is not None
        value = self.run.decode(self.input)
        return names.digest(codec.encode({"args": value["args"], "kwargs": value["kwargs"]}))

    # -- from start to the outbox

    def start(self, *extra: Future[Any]) -> None:
        if extra:
            self._extra = extra
        super().start()

    def launch(self) -> None:
        self.input = self._text()
        if self._computed_id is None:
            self._send()
        else:
            self.run.in_fiber(lambda: self.run.guarded(self.future, self._launch_computed))

    def _text(self) -> str:
        if self._whole is not None and not self._extra:
            return self._whole
        text = self.arguments.text()
        if self._extra:
            envelope = codec.decode(text)
            envelope["args"] += [future.payload() for future in self._extra]
            text = codec.encode(envelope)
        named: str = self.run.fields.name("input", text)
        return named

    def _launch_computed(self) -> None:
        """The id is the author's business: two calls with one id must be the same call, and share one future."""
        assert self._computed_id is not None
        self.key = (self.kind, names.shortened(self._computed_id()))
        twin = self.run.same_call(self)
        if twin is None:
            self._send()
        else:
            twin.future.add_callback(self._end_like)

    def _send(self) -> None:
        self.launched = True
        self.run.emit(self)

    def _end_like(self, twin: Future[Any]) -> None:
        if twin.failure is not None and not self.future.done:
            self.future.set_exception(twin._exception, twin.failure)
        elif twin.cancelled:
            self.future.set_cancelled()
        elif twin._exception is not None:
            self.future.set_exception(twin._exception)
        elif twin.done:
            self.future.set_finished(twin.payload())

    # -- what becomes of it

    def check(self, record: Record) -> None:
        super().check(record)
        if self.run.missing_types and record.outcome not in failures.REFUSED:
            self.run.missing_types.pop(self.missing(), None)

    def missing(self) -> MissingType:
        """The type to register, should SWF not know it."""
        raise NotImplementedError

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
        self.failed_attempts += 1
        self.run.judge(self, record)

    def _interrupted(self, record: Record) -> bool:
        """Whether a stop of our own ended it: that was no attempt."""
        if record.outcome == "ActivityTaskTimedOut":
            return record.event_id in self.run.state.interrupted
        return record.attributes.get("reason") == s.INTERRUPTED

    def conclude(self, record: Record) -> None:
        if record.outcome in _SUCCEEDED and not self.future.done:
            self.future.set_text(record.attributes.get("result"))

    def _refused(self, remedy: str) -> None:
        self._refusals += 1
        if remedy == failures.WAIT_FOR_CLOSE:
            self.run.wait_for_close(self)
            return
        if remedy == failures.REGISTER:
            self.run.missing_types[self.missing()] = None
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
                self.input = self.input if text is None else self.run.fields.name("input", text)
                if delay:
                    self._later(delay)
                else:
                    self.run.emit(self)
            case failures.Fail(raises):
                if self.raises if raises is None else raises:
                    self.run.raise_later(self.future, exception, self.exception_class(self.task, exception))
                else:
                    self.future.set_exception(exception)
            case failures.Ignore():
                self.future.set_finished(None)
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

    def __init__(self, run: Any, task: ActivityTask) -> None:
        self.activity = task.activity
        self.type_name = task.activity.name
        run.check_once(task.activity, _check_activity)
        super().__init__(run, task, _envelope(task))

    def _id_computer(self) -> Callable[[], str] | None:
        get_task_id = getattr(self.activity.callable, "get_task_id", None)
        if get_task_id is not None:
            return lambda: self._numbered_id(get_task_id(self.run.workflow, *self._given(), **self._given_keywords()))
        if self.activity.idempotent:
            return lambda: self._numbered_id(self.arguments_digest())
        return None

    def _given(self) -> list[Any]:
        return list(self.run.decode(self.input)["args"])

    def _given_keywords(self) -> dict[str, Any]:
        return dict(self.run.decode(self.input)["kwargs"])

    def _numbered_id(self, number: str) -> str:
        return f"activity-{self.type_name}-{number}"

    def decision(self) -> Wire:
        activity = self.activity
        attributes = {
            "activityId": self.key[1],
            "activityType": {"name": activity.name, "version": str(activity.version)},
            "input": self.input,
            "taskList": {"name": self._task_list()},
            "scheduleToStartTimeout": seconds(activity.task_schedule_to_start_timeout),
            "scheduleToCloseTimeout": seconds(activity.task_schedule_to_close_timeout),
            "startToCloseTimeout": seconds(activity.task_start_to_close_timeout),
            "heartbeatTimeout": seconds(activity.task_heartbeat_timeout),
        }
        if self.priority is not None:
            attributes["taskPriority"] = str(self.priority)
        return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}

    def _task_list(self) -> str:
        return str(self.run.task_list_override or self.activity.task_list or settings.ACTIVITY_DEFAULT_TASK_LIST)

    def ask_to_stop(self) -> None:
        self.run.ask_to_stop(ActivityCancellation(self.run, self.key[1]))

    def missing(self) -> MissingType:
        return MissingType("activity", self.activity.name, str(self.activity.version))


class ForeignActivityCall(ActivityCall):
    """An activity that is not written in Python: the bare JSON of its arguments."""

    _ignored = frozenset()

    def __init__(self, run: Any, task: NonPythonicActivityTask) -> None:
        super().__init__(run, task)
        self.arguments = Arguments(task.kwargs or task.args)

    def _text(self) -> str:
        if self._extra:
            raise TypeError(f"{self.task.name} takes no result of the task before it: its input is bare JSON.")
        named: str = self.run.fields.name("input", self.arguments.text())
        return named

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


class ChildCall(TaskCall):
    kind = s.CHILD
    exception_class = WorkflowException

    def __init__(self, run: Any, task: ChildWorkflowTask) -> None:
        self.workflow = task.workflow
        self.type_name = full_name(task.workflow)
        run.check_once(task.workflow, _check_workflow)
        self.settings: dict[str, Any] = {}
        super().__init__(run, task, {"args": task.args, "kwargs": task.kwargs})

    def _id_computer(self) -> Callable[[], str] | None:
        if getattr(self.workflow, "get_workflow_id", None) is not None:
            return lambda: str(self._ask("get_workflow_id"))
        if self.task.idempotent:
            return lambda: self._numbered_id(self.arguments_digest())
        return None

    def _numbered_id(self, number: str) -> str:
        return f"{self.task.name}-{self.run.workflow_id}--{names.run_digest(self.run.run_id)}--{number}"

    def _ask(self, hook: str) -> Any:
        value = self.run.decode(self.input)
        return call_hook(self.workflow, hook, value["args"], value["kwargs"])

    def _send(self) -> None:
        self._asks = [hook for hook in ("get_task_list", "get_tag_list") if hasattr(self.workflow, hook)]
        if self._asks:
            self.run.in_fiber(lambda: self.run.guarded(self.future, self._send_asking))
        else:
            super()._send()

    def _send_asking(self) -> None:
        """The author's functions of the arguments are asked now, so that a mistake in them shows at submit."""
        self.settings = {hook: self._ask(hook) for hook in self._asks}
        if self.settings.get("get_task_list"):
            names.checked("task list", self.settings["get_task_list"])
        self._tags()
        super()._send()

    def decision(self) -> Wire:
        workflow = self.workflow
        own = self.task.task_list or self.settings.get("get_task_list") or workflow.task_list
        return decision(
            "StartChildWorkflowExecution",
            workflowId=self.key[1],
            workflowType={"name": self.type_name, "version": str(workflow.version)},
            input=self.input,
            taskList=task_list(self.run.task_list_override or own or self.run.task_list),
            executionStartToCloseTimeout=str(
                getattr(workflow, "execution_timeout", None) or settings.WORKFLOW_DEFAULT_EXECUTION_TIME
            ),
            taskStartToCloseTimeout=str(
                getattr(workflow, "decision_tasks_timeout", None) or settings.WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT
            ),
            taskPriority=priority(self.priority),
            childPolicy=workflow.child_policy,
            tagList=self._tags(),
        )

    def _tags(self) -> list[str] | None:
        tags = self.settings.get("get_tag_list") or getattr(self.workflow, "tag_list", None)
        if tags == self.workflow.INHERIT_TAG_LIST:
            tags = self.run.tag_list
        return names.checked_tags(tags) if tags else None

    def ask_to_stop(self) -> None:
        child = next((child for child in self.run.state.open[s.CHILD].values() if child.owner is self), None)
        self.run.ask_to_stop(ChildCancellation(self.run, self.key[1], child.run_id if child else None))

    def missing(self) -> MissingType:
        return MissingType("workflow", self.type_name, str(self.workflow.version))


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


def _envelope(task: ActivityTask) -> dict[str, Any]:
    envelope: dict[str, Any] = {"args": task.args, "kwargs": task.kwargs}
    if task.activity.meta:
        envelope["meta"] = task.activity.meta
    return envelope
