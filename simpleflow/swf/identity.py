"""Who polls: shown in histories."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from typing import Any

from .. import settings

_LONGEST = 256


def swf_identity() -> str:
    """JSON of user, hostname, pid and executable; SIMPLEFLOW_IDENTITY, a JSON map, adds to it and overrides it.

    A null there takes a key away. What is not a JSON map is ignored.
    """
    who: dict[str, Any] = {
        "user": _user(),
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "exe": sys.executable,
    }
    try:
        changes = json.loads(settings.SIMPLEFLOW_IDENTITY or "{}")
    except ValueError:
        changes = {}
    if isinstance(changes, dict):
        who.update(changes)
    text = json.dumps({key: value for key, value in who.items() if value is not None}, sort_keys=True)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 4] + " ..."


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())
