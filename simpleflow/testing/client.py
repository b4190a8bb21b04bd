"""SWF without a socket: the client that deciders and workers have, over a service in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..service import model
from ..service.faults import Fault
from ..swf.client import Answer, Client
from ..swf.errors import Refused, Unreachable

#: One operation on the service as it is now. Raises a Fault, or Unreachable where request or answer are lost.
Operate = Callable[[str, dict[str, Any]], Answer]

_ATTEMPTS = 5
_POLLS = frozenset({"PollForDecisionTask", "PollForActivityTask"})


class InProcess(Client):
    """Repeats what was lost, as the client behind HTTP does; a ``strict`` one checks requests, as the service there.

    The other one takes an execution without a timeout, which Amazon SWF does not.
    """

    def __init__(self, operate: Operate, strict: bool) -> None:
        # the base class would open a connection
        self._operate = operate
        self._strict = strict

    def call(
        self, operation: str, request: dict[str, Any], carried_out: Callable[[], Answer | None] | None = None
    ) -> Answer:
        lost: Unreachable | None = None
        for _ in range(1 if operation in _POLLS else _ATTEMPTS):
            try:
                if lost and carried_out is not None and (answer := carried_out()) is not None:
                    return answer
                if self._strict:
                    model.validate(operation, request)
                return self._operate(operation, request)
            except Fault as fault:
                raise Refused(operation, fault.code, fault.message or "", fault.status) from None
            except Unreachable as error:
                lost = error
        assert lost is not None
        raise lost
