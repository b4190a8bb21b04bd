"""The two streams that a crew and its progress share.

What the processes of the crew write comes through pipes and is passed on here, line by line where there is a picture of
the progress to keep at the bottom of the terminal. Only stderr has the picture; stdout gets what authors print, and the
lines of ``standalone`` itself.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections.abc import Sequence

from .output import LineWatcher

STDOUT, STDERR = 1, 2
_DRAIN_SECONDS = 0.5


class Screen:
    """Passes on what is written to stdout and stderr; with ``draw`` there is a picture below it."""

    def __init__(self, stdout: LineWatcher, *, live: bool) -> None:
        self._stdout = stdout
        self.live = live
        self._lock = threading.Lock()
        self._picture: Sequence[str] = ()
        self._begun = {STDOUT: b"", STDERR: b""}  # lines that are not complete yet

    def pass_on(self, stream: int, data: bytes) -> None:
        with self._lock:
            if self.live:
                lines, newline, rest = (self._begun[stream] + data).rpartition(b"\n")
                self._begun[stream] = rest
                data = lines + newline
            if data:
                self._erase()
                self._write(stream, data)
                self._paint()

    def say(self, text: str) -> None:
        """A line of our own on stderr."""
        self.pass_on(STDERR, f"{text}\n".encode())

    def draw(self, lines: Sequence[str]) -> None:
        """Replace the picture."""
        with self._lock:
            self._erase()
            self._picture = lines
            self._paint()

    def close(self) -> None:
        """Take the picture away, and write what has no end of line yet."""
        with self._lock:
            self._erase()
            self._picture = ()
            for stream, rest in self._begun.items():
                if rest:
                    self._write(stream, rest)
            self._begun = dict.fromkeys(self._begun, b"")

    def _erase(self) -> None:
        if self._picture:
            self._write(STDERR, f"\x1b[{len(self._picture)}A\r\x1b[J".encode())

    def _paint(self) -> None:
        if self._picture:
            self._write(STDERR, "".join(f"{line}\n" for line in self._picture).encode())

    def _write(self, stream: int, data: bytes) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more; what the workflow does goes on
            if stream == STDOUT:
                self._stdout.complete = data.endswith(b"\n")
                self._stdout.flush()
            while data:
                data = data[os.write(stream, data) :]


class Relay:
    """Pipes from the crew to a screen. The crew is forked before ``begin``, which starts a thread."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._pipes = {stream: os.pipe() for stream in (STDOUT, STDERR)}
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def enter(self) -> None:
        """In a process of the crew: from now on it writes to the pipes."""
        for stream, (reader, writer) in self._pipes.items():
            os.dup2(writer, stream)
            os.close(reader)
            os.close(writer)

    def begin(self) -> None:
        for _, writer in self._pipes.values():
            os.close(writer)
        self._thread.start()

    def end(self) -> None:
        """When the crew has ended: wait for the last that it wrote."""
        if self._thread.ident is not None:
            self._thread.join(_DRAIN_SECONDS)  # an orphan of an activity may keep a pipe open
        self._screen.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream, (reader, _) in self._pipes.items():
                selector.register(reader, selectors.EVENT_READ, stream)
            while selector.get_map():
                for key, _ in selector.select():
                    data = os.read(key.fd, 65536)
                    if data:
                        self._screen.pass_on(key.data, data)
                    else:
                        selector.unregister(key.fd)
