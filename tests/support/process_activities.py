"""Activities that do to their process what activities may do."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from simpleflow import activity, logging_context
from simpleflow.exceptions import TaskCanceled

SLEEP = [sys.executable, "-c", "import signal; signal.pause()"]

_met = threading.Barrier(2)


@activity.with_attributes()
def add(x: int, y: int = 1) -> int:
    return x + y


@activity.with_attributes()
def pid() -> int:
    return os.getpid()


@activity.with_attributes()
def where() -> list[Any]:
    main = threading.current_thread() is threading.main_thread()
    return [os.getpid() == os.getpgrp(), main, logging_context.values()]


@activity.with_attributes()
def fail() -> None:
    raise ValueError("boom")


@activity.with_attributes()
def interrupt() -> None:
    raise KeyboardInterrupt


@activity.with_attributes()
def exit_hard() -> None:
    os._exit(3)


@activity.with_attributes()
def segfault() -> None:
    ctypes.string_at(0)


@activity.with_attributes()
def fork(how: str) -> str:
    """Its fork does not end itself."""
    forked = os.fork()
    if forked:
        return str(os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]))
    print("forked")
    if how == "exit":
        sys.exit(3)
    if how == "raise":
        raise ValueError("in the fork")
    return "fork"


@activity.with_attributes()
def die_before_fork(told: str) -> None:
    """Leaves a fork behind, in a session of its own, which holds all that its parent held."""
    forked, (reader, writer) = 0, os.pipe()
    forked = os.fork()
    if not forked:
        os.setsid()
        os.write(writer, b"x")
        signal.pause()
    os.read(reader, 1)
    Path(told).write_text(str(forked))
    os._exit(3)


@activity.with_attributes()
def move(to: str) -> None:
    os.chdir(to)


@activity.with_attributes()
def directory() -> str:
    return os.getcwd()


@activity.with_attributes()
def without_streams() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


@activity.with_attributes()
def die_with_program(told: str) -> None:
    """Leaves a program behind, whose pid it writes to a file."""
    Path(told).write_text(str(subprocess.Popen(SLEEP).pid))
    os.kill(os.getpid(), signal.SIGKILL)


@activity.with_attributes()
def close_everything() -> None:
    os.closerange(3, 1000)
    signal.pause()


@activity.with_attributes()
def write(text: str) -> None:
    print(text, end="")


@activity.with_attributes()
def beat(*details: Any) -> None:
    for part in details:
        activity.heartbeat(part)


@activity.with_attributes()
def beat_late() -> None:
    """A thread that outlives the activity goes on telling."""
    link = activity.current_link.get()
    assert link is not None
    global late
    late = link


late: Any = None


@activity.with_attributes()
def beat_for_another() -> None:
    late.heartbeat("late")


def _until_cancelled() -> None:
    while not activity.is_cancelled():
        threading.Event().wait(0.002)


@activity.with_attributes()
def obey(how: str) -> str:
    activity.heartbeat("running")
    _until_cancelled()
    if how == "return":
        return "done"
    raise TaskCanceled("half") if how == "acknowledge" else ValueError("gone wrong")


@activity.with_attributes()
def obey_slowly() -> str:
    """Heartbeats by itself until it is to end."""
    while not activity.is_cancelled():
        activity.heartbeat("working")
        threading.Event().wait(0.05)
    raise TaskCanceled("half")


@activity.with_attributes()
def hang(told: str) -> None:
    """Never ends; writes its pid and that of a program, which does not end when it is asked to."""
    code = (
        "import signal; signal.signal(signal.SIGTERM, lambda *_: None); print(1, flush=True)\nwhile 1: signal.pause()"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert program.stdout is not None
    program.stdout.readline()
    Path(told).write_text(f"{os.getpid()} {program.pid}")
    activity.heartbeat("hangs")
    while True:
        threading.Event().wait()


@activity.with_attributes()
def wait_for_program() -> None:
    with subprocess.Popen(SLEEP) as program:
        activity.heartbeat(str(program.pid))
        program.wait()
        raise RuntimeError(f"ended with {program.returncode}")


@activity.with_attributes()
def meet() -> int:
    """Ends when another one is running in the same process."""
    _met.wait(10)
    return os.getpid()


@activity.with_attributes()
def wait_for_file(told: str, awaited: str) -> int:
    """Writes its pid to one file and waits for another one."""
    part = Path(f"{told}.part")
    part.write_text(str(os.getpid()))
    part.rename(told)
    while not Path(awaited).exists():
        threading.Event().wait(0.005)
    return os.getpid()


def not_an_activity() -> None: ...


def before(context: dict[str, Any]) -> None:
    context["seen"] = True


@activity.with_attributes()
def seen_before() -> Any:
    context = activity.current_context.get()
    return context is not None and context.get("seen")


def tell_before(context: dict[str, Any]) -> None:
    print("before", context["name"].rpartition(".")[2])


def tell_after(context: dict[str, Any], result: Any) -> None:
    print("after", context["name"].rpartition(".")[2], result)
