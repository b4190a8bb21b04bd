"""Starting an execution on SWF. A module of its own, because what it imports takes longer than a small local run."""

from __future__ import annotations

from contextlib import closing

import click

from ..exceptions import InvalidTask
from ..payloads.codec import EncodeError
from ..payloads.limits import JumboTooLargeError
from ..replay.work import RunKey
from ..service.clock import RealClock
from ..swf.client import Client
from ..swf.errors import SwfError
from ..swf.start import Start, start
from .output import Refusal

#: What the clock of this machine may be ahead of SWF's.
_CLOCKS_DIFFER_SECONDS = 5.0


def start_on_swf(what: Start, endpoint_url: str | None) -> RunKey:
    """Start the execution and register its type if it is missing; what goes wrong is told in one line."""
    try:
        with closing(Client(endpoint_url=endpoint_url)) as client:
            return start(client, what, RealClock().now_ms() / 1000 - _CLOCKS_DIFFER_SECONDS)
    except SwfError as error:
        raise click.ClickException(str(error)) from None
    except (EncodeError, InvalidTask, JumboTooLargeError) as error:
        raise Refusal(str(error)) from None
