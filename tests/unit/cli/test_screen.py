"""The picture at the bottom of a terminal does not get between the lines that are written."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator

import pytest

from simpleflow.cli.output import LineWatcher
from simpleflow.cli.screen import STDERR, STDOUT, Relay, Screen


class Streams:
    """What the process writes to its stdout and stderr."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.stdout = LineWatcher(io.StringIO())

    def read(self) -> tuple[str, str]:
        read = self._capture.readouterr()
        return read.out, read.err


@pytest.fixture
def streams(capfd: pytest.CaptureFixture[str]) -> Iterator[Streams]:
    yield Streams(capfd)


def test_lines_go_above_the_picture(streams: Streams) -> None:
    screen = Screen(streams.stdout, live=True)
    screen.draw(["one", "two"])
    screen.pass_on(STDOUT, b"printed\n")
    assert streams.read() == ("printed\n", "one\ntwo\n\x1b[2A\r\x1b[Jone\ntwo\n")
    screen.draw(["three"])
    screen.close()
    assert streams.read() == ("", "\x1b[2A\r\x1b[Jthree\n\x1b[1A\r\x1b[J")


def test_a_line_is_written_when_it_is_complete(streams: Streams) -> None:
    screen = Screen(streams.stdout, live=True)
    screen.pass_on(STDOUT, b"half")
    screen.pass_on(STDERR, b"log\n")
    assert streams.read() == ("", "log\n")
    screen.pass_on(STDOUT, b" a line\nrest")
    assert streams.read() == ("half a line\n", "")
    screen.close()
    assert streams.read() == ("rest", "")
    assert not streams.stdout.complete


def test_without_a_picture_everything_is_passed_on_as_it_comes(streams: Streams) -> None:
    screen = Screen(streams.stdout, live=False)
    screen.pass_on(STDOUT, b"half")
    assert streams.read() == ("half", "")
    assert not streams.stdout.complete


def test_what_the_crew_writes_comes_through(streams: Streams) -> None:
    screen = Screen(streams.stdout, live=False)
    relay = Relay(screen)
    pid = os.fork()
    if pid == 0:
        relay.enter()
        os.write(STDOUT, b"out\n")
        os.write(STDERR, b"err\n")
        os._exit(0)
    relay.begin()
    os.waitpid(pid, 0)
    relay.end()
    assert streams.read() == ("out\n", "err\n")
