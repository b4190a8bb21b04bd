"""Code that the tests of ``simpleflow.execute`` run in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

from simpleflow import activity, execute


@execute.python()
def pid_and(*args: Any, **kwargs: Any) -> Any:
    print("this goes to stdout")
    return [os.getpid(), args, kwargs]


@activity.with_attributes()
@execute.python()
def as_activity(number: int) -> Any:
    return [number + 1, (as_activity.context or {}).get("activity_id")]


@activity.with_attributes()
@execute.python()
class AsClass:
    context: Any = None

    def __init__(self, number: int) -> None:
        self.number = number

    def execute(self) -> Any:
        return [self.number * 2, self.context]


class OwnError(Exception):
    pass


@execute.python()
def raises(text: str) -> None:
    raise OwnError(text + " \udc80")


@execute.python()
def leaves(status: int) -> None:
    sys.exit(status)


@execute.python()
def forks(how: str) -> str:
    """Its fork does not end itself."""
    forked = os.fork()
    if forked:
        return f"the fork ended with {os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])}"
    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise OwnError("in the fork")
    return "fork"


@execute.python()
def is_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@execute.python()
def has_no_json() -> Any:
    return object()


@execute.python(timeout=0.5)
def hangs() -> None:
    threading.Event().wait(60)


@execute.python(env={"EXECUTED_WITH": "this"})
def environment(name: str) -> str | None:
    return os.environ.get(name)


def _sleeper() -> int:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid


@execute.python(kill_children=True)
def leaves_a_child() -> int:
    return _sleeper()


@execute.python(kill_children=True)
def hangs_with_a_child(file: str) -> None:
    with open(file, "w") as told:
        told.write(str(_sleeper()))
    threading.Event().wait(60)


@execute.python(interpreter="no-such-python")
def without_interpreter() -> None:
    pass
