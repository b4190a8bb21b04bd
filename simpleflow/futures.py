"""Futures: the value of a task that is not there yet.

A future belongs to one run and is changed by the engine of that run only. Asking an unfinished future for its result
parks ``run`` until the result is there: nothing is raised through the author's code.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, overload

from .exceptions import ExecutionBlocked

T = TypeVar("T")

PENDING = "PENDING"
RUNNING = "RUNNING"
CANCELLED = "CANCELLED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
FINISHED = "FINISHED"

FIRST_COMPLETED = "FIRST_COMPLETED"
FIRST_EXCEPTION = "FIRST_EXCEPTION"
ALL_COMPLETED = "ALL_COMPLETED"

_UNSET: Any = object()
_numbers = itertools.count(1)


class Recorded:
    """A recorded payload that is passed on and that nobody has opened: ``text`` is what stands in its field."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"<Recorded {self.text}>"


class Waitable(Protocol):
    """What code can be parked for."""

    ready: bool


class Ripples:
    """How deep the callbacks of a run's futures are nested, and which of them wait for that to become less.

    One future ends because of another, a third one because of that, and so on: for as long as the program is, and
    Python nests calls a thousand deep at the most.
    """

    __slots__ = ("depth", "waiting")

    deepest = 100

    def __init__(self) -> None:
        self.depth = 0
        self.waiting: deque[tuple[Future[Any], Iterable[Callback]]] = deque()

    def spread(self, future: Future[Any], callbacks: Iterable[Callback]) -> None:
        """Call them, or leave that to the call that is as deep as may be."""
        if self.depth == self.deepest:
            self.waiting.append((future, callbacks))
            return
        self.depth += 1
        try:
            for callback in callbacks:
                callback(future)
            while self.waiting and self.depth == self.deepest:
                future, callbacks = self.waiting.popleft()
                for callback in callbacks:
                    callback(future)
        finally:
            self.depth -= 1


class Port(Protocol):
    """What a future needs of the run that it belongs to."""

    ripples: Ripples

    def next_number(self) -> int:
        """A number for a new future, the same at every replay."""

    def block(self, waiter: Waitable) -> None:
        """Give the thread away until ``waiter.ready``."""

    def decode(self, text: str | None) -> Any:
        """The value of a recorded payload."""

    def payload(self, text: str | None) -> Any:
        """The same to be passed on: what stands outside the history is a ``Recorded``."""

    def start_wait_timer(self, seconds: float) -> Future[None]:
        """A timer of the library's own, for a wait with a timeout."""


class Canceller(Protocol):
    """What stands behind a future until it is done, and can be stopped."""

    def cancel(self) -> None: ...


class Failure:
    """The exception that a failed task raises where it is asked for. ``asked`` tells whether anybody did."""

    __slots__ = ("asked", "exception")

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self.asked = False


class Waiter:
    """Counts down the futures that somebody waits for; a failure that raises ends the wait early."""

    __slots__ = ("ready", "remaining")

    def __init__(self, remaining: int) -> None:
        self.remaining = remaining
        self.ready = remaining <= 0

    def notify(self, future: Future[Any]) -> None:
        self.remaining -= 1
        if self.remaining <= 0 or future.failure is not None:
            self.ready = True

    def notify_end(self, future: Future[Any]) -> None:
        if future.done:
            self.ready = True


Callback = Callable[["Future[Any]"], None]


class Future(Generic[T]):
    """The result of a task.

    ``result`` is the value; of a task that failed it is None, or the failure is raised if ``raises_on_failure`` is
    true. ``future["key"]`` and ``future[0]`` are futures of a part of the value, to pass on without waiting.
    """

    #: Whether the task has ended: finished, failed or cancelled.
    done: bool = False
    #: Whether ``result`` has something to give or to raise: at the end, or when a member of a group has failed before.
    ready: bool = False

    _state: str = PENDING
    _value: Any = _UNSET
    _text: str | None = None
    _whole: Any = _UNSET
    _exception: BaseException | None = None
    _callbacks: dict[Callback, None] | None = None
    _parked = False
    canceller: Canceller | None = None
    failure: Failure | None = None
    #: Makes a decoded value what the annotations of the task say.
    reader: Callable[[Any], Any] | None = None

    def __init__(self, port: Port | None = None) -> None:
        self._port = port
        self._number = next(_numbers) if port is None else port.next_number()
        # what is asked for all the time; an attribute of the class is found later
        self.done = self.ready = False
        self.failure = None
        self._state = PENDING
        self._value = _UNSET
        self._callbacks = None

    # -- what an author sees

    @property
    def state(self) -> str:
        return self._state

    @property
    def pending(self) -> bool:
        return self.state == PENDING

    @property
    def running(self) -> bool:
        return self.state == RUNNING

    @property
    def finished(self) -> bool:
        return self._state == FINISHED

    @property
    def cancelled(self) -> bool:
        return self._state == CANCELLED

    @property
    def result(self) -> T:
        self.join()
        return self._get_value()  # type: ignore[no-any-return]

    @property
    def exception(self) -> BaseException | None:
        """What the task failed with, or None; waits for the end of the task. Asking counts as handling the failure."""
        self.wait()
        self._ask()
        return self._exception

    def join(self) -> None:
        """Wait for the result without looking at it; raises what ``result`` raises."""
        if not self.ready:
            self._parked = True
            _block_on(self._port, self)
        if self.failure is not None:
            self._throw(self.failure)

    def wait(self) -> None:
        """Wait for the end of the task and raise nothing."""
        if not self.done:
            waiter = Waiter(1)
            self.add_callback(waiter.notify_end)
            _block_on(self._port, waiter)

    def cancel(self) -> bool:
        """Cancel the task: False if it has finished. Work that was sent already is asked to stop."""
        if self._state == FINISHED:
            return False
        if self._state != CANCELLED:
            if self.canceller is not None:
                self.canceller.cancel()
            self.set_cancelled()
        return True

    # -- what the engine does

    def set_running(self) -> None:
        if self._state == PENDING:
            self._state = RUNNING

    def set_finished(self, value: Any) -> None:
        self._value = value
        self._finish(FINISHED)

    def set_text(self, text: str | None) -> None:
        """Finish with a recorded payload, which is decoded when somebody asks for the value."""
        self._text = text
        self._finish(FINISHED)

    def set_exception(self, exception: BaseException | None, failure: Failure | None = None) -> None:
        """Finish with a failure; ``failure`` is given where asking for the result shall raise."""
        self._exception = exception
        self._value = None
        self.failure = failure
        self._finish(FINISHED)

    def set_cancelled(self) -> None:
        self._value = None
        self._finish(CANCELLED)

    def add_callback(self, callback: Callback) -> None:
        """Call ``callback(self)`` when the future is done, and also before, when a member's failure is to be raised.

        Called at once if that has happened. Callbacks run in the order in which they were added.
        """
        if not self.done:
            if self._callbacks is None:
                self._callbacks = {callback: None}
            else:
                self._callbacks[callback] = None
        if self.ready:
            callback(self)

    def remove_callback(self, callback: Callback) -> None:
        if self._callbacks is not None:
            self._callbacks.pop(callback, None)

    def payload(self) -> Any:
        """The value as recorded, to be encoded again: what an author did to ``result`` does not show in it.

        What stands outside the history is not fetched: it is a ``Recorded``, here or inside.
        """
        if self._text is not None and self._port is not None:
            return self._port.payload(self._text)
        return self._get_value()

    def whole(self) -> Any:
        """The payload for others to pick parts of; read once, and changed by nobody."""
        if self._whole is _UNSET:
            value = self.payload()
            if isinstance(value, Recorded) and self._port is not None:
                value = self._port.decode(value.text)
            self._whole = value
        return self._whole

    @property
    def awaited(self) -> bool:
        """Whether anybody waits for it, as long as it is not ready."""
        return self._parked or bool(self._callbacks)

    def _ask(self) -> None:
        """Somebody has seen how this ended: a failure need not be raised at the end of ``run``."""
        asked: list[Future[Any]] = [self]
        while asked:
            future = asked.pop()
            if future.failure is not None:
                future.failure.asked = True
            asked += reversed(future._inside())

    def _inside(self) -> Sequence[Future[Any]]:
        """Who asks for this one has asked for these as well."""
        return ()

    def _throw(self, failure: Failure) -> None:
        self._ask()
        raise failure.exception.with_traceback(None)

    def _finish(self, state: str) -> None:
        assert not self.done, f"{self!r} has ended already"
        self._state = state
        self.done = self.ready = True
        self.canceller = None
        callbacks, self._callbacks = self._callbacks, None
        if callbacks is not None:
            self._spread(callbacks)

    def _notify(self) -> None:
        self.ready = True
        self._spread(tuple(self._callbacks or ()))

    def _spread(self, callbacks: Iterable[Callback]) -> None:
        if self._port is not None:
            self._port.ripples.spread(self, callbacks)
        else:
            for callback in callbacks:
                callback(self)

    def _get_value(self) -> Any:
        if self._value is _UNSET:
            value = self._port.decode(self._text) if self._port is not None else None
            self._value = value if self.reader is None else self.reader(value)
        return self._value

    def _get_answer(self) -> Any:
        """What ``result`` gives: the value, unless a class of the author's says otherwise."""
        return self._get_value()

    # -- Python's own protocols

    def __await__(self) -> Generator[Any, None, T]:
        return self.result
        yield

    def __getitem__(self, key: str | int) -> Future[Any]:
        return FutureItem(self, key)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self!r} cannot be iterated: its value is not known yet. Iterate over future.result.")

    def __contains__(self, item: object) -> bool:
        raise TypeError(f"`in` needs the value of {self!r}, which is not known yet. Use `in future.result`.")

    def __hash__(self) -> int:
        return self._number

    def __copy__(self) -> Future[T]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Future[T]:
        return self

    def __repr__(self) -> str:
        failed = "" if self._exception is None else f" exception={self._exception!r}"
        return f"<{type(self).__name__} at {id(self):#x} state={self.state.lower()}{failed}>"


class Mirror(Future[Any]):
    """A future that ends as another one does, once it is known which one that is."""

    _original: Future[Any] | None = None

    def follow(self, original: Future[Any]) -> None:
        self._original = original
        original.add_callback(self._original_changed)

    def payload(self) -> Any:
        return None if self._original is None else self._original.payload()

    def _inside(self) -> Sequence[Future[Any]]:
        return () if self._original is None else (self._original,)

    def _original_changed(self, original: Future[Any]) -> None:
        self.failure = original.failure
        self._exception = original._exception
        if self.done:
            return
        if original.done:
            self._finish(original.state)
        elif self.failure is not None:
            self._notify()

    def _get_value(self) -> Any:
        return None if self._original is None else self._original._get_answer()


class FutureItem(Mirror):
    """``future[key]``: a part of the value of another future."""

    def __init__(self, original: Future[Any], key: str | int) -> None:
        super().__init__(original._port)
        self._key = key
        self.follow(original)

    def payload(self) -> Any:
        return self._pick(None if self._original is None else self._original.whole())

    def cancel(self) -> bool:
        raise TypeError(f"{self!r} is a part of another future's value; cancel that future.")

    def _get_value(self) -> Any:
        return self._pick(super()._get_value())

    def _pick(self, value: Any) -> Any:
        if self.cancelled or (value is None and self._exception is not None):
            return None
        key = self._key
        if dataclasses.is_dataclass(value) and hasattr(value, str(key)):
            return getattr(value, str(key))
        try:
            # keys that are no texts are recorded as such
            return value[str(key) if isinstance(value, dict) and key not in value else key]
        except (LookupError, TypeError) as error:
            raise type(error)(f"the result has no part {key!r}: {value!r:.100}") from None


class _Awaitable:
    """Lets ``await futures.wait(…)`` read like the synchronous form: the waiting is over before it is awaited."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, Any]:
        return self
        yield


class Results(list[Any], _Awaitable):
    """The results of ``wait``, in the order of its arguments."""


class _DoneAndNotDone(NamedTuple):
    done: list[Future[Any]]
    not_done: list[Future[Any]]


class DoneAndNotDone(_DoneAndNotDone, _Awaitable):
    """The futures given to ``wait``, in the order of its arguments."""

    __slots__ = ()


@overload
def wait(*fs: Future[Any]) -> Results: ...
@overload
def wait(*fs: Future[Any], return_when: str, timeout: float | None = None) -> DoneAndNotDone: ...
@overload
def wait(*fs: Future[Any], timeout: float) -> DoneAndNotDone: ...


def wait(*fs: Future[Any], return_when: str | None = None, timeout: float | None = None) -> Results | DoneAndNotDone:
    """Wait for futures.

    ``wait(*fs)`` gives the list of their results, and raises as soon as one fails whose ``raises_on_failure`` is true.
    With ``return_when`` (FIRST_COMPLETED, FIRST_EXCEPTION or ALL_COMPLETED) or ``timeout`` (seconds of the workflow's
    time, by an SWF timer) it gives ``DoneAndNotDone(done, not_done)`` and raises nothing. A group of which a member has
    failed ends a wait for FIRST_EXCEPTION and may yet stand in ``not_done``.
    """
    _check(fs)
    if return_when is None and timeout is None:
        pending = _unfinished(fs)
        if pending and not any(f.failure for f in fs):
            waiter = Waiter(len(pending))
            for f in pending:
                f.add_callback(waiter.notify)
            _block_on(_port_of(pending), waiter)
        for f in fs:
            if f.failure is not None:
                f._throw(f.failure)
        return Results([f.result for f in fs])
    _wait_for(fs, return_when or ALL_COMPLETED, timeout)
    return DoneAndNotDone([f for f in fs if f.done], [f for f in fs if not f.done])


def as_completed(*fs: Future[Any]) -> Iterator[Future[Any]]:
    """The futures one by one as they finish: first those that are done already, in the order of the arguments."""
    _check(fs)
    fs = tuple(dict.fromkeys(fs))
    finished: list[Future[Any]] = []
    port = _port_of(fs)
    waiter = Waiter(1)

    def collect(future: Future[Any]) -> None:
        if future.done:
            finished.append(future)
            waiter.ready = True

    for f in fs:
        f.add_callback(collect)
    for position in range(len(fs)):
        if position >= len(finished):
            waiter.ready = False
            _block_on(port, waiter)
        yield finished[position]


def get_result_or_raise(future: Future[T]) -> T:
    """Kept for old code: ``future.result``."""
    return future.result


def _wait_for(fs: tuple[Future[Any], ...], return_when: str, timeout: float | None) -> None:
    if return_when not in _ENOUGH:
        raise ValueError(f"return_when is {return_when!r}; use one of {', '.join(_ENOUGH)}.")
    enough = _ENOUGH[return_when]
    pending = _unfinished(fs)
    if not pending or any(map(enough, fs)):
        return
    waiter = Waiter(len(pending))
    port = _port_of(pending)

    def finished(future: Future[Any]) -> None:
        if future.done:
            waiter.remaining -= 1
        if waiter.remaining <= 0 or enough(future):
            waiter.ready = True

    for f in pending:
        f.add_callback(finished)
    timer = None
    if timeout is not None and not waiter.ready:
        if port is None:
            raise ExecutionBlocked()
        timer = port.start_wait_timer(timeout)
        timer.add_callback(lambda _: setattr(waiter, "ready", True))
    _block_on(port, waiter)
    for f in pending:
        f.remove_callback(finished)
    if timer is not None and not timer.done:
        timer.cancel()


# When one future is enough to end a wait.
_ENOUGH: dict[str, Callable[[Future[Any]], bool]] = {
    FIRST_COMPLETED: lambda f: f.done,
    FIRST_EXCEPTION: lambda f: f._exception is not None or f.failure is not None,
    ALL_COMPLETED: lambda f: False,
}


def _check(fs: tuple[Any, ...]) -> None:
    for f in fs:
        if not isinstance(f, Future):
            raise TypeError(f"expected futures, as in wait(first, second) or wait(*futures), not {f!r:.100}")


def _unfinished(fs: Iterable[Future[Any]]) -> list[Future[Any]]:
    """Each of them once."""
    return [f for f in dict.fromkeys(fs) if not f.done]


def _port_of(fs: Iterable[Future[Any]]) -> Port | None:
    return next((f._port for f in fs if f._port is not None), None)


def _block_on(port: Port | None, waiter: Waitable) -> None:
    if waiter.ready:
        return
    if port is None:
        raise ExecutionBlocked("this future belongs to no run, so nobody can wait for it")
    port.block(waiter)
