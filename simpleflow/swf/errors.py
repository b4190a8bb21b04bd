"""What goes wrong between a client and SWF."""

from __future__ import annotations


class SwfError(Exception):
    """Base of what the client raises."""


class NotConfigured(SwfError):
    """Credentials or a region are missing; the message says how to give them."""


class Unreachable(SwfError):
    """Nobody answers at the endpoint."""


class Refused(SwfError):
    """SWF answered with an error: ``code`` is its type without the namespace, ``message`` its text."""

    def __init__(self, operation: str, code: str, message: str, status: int) -> None:
        super().__init__(f"{operation}: {code}: {message}" if message else f"{operation}: {code}")
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status >= 500 or self.code in _THROTTLED


_THROTTLED = frozenset(
    {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException", "LimitExceededFault"}
)
