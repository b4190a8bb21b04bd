"""The author's code of one run, in greenlets that can be parked.

``run`` lives in the first fiber; hooks and functions that the engine calls get fibers of their own, so they may wait
as well. Waiting switches to the hub, the greenlet that drives the engine: nothing is raised through the author's code.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import greenlet

from .. import logging_context
from ..activity import PRIORITY_NOT_SET
from ..exceptions import RunEvicted
from ..futures import Failure, Waitable, Waiter

logger = logging.getLogger(__name__)

#: Fibers that would not end: kept for ever, because collecting them would run the author's code at some odd moment.
leaked: list[greenlet.greenlet] = []

_THROWS = 3
_REFUSALS = 100


class Replaying:
    """A flag that the context of every fiber of a run shares."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False

    def __bool__(self) -> bool:
        return self.now


class Submit:
    """What holds for the submit that is going on in a fiber: the ``priority`` and ``raises_on_failure`` that it says.

    ``failure`` is what went wrong in it. Other fibers have their own, for this one may wait in the middle of a submit.
    """

    __slots__ = ("failure", "priority", "raises")

    def __init__(self, priority: Any = PRIORITY_NOT_SET) -> None:
        self.priority = priority
        self.raises: bool | None = None
        self.failure: Failure | None = None


class Fiber(greenlet.greenlet):
    """``waiter`` is what it waits for; ``scope`` is where its tasks get their numbers."""

    def __init__(self, function: Callable[[], None], submit: Submit) -> None:
        super().__init__(function)
        self.waiter: Waitable | None = None
        self.scope = ""
        self.submit = submit


class Fibers:
    """All fibers of a run. Belongs to the thread that made it.

    ``running`` is the fiber that has the thread; None in the hub. ``submit`` is that fiber's, or the hub's. Once
    ``halted``, no fiber goes on any more.
    ``observer`` is what no replay will call again, while it is called: it must leave no trace in the run.
    """

    def __init__(self, replaying: Replaying) -> None:
        self._replaying = replaying
        self._thread = threading.get_ident()
        self._fibers: list[Fiber] = []
        self._refused = 0
        self._logged: dict[str, str] = {}
        self.running: Fiber | None = None
        self.submit = Submit()
        self.halted = False
        self.closed = False
        self.observer = ""

    @contextmanager
    def observed_by(self, observer: str) -> Iterator[None]:
        self.observer = observer
        try:
            yield
        finally:
            self.observer = ""

    def check_part(self) -> None:
        """Raises in what only observes the run, and in other threads, whose turn no replay could repeat."""
        self._check_thread()
        if self.observer:
            raise RuntimeError(
                f"{self.observer} has no part in the run, since no replay calls it: it cannot submit, wait, cancel, "
                "fail the run, or take self.random, self.uuid4() or a side effect."
            )

    def current(self) -> Fiber | None:
        """The fiber that is running; None in the hub. Raises where the caller has no part in this run."""
        if self.closed:
            self._refuse()
        self._check_thread()
        return self.running

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError(
                "futures, submit, chance and side effects belong to the thread of `run`; this is another thread. "
                "Collect the results in `run` and pass them on."
            )

    def spawn(self, function: Callable[[], None]) -> None:
        """Run ``function`` in a fiber of its own when the hub next resumes fibers."""
        self._fibers.append(self._fiber(function))

    def run(self, function: Callable[[], None]) -> None:
        """Run ``function`` in a fiber of its own, at once, until it ends or waits."""
        fiber = self._fiber(function)
        self._fibers.append(fiber)
        self._switch_to(fiber)

    def _switch_to(self, fiber: Fiber) -> None:
        fiber.parent = greenlet.getcurrent()
        caller, self.running = self.running, fiber
        callers, self.submit = self.submit, fiber.submit
        if caller is None:  # a greenlet has a context of its own
            self._logged.clear()
            self._logged.update(logging_context.values())
        try:
            fiber.switch()
        finally:
            self.running = caller
            self.submit = callers
            if fiber.dead:
                self._fibers.remove(fiber)

    def _fiber(self, function: Callable[[], None]) -> Fiber:
        def body() -> None:
            logging_context.replaying.set(self._replaying)
            logging_context.share(self._logged)
            function()

        return Fiber(body, Submit(self.submit.priority))

    def block(self, waiter: Waitable) -> None:
        """Park the running fiber until the waiter is ready."""
        self.check_part()
        fiber = self.current()
        if fiber is None or fiber.parent is None:
            raise RuntimeError("a hook cannot wait: it only observes the run.")
        fiber.waiter = waiter
        fiber.parent.switch()
        if self.closed:
            self._refuse()

    def park(self) -> None:
        """Give the thread away for good."""
        fiber = self.current()
        if fiber is None:
            raise RuntimeError("a hook cannot end the run: it only observes it.")
        fiber.waiter = Waiter(1)
        self._switch_to_hub(fiber)

    def resume(self) -> None:
        """Let every fiber that can go on do so, in the order of their beginning, until none can."""
        moved = True
        while moved:
            moved = False
            for fiber in tuple(self._fibers):
                waiter = fiber.waiter
                if (waiter is None or waiter.ready) and not self.halted and not fiber.dead:
                    moved = True
                    fiber.waiter = None
                    self._switch_to(fiber)

    @property
    def frame(self) -> FrameType | None:
        """Where the fiber that began first is parked; None if all have ended."""
        return self._fibers[0].gr_frame if self._fibers else None

    def close(self) -> None:
        """End all fibers: their clean-up runs, but can neither submit nor wait."""
        self.closed = True
        hub = greenlet.getcurrent()
        for fiber in self._fibers:
            for _ in range(_THROWS):
                if fiber.dead or fiber is hub:
                    break
                fiber.parent = hub
                try:
                    fiber.throw(greenlet.GreenletExit)
                except BaseException as error:  # the author's clean-up failed: that changes nothing any more
                    logger.debug("clean-up of an evicted run raised %r", error)
            if not fiber.dead and fiber is not hub:
                stack = "".join(traceback.format_stack(fiber.gr_frame)) if fiber.gr_frame else ""
                logger.warning("an evicted run would not end (%d so far):\n%s", len(leaked) + 1, stack)
                leaked.append(fiber)
        self._fibers = []

    def _switch_to_hub(self, fiber: Fiber) -> None:
        hub = fiber.parent
        assert hub is not None
        hub.switch()
        if self.closed:
            self._refuse()

    def _refuse(self) -> None:
        # code that swallows even BaseException in a loop would spin here for ever
        self._refused += 1
        fiber = greenlet.getcurrent()
        if self._refused > _REFUSALS and isinstance(fiber, Fiber) and fiber.parent is not None:
            while True:
                fiber.parent.switch()
        raise RunEvicted("this run has been dropped; nothing can be submitted or waited for any more")
