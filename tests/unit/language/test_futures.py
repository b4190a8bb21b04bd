"""Futures and the waits for them, in a run that is no more than a greenlet."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from typing import Any

import greenlet
import pytest

from simpleflow import futures
from simpleflow.exceptions import ExecutionBlocked, TaskException, TaskFailed
from simpleflow.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Failure,
    Future,
    Recorded,
    Ripples,
    Waitable,
    as_completed,
    wait,
)

ERROR = TaskFailed("double", "reason")
RAISED = TaskException("double", ERROR)


class FakePort:
    """A run: its code is a greenlet; ``hub`` is whoever plays the engine."""

    def __init__(self) -> None:
        self.ripples = Ripples()
        self._numbers = itertools.count(100)
        self.waiter: Waitable | None = None
        self.decoded: list[str | None] = []
        self.timers: list[tuple[float, Future[None]]] = []

    def next_number(self) -> int:
        return next(self._numbers)

    def block(self, waiter: Waitable) -> None:
        self.waiter = waiter
        while not waiter.ready:
            parent = greenlet.getcurrent().parent
            assert parent is not None
            parent.switch()
        self.waiter = None

    def payload(self, text: str | None) -> Any:
        return json.loads(text or "null")

    def decode(self, text: str | None) -> Any:
        self.decoded.append(text)
        return None if text is None else json.loads(text)

    def start_wait_timer(self, seconds: float) -> Future[None]:
        timer: Future[None] = Future(self)
        self.timers.append((seconds, timer))
        return timer


class FakeTask:
    """What stands behind a future."""

    stops = 0

    def cancel(self) -> None:
        self.stops += 1


class Play:
    """Code that runs until it waits. ``then(step)`` lets something happen; code whose wait is over goes on."""

    def __init__(self, port: FakePort, code: Callable[[], Any]) -> None:
        self._port = port
        self._greenlet = greenlet.greenlet(self._body)
        self._code = code
        self.value: Any = None
        self.error: BaseException | None = None
        self._greenlet.switch()

    def _body(self) -> None:
        try:
            self.value = self._code()
        except Exception as error:
            self.error = error

    @property
    def over(self) -> bool:
        return bool(self._greenlet.dead)

    def then(self, step: Callable[[], Any]) -> bool:
        """Whether the code is over after that."""
        step()
        if self._port.waiter is not None and self._port.waiter.ready:
            self._greenlet.switch()
        return self.over


@pytest.fixture
def port() -> FakePort:
    return FakePort()


def pending(port: FakePort, count: int) -> list[Future[Any]]:
    return [Future(port) for _ in range(count)]


def raises(future: Future[Any], exception: BaseException = RAISED) -> Callable[[], None]:
    return lambda: future.set_exception(ERROR, Failure(exception))


# -- one future


def test_result_waits_for_the_end(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: future.result)
    assert not play.then(future.set_running)
    assert play.then(lambda: future.set_finished(7))
    assert play.value == 7
    assert port.waiter is None


def test_the_recorded_text_is_decoded_once_and_when_asked_for(port: FakePort) -> None:
    (future,) = pending(port, 1)
    future.set_text('{"a": [1]}')
    assert future.finished and port.decoded == []
    assert future.result == {"a": [1]}
    assert future.result is future.result
    assert port.decoded == ['{"a": [1]}']


def test_a_finished_task_without_a_result(port: FakePort) -> None:
    (future,) = pending(port, 1)
    future.set_text(None)
    assert (future.done, future.result) == (True, None)


def test_what_is_passed_on_is_what_was_recorded(port: FakePort) -> None:
    (future,) = pending(port, 1)
    future.set_text('{"a":[1]}')
    future.result["a"].append(2)
    assert future.result == {"a": [1, 2]}
    assert future.payload() == {"a": [1]}


def test_a_failure_that_raises_does_so_at_each_result(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: future.result)
    assert play.then(raises(future))
    assert play.error is RAISED
    with pytest.raises(TaskException) as caught:
        future.result
    assert caught.value is RAISED


def test_a_failure_that_does_not_raise(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: (future.exception, future.result))
    assert play.then(lambda: future.set_exception(ERROR))
    assert play.value == (ERROR, None)


def test_who_asks_has_seen_the_failure(port: FakePort) -> None:
    told, raised = pending(port, 2)
    for future in (told, raised):
        future.set_exception(ERROR, Failure(RAISED))
        future.wait()
    assert [f.failure.asked for f in (told, raised) if f.failure] == [False, False]
    assert told.exception is ERROR
    with pytest.raises(TaskException):
        raised.result
    assert [f.failure.asked for f in (told, raised) if f.failure] == [True, True]


def test_exception_and_wait_raise_nothing(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: [future.wait(), future.exception])
    assert play.then(raises(future))
    assert play.value == [None, ERROR]


def test_a_failure_is_raised_before_the_end_but_not_told_before_it(port: FakePort) -> None:
    """A group knows what it will raise while other members still run."""
    (group,) = pending(port, 1)

    def fail_early() -> None:
        group.failure = Failure(RAISED)
        group._notify()

    impatient, patient = Play(port, lambda: group.result), None
    assert impatient.then(fail_early)
    assert impatient.error is RAISED and not group.done
    patient = Play(port, lambda: group.exception)
    assert not patient.over
    assert patient.then(lambda: group.set_exception(ERROR, group.failure))
    assert patient.value is ERROR


def test_raising_twice_does_not_pile_up_tracebacks(port: FakePort) -> None:
    (future,) = pending(port, 1)
    raises(future)()

    def depth() -> int:
        with pytest.raises(TaskException) as caught:
            future.result
        return len(caught.traceback)

    assert depth() == depth()


def test_running_comes_before_the_end_only() -> None:
    future: Future[int] = Future()
    future.set_finished(1)
    future.set_running()
    assert future.finished and not future.running


# -- cancel


def test_cancel_tells_the_engine_once() -> None:
    future: Future[int] = Future()
    task = future.canceller = FakeTask()
    assert (future.cancel(), future.cancel()) == (True, True)
    assert task.stops == 1
    assert (future.cancelled, future.result, future.exception) == (True, None, None)


def test_what_has_finished_cannot_be_cancelled() -> None:
    future: Future[int] = Future()
    task = future.canceller = FakeTask()
    future.set_finished(3)
    assert future.cancel() is False
    assert (future.finished, future.result, task.stops) == (True, 3, 0)


def test_a_wait_ends_when_somebody_cancels(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: future.result)
    assert play.then(future.cancel)
    assert (play.value, play.error) == (None, None)


# -- callbacks


def test_callbacks_are_called_in_order_and_once() -> None:
    future: Future[int] = Future()
    seen: list[str] = []

    def first(_: Future[Any]) -> None:
        seen.append("first")

    def second(_: Future[Any]) -> None:
        seen.append("second")

    for callback in (first, second, first):
        future.add_callback(callback)
    assert future.awaited and seen == []
    future.set_finished(1)
    assert seen == ["first", "second"] and not future.awaited
    future.add_callback(second)
    assert seen == ["first", "second", "second"]


def test_a_callback_that_was_removed_is_not_called() -> None:
    future: Future[int] = Future()
    seen: list[Future[Any]] = []
    future.add_callback(seen.append)
    future.remove_callback(seen.append)
    future.remove_callback(seen.append)
    future.set_finished(1)
    assert seen == []


# -- parts of a value


def test_parts(port: FakePort) -> None:
    (future,) = pending(port, 1)
    part = future["users"][0]["name"]
    play = Play(port, lambda: part.result)
    assert part.pending and not play.over
    assert not play.then(future.set_running)
    assert play.then(lambda: future.set_text('{"users":[{"name":"ada"}]}'))
    assert (play.value, part.finished) == ("ada", True)
    assert future["users"].result == [{"name": "ada"}]


def test_a_part_is_passed_on_as_it_was_recorded(port: FakePort) -> None:
    (future,) = pending(port, 1)
    part = future["a"]
    future.set_text('{"a":[1]}')
    part.result.append(2)
    assert (part.result, part.payload()) == ([1, 2], [1])


def test_what_many_parts_are_passed_on_of_is_read_once(port: FakePort, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str | None] = []

    def payload(text: str | None) -> Any:
        read.append(text)
        return Recorded("outside")

    monkeypatch.setattr(port, "payload", payload)
    monkeypatch.setattr(port, "decode", lambda text: read.append(text) or [[1, {"a": 2}], 3])
    future: Future[Any] = Future(port)
    parts = [future[0][0], future[0][1]["a"], future[1]]
    future.set_text("outside, too")
    assert [part.payload() for part in parts] == [1, 2, 3]
    assert read == ["outside, too", "outside"]


@pytest.mark.parametrize(
    ("value", "key", "error"),
    [
        ({"a": 1}, "b", KeyError),
        ([1], 1, IndexError),
        (5, 0, TypeError),
        ("text", "a", TypeError),
        (None, 0, TypeError),
    ],
)
def test_a_part_that_is_not_there(value: Any, key: Any, error: type[Exception]) -> None:
    future: Future[Any] = Future()
    part = future[key]
    future.set_finished(value)
    with pytest.raises(error) as caught:
        part.result
    assert f"has no part {key!r}" in str(caught.value) and repr(value) in str(caught.value)


def test_a_part_of_what_failed(port: FakePort) -> None:
    quiet, loud = pending(port, 2)
    quiet.set_exception(ERROR)
    raises(loud)()
    assert (quiet["a"].result, quiet["a"].exception, quiet["a"].payload()) == (None, ERROR, None)
    with pytest.raises(TaskException):
        loud["a"].result
    assert loud["a"].exception is ERROR


def test_a_part_of_what_was_cancelled() -> None:
    future: Future[Any] = Future()
    part = future["a"]
    future.cancel()
    assert part.cancelled and part.result is None


def test_a_part_cannot_be_cancelled() -> None:
    future: Future[Any] = Future()
    with pytest.raises(TypeError, match="cancel that future"):
        future["a"].cancel()
    assert future.pending


def test_a_failure_that_comes_early_reaches_the_parts(port: FakePort) -> None:
    (group,) = pending(port, 1)
    part = group[0]

    def fail_early() -> None:
        group.failure = Failure(RAISED)
        group._notify()

    play = Play(port, lambda: part.result)
    assert play.then(fail_early)
    assert play.error is RAISED and part.pending
    group.set_exception(ERROR, group.failure)
    assert part.finished


# -- Python's own protocols


def test_a_future_cannot_be_iterated() -> None:
    future: Future[Any] = Future()
    with pytest.raises(TypeError, match=r"Iterate over future\.result"):
        iter(future)
    with pytest.raises(TypeError, match=r"cannot be iterated"):
        list(future)
    with pytest.raises(TypeError, match=r"Use `in future\.result`"):
        1 in future  # noqa: B015


def test_hashes_are_the_same_at_every_replay() -> None:
    first, second = pending(FakePort(), 2), pending(FakePort(), 2)
    assert [hash(f) for f in first] == [hash(f) for f in second] == [100, 101]
    assert first[0] != second[0]
    assert len({*first, *second}) == 4


def test_bare_futures_differ() -> None:
    first: Future[Any] = Future()
    second: Future[Any] = Future()
    assert hash(first) != hash(second)
    assert first != second and first == first


def test_a_copy_of_a_future_is_the_future() -> None:
    future: Future[Any] = Future()
    assert copy.copy(future) is future
    assert copy.deepcopy([future])[0] is future


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda f: None, "state=pending>"),
        (lambda f: f.set_running(), "state=running>"),
        (lambda f: f.set_finished(1), "state=finished>"),
        (lambda f: f.cancel(), "state=cancelled>"),
        (lambda f: f.set_exception(ERROR), 'state=finished exception=TaskFailed (double, "reason")>'),
    ],
)
def test_repr(change: Callable[[Future[Any]], Any], text: str) -> None:
    future: Future[Any] = Future()
    change(future)
    assert repr(future) == f"<Future at {id(future):#x} {text}"


def drive(coroutine: Any) -> Any:
    """What a coroutine returns that waits by futures alone."""
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


def test_await(port: FakePort) -> None:
    first, second = pending(port, 2)

    async def code() -> Any:
        return await first, await wait(first, second), await wait(first, return_when=FIRST_COMPLETED)

    play = Play(port, lambda: drive(code()))
    assert not play.then(lambda: first.set_finished(1))
    assert play.then(lambda: second.set_finished(2))
    assert play.value == (1, [1, 2], ([first], []))


def test_await_raises_what_result_raises(port: FakePort) -> None:
    (future,) = pending(port, 1)
    raises(future)()

    async def code() -> Any:
        return await future

    with pytest.raises(TaskException):
        code().send(None)


# -- wait


def test_wait_gives_results_in_the_order_of_its_arguments(port: FakePort) -> None:
    a, b, c = pending(port, 3)
    b.set_finished("b")
    play = Play(port, lambda: wait(a, b, c))
    assert not play.then(lambda: c.set_text('"c"'))
    assert play.then(lambda: a.set_exception(ERROR))
    assert play.value == [None, "b", "c"]
    assert isinstance(play.value, list)


def test_waiting_for_nothing() -> None:
    assert wait() == []
    assert wait(return_when=ALL_COMPLETED) == ([], [])
    assert list(as_completed()) == []


def test_wait_raises_as_soon_as_a_task_fails(port: FakePort) -> None:
    a, b = pending(port, 2)
    play = Play(port, lambda: wait(a, b))
    assert play.then(raises(b))
    assert play.error is RAISED and a.pending
    with pytest.raises(TaskException):
        wait(a, b)


def test_wait_raises_the_first_failure_of_its_arguments(port: FakePort) -> None:
    a, b = pending(port, 2)
    other = TaskException("first")
    raises(b)()
    raises(a, other)()
    with pytest.raises(TaskException) as caught:
        wait(a, b)
    assert caught.value is other
    assert a.failure is not None and a.failure.asked
    assert b.failure is not None and not b.failure.asked


def test_futures_of_no_run_block() -> None:
    future: Future[int] = Future()
    done: Future[int] = Future()
    done.set_finished(1)
    for ask in (
        lambda: future.result,
        lambda: future.exception,
        lambda: future["a"].result,
        lambda: wait(done, future),
        lambda: wait(future, return_when=FIRST_COMPLETED),
        lambda: wait(future, timeout=1),
        lambda: list(as_completed(done, future)),
    ):
        with pytest.raises(ExecutionBlocked):
            ask()
    assert next(as_completed(future, done)) is done


def test_one_future_with_a_run_is_enough_to_wait(port: FakePort) -> None:
    bare: Future[int] = Future()
    (future,) = pending(port, 1)
    play = Play(port, lambda: wait(bare, future))
    assert not play.then(lambda: future.set_finished(2))
    assert play.then(lambda: bare.set_finished(1))
    assert play.value == [1, 2]


# -- wait for some


def test_first_completed(port: FakePort) -> None:
    a, b, c = pending(port, 3)
    play = Play(port, lambda: wait(a, b, c, return_when=FIRST_COMPLETED))
    assert not play.then(b.set_running)
    assert play.then(lambda: c.set_finished(3))
    assert play.value == ([c], [a, b])
    assert (play.value.done, play.value.not_done) == ([c], [a, b])
    assert not a.awaited and not b.awaited


@pytest.mark.parametrize("end", [lambda f: f.cancel(), lambda f: f.set_exception(ERROR), lambda f: raises(f)()])
def test_every_end_completes(port: FakePort, end: Callable[[Future[Any]], Any]) -> None:
    a, b = pending(port, 2)
    play = Play(port, lambda: wait(a, b, return_when=FIRST_COMPLETED))
    assert play.then(lambda: end(a))
    assert (play.value, play.error) == (([a], [b]), None)


def test_what_is_done_already_ends_the_wait(port: FakePort) -> None:
    a, b = pending(port, 2)
    b.set_finished(1)
    assert wait(a, b, return_when=FIRST_COMPLETED, timeout=5) == ([b], [a])
    b = Future(port)
    b.set_exception(ERROR)
    assert wait(a, b, return_when=FIRST_EXCEPTION, timeout=5) == ([b], [a])
    assert wait(b, return_when=ALL_COMPLETED, timeout=5) == ([b], [])
    assert port.timers == []


@pytest.mark.parametrize("fail", [lambda f: f.set_exception(ERROR), lambda f: raises(f)()])
def test_first_exception(port: FakePort, fail: Callable[[Future[Any]], Any]) -> None:
    a, b, c = pending(port, 3)
    play = Play(port, lambda: wait(a, b, c, return_when=FIRST_EXCEPTION))
    assert not play.then(lambda: a.set_finished(1))
    assert play.then(lambda: fail(b))
    assert (play.value, play.error) == (([a, b], [c]), None)


def test_first_exception_without_one(port: FakePort) -> None:
    a, b = pending(port, 2)
    play = Play(port, lambda: wait(a, b, return_when=FIRST_EXCEPTION))
    assert not play.then(lambda: a.set_finished(1))
    assert play.then(b.cancel)
    assert play.value == ([a, b], [])


def test_all_completed_raises_nothing(port: FakePort) -> None:
    a, b = pending(port, 2)
    play = Play(port, lambda: wait(a, b, return_when=ALL_COMPLETED))
    assert not play.then(raises(a))
    assert play.then(lambda: b.set_finished(1))
    assert (play.value, play.error) == (([a, b], []), None)
    assert a.failure is not None and not a.failure.asked


def test_an_unknown_return_when_is_named(port: FakePort) -> None:
    (future,) = pending(port, 1)
    with pytest.raises(ValueError, match=r"'SOON'.*FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED"):
        wait(future, return_when="SOON")


# -- wait with a timeout


def test_a_timeout_ends_the_wait(port: FakePort) -> None:
    a, b = pending(port, 2)
    play = Play(port, lambda: wait(a, b, timeout=30))
    ((seconds, timer),) = port.timers
    assert seconds == 30
    assert not play.then(lambda: b.set_finished(1))
    assert play.then(lambda: timer.set_finished(None))
    assert play.value == ([b], [a])
    assert not a.awaited and timer.finished


def test_the_timer_is_cancelled_when_the_wait_ends_before_it(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: wait(future, timeout=30))
    ((_, timer),) = port.timers
    task = timer.canceller = FakeTask()
    assert play.then(lambda: future.set_finished(1))
    assert play.value == ([future], [])
    assert timer.cancelled and task.stops == 1


def test_a_timeout_of_nothing_is_a_timeout(port: FakePort) -> None:
    (future,) = pending(port, 1)
    play = Play(port, lambda: wait(future, return_when=FIRST_COMPLETED, timeout=0))
    assert not play.over and port.timers[0][0] == 0
    assert play.then(lambda: port.timers[0][1].set_finished(None))
    assert play.value == ([], [future])


# -- as_completed


def test_as_completed_gives_them_as_they_end(port: FakePort) -> None:
    a, b, c, d = futures_ = pending(port, 4)
    d.set_finished("d")
    b.set_finished("b")
    seen: list[Future[Any]] = []

    def code() -> None:
        for future in as_completed(*futures_):
            seen.append(future)

    play = Play(port, code)
    assert seen == [b, d]
    play.then(c.set_running)
    assert seen == [b, d]
    play.then(raises(c))
    assert seen == [b, d, c] and not play.over
    assert play.then(a.cancel)
    assert seen == [b, d, c, a] and play.error is None


def test_as_completed_misses_none_that_end_at_once(port: FakePort) -> None:
    a, b, c = pending(port, 3)
    play = Play(port, lambda: list(as_completed(a, b, c)))

    def two() -> None:
        c.set_finished(1)
        a.set_finished(2)

    assert not play.then(two)
    assert play.then(lambda: b.set_finished(3))
    assert play.value == [c, a, b]


def test_as_completed_can_be_left_early(port: FakePort) -> None:
    a, b = pending(port, 2)
    play = Play(port, lambda: next(as_completed(a, b)))
    assert play.then(lambda: b.set_finished(1))
    assert play.value is b
    a.set_finished(2)


def test_a_future_that_follows_another(port: FakePort) -> None:
    mirror = futures.Mirror(port)
    (original,) = pending(port, 1)
    play = Play(port, lambda: mirror.result)
    mirror.follow(original)
    assert mirror.pending
    assert play.then(lambda: original.set_text("[1]"))
    assert (play.value, mirror.payload(), mirror.finished) == ([1], [1], True)


def test_a_future_that_never_followed_one_has_no_value(port: FakePort) -> None:
    mirror = futures.Mirror(port)
    mirror.cancel()
    assert (mirror.result, mirror.payload(), mirror.exception) == (None, None, None)


@pytest.mark.parametrize(
    "waits", [wait, lambda *fs: wait(*fs, return_when="ALL_COMPLETED"), lambda *fs: list(as_completed(*fs))]
)
def test_a_future_that_is_named_twice_is_waited_for_once(port: Any, waits: Any) -> None:
    future: Future[int] = Future(port)
    play = Play(port, lambda: waits(future, future))
    assert play.then(lambda: future.set_finished(1))


def test_wait_takes_futures_and_says_so() -> None:
    with pytest.raises(TypeError, match=r"wait\(\*futures\)"):
        wait([Future()])  # type: ignore[arg-type]


def test_a_future_ends_once() -> None:
    future: Future[int] = Future()
    future.cancel()
    with pytest.raises(AssertionError, match="has ended already"):
        future.set_finished(1)
