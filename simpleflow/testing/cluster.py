"""``Cluster``: deciders, workers and a service in one thread, where a seed picks who acts, and what goes wrong.

The deciders are those of production; what they and the workers lack is sockets, threads and processes. A step is one
thing that one of them does: take a task, answer it. The seed picks it among all that are possible, and now and then
picks a fault instead: so many of them in all, and only some kinds, since rare combinations are what finds errors.

No fault changes what a workflow has to give. A task whose worker is gone ends with its timeout; the run is told that
this was an interruption, as ``standalone --resume`` tells it, so it is no failed attempt. Time passes when nobody has
anything to do. A fault that costs time happens only where no timer and no timeout of an execution falls due meanwhile,
because a race with the clock may well end in another way when somebody is gone for minutes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..exceptions import NondeterminismError
from ..local.outcome import BLOCKED, LocalRun
from ..payloads import codec
from ..payloads.objects import fields
from ..process.perform import Failed
from ..replay.state import INTERRUPTED
from ..replay.work import Event, RunKey
from ..service.deadlines import EXECUTION, TIMER
from ..service.events import CLOSING
from ..service.faults import Fault
from ..service.limits import YEAR_MS
from ..swf.activity_work import activity_work
from ..swf.client import Answer
from ..swf.decider import AFFINITY_SECONDS
from ..swf.errors import Refused, Unreachable
from ..swf.work import poll_decision
from ..workflow import Workflow
from .actors import DeciderActor, Held, WorkerActor, given_up, patience_with
from .client import InProcess
from .execution import Execution
from .stage import DOMAIN, Job, SoundEngine, Stage
from .trace import Trace

_MOST_STEPS = 20_000
_MOST_FAULTS = 10
_YEAR = "31536000"
#: How likely each kind of fault is beside what else can happen, and a loss in each call.
_FAULT_WEIGHT = 0.5
_LOSSES = 0.1
_TEST = "test"
_POLLS = frozenset({"PollForDecisionTask", "PollForActivityTask"})

#: What may go wrong.
FAULTS = (
    "a request or an answer is lost",
    "a decider forgets its runs",
    "a decider dies",
    "a decider answers too late",
    "a worker is stopped",
    "a worker dies",
    "a worker answers too late",
    "the service restarts",
)
_NETWORK, _FORGET, _DECIDER_DIES, _DECIDER_LATE, _WORKER_STOPS, _WORKER_DIES, _WORKER_LATE, _RESTART = FAULTS


class ClusterFailure(AssertionError):
    """An execution did not do in a cluster what it should. The message is the report, with all that happened."""


class _Option(NamedTuple):
    """Something that can happen next; ``weight`` says how likely it is."""

    weight: float
    act: Callable[[], object]


class Cluster(Stage):
    """A cluster whose every step follows from ``seed``. Without ``faults`` only the order of things is by chance.

    ``faults`` may also name some of FAULTS. With ``races`` there are also faults during which timers fire.
    ``trace.lines`` tell what happened so far.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        deciders: int = 2,
        workers: int = 3,
        faults: bool | Iterable[str] = True,
        races: bool = False,
    ) -> None:
        self.seed = seed
        self._call = f"Cluster({seed}, deciders={deciders}, workers={workers}, faults={faults!r}, races={races})"
        self.trace = Trace(lambda: self.elapsed)
        self._chance = random.Random(seed)
        self._kinds = self._drawn(faults)
        self._faults_left = self._chance.randint(1, _MOST_FAULTS) if self._kinds else 0
        self._races = races
        super().__init__(strict=True, longest=_YEAR)
        self._client = self._client_of(_TEST)
        self._deciders = [self._decider_actor(number) for number in range(1, deciders + 1)]
        self._workers = [self._worker_actor(number) for number in range(1, workers + 1)]
        self._hired = Counter(decider=deciders, worker=workers)
        self._outside: list[Callable[[], object]] = []
        self._orphaned: set[str] = set()  # the lists of deciders that are gone
        self._audited: set[str] = set()

    # -- what a test does

    def run(self, workflow_class: type[Workflow], /, *args: Any, **kwargs: Any) -> Any:
        """Start an execution and let it run to its end; what ``run`` returned, as it comes out of JSON.

        Raises ClusterFailure if it does not complete, and what ``start`` raises.
        """
        end = self.start(workflow_class, args, kwargs).end
        if end.status != "COMPLETED":
            raise self.failure(f"{end.workflow_id} ends as {end.status}: {end.explain()}")
        return end.value

    def sometime(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Call a function at a moment that the seed picks, as something that happens outside."""
        self._outside.append(lambda: function(*args, **kwargs))

    def failure(self, problem: str) -> ClusterFailure:
        """The report of a problem: to be raised."""
        return ClusterFailure(
            f"seed {self.seed}: {problem}\n\n"
            f"What happened in {self._call}, in seconds of the virtual clock:\n{self.trace.text()}"
        )

    def finish(self, execution: Execution) -> None:
        """Go on until the execution is closed. Raises ClusterFailure for what should never happen."""
        try:
            for _ in range(_MOST_STEPS):
                if execution.status not in ("OPEN", "CONTINUED_AS_NEW") or not self._step():
                    break
            else:
                raise self.failure(f"{execution.workflow_id} has not come to an end after {_MOST_STEPS} steps")
            self._audit_all()
        except NondeterminismError as error:
            raise self.failure(f"a replay differs: {error}") from error
        except ClusterFailure:
            raise
        except Exception as error:
            raise self.failure(f"{type(error).__name__}: {error}") from error

    # -- one step

    def _step(self) -> bool:
        """Let one thing happen; False if nothing can."""
        self.service.expire(self.clock.advance(0.001))
        if self._keep_appointment():
            return True
        options = self._work_options()
        if not options:
            return self._wait()
        if self._faults_left:
            options += self._fault_options()
        self._chance.choices(options, [option.weight for option in options])[0].act()
        return True

    def _work_options(self) -> list[_Option]:
        options = [_Option(1, partial(self._happen, act)) for act in self._outside]
        options += [_Option(2, act) for act in self._late_answers()]
        decisions, activities = self._ready("decision"), self._ready("activity")
        private = self._orphaned.union(*(actor.own for actor in self._deciders))
        for decider in self._deciders:
            options += [_Option(4, partial(self._decide, decider, held)) for held in decider.held if not held.stalled]
            mine = (name for name in decisions if name in decider.own or name not in private)
            options += [_Option(3, partial(self._take, decider, name)) for name in mine]
        for worker in self._workers:
            if worker.job is None:
                options += [_Option(2, partial(self._work, worker, name)) for name in activities]
            elif not worker.stalled and worker.job.ends_ms <= self.clock.now_ms():
                options.append(_Option(3, partial(self._give, worker)))
        return options

    def _ready(self, kind: str) -> list[str]:
        """The task lists with a task that can be had."""
        lists = self.service.snapshot().task_lists
        return [name.name for name, tasks in lists.items() if name.kind == kind and any(ready for _, ready in tasks)]

    def _happen(self, act: Callable[[], object]) -> None:
        self._outside.remove(act)
        try:
            act()
        except Refused as error:
            if error.code != "UnknownResourceFault":
                raise
            self.trace.note(_TEST, "is too late")

    def _wait(self) -> bool:
        due = self._next_due()
        if due is None or due >= self._begin_ms + YEAR_MS:
            return False
        self.service.expire(self.clock.jump(due))
        self.trace.note("", "time passes")
        return True

    # -- deciders

    def _take(self, actor: DeciderActor, task_list: str) -> None:
        own = task_list in actor.own
        work = poll_decision(actor.client, DOMAIN, task_list, actor.name, since_last=own)
        if work is not None:
            actor.held.append(Held(work))

    def _decide(self, actor: DeciderActor, held: Held) -> None:
        actor.held.remove(held)
        self._decide_soundly(actor.decider, held.work, actor.client)

    def _decider_actor(self, number: int) -> DeciderActor:
        name = f"decider {number}"
        own: set[str] = set()
        client = self._client_of(name, own)
        decider, engine = self._new_decider(client)
        return DeciderActor(name, client, decider, engine, own)

    # -- workers

    def _work(self, worker: WorkerActor, task_list: str) -> None:
        request = {"domain": DOMAIN, "taskList": {"name": task_list}, "identity": worker.name}
        task = worker.client.call("PollForActivityTask", request)
        if "taskToken" in task:
            worker.job = self._begin(activity_work(DOMAIN, task_list, task), task["startedEventId"], worker.client)
            self._at(worker.job.ends_ms, _nothing)

    def _give(self, worker: WorkerActor) -> None:
        assert worker.job is not None
        self._answer(worker.job, worker.client)
        worker.job, worker.stalled = None, False

    def _worker_actor(self, number: int) -> WorkerActor:
        name = f"worker {number}"
        return WorkerActor(name, self._client_of(name))

    # -- faults

    def _drawn(self, faults: bool | Iterable[str]) -> frozenset[str]:
        """The kinds of faults of this seed."""
        if not isinstance(faults, bool):
            return frozenset(faults)
        return frozenset(self._chance.sample(FAULTS, self._chance.randint(1, len(FAULTS)))) if faults else frozenset()

    def _fault_options(self) -> list[_Option]:
        found = [(kind, act) for kind, act in self._possible_faults() if kind in self._kinds]
        many = Counter(kind for kind, _ in found)
        return [_Option(_FAULT_WEIGHT / many[kind], partial(self._go_wrong, act)) for kind, act in found]

    def _possible_faults(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield _RESTART, self._restart
        for decider in self._deciders:
            held = [held for held in decider.held if not held.stalled]
            yield _FORGET, partial(self._forget, decider)
            if self._may_cost(max([float(AFFINITY_SECONDS), *(self._patience(h.work.key) for h in held)])):
                yield _DECIDER_DIES, partial(self._kill_decider, decider)
                yield from ((_DECIDER_LATE, partial(self._stall_decider, decider, h)) for h in held)
        for worker in self._workers:
            if worker.job is None or worker.stalled:
                continue
            yield _WORKER_STOPS, partial(self._stop_worker, worker)
            if self._may_cost(patience_with(self._scheduled(worker.job))):
                yield _WORKER_DIES, partial(self._kill_worker, worker)
                if any(not other.stalled for other in self._workers if other is not worker):
                    yield _WORKER_LATE, partial(self._stall_worker, worker)

    def _go_wrong(self, act: Callable[[], object]) -> None:
        self._faults_left -= 1
        act()

    def _may_cost(self, seconds: float) -> bool:
        """Whether so much time may pass without anything going on that goes by the clock."""
        until = self.clock.now_ms() + (seconds + 1) * 1000
        if not self._races and self._agenda and self._agenda[0][0] <= until:
            return False
        most = EXECUTION if self._races else TIMER
        return not any(at <= until and rank <= most for (rank, _, _), at in self.service.snapshot().deadlines.items())

    def _patience(self, key: RunKey) -> float:
        """Seconds that SWF waits for the answer to a decision task."""
        return float(self.events(key.run_id)[0]["workflowExecutionStartedEventAttributes"]["taskStartToCloseTimeout"])

    def _scheduled(self, job: Job) -> Event:
        """The event that scheduled the task of a worker."""
        events = self.events(job.work.call.run_id)
        scheduled_id: int = events[job.started_id - 1]["activityTaskStartedEventAttributes"]["scheduledEventId"]
        return events[scheduled_id - 1]

    def _forget(self, decider: DeciderActor) -> None:
        self.trace.note(decider.name, "forgets its runs")
        decider.engine.close()

    def _kill_decider(self, decider: DeciderActor) -> None:
        self.trace.note(decider.name, f"dies, with {len(decider.held)} decision tasks")
        decider.engine.close()
        self._orphaned |= decider.own
        self._hired["decider"] += 1
        self._deciders[self._deciders.index(decider)] = self._decider_actor(self._hired["decider"])

    def _stall_decider(self, decider: DeciderActor, held: Held) -> None:
        self.trace.note(decider.name, f"hangs over decision task {held.work.started_event_id}")
        held.stalled = True

    def _stop_worker(self, worker: WorkerActor) -> None:
        assert worker.job is not None
        self.trace.note(worker.name, f"is stopped in {worker.job.name}")
        worker.job.outcome = Failed(INTERRUPTED, "The worker was stopped while it executed the activity.")
        self._give(worker)

    def _kill_worker(self, worker: WorkerActor) -> None:
        assert worker.job is not None
        self.trace.note(worker.name, f"dies in {worker.job.name}")
        self._tell_interruption(worker.job)
        worker.job.outcome = None
        self._hired["worker"] += 1
        self._workers[self._workers.index(worker)] = self._worker_actor(self._hired["worker"])

    def _stall_worker(self, worker: WorkerActor) -> None:
        assert worker.job is not None
        self.trace.note(worker.name, f"hangs in {worker.job.name}")
        self._tell_interruption(worker.job)
        worker.stalled = True

    def _tell_interruption(self, job: Job) -> None:
        """The timeout that is to come is no failed attempt."""
        call, scheduled = job.work.call, self._scheduled(job)
        told = {"signalName": INTERRUPTED, "input": codec.encode([scheduled["eventId"]])}
        try:
            self.call("SignalWorkflowExecution", workflowId=call.workflow_id, runId=call.run_id, **told)
        except Refused:
            pass  # the run is closed

    def _restart(self) -> None:
        self.trace.note("service", "restarts from its journal")
        self.service = self._new_service()
        self.memory.restore(self.service)

    def _late_answers(self) -> Iterator[Callable[[], object]]:
        """Who hung may come round once SWF has given the task up."""
        for decider in self._deciders:
            for held in decider.held:
                if held.stalled and given_up(self.events(held.work.key.run_id), held.work.started_event_id):
                    yield partial(self._decide, decider, held)
        for worker in self._workers:
            job = worker.job
            if worker.stalled and job is not None and given_up(self.events(job.work.call.run_id), job.started_id):
                yield partial(self._give, worker)

    # -- the way to the service

    def _client_of(self, who: str, lists: set[str] | None = None) -> InProcess:
        """A client; the task lists that it asks to be given the next decision tasks on are added to ``lists``."""

        def operate(operation: str, request: dict[str, Any]) -> Answer:
            if lists is not None and operation == "RespondDecisionTaskCompleted" and "taskList" in request:
                lists.add(request["taskList"]["name"])
            lost = self._lost(who, operation)
            if lost == "request":
                self.trace.call(who, operation, request, {}, ", and the request is lost")
                raise Unreachable(f"{operation}: the request is lost")
            try:
                answer = self._operate(operation, request)
            except Fault as fault:
                self.trace.call(who, operation, request, {}, f", and is refused: {fault.code}")
                raise
            self.trace.call(who, operation, request, answer, ", and the answer is lost" if lost else "")
            if lost:
                raise Unreachable(f"{operation}: the answer is lost")
            return answer

        return InProcess(operate, strict=True)

    def _lost(self, who: str, operation: str) -> str | None:
        """What is lost of a call of a decider or a worker, if anything."""
        may = self._faults_left and _NETWORK in self._kinds and who != _TEST and operation not in _POLLS
        if not may or self._chance.random() > _LOSSES:
            return None
        self._faults_left -= 1
        return self._chance.choice(("request", "answer"))

    # -- the rest

    def _engines(self) -> list[SoundEngine]:
        return [decider.engine for decider in self._deciders]

    def _audit_all(self) -> None:
        for run in self.memory.runs.values():
            key = RunKey(DOMAIN, run.workflow_id, run.run_id)
            if run.run_id not in self._audited and self.events(run.run_id)[-1]["eventType"] in CLOSING:
                self._audited.add(run.run_id)
                self._audit(key)


def prove(
    workflow_class: type[Workflow],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    seeds: Iterable[int] = range(100),
    prepare: Callable[[Cluster], object] | None = None,
    **options: Any,
) -> LocalRun:
    """Run a workflow in a cluster without faults, and once for each seed with them: it must end in the same way.

    ``prepare`` gets each cluster before the start: to replace activities, or to say what happens outside. ``options``
    are those of ``Cluster.start``. How it ended without faults is returned. Raises ClusterFailure for the first seed
    that differs.
    """

    def play(cluster: Cluster) -> LocalRun:
        if prepare is not None:
            prepare(cluster)
        return cluster.start(workflow_class, args, kwargs, **options).end

    expected = play(Cluster(faults=False))
    for seed in seeds:
        cluster = Cluster(seed)
        end = play(cluster)
        if _meaning(end) != _meaning(expected):
            raise cluster.failure(f"{_told(end)} Without faults: {_told(expected)}")
    return expected


def _meaning(end: LocalRun) -> tuple[Any, ...]:
    # what a blocked run waits for is not known where no decider has it any more
    return end.status, fields().decode(end.result), None if end.status == BLOCKED else end.reason


def _told(end: LocalRun) -> str:
    what = f"the result {end.result}" if end.status == "COMPLETED" else f"{end.explain()}"
    return f"{end.workflow_id} ends as {end.status} with {what}."


def _nothing() -> None:
    """Time has come to where a task takes no longer."""
