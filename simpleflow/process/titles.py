"""What ``ps`` shows of our processes: ``simpleflow <Class>(prop=...)[state]``."""

from __future__ import annotations

import setproctitle

from .. import settings


def set_title(kind: str, state: str, **properties: object) -> None:
    """Name this process, unless SIMPLEFLOW_DISABLE_SETPROCTITLE is set."""
    if not settings.SIMPLEFLOW_DISABLE_SETPROCTITLE:
        told = ", ".join(f"{name}={value}" for name, value in properties.items())
        setproctitle.setproctitle(f"simpleflow {kind}({told})[{state}]")
