"""A workflow that runs a program given as data.

A program is {"body": [statement, …]}; a statement is [verb, …]; a task is {"t": kind, …}; an expression is {"lit": v},
{"slot": s}, {"item": [s, key, …]}, {"list": […]} or {"dict": {…}}. Futures are kept in slots. What does not depend on
the schedule goes to ``values``, the result; what does goes to ``seen``, which is passed on to an activity, so that a
replay that sees something else is found out. ``programs`` makes them, ``oracle`` says what they mean.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

from simpleflow import Workflow, activity, futures
from simpleflow.activity import RetryPolicy
from simpleflow.canvas import Chain, FuncGroup, Group
from simpleflow.exceptions import TaskException, TaskFailed, TimeoutError, WorkflowException
from simpleflow.futures import Future
from simpleflow.task import ActivityTask, ChildWorkflowTask

from .driver import ActivityTask as Started
from .driver import Completed, Failed, Outcome, Silent, Tape

Json = Any

#: Chance for side effects; to be given to the World.
TAPE = Tape()

TIMEOUT = 5


@activity.with_attributes(
    name="program.work",
    start_to_close_timeout=None,
    schedule_to_close_timeout=None,
    schedule_to_start_timeout=None,
    heartbeat_timeout=None,
)
def work(label: str, fails: int, *args: Json, **kwargs: Json) -> Json:
    return {"label": label, "n": digest(args, kwargs), "parts": [label, [digest(kwargs, args)]]}


def digest(*values: Json) -> int:
    return zlib.crc32(json.dumps(values, sort_keys=True, separators=(",", ":")).encode())


class Worker:
    """Does ``work``: the first ``fails`` attempts of a label fail; those of a label with a ``~`` time out instead."""

    def __init__(self) -> None:
        self.attempts: Counter[str] = Counter()

    def __call__(self, task: Started) -> Outcome:
        call = json.loads(task.input or "")
        label, fails, *args = call["args"]
        self.attempts[label] += 1
        if self.attempts[label] > fails:
            return Completed(json.dumps(work(label, fails, *args, **call["kwargs"])))
        return Silent() if "~" in label else Failed(label, json.dumps({"error": "Boom", "message": label}))


def failure_name(error: BaseException) -> str:
    """What ``oracle`` calls a failure, too."""
    if isinstance(error, WorkflowException):
        return "workflow"
    if isinstance(error, TaskException):
        cause = error.exception
        if isinstance(cause, TimeoutError):
            return cause.timeout_type
        return str(getattr(cause, "reason", cause))
    return type(error).__name__


class Interpreter(Workflow):
    name, version, task_list = "interpreter", "1", "decisions"
    execution_timeout = 31_536_000

    def run(self, program: Json, *extra: Json) -> Json:
        self.slots: dict[str, Future[Any]] = {}
        self.values: list[Json] = [*extra]
        self.seen: list[Json] = []
        self.body(program["body"])
        for slot in self.slots.values():
            slot.wait()
        for statement in program.get("end", ()):
            getattr(self, f"do_{statement[0]}")(*statement[1:])
        return self.values

    def body(self, statements: Json) -> None:
        for verb, *operands in statements:
            getattr(self, f"do_{verb}")(*operands)

    # -- statements

    def do_submit(self, slot: str, task: Json) -> None:
        future = self.submit(self.task(task))
        self.slots[slot] = future

    def do_result(self, slot: str) -> None:
        self.values.append(self.slots[slot].result)

    def do_exception(self, slot: str) -> None:
        self.values.append(self.slots[slot].exception is not None)

    def do_wait(self, *slots: str) -> None:
        self.values.append(futures.wait(*(self.slots[slot] for slot in slots)))

    def do_first(self, slots: Json, return_when: str | None, timeout: float | None) -> None:
        done, rest = futures.wait(*(self.slots[s] for s in slots), return_when=return_when, timeout=timeout)
        self.seen.append([slots[i] for i, s in enumerate(slots) if self.slots[s] in done])
        self.seen.append(len(rest))

    def do_completed(self, *slots: str) -> None:
        order = [
            next(s for s in slots if self.slots[s] is f) for f in futures.as_completed(*map(self.slots.get, slots))
        ]
        self.seen.append(order)
        self.values.append(sorted(order))

    def do_peek(self, *slots: str) -> None:
        self.seen.append([[f.done, f.running, f.cancelled] for f in map(self.slots.__getitem__, slots)])

    def do_cancel(self, slot: str) -> None:
        self.seen.append(self.slots[slot].cancel())

    def do_drop(self, slot: str) -> None:
        """Cancel something that was submitted just now."""
        self.values.append([self.slots[slot].cancel(), self.slots[slot].cancelled])

    def do_effect(self, name: str) -> None:
        self.seen.append(self.side_effect(lambda: TAPE.value(name), name))

    def do_bad_effect(self, name: str) -> None:
        def fail() -> None:
            raise ValueError(str(TAPE.value(name)))

        try:
            self.side_effect(fail, name)
        except TaskFailed as error:
            self.seen.append(error.reason)
            self.values.append(error.name)

    def do_now(self) -> None:
        self.seen.append(self.now().isoformat())

    def do_random(self) -> None:
        self.seen.append(self.random.random())

    def do_uuid4(self) -> None:
        self.seen.append(str(self.uuid4()))

    def do_markers(self) -> None:
        self.seen.append([[marker.name, marker.details] for marker in self.list_markers(all=True)])

    def do_try(self, body: Json) -> None:
        try:
            self.body(body)
        except Exception as error:
            self.values.append(failure_name(error))

    def do_report(self, slot: str, label: str) -> None:
        self.slots[slot] = self.submit(work, label, 0, list(self.seen))

    def do_raise(self, text: str) -> None:
        raise ValueError(text)

    def do_fail(self, reason: str) -> None:
        self.fail(reason)

    def do_continue(self, program: Json) -> None:
        self.submit(self.continue_as_new(program))
        raise AssertionError("continue_as_new went on")

    # -- tasks and expressions

    def task(self, task: Json, *extra: Json) -> Any:
        make: Callable[..., Any] = getattr(self, f"make_{task['t']}")
        return make(task, *extra)

    def make_work(self, task: Json, *extra: Json) -> Any:
        attempts = task.get("retry", 0) + 1
        later = task.get("later", 0)
        changed = work.options(
            retry=RetryPolicy(attempts=attempts, interval=later, jitter=0.5) if later else attempts - 1,
            raises_on_failure=task.get("raises", False),
            idempotent=task.get("idempotent", False),
            start_to_close_timeout=TIMEOUT if "~" in task["label"] else None,
        )
        args = [self.value(arg) for arg in task["args"]]
        kwargs = {key: self.value(arg) for key, arg in task.get("kwargs", {}).items()}
        return ActivityTask(changed, task["label"], task.get("fails", 0), *args, *extra, **kwargs)

    def make_group(self, task: Json, *extra: Json) -> Any:
        return Group(
            *(self.task(member, *extra) for member in task["members"]),
            max_parallel=task.get("parallel"),
            raises_on_failure=task.get("raises"),
            bubbles_exception_on_failure=task.get("bubbles", True),
        )

    def make_chain(self, task: Json, *extra: Json) -> Any:
        return Chain(
            *(self.task(member, *extra) for member in task["members"]),
            send_result=task.get("send", False),
            break_on_failure=task.get("break", True),
            raises_on_failure=task.get("raises"),
            bubbles_exception_on_failure=task.get("bubbles"),
        )

    def make_func(self, task: Json, *extra: Json) -> Any:
        def produce(*sent: Json) -> Any:
            results = [self.slots[slot].result for slot in task["uses"]]
            return self.task(task["task"], [*results, *sent])

        return FuncGroup(produce, raises_on_failure=task.get("raises"))

    def make_timer(self, task: Json, *extra: Json) -> Any:
        return self.start_timer(task["id"], task["seconds"])

    def make_cancel_timer(self, task: Json, *extra: Json) -> Any:
        return self.cancel_timer(task["id"])

    def make_marker(self, task: Json, *extra: Json) -> Any:
        return self.record_marker(task["name"], self.value(task["details"]))

    def make_send(self, task: Json, *extra: Json) -> Any:
        return self.signal(task["name"], *task["args"], propagate=task["propagate"])

    def make_latch(self, task: Json, *extra: Json) -> Any:
        return self.wait_signal(task["name"])

    def make_next(self, task: Json, *extra: Json) -> Any:
        return self.next_signal(task["name"])

    def make_child(self, task: Json, *extra: Json) -> Any:
        return ChildWorkflowTask(CHILDREN[task["kind"]], task["program"], *extra)

    def value(self, expression: Json) -> Any:
        ((kind, operand),) = expression.items()
        if kind == "slot":
            return self.slots[operand]
        if kind == "item":
            slot, *keys = operand
            future = self.slots[slot]
            for key in keys:
                future = future[key]
            return future
        if kind == "list":
            return [self.value(member) for member in operand]
        if kind == "dict":
            return {key: self.value(member) for key, member in operand.items()}
        return operand


class Judge(Interpreter):
    """Decides about failures by what stands behind the ``!`` of the label."""

    name = "judge"

    def on_task_failure(self, failure_context: Any) -> Any:
        if isinstance(failure_context.a_task, ChildWorkflowTask):
            return None
        verdict = failure_context.a_task.args[0].partition("!")[2]
        if verdict == "ignore":
            return failure_context.decide_ignore()
        if verdict == "abort":
            return failure_context.decide_abort()
        if verdict == "cancel":
            return failure_context.decide_cancel()
        if verdict == "again" and failure_context.attempt_number < 3:
            return failure_context.decide_retry(failure_context.retry_count)
        return None


class Quiet(Interpreter):
    name, raises_on_failure = "quiet", False


class Retried(Interpreter):
    name, retry = "retried", 1


CHILDREN: dict[str, type[Workflow]] = {"plain": Interpreter, "quiet": Quiet, "retried": Retried}
ROOTS: dict[bool, type[Workflow]] = {False: Interpreter, True: Judge}
WORKFLOWS = (Interpreter, Judge, Quiet, Retried)
