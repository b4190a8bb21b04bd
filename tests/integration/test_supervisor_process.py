"""The supervisor as a process with children, which signals and kills meet."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.processes import Script, family, is_alive, wait_for_end

#: Runs children that do what the first argument says; each start is a line with the number and the pid.
CODE = """
import os, signal, subprocess, sys, threading
from simpleflow import log
from simpleflow.process import supervisor
from simpleflow.process.signals import stop_on_signals
from simpleflow.process.supervisor import Forks, Supervisor

def obey():
    stop_on_signals().wait()

def finish():
    stop = stop_on_signals()
    print("ready", flush=True)
    stop.wait()
    print("stopping", flush=True)
    sys.stdin.readline()
    print("finished", flush=True)
    return 5

def refuse():
    signal.signal(signal.SIGTERM, lambda *_: print("refused", flush=True))
    program = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    print("ready", program.pid, flush=True)
    while True:
        signal.pause()

def fail():
    raise ValueError("boom")

def end():
    return 3

log.setup_logging()
if os.environ.get("WITHOUT_KERNEL"):
    supervisor.die_with = lambda parent: None
forks, target = Forks(), globals()[sys.argv[1]]

def spawn(number):
    reader, writer = os.pipe()
    child = forks.start(lambda: os.read(reader, 1) and target())
    print(number, child.pid, flush=True)
    os.write(writer, b"x")  # what the child writes comes after that
    return child

sys.exit(Supervisor(spawn, int(sys.argv[2]), "Test").run())
"""

Start = Callable[..., Script]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Script] = []

    def start(target: str, count: int = 1, **environment: str) -> Script:
        started.append(Script(CODE, target, str(count), **environment))
        return started[-1]

    yield start
    for script in started:
        script.__exit__()


def children(script: Script, count: int) -> list[int]:
    """The pids of the next children, whose numbers are 0 and on."""
    lines = [script.line() for _ in range(count)]
    assert [int(number) for number, _ in lines] == list(range(count))
    return [int(pid) for _, pid in lines]


def test_a_killed_child_is_replaced_at_once(start: Start) -> None:
    script = start("obey", 3)
    pids = children(script, 3)
    begun = time.monotonic()
    os.kill(pids[1], signal.SIGKILL)
    number, pid = script.line()
    # 100 ms on an idle machine; a supervisor that looks every few seconds fails this
    assert time.monotonic() - begun < 1
    assert number == "1" and int(pid) not in pids
    script.send(signal.SIGTERM)
    assert script.wait() == 0
    wait_for_end(*pids, int(pid))
    assert f"Test {pids[1]} died: SIGKILL; replaced at once" in script.errors()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_children_may_finish(start: Start, number: int) -> None:
    script = start("finish")
    (child,) = children(script, 1)
    assert script.line() == ["ready"]
    script.send(number)
    assert script.line() == ["stopping"]
    assert script.process.poll() is None and is_alive(child)
    script.tell("go")
    assert script.line() == ["finished"]
    assert script.wait() == 0


def test_a_second_signal_kills_children_and_what_they_started(start: Start) -> None:
    script = start("refuse")
    (child,) = children(script, 1)
    _, program = script.line()
    script.send(signal.SIGTERM)
    assert script.line() == ["refused"]
    script.send(signal.SIGINT)
    assert script.wait() == 1
    wait_for_end(child, int(program))


def test_children_that_keep_dying_are_waited_for_and_the_wait_can_be_stopped(start: Start) -> None:
    script = start("end")
    for _ in range(3):
        children(script, 1)
    script.send(signal.SIGTERM)
    assert script.wait() == 0
    told = script.errors()
    assert "died: exit code 3; replaced at once" in told
    assert "died: exit code 3; replaced in 0.25 s" in told


def test_a_child_that_raises_tells_why(start: Start) -> None:
    script = start("fail")
    children(script, 1)
    children(script, 1)
    script.send(signal.SIGTERM)
    assert script.wait() == 0
    told = script.errors()
    assert "ValueError: boom" in told and "died: exit code 1" in told


def test_a_killed_supervisor_takes_its_children_along(start: Start) -> None:
    script = start("obey", 2)
    everybody = children(script, 2)
    script.send(signal.SIGKILL)
    script.wait()
    wait_for_end(*everybody, seconds=2)


def test_children_notice_the_end_of_their_parent_without_the_kernel_too(start: Start) -> None:
    script = start("obey", 2, WITHOUT_KERNEL="yes")
    everybody = children(script, 2)
    script.send(signal.SIGKILL)
    script.wait()
    wait_for_end(*everybody, seconds=2)


def test_ps_shows_what_it_is(start: Start) -> None:
    script = start("finish")
    children(script, 1)
    script.line()
    title = Path(f"/proc/{script.pid}/cmdline")
    if title.parent.exists():
        assert title.read_text().startswith("simpleflow Supervisor(payload=Test, nb_children=1)[running]")
        script.send(signal.SIGTERM)
        script.line()
        assert title.read_text().startswith("simpleflow Supervisor(payload=Test, nb_children=1)[stopping]")
    assert len(family(script.pid)) == 2
