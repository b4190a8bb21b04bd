"""Signals as something to wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from simpleflow.process.signals import STOPPING, Arrivals


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_a_terminal_is_closed_once() -> None:
    with Arrivals((signal.SIGHUP, signal.SIGTERM)) as arrivals:
        send(signal.SIGHUP)
        assert arrivals.take() == {signal.SIGHUP}
        send(signal.SIGHUP)
        assert arrivals.take() == set()
        send(signal.SIGTERM)
        assert arrivals.take() == {signal.SIGTERM}


def test_other_signals_arrive_each_time() -> None:
    with Arrivals((signal.SIGTERM,)) as arrivals:
        for _ in range(2):
            send(signal.SIGTERM)
            assert arrivals.take() == {signal.SIGTERM}


@pytest.mark.parametrize(("ignored", "stops"), [(False, True), (True, False)])
def test_a_closed_terminal_stops_what_nohup_has_not_started(ignored: bool, stops: bool) -> None:
    script = "import signal; from simpleflow.process.signals import STOPPING; print(signal.SIGHUP in STOPPING)"
    program = (
        f"import os, signal, sys; signal.signal(signal.SIGHUP, signal.{'SIG_IGN' if ignored else 'SIG_DFL'});"
        f"os.execv(sys.executable, [sys.executable, '-c', {script!r}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{stops}\n"
    assert {signal.SIGTERM, signal.SIGINT} <= set(STOPPING)
