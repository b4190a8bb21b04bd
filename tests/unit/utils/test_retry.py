from __future__ import annotations

from collections.abc import Callable

import pytest

from simpleflow.utils import retry


class Failing:
    """Raises the given errors one after the other, then gives 'done'."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, argument: int = 0) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return f"done {argument}"


def test_a_call_that_succeeds_is_made_once() -> None:
    slept: list[float] = []
    call = Failing()
    assert retry.with_delay(nb_times=3, sleep=slept.append)(call)(4) == "done 4"
    assert (call.calls, slept) == (1, [])


def test_nb_times_counts_all_tries_and_the_last_failure_is_not_waited_for() -> None:
    slept: list[float] = []
    last = ValueError("third")
    call = Failing(ValueError("first"), ValueError("second"), last, ValueError("never"))
    with pytest.raises(ValueError) as caught:
        retry.with_delay(nb_times=3, delay=retry.constant(2), sleep=slept.append)(call)()
    assert caught.value is last
    assert (call.calls, slept) == (3, [2, 2])


def test_the_delay_gets_the_number_of_the_failure() -> None:
    slept: list[float] = []
    call = Failing(ValueError(), ValueError(), ValueError())
    retry.with_delay(nb_times=4, delay=lambda failures: 10 * failures, sleep=slept.append)(call)()
    assert slept == [0, 10, 20]


@pytest.mark.parametrize(
    "decorate",
    [
        retry.with_delay(nb_times=3, on_exceptions=KeyError, sleep=pytest.fail),
        retry.with_delay(nb_times=3, on_exceptions=(KeyError, OSError), sleep=pytest.fail),
        retry.with_delay(nb_times=3, except_on=ValueError, sleep=pytest.fail),
        retry.with_delay(nb_times=3, except_on=(ValueError, OSError), sleep=pytest.fail),
    ],
)
def test_other_errors_are_raised_at_once(decorate: Callable[[Callable[[], str]], Callable[[], str]]) -> None:
    call = Failing(ValueError("bad"))
    with pytest.raises(ValueError, match="bad"):
        decorate(call)()
    assert call.calls == 1


def test_each_wait_is_logged() -> None:
    lines: list[str] = []
    decorate = retry.with_delay(
        nb_times=2, log_with=lambda text, *args: lines.append(text % args), sleep=lambda seconds: None
    )
    decorate(Failing(ValueError("bad")))()
    assert lines == ["ValueError('bad'): trying again in 1.00 seconds"]


def test_no_tries_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="nb_times is 0"):
        retry.with_delay(nb_times=0)


def test_exponential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.5)
    assert [retry.exponential(n) for n in (0, 1, 2, 6, 7, 10_000)] == [1.5, 2, 3, 33, 60, 60]
