"""Signals: who waits for which, and to whom they are passed on."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from ..exceptions import PayloadError
from ..futures import Future, Recorded
from ..payloads import codec
from ..payloads.jumbo import PREFIX
from .calls import Propagation
from .state import CHILD, Record, Signal


class Signals:
    """The waits of one pass of the author's code, and the signals that it passes on."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._received: dict[str, list[Signal]] = run.state.signals
        self._latches: defaultdict[str, list[tuple[int, Future[Any]]]] = defaultdict(list)
        self._waits: defaultdict[str, int] = defaultdict(int)
        self._queues: defaultdict[str, deque[Future[Any]]] = defaultdict(deque)
        self._taken: defaultdict[str, int] = defaultdict(int)
        self._propagating: list[Signal] = []

    def wait(self, name: str, future: Future[Any]) -> None:
        """Finished as soon as one has been received, with the input of the latest."""
        self._latches[name].append((self._waits[name], future))
        self._waits[name] += 1
        self.receive(name)

    def next(self, name: str, future: Future[Any]) -> None:
        """The n-th call gets the n-th signal; one that is cancelled before that gives up its place."""
        self._queues[name].append(future)
        self.receive(name)

    def receive(self, name: str) -> None:
        """Finish the waits for this name that have got what they wait for."""
        signals = self._received.get(name)
        if not signals:
            return
        for place, future in self._latches.pop(name, ()):
            if not future.done:
                latest = self._run.latched.setdefault((name, place), len(signals) - 1)
                future.set_text(signals[latest].input)
        queue = self._queues[name]
        while queue and self._taken[name] < len(signals):
            future = queue.popleft()
            if not future.done:
                self._taken[name] += 1
                future.set_text(signals[self._taken[name] - 1].input)

    @property
    def waiting(self) -> list[str]:
        """The names that are waited for."""
        if not self._latches and not self._queues:
            return []
        names = {name for name, latches in self._latches.items() if any(not f.done for _, f in latches)}
        names |= {name for name, queue in self._queues.items() if any(not f.done for f in queue)}
        return sorted(names)

    def propagate(self, started: Iterable[Record], ended: Iterable[Record | Signal]) -> None:
        """Pass received signals on, once, to the parent and to every child that is or becomes started."""
        for record in started:
            if record.key[0] == CHILD:
                for signal in self._propagating:
                    self._pass_on(signal, record)
        for item in ended:
            if isinstance(item, Signal) and self._to_be_propagated(item):
                self._propagating.append(item)
                self._pass_up(item)
                for record in [r for r in self._run.state.open[CHILD].values() if r.started]:
                    self._pass_on(item, record)

    def _pass_up(self, signal: Signal) -> None:
        parent = self._run.state.execution.get("parentWorkflowExecution")
        if parent and self._run.workflow.propagate_signals_to_parent and parent["workflowId"] != signal.sender:
            self._run.emit(Propagation(self._run, signal, parent["workflowId"], parent.get("runId")))

    def _pass_on(self, signal: Signal, child: Record) -> None:
        if child.key[1] != signal.sender and child.outcome is None:
            self._run.emit(Propagation(self._run, signal, child.key[1], child.run_id))

    def _to_be_propagated(self, signal: Signal) -> bool:
        text = signal.input or ""
        if '"__propagate"' not in text and not text.startswith(PREFIX):
            return False
        try:
            value = self._run.payload(text)
            if isinstance(value, Recorded):
                value = self._run.decode(text)
        except (PayloadError, codec.DecodeError):
            return False  # who waits for it is told
        return isinstance(value, dict) and value.get("__propagate") is True
