"""The faults of Amazon SWF: what an operation raises and how it looks on the wire.

One class carries them all; a function per fault knows its type name and the words of its message.
"""

from __future__ import annotations

_SWF = "com.amazonaws.swf.base.model#"
_CORAL = "com.amazon.coral.service#"
_VALIDATE = "com.amazon.coral.validate#"
_AVAILABILITY = "com.amazon.coral.availability#"


class Fault(Exception):
    """An answer that is an error. `type` is the full `__type`; `message` may be absent; `status` is the HTTP status."""

    def __init__(self, type: str, message: str | None = None, status: int = 400) -> None:
        super().__init__(type, message, status)
        self.type = type
        self.message = message
        self.status = status

    @property
    def code(self) -> str:
        """The short name, as clients show it: the part after the `#`."""
        return self.type.rpartition("#")[2]

    def to_wire(self) -> dict[str, str]:
        """The body of the error answer."""
        if self.message is None:
            return {"__type": self.type}
        return {"__type": self.type, "message": self.message}

    def __str__(self) -> str:
        return self.code if self.message is None else f"{self.code}: {self.message}"


def type_text(kind: str, name: str, version: str) -> str:
    """How SWF writes a type in messages; `kind` is `WorkflowType` or `ActivityType`."""
    return f"{kind}=[name={name}, version={version}]"


def execution_text(workflow_id: str, run_id: str) -> str:
    """How SWF writes one run in messages."""
    return f"WorkflowExecution=[workflowId={workflow_id}, runId={run_id}]"


# -- unknown resources ---------------------------------------------------------------------------


def unknown_resource(message: str) -> Fault:
    return Fault(_SWF + "UnknownResourceFault", message)


def unknown_domain(name: str) -> Fault:
    return unknown_resource(f"Unknown domain: {name}")


def unknown_type(kind: str, name: str, version: str) -> Fault:
    return unknown_resource(f"Unknown type: {type_text(kind, name, version)}")


def unknown_execution(workflow_id: str, run_id: str | None = None) -> Fault:
    """No such run, or it is closed where an open one is needed; without a run id: no open run of the workflow id."""
    if run_id is None:
        return unknown_resource(f"Unknown execution, workflowId = {workflow_id}")
    return unknown_resource(f"Unknown execution: {execution_text(workflow_id, run_id)}")


def unknown_activity(scheduled_event_id: int) -> Fault:
    return unknown_resource(f"Unknown activity, scheduledEventId = {scheduled_event_id}")


def unknown_decision_task(scheduled_event_id: int) -> Fault:
    return unknown_resource(f"Unknown decision task, scheduledEventId = {scheduled_event_id}")


# -- domains, types, executions ------------------------------------------------------------------


def domain_already_exists(name: str) -> Fault:
    return Fault(_SWF + "DomainAlreadyExistsFault", name)


def domain_deprecated(name: str) -> Fault:
    return Fault(_SWF + "DomainDeprecatedFault", name)


def type_already_exists(kind: str, name: str, version: str) -> Fault:
    return Fault(_SWF + "TypeAlreadyExistsFault", type_text(kind, name, version))


def type_deprecated(kind: str, name: str, version: str) -> Fault:
    return Fault(_SWF + "TypeDeprecatedFault", type_text(kind, name, version))


def type_not_deprecated() -> Fault:
    message = "The type is currently registered and cannot be deleted in its current state"
    return Fault(_SWF + "TypeNotDeprecatedFault", message)


def workflow_execution_already_started() -> Fault:
    return Fault(_SWF + "WorkflowExecutionAlreadyStartedFault", "Already Started")


def default_undefined(member: str) -> Fault:
    """`member` is the camelCase name of the setting that neither the call nor the type gives."""
    return Fault(_SWF + "DefaultUndefinedFault", member)


def limit_exceeded(message: str) -> Fault:
    return Fault(_SWF + "LimitExceededFault", message)


def too_many_pollers() -> Fault:
    return limit_exceeded("Limit on maximum concurrent poll requests per task list reached")


def too_many_tags(message: str) -> Fault:
    return Fault(_SWF + "TooManyTagsFault", message)


def operation_not_permitted(message: str) -> Fault:
    """Amazon's answer to missing permissions; this service has none and never raises it."""
    return Fault(_SWF + "OperationNotPermittedFault", message)


# -- the request itself --------------------------------------------------------------------------


def validation(message: str) -> Fault:
    return Fault(_VALIDATE + "ValidationException", message)


def invalid_token() -> Fault:
    return validation("Invalid token")


def expired_token() -> Fault:
    """A page token older than a day."""
    return validation("Specified token has exceeded its maximum lifetime")


def serialization(message: str | None = None) -> Fault:
    """The body is not JSON, or a member has the wrong JSON type. Amazon sends no message."""
    return Fault(_CORAL + "SerializationException", message)


def unknown_operation(name: str | None = None) -> Fault:
    return Fault(_CORAL + "UnknownOperationException", None if name is None else f"Unknown operation: {name}")


def unrecognized_client() -> Fault:
    return Fault(_CORAL + "UnrecognizedClientException", "The security token included in the request is invalid.")


def throttling() -> Fault:
    return Fault(_AVAILABILITY + "ThrottlingException", "Rate exceeded")


def internal_failure(message: str | None = None) -> Fault:
    """A fault of the service itself; clients retry it."""
    return Fault(_CORAL + "InternalFailure", message, status=500)
