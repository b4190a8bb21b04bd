"""What a request may look like, compiled from botocore's own description of SWF.

Each shape of the model becomes a Check, two closures: `good` looks at a value with as few steps as it can and says yes
or no; `explain` is asked only after a no, and lists every problem with its path. So a good request pays for the bare
comparisons. An operation is compiled when it is first called.

The model says less than the service enforces: a duration is any string of eight characters there, a name any string of
256. `_SHAPES` and `_MEMBERS` refine it in its own terms, with one word more, `rule`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.loaders import Loader

from simpleflow.service import faults


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a value. `path` is relative to the value that was checked and empty for the value itself."""

    constraint: str
    value: object = None
    path: str = ""
    wrong_type: bool = False

    def below(self, name: str) -> Problem:
        return replace(self, path=f"{name}.{self.path}" if self.path else name)

    def __str__(self) -> str:
        return f"Value {_echo(self.value)} at '{self.path}' failed to satisfy constraint: {self.constraint}"


Good = Callable[[Any], bool]
Explain = Callable[[Any], list[Problem]]
Shape = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """`good` may refuse a value that has no problem (an optional member that is null), never pass one that has."""

    good: Good
    explain: Explain


# -- the door ------------------------------------------------------------------------------------


def validate(operation: str, request: object) -> None:
    """Refuse a request that SWF would refuse before it looks at its own state.

    Members that the model does not know are ignored, and `null` counts as absent where the model wants a string, a list
    or a structure. Raises a Fault: UnknownOperationException, SerializationException or ValidationException.
    """
    check = _operation(operation)
    if not check.good(request) and (problems := check.explain(request)):
        raise _fault(problems)


@functools.cache
def operations() -> tuple[str, ...]:
    """The names of the operations of SWF, sorted."""
    return tuple(sorted(_model()["operations"]))


def _fault(problems: Sequence[Problem]) -> faults.Fault:
    for problem in problems:
        if problem.wrong_type:
            return faults.serialization(f"{_place(problem.path)} must be {problem.constraint}")
    count = len(problems)
    errors = "1 validation error detected" if count == 1 else f"{count} validation errors detected"
    return faults.validation(f"{errors}: " + "; ".join(map(str, problems)))


def _place(path: str) -> str:
    return f"'{path}'" if path else "The request"


def _echo(value: object) -> str:
    """A value as SWF quotes it: null bare, lists in brackets."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return "'[" + ", ".join("null" if item is None else str(item) for item in value) + "]'"
    return f"'{value}'"


# -- rules ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """What a string must be: `good` makes the test for given lengths, `wanted` completes SWF's form of message."""

    good: Callable[[int, int], Good]
    wanted: str


def _text(low: int, high: int) -> Good:
    return lambda value: isinstance(value, str) and low <= len(value) <= high


def _name(low: int, high: int) -> Good:
    control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search

    def good(value: Any) -> bool:
        return (
            isinstance(value, str)
            and low <= len(value) <= high
            and ":" not in value
            and "/" not in value
            and "|" not in value
            and value != "arn"
            and (value.isprintable() or not control(value))
        )

    return good


def _trimmed_name(low: int, high: int) -> Good:
    name = _name(low, high)
    return lambda value: name(value) and value == value.strip()


def _seconds(low: int, high: int) -> Good:
    # An empty optional duration counts as not given.
    words = ("NONE", "")

    def good(value: Any) -> bool:
        return (
            isinstance(value, str)
            and low <= len(value) <= high
            and ((value.isdecimal() and value.isascii()) or value in words)
        )

    return good


def _number(lowest: int, highest: int, *words: str) -> Callable[[int, int], Good]:
    """Digits within bounds, or one of the words."""

    def make(low: int, high: int) -> Good:
        def good(value: Any) -> bool:
            if not isinstance(value, str) or not low <= len(value) <= high:
                return False
            return lowest <= int(value) <= highest if value.isdecimal() and value.isascii() else value in words

        return good

    return make


def _priority(low: int, high: int) -> Good:
    signed = re.compile(r"[+-]?[0-9]{1,10}").fullmatch
    return lambda value: isinstance(value, str) and bool(signed(value)) and -(2**31) <= int(value) < 2**31


def _tag_text(low: int, high: int) -> Good:
    allowed = re.compile(r"[\w .:/=+@-]*").fullmatch
    return lambda value: isinstance(value, str) and low <= len(value) <= high and bool(allowed(value))


_YEAR = 365 * 24 * 3600

NAME = Rule(_name, "Member must not contain ':', '/', '|' or control characters, and must not be 'arn'")
TRIMMED_NAME = Rule(_trimmed_name, NAME.wanted + ", and must not start or end with whitespace")
TAG_TEXT = Rule(_tag_text, "Member must consist of letters, digits, spaces and the characters _ . : / = + - @")
PRIORITY = Rule(_priority, f"Member must be an integer from {-(2**31)} to {2**31 - 1}")
DURATION = Rule(_seconds, "Member must be a number of seconds of at most 8 digits, or NONE")
TIMER = Rule(_number(0, 99_999_999), "Member must be a number of seconds of at most 8 digits")
EXECUTION = Rule(_number(0, _YEAR, ""), f"Member must be a number of seconds from 0 to {_YEAR} (one year)")
LAMBDA = Rule(_number(1, 900, ""), "Member must be a number of seconds from 1 to 900")
RETENTION = Rule(_number(0, 90, "NONE"), "Member must be a number of days from 0 to 90, or NONE")

# What is added to shapes of the model, and shapes of our own.
_SHAPES: dict[str, Shape] = {
    "DomainName": {"rule": TRIMMED_NAME},
    "Name": {"rule": NAME},
    "Version": {"rule": NAME},
    "VersionOptional": {"rule": NAME},
    "ActivityId": {"rule": NAME},
    "TimerId": {"rule": NAME},
    "TaskPriority": {"rule": PRIORITY},
    "DurationInDays": {"rule": RETENTION},
    "DurationInSeconds": {"rule": TIMER},
    "DurationInSecondsOptional": {"rule": DURATION},
    "ResourceTagKey": {"rule": TAG_TEXT},
    "ResourceTagValue": {"rule": TAG_TEXT},
    "ExecutionDuration": {"type": "string", "max": 8, "rule": EXECUTION},
    "LambdaDuration": {"type": "string", "max": 8, "rule": LAMBDA},
    "TrimmedName": {"type": "string", "min": 1, "max": 256, "rule": TRIMMED_NAME},
    "TrimmedTaskList": {"type": "structure", "required": ["name"], "members": {"name": {"shape": "TrimmedName"}}},
    # The order in which SWF recites them.
    "DecisionType": {
        "enum": [
            "CompleteWorkflowExecution",
            "StartTimer",
            "RequestCancelExternalWorkflowExecution",
            "SignalExternalWorkflowExecution",
            "CancelTimer",
            "RecordMarker",
            "ScheduleActivityTask",
            "ContinueAsNewWorkflowExecution",
            "ScheduleLambdaFunction",
            "FailWorkflowExecution",
            "RequestCancelActivityTask",
            "StartChildWorkflowExecution",
            "CancelWorkflowExecution",
        ]
    },
}

# Members with a shape of ours: by name wherever they occur, or in one structure only.
_MEMBERS: dict[str, str] = {
    "executionStartToCloseTimeout": "ExecutionDuration",
    "defaultExecutionStartToCloseTimeout": "ExecutionDuration",
    "ScheduleLambdaFunctionDecisionAttributes.startToCloseTimeout": "LambdaDuration",
    "PollForActivityTaskInput.taskList": "TrimmedTaskList",
    "StartChildWorkflowExecutionDecisionAttributes.taskList": "TrimmedTaskList",
}


# -- shapes into checks --------------------------------------------------------------------------


@functools.cache
def _model() -> Mapping[str, Any]:
    model: Mapping[str, Any] = Loader().load_service_model("swf", "service-2", "2012-01-25")
    return model


@functools.cache
def _operation(name: str) -> Check:
    operation = _model()["operations"].get(name)
    if operation is None:
        raise faults.unknown_operation(name)
    return _compile(operation["input"]["shape"])


def _shape(name: str) -> Shape:
    return {**_model()["shapes"].get(name, {}), **_SHAPES.get(name, {})}


@functools.cache
def _compile(name: str) -> Check:
    shape = _shape(name)
    if name == "Decision":
        return _decision(name, shape)
    return _COMPILERS[shape["type"]](name, shape)


def _wrong_type(value: object, wanted: str) -> list[Problem]:
    return [Problem(f"{wanted}, not {_JSON_NAMES.get(type(value), type(value).__name__)}", value, wrong_type=True)]


def _null() -> list[Problem]:
    return [Problem("Member must not be null")]


def _length_problems(value: Any, low: int, high: int) -> list[Problem]:
    if len(value) > high:
        return [Problem(f"Member must have length less than or equal to {high}", value)]
    if len(value) < low:
        return [Problem(f"Member must have length greater than or equal to {low}", value)]
    return []


def _string(name: str, shape: Shape) -> Check:
    if "enum" in shape:
        return _enum(shape["enum"])
    low, high = shape.get("min", 0), shape.get("max", _UNBOUNDED)
    rule = shape.get("rule", _ANY_TEXT)
    good = rule.good(low, high)

    def explain(value: Any) -> list[Problem]:
        if not isinstance(value, str):
            return _null() if value is None else _wrong_type(value, "a string")
        return _length_problems(value, low, high) or ([] if good(value) else [Problem(rule.wanted, value)])

    return Check(good, explain)


def _enum(words: Sequence[str]) -> Check:
    known = frozenset(words)
    wanted = f"Member must satisfy enum value set: [{', '.join(words)}]"

    def good(value: Any) -> bool:
        return isinstance(value, str) and value in known

    def explain(value: Any) -> list[Problem]:
        if not isinstance(value, str):
            return _null() if value is None else _wrong_type(value, "a string")
        return [] if value in known else [Problem(wanted, value)]

    return Check(good, explain)


def _integer(name: str, shape: Shape) -> Check:
    low, high = shape.get("min", -(2**31)), shape.get("max", 2**31 - 1)

    def good(value: Any) -> bool:
        return isinstance(value, int) and low <= value <= high and not isinstance(value, bool)

    def explain(value: Any) -> list[Problem]:
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**31) <= value < 2**31:
            return _wrong_type(value, "an integer of 32 bits")
        if value > high:
            return [Problem(f"Member must have value less than or equal to {high}", value)]
        if value < low:
            return [Problem(f"Member must have value greater than or equal to {low}", value)]
        return []

    return Check(good, explain)


def _boolean(name: str, shape: Shape) -> Check:
    def good(value: Any) -> bool:
        return isinstance(value, bool)

    return Check(good, lambda value: [] if good(value) else _wrong_type(value, "true or false"))


def _timestamp(name: str, shape: Shape) -> Check:
    def good(value: Any) -> bool:
        # In milliseconds it must fit 64 bits; the comparison also refuses NaN and the infinities.
        return isinstance(value, int | float) and abs(value) <= _LAST_SECOND and not isinstance(value, bool)

    def explain(value: Any) -> list[Problem]:
        if value is None:
            return _null()
        return [] if good(value) else _wrong_type(value, "a number of seconds since 1970")

    return Check(good, explain)


def _list(name: str, shape: Shape) -> Check:
    low, high = shape.get("min", 0), shape.get("max", _UNBOUNDED)
    element = _compile(shape["member"]["shape"])
    element_good = element.good

    def good(value: Any) -> bool:
        return isinstance(value, list) and low <= len(value) <= high and all(map(element_good, value))

    def explain(value: Any) -> list[Problem]:
        if not isinstance(value, list):
            return _null() if value is None else _wrong_type(value, "a list")
        problems = _length_problems(value, low, high)
        for position, item in enumerate(value, start=1):
            problems += [problem.below(f"{position}.member") for problem in element.explain(item)]
            if len(problems) >= _ENOUGH:
                break
        return problems

    return Check(good, explain)


def _structure(name: str, shape: Shape) -> Check:
    required = tuple(shape.get("required", ()))
    members = {member: _compile(_member_shape(name, member, spec)) for member, spec in shape["members"].items()}
    good_of = {member: check.good for member, check in members.items()}.get

    def good(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        for member in required:
            if member not in value:
                return False
        for member, item in value.items():
            member_good = good_of(member)
            if member_good is not None and not member_good(item):
                return False
        return True

    def explain(value: Any) -> list[Problem]:
        """All problems, in the model's order of members."""
        if not isinstance(value, dict):
            return _null() if value is None else _wrong_type(value, "an object")
        problems: list[Problem] = []
        for member, check in members.items():
            if member in value or member in required:
                found = check.explain(value.get(member))
                if found != _null() or member in required:
                    problems += [problem.below(member) for problem in found]
        return problems

    return Check(good, explain)


def _member_shape(structure: str, member: str, spec: Shape) -> str:
    name: str = _MEMBERS.get(f"{structure}.{member}") or _MEMBERS.get(member) or spec["shape"]
    return name


def _decision(name: str, shape: Shape) -> Check:
    """A decision brings the attributes of its type, unless that type can do without any."""
    structure = _structure(name, shape)
    structure_good = structure.good
    needed: dict[str, tuple[str, Sequence[str]]] = {}
    for kind in _shape("DecisionType")["enum"]:
        attributes = f"{kind[0].lower()}{kind[1:]}DecisionAttributes"
        if required := _shape(shape["members"][attributes]["shape"]).get("required"):
            needed[kind] = attributes, required
    nothing: tuple[str, Sequence[str]] = ("", ())
    needs = needed.get

    def good(value: Any) -> bool:
        if not structure_good(value):
            return False
        attributes, members = needs(value["decisionType"], nothing)
        return not members or attributes in value

    def explain(value: Any) -> list[Problem]:
        problems = structure.explain(value)
        kind = value.get("decisionType") if isinstance(value, dict) else None
        attributes, members = needs(kind, nothing) if isinstance(kind, str) else nothing
        if members and value.get(attributes) is None:
            problems += [Problem("Member must not be null", path=f"{attributes}.{member}") for member in members]
        return problems

    return Check(good, explain)


_UNBOUNDED = 2**31 - 1
#: So many problems of a list are told; a request of a megabyte may have hundreds of thousands.
_ENOUGH = 100
_LAST_SECOND = 9_223_372_036_854_000
_ANY_TEXT = Rule(_text, "Member must be a string")
_JSON_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "an object",
}
_COMPILERS: dict[str, Callable[[str, Shape], Check]] = {
    "structure": _structure,
    "list": _list,
    "string": _string,
    "integer": _integer,
    "boolean": _boolean,
    "timestamp": _timestamp,
}
