"""The process that executes activities: one task after the other on each of its slots.

A slot is a socket from which a task comes and to which its heartbeats and its outcome go. With one slot, tasks run in
the main thread; with more, each slot has a thread. Another thread listens to the control socket: that a task is to end,
and that the worker is gone.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import signal
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from .. import activity, logging_context
from ..payloads import codec
from ..payloads.objects import fields
from .channel import Channel, Message
from .forks import flush
from .perform import ActivityCallData, Completed, Failed, Middlewares, failure_of, perform
from .titles import set_title


@dataclass(frozen=True, slots=True)
class Setup:
    """What a child needs beside the task. ``modules`` are all that may be imported for it; empty means any."""

    middlewares: Middlewares
    modules: tuple[str, ...]


def serve(control: socket.socket, slots: Sequence[socket.socket], setup: Setup) -> NoReturn:
    """Execute tasks until the slots are closed; then end this process."""
    child = _Child(setup)
    threading.Thread(target=child.listen, args=(Channel(control),), name="control", daemon=True).start()
    first, *others = (Channel(slot) for slot in slots)
    if not others:
        child.work(first, alone=True)
    else:
        threads = [threading.Thread(target=child.work, args=(slot,), daemon=True) for slot in (first, *others)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    logging.shutdown()
    os._exit(0)


class _Child:
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._cancelled: set[int] = set()
        self._done = 0
        self._here = "."
        with contextlib.suppress(OSError):  # somebody has removed it
            self._here = os.getcwd()

    def listen(self, control: Channel) -> None:
        try:
            while (message := control.receive()) is not None:
                self._cancelled.add(message["cancel"])
        except ConnectionResetError:
            pass
        # the worker is gone, and with it whoever could use a result
        os.killpg(0, signal.SIGKILL)

    def work(self, slot: Channel, alone: bool = False) -> None:
        """Execute the tasks of a slot. One that is ``alone`` begins each in the directory of the worker."""
        try:
            while True:
                self._title("idle")
                task = slot.receive()
                if task is None:
                    return
                self._title(f"processing {task['call']['name']}")
                slot.send(contextvars.Context().run(self._perform, slot, task))
                self._done += 1
                if alone:
                    with contextlib.suppress(OSError):
                        os.chdir(self._here)
        except OSError:  # nobody listens any more
            return

    def _perform(self, slot: Channel, task: Message) -> Message:
        call, link = ActivityCallData(**task["call"]), Link(slot, task["task"], self._cancelled)
        for key, value in call.logged().items():
            logging_context.set(key, value)
        activity.current_link.set(link)
        try:
            outcome = perform(call, self._setup.middlewares, self._setup.modules)
        except KeyboardInterrupt as error:
            outcome = failure_of(error)
        link.close()
        flush()  # what the activity has written leaves before its outcome does
        return to_message(outcome)

    def _title(self, state: str) -> None:
        set_title("ActivityProcess", state, tasks=self._done)


class Link:
    """The way of an activity's code to its worker: ``activity.Link``."""

    def __init__(self, slot: Channel, task: int, cancelled: set[int]) -> None:
        self._slot = slot
        self._task = task
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._open = True

    def heartbeat(self, details: Any) -> None:
        text = details if details is None or isinstance(details, str) else codec.encode(details)
        if text is not None:
            text = fields().store("heartbeat_details", text)
        with self._lock:
            if self._open:
                self._slot.send({"heartbeat": text})

    def is_cancelled(self) -> bool:
        return self._task in self._cancelled

    def close(self) -> None:
        """From now on a thread that the activity has left behind is not heard."""
        with self._lock:
            self._open = False


def to_message(outcome: Completed | Failed) -> Message:
    if isinstance(outcome, Completed):
        return {"result": outcome.result}
    return {"reason": outcome.reason, "details": outcome.details}


def from_message(message: Message) -> Completed | Failed:
    if "result" in message:
        return Completed(message["result"])
    return Failed(message["reason"], message["details"])
