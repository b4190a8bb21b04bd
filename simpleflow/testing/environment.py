"""``WorkflowEnvironment``: workflows, their children and their activities in a test, on a virtual clock."""

from __future__ import annotations

from collections import deque
from types import TracebackType

from ..swf.activity_work import activity_work
from ..swf.work import poll_decision
from .execution import Execution
from .stage import DOMAIN, SoundEngine, Stage, forward

#: Of the activities that wait, one in so many is executed before the next decision.
_SHARE = 8


class WorkflowEnvironment(Stage):
    """A service in memory, a decider and a worker in one thread. Time stands still while anybody has something to do.

    Things happen in the same order each time: ``settle`` and ``advance`` let them happen, and so does asking an
    execution for its ``result``. Each history is replayed from scratch once its run has closed. Whatever the engine has
    to object, NondeterminismError above all, is raised where things were made to happen.
    """

    def __init__(self) -> None:
        self._ready: dict[str, deque[str]] = {"decision": deque(), "activity": deque()}
        super().__init__(strict=False, longest="NONE")
        self._decider, self._engine = self._new_decider(self._client)

    def __enter__(self) -> WorkflowEnvironment:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is still running. Not needed, but the code of unfinished workflows then ends here."""
        self._engine.close()

    def settle(self) -> None:
        """Let happen all that can happen without time passing."""
        while self._act():
            pass

    def advance(self, seconds: float) -> None:
        """Let so many seconds of the virtual clock pass, and happen what happens meanwhile."""
        until = self.clock.now_ms() + round(forward(seconds) * 1000)
        self.settle()
        while (due := self._next_due()) is not None and due <= until:
            self._pass_until(due)
            self.settle()
        self._pass_until(until)

    def finish(self, execution: Execution) -> None:
        """Go on until the execution is closed, or nothing can happen any more."""
        while execution.status in ("OPEN", "CONTINUED_AS_NEW"):
            if self._act():
                continue
            due = self._next_due()
            if due is None:
                return
            self._pass_until(due)

    # -- one thing after the other

    def _task_available(self, kind: str, region: str, domain: str, name: str) -> None:
        self._ready[kind].append(name)

    def _act(self) -> bool:
        """Do what comes next; False if nothing can be done now."""
        decisions, activities = self._ready["decision"], self._ready["activity"]
        if self._keep_appointment():
            return True
        if decisions:
            self._decide(decisions.popleft())
        elif activities:
            for _ in range(max(1, len(activities) // _SHARE)):
                self._perform(activities.popleft())
        else:
            return False
        return True

    def _decide(self, task_list: str) -> None:
        work = poll_decision(self._client, DOMAIN, task_list, "testing", since_last=True)
        if work is None:
            return
        self._decide_soundly(self._decider, work, self._client)
        if Execution(self, work.key).status != "OPEN":
            self._audit(work.key)

    def _perform(self, task_list: str) -> None:
        task = self.call("PollForActivityTask", taskList={"name": task_list})
        if "taskToken" not in task:
            return
        job = self._begin(activity_work(DOMAIN, task_list, task), task["startedEventId"], self._client)
        if job.ends_ms <= self.clock.now_ms():
            self._answer(job, self._client)
        else:
            self._at(job.ends_ms, lambda: self._answer(job, self._client))

    def _pass_until(self, at_ms: int) -> None:
        self.service.expire(self.clock.jump(at_ms))

    def _engines(self) -> list[SoundEngine]:
        return [self._engine]
