"""The process whose forks execute activities: it has one thread, and has imported what they need.

The worker asks for a fork with a message that carries the child's ends of its sockets, and is told its pid, and later
how it ended. When the worker closes the connection or dies, all children and what they have started are killed.
Every child leads a process group of its own: what it leaves behind when it dies is killed as well.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from .. import log
from .channel import Channel
from .child import Setup, serve
from .parent import die_with
from .perform import Middlewares
from .signals import STOPPING, Arrivals, nothing
from .titles import set_title
from .trees import kill_group, kill_tree

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the children have in common. ``modules`` are all that may be imported for a task; empty means any."""

    modules: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    color: str = "auto"


def launch(plan: Plan) -> tuple[subprocess.Popen[bytes], Channel]:
    """Start a nursery: a process that shares nothing with this one but stdout and stderr."""
    channel, other = Channel.pair()
    with other:
        code = f"from sys import argv, path; path[:] = {sys.path!r}; from {__name__} import main; main(*argv[1:])"
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(other.fileno()), orjson.dumps(asdict(plan)).decode()],
            pass_fds=[other.fileno()],
            stdin=subprocess.DEVNULL,
        )
    return process, channel


def main(fd: str, plan: str) -> None:
    """Serve the worker at the other end of the socket ``fd`` until it is gone."""
    with Arrivals((*STOPPING, signal.SIGCHLD)) as arrivals:
        given = orjson.loads(plan)
        log.setup_logging(log.ColorModes(given["color"]))
        end = socket.socket(fileno=int(fd))
        end.set_inheritable(False)
        nursery = Nursery(Channel(end), arrivals, _prepared(Plan(**given)))
        gc.freeze()  # the garbage collector of a fork need not touch, and so copy, what is here
        nursery.run()


def _prepared(plan: Plan) -> Setup:
    for module in plan.modules:
        try:
            importlib.import_module(module)
        except (Exception, SystemExit) as error:  # each task that needs it will fail and say so
            logger.error("--module %s cannot be imported: %s: %s", module, type(error).__name__, error)
    return Setup(Middlewares.load(plan.before, plan.after), tuple(plan.modules))


class Nursery:
    def __init__(self, control: Channel, arrivals: Arrivals, setup: Setup) -> None:
        self._control = control
        self._arrivals = arrivals
        self._setup = setup
        self._keys: dict[int, int] = {}  # by pid

    def run(self) -> None:
        set_title("Nursery", "running")
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._arrivals, selectors.EVENT_READ)
            try:
                while True:
                    for ready, _ in selector.select():
                        if ready.fileobj is self._arrivals:
                            self._arrivals.take()
                            self._bury()
                        elif not self._obey():
                            return
            except (BrokenPipeError, ConnectionResetError):
                return
            finally:
                self._end_all()
                self._control.close()

    def _obey(self) -> bool:
        """Take one message. Returns False at the end of the connection."""
        received = self._control.receive_with_fds()
        if received is None:
            return False
        message, ends = received
        pid = self._fork(ends)
        for end in ends:
            end.close()
        self._keys[pid] = message["fork"]
        self._control.send({"forked": message["fork"], "pid": pid})
        return True

    def _fork(self, ends: Sequence[socket.socket]) -> int:
        nursery = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        pid = os.fork()
        if pid == 0:
            try:
                self._become_child(nursery)
                serve(ends[0], ends[1:], self._setup)
            finally:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        return pid

    def _become_child(self, nursery: int) -> None:
        os.setpgid(0, 0)
        die_with(nursery)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # the worker decides when a task has to end; a terminal or a service manager tells everybody
        for number in STOPPING:
            signal.signal(number, nothing)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        self._control.close()
        self._arrivals.forget()

    def _bury(self) -> None:
        """Report the children that have ended."""
        while self._keys:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            pid = ended.si_pid
            kill_group(pid)  # while nobody else can get this number
            _, status = os.waitpid(pid, 0)
            if pid in self._keys:  # and not a process of an imported module
                self._control.send({"ended": self._keys.pop(pid), "status": os.waitstatus_to_exitcode(status)})

    def _end_all(self) -> None:
        for pid in self._keys:
            kill_tree(pid)
            kill_group(pid)
