"""The start of the embedded service, and Ctrl-C in the middle of it."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest

from simpleflow.cli import embedded


class Process:
    stdout = io.StringIO("http://127.0.0.1:1\n")

    def kill(self) -> None: ...


def test_ctrl_c_while_it_is_waited_for_leaves_no_thread_that_keeps_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(timer: threading.Timer) -> None:
        raise KeyboardInterrupt

    cancel = threading.Timer.cancel
    monkeypatch.setattr(threading.Timer, "cancel", interrupted)
    process: Any = Process()
    with pytest.raises(KeyboardInterrupt):
        embedded._announced(process, tmp_path / "swf.db")
    left = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert left and all(thread.daemon for thread in left)
    for thread in left:
        cancel(thread)
