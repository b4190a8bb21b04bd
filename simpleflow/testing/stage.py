"""What every simulation has: a service in memory, a virtual clock, executions, stand-ins."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, cast

from .. import settings
from ..activity import Activity
from ..local.blocked import describe_wait
from ..local.check import silence
from ..payloads.objects import fields
from ..process.outcome import Canceled, Outcome
from ..process.perform import perform
from ..process.starting import check_arguments, tags_of
from ..replay import names
from ..replay.audit import audit
from ..replay.engine import Engine, HistoryNeeded
from ..replay.run import Run
from ..replay.work import Decisions, DecisionWork, Event, MissingType, RunKey
from ..service.clock import VirtualClock
from ..service.core import Service
from ..swf.activity_work import ActivityWork
from ..swf.client import Answer
from ..swf.decider import Decider
from ..swf.errors import Refused
from ..swf.find import Workflows
from ..swf.start import Start
from ..swf.types import register_domain, register_type
from ..swf.watchdog import Watchdog
from ..swf.worker import response_to
from ..workflow import Workflow
from .client import InProcess
from .execution import Execution, next_run
from .memory import Memory
from .standins import StandIn, StandIns, activity_of

DOMAIN = "testing"

#: Seconds between the heartbeats that a worker sends by itself.
HEARTBEAT = 60


class Objection(BaseException):
    """An error of the engine, on its way through the decider, which would log it and live with it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class SoundEngine(Engine):
    """Raises its errors as Objection. ``run_id`` is the run that it decides for."""

    run_id = ""

    def parked(self, key: RunKey) -> Run | None:
        """The live run."""
        return self._live.get(key)

    def decide(self, work: DecisionWork) -> Decisions:
        self.run_id = work.key.run_id
        try:
            return super().decide(work)
        except HistoryNeeded:
            raise
        except Exception as error:
            raise Objection(error) from error


def forward(seconds: float) -> float:
    """Raises ValueError for time that would go back."""
    if seconds < 0:
        raise ValueError(f"{seconds} seconds cannot pass: time does not go back.")
    return seconds


class NoWatchdog(Watchdog):
    """Workflow code may hold the thread: somebody may be debugging it."""

    def __init__(self) -> None:
        # the base class would start a thread
        pass

    @contextmanager
    def watching(self, name: str, on_interrupt: Callable[[], object] = lambda: None) -> Iterator[None]:
        yield


@dataclass(eq=False, slots=True)
class Job:
    """An activity task that a worker holds. Without an ``outcome`` nothing is heard of it any more."""

    work: ActivityWork
    started_id: int
    outcome: Outcome | None
    ends_ms: int

    @property
    def name(self) -> str:
        return f"{self.work.call.activity_id} of {self.work.call.workflow_id}"


class Stage:
    """The service in memory with its clock, and what a test does to it. The base of environment and cluster.

    ``strict`` is whether requests are checked as Amazon SWF does, ``longest`` the timeout of executions that have none.
    """

    def __init__(self, *, strict: bool, longest: str) -> None:
        self._strict = strict
        self._longest = longest
        self.clock = VirtualClock()
        self.memory = Memory()
        self._begin_ms = self.clock.now_ms()
        self._entropy = random.Random(0).randbytes
        self.service = self._new_service()
        self._stand_ins = StandIns()
        self._agenda: list[tuple[int, int, Callable[[], object]]] = []
        self._ids = itertools.count(1)
        self._appointments = itertools.count()
        self._client = InProcess(self._operate, strict)
        register_domain(self._client, DOMAIN)

    # -- what a test does

    def start(
        self,
        workflow_class: type[Workflow],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        workflow_id: str | None = None,
        task_list: str | None = None,
        execution_timeout: int | str | None = None,
        decision_tasks_timeout: int | str | None = None,
        tags: Sequence[str] = (),
    ) -> Execution:
        """Start an execution; nothing of it happens yet. ``kwargs`` are those of ``run``; timeouts are in seconds.

        What is not given is as the class has it; else there is no timeout of the execution. Raises WrongArguments,
        EncodeError (an argument has no JSON form), InvalidTask (Amazon SWF would refuse a name).
        """
        if isinstance(args, str | bytes):
            raise TypeError(
                f"args is {args!r}; expected the list of what `run` gets, as in start(MyWorkflow, [{args!r}])."
            )
        kwargs = dict(kwargs or {})
        check_arguments(workflow_class, args, kwargs)
        what = Start(
            domain=DOMAIN,
            workflow=workflow_class,
            workflow_id=names.checked("workflow id", workflow_id or f"workflow-{next(self._ids)}"),
            args=list(args),
            kwargs=kwargs,
            task_list=task_list or workflow_class.task_list or settings.WORKFLOW_DEFAULT_TASK_LIST,
            execution_timeout=execution_timeout or getattr(workflow_class, "execution_timeout", None) or self._longest,
            decision_tasks_timeout=decision_tasks_timeout,
            tags=tuple(names.checked_tags(tags or tags_of(workflow_class, args, kwargs))),
        )
        name, version = names.checked("workflow name", workflow_class.name), str(workflow_class.version)
        register_type(self._client, DOMAIN, MissingType("workflow", name, version))
        run_id = self._client.call("StartWorkflowExecution", what.request())["runId"]
        return Execution(self, RunKey(DOMAIN, what.workflow_id, run_id))

    def run(self, workflow_class: type[Workflow], /, *args: Any, **kwargs: Any) -> Any:
        """Start an execution and let it run to its end; what ``run`` returned, as it comes out of JSON.

        Raises NotCompleted, and what ``start`` raises.
        """
        return self.start(workflow_class, args, kwargs).result

    def execution(self, workflow_id: str) -> Execution:
        """The latest execution of a workflow id: one that was started here, or a child. Raises KeyError."""
        found = [run for run in self.memory.runs.values() if run.workflow_id == workflow_id]
        if not found:
            known = ", ".join(dict.fromkeys(run.workflow_id for run in self.memory.runs.values()))
            raise KeyError(f"there is no execution {workflow_id!r}; there are {known or 'none'}.")
        return Execution(self, RunKey(DOMAIN, workflow_id, found[-1].run_id))

    def executions(self) -> list[Execution]:
        """All executions, children included, by their start; of one that continued as new its first run."""
        continued = {next_run(self.events(run_id)) for run_id in self.memory.histories}
        return [
            Execution(self, RunKey(DOMAIN, run.workflow_id, run.run_id))
            for run in self.memory.runs.values()
            if run.run_id not in continued
        ]

    def replace(
        self,
        target: Activity | type[Workflow],
        function: Callable[..., Any] | None = None,
        *,
        raises: BaseException | None = None,
        takes: float = 0,
        silent: bool = False,
        times: int | None = None,
    ) -> StandIn:
        """Put something in the place of an activity, or of a workflow class where it is a child.

        ``function`` gets the arguments and returns the result or raises; ``raises`` is a shorter way to say the latter.
        Each attempt takes ``takes`` seconds of the virtual clock; a ``silent`` one is never heard of, so that it ends
        with its timeout. With ``times`` this holds for so many attempts, and then what was there before. An activity
        that only takes long or is silent needs no function. Whatever a stand-in raises is a failure of the activity: an
        ``assert`` belongs behind the run, over ``calls``. Raises TypeError, ValueError.
        """
        return self._stand_ins.add(target, function, raises, takes, silent, times)

    def after(self, seconds: float, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Call a function when so many seconds of the virtual clock have passed."""
        forward(seconds)
        self._at(self.clock.now_ms() + round(seconds * 1000), lambda: function(*args, **kwargs))

    @property
    def now(self) -> datetime:
        """The virtual time, in UTC."""
        return datetime.fromtimestamp(self.clock.now_ms() / 1000, timezone.utc)

    @property
    def elapsed(self) -> float:
        """The seconds that have passed on the virtual clock."""
        return (self.clock.now_ms() - self._begin_ms) / 1000

    # -- what an execution asks

    def call(self, operation: str, **request: Any) -> Answer:
        """An operation of SWF, as somebody outside calls it. Raises ``swf.errors.Refused``."""
        return self._client.call(operation, {"domain": DOMAIN, **request})

    def finish(self, execution: Execution) -> None:
        """Go on until the execution is closed, or nothing can happen any more."""
        raise NotImplementedError

    def wait_of(self, key: RunKey) -> str:
        """What an open run waits for."""
        live = self._parked(key.run_id)
        return describe_wait(live, self._parked) if live is not None else "waits"

    def _parked(self, run_id: str) -> Run | None:
        key = RunKey(DOMAIN, self.memory.runs[run_id].workflow_id, run_id)
        return next((live for engine in self._engines() if (live := engine.parked(key)) is not None), None)

    # -- the service

    def _new_service(self) -> Service:
        return Service(journal=self.memory, entropy=self._entropy, on_task_available=self._task_available)

    def _task_available(self, kind: str, region: str, domain: str, name: str) -> None:
        """A task list got a task."""

    def _operate(self, operation: str, request: dict[str, Any]) -> Answer:
        return self.service.call(operation, request, self.clock.now_ms())

    # -- deciders and workers

    def _engines(self) -> list[SoundEngine]:
        raise NotImplementedError

    def _new_decider(self, client: InProcess) -> tuple[Decider, SoundEngine]:
        engine = SoundEngine(lambda kind, input: self._find(engine.run_id, kind, input), fields=fields())
        workflows = Workflows()
        return Decider(lambda: client, DOMAIN, "default", engine, workflows, watchdog=NoWatchdog()), engine

    def _begin(self, work: ActivityWork, started_id: int, client: InProcess) -> Job:
        """A worker executes a task as soon as it has it; the answer comes when its time has passed."""
        stand_in = self._stand_ins.activity(work.call.name)
        if stand_in is None:
            return Job(work, started_id, perform(work.call), self.clock.now_ms())
        outcome = None if stand_in.silent else perform(work.call, activity=activity_of(stand_in))
        job = Job(work, started_id, outcome, self.clock.now_ms() + round(stand_in.takes * 1000))
        self._beat_later(job, client)
        return job

    def _answer(self, job: Job, client: InProcess) -> None:
        """Tell the outcome, if there is one; a task that has been given up does not want it any more."""
        outcome, job.outcome = job.outcome, None
        if outcome is None:
            return
        operation, told = response_to(outcome)
        try:
            client.call(operation, {"taskToken": job.work.task_token, **told})
        except Refused as error:
            if error.code != "UnknownResourceFault":
                raise

    def _decide_soundly(self, decider: Decider, work: DecisionWork, client: InProcess) -> None:
        """Decide and answer. Raises what the engine raises."""
        try:
            decider.handle(client, work)
        except Objection as objection:
            raise objection.error from None

    def _beat_later(self, job: Job, client: InProcess) -> None:
        at_ms = self.clock.now_ms() + HEARTBEAT * 1000
        if job.outcome is not None and at_ms < job.ends_ms:
            self._at(at_ms, lambda: self._beat(job, client))

    def _beat(self, job: Job, client: InProcess) -> None:
        if job.outcome is None:
            return
        try:
            beat = client.call("RecordActivityTaskHeartbeat", {"taskToken": job.work.task_token})
        except Refused:
            job.outcome = None  # the task has timed out, or its execution is closed
            return
        if beat["cancelRequested"]:
            job.outcome = Canceled()
            self._answer(job, client)
        self._beat_later(job, client)

    # -- time

    def _at(self, at_ms: int, act: Callable[[], object]) -> None:
        heapq.heappush(self._agenda, (at_ms, next(self._appointments), act))

    def _keep_appointment(self) -> bool:
        """Do one thing that is due on the agenda."""
        if not self._agenda or self._agenda[0][0] > self.clock.now_ms():
            return False
        heapq.heappop(self._agenda)[2]()
        return True

    def _next_due(self) -> int | None:
        """When something falls due by itself."""
        dues = [self._agenda[0][0]] if self._agenda else []
        due = self.service.next_due()
        return min(dues if due is None else [*dues, due], default=None)

    # -- histories

    def events(self, run_id: str) -> list[Event]:
        """The events of a run so far."""
        return cast(list[Event], self.memory.histories[run_id])

    def _find(self, run_id: str, workflow_type: str, input: str) -> type[Workflow]:
        return self._stand_ins.workflow(Workflows().find(workflow_type, input), run_id)

    def _audit(self, key: RunKey) -> None:
        """Replay a whole history from scratch. Raises NondeterminismError."""
        events = self.memory.histories[key.run_id]
        workflow_type = events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
        with silence():
            audit(key, workflow_type, events, lambda *asked: self._find(key.run_id, *asked), fields=fields())
