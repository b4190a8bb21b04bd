"""What a run waits for, and where in the author's code, when nothing can happen any more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..replay.run import Run
from ..replay.state import CHILD

_OURS = str(Path(__file__).parents[1]) + os.sep

#: The live run of a run id; None if there is none.
FindRun = Callable[[str], Run | None]


def describe_wait(run: Run, find: FindRun) -> str:
    """For instance ``waits for signal x (examples/signals.py:12)``."""
    signals = run.signals.waiting
    children = {record.key[1]: record.run_id for record in run.state.open[CHILD].values()}
    if signals:
        return f"waits for signal{'s' * (len(signals) > 1)} {', '.join(signals)}{_place(run)}"
    if children:
        name, run_id = next(iter(children.items()))
        child = find(run_id or "")
        more = f", which {describe_wait(child, find)}" if child is not None else ""
        return f"waits for child workflow {name!r}{_place(run)}{more}"
    if run.restarting:
        return "waits, since `run` raised ExecutionBlocked, for something that will not happen any more"
    return f"waits for a future that nothing will finish{_place(run)}"


def _place(run: Run) -> str:
    """The line of ``run`` that waits; the innermost one that is not ours."""
    frame = run.fibers.frame
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    if frame is None:
        return ""
    path = frame.f_code.co_filename
    relative = os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else path
    return f" ({relative}:{frame.f_lineno})"
