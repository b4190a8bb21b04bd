"""The process of the service that standalone starts for itself: ``python -m simpleflow.cli.embedded_service DB PORT``.

A module of its own, because its users need not import the service.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import threading
from pathlib import Path

from ..service.database import StoreError
from ..service.server import CannotServe, Options, run
from .embedded import beside

_LOOK_SECONDS = 0.25


def main(db: Path, port: int) -> int:
    """The process of the service."""

    def announce(url: str) -> None:
        told = beside(db, "url")
        draft = told.with_suffix(".draft")
        draft.write_text(json.dumps({"url": url, "pid": os.getpid()}))
        draft.replace(told)
        print(url, flush=True)
        threading.Thread(target=_end_with_last_user, args=(db,), daemon=True).start()

    try:
        run(Options(db=db, port=port, access_key_file=beside(db, "keys")), announce)
    except (CannotServe, StoreError) as error:
        print(" ".join(str(error).split()), flush=True)
        return 1
    return 0


def _end_with_last_user(db: Path) -> None:
    pause = threading.Event()
    with beside(db, "users").open("a") as users:
        while True:
            pause.wait(_LOOK_SECONDS)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            # whoever comes now waits for the lock, which goes with this process
            beside(db, "url").unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGTERM)
            pause.wait()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
