"""Starting an execution on SWF. A module of its own, because what it imports takes longer than a small local run."""

from __future__ import annotations

from contextlib import closing

import click

from ..exceptions import InvalidTask, PayloadError
from ..payloads.codec import EncodeError
from ..payloads.limits import JumboTooLargeError
from ..replay.work import RunKey
from ..service.clock import RealClock
from ..swf.client import Client
from ..swf.errors import Refused, SwfError
from ..swf.start import Start, start
from .calling import failed, refused
from .output import Refusal
from .targets import Target

#: What the clock of this machine may be ahead of SWF's.
_CLOCKS_DIFFER_SECONDS = 5.0


def start_on_swf(what: Start, endpoint_url: str | None) -> RunKey:
    """Start the execution and register its type if it is missing; what goes wrong is told in one line."""
    try:
        with closing(Client(endpoint_url=endpoint_url)) as client:
            try:
                return start(client, what, RealClock().now_ms() / 1000 - _CLOCKS_DIFFER_SECONDS)
            except Refused as error:
                raise _refused(error, what, client) from None
    except SwfError as error:
        raise failed(error) from None
    except (EncodeError, InvalidTask, JumboTooLargeError) as error:
        raise Refusal(str(error)) from None
    except PayloadError as error:
        raise click.ClickException(str(error)) from None


def _refused(error: Refused, what: Start, client: Client) -> click.ClickException:
    if error.code == "WorkflowExecutionAlreadyStartedFault":
        return click.ClickException(
            f"an execution {what.workflow_id!r} is open in the domain {what.domain}; choose another --workflow-id, or "
            f"see how that one goes: `simpleflow workflow.watch {what.domain} {what.workflow_id}`."
        )
    return refused(error, Target(what.domain, {"WORKFLOW_ID": what.workflow_id}), client)
