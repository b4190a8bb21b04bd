"""Calls that are made again when they fail."""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Exceptions = type[BaseException] | tuple[type[BaseException], ...]

#: Seconds that ``exponential`` waits at most.
MAX_DELAY = 60.0


def constant(seconds: float) -> Callable[[int], float]:
    """A delay that stays the same."""
    return lambda failures: seconds


_ONE_SECOND = constant(1)


def exponential(failures: int) -> float:
    """Seconds to wait: a random part that doubles with each failure, and one more; at most MAX_DELAY."""
    return min(random.random() * 2.0 ** min(failures, 16) + 1, MAX_DELAY)


def with_delay(
    nb_times: int = 1,
    delay: Callable[[int], float] = _ONE_SECOND,
    on_exceptions: Exceptions = Exception,
    except_on: Exceptions = (),
    log_with: Callable[..., Any] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Call a function up to ``nb_times`` times, until it does not raise one of ``on_exceptions``.

    ``delay(n)`` gives the seconds to wait after failure n, from 0. ``except_on`` is raised at once, whatever
    ``on_exceptions`` says. ``log_with(format, *args)`` is told of each wait.
    """
    if nb_times < 1:
        raise ValueError(f"nb_times is {nb_times}; it counts the first call too, so it is at least 1.")
    log = log_with or logging.getLogger(__name__).info

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for failures in range(nb_times - 1):
                try:
                    return function(*args, **kwargs)
                except except_on:
                    raise
                except on_exceptions as error:
                    seconds = delay(failures)
                    log("%r: trying again in %.2f seconds", error, seconds)
                sleep(seconds)
            return function(*args, **kwargs)

        return call

    return decorate
