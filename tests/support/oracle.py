"""What a program of ``interpreter`` means, by evaluating it directly, in order, without any replay.

Where two failures race, the oracle knows all outcomes there can be: names become ``OneOf``, the end a set of states.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .interpreter import digest

Json = Any


class Unsupported(Exception):
    """A program of which the oracle cannot say enough."""


class OneOf:
    """Equal to each of some names."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def __eq__(self, other: object) -> bool:
        return other in self.names

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"one of {sorted(self.names)}"


def one_of(names: frozenset[str]) -> Any:
    return next(iter(names)) if len(names) == 1 else OneOf(names)


@dataclass(frozen=True)
class Cause:
    """A failure that is raised where the result is asked for."""

    number: int
    name: str


@dataclass(frozen=True)
class Value:
    """The end of a task. ``causes``: its result raises one of them. ``members``: of a container."""

    value: Json = None
    failed: bool = False
    causes: frozenset[Cause] = frozenset()
    cancelled: bool = False
    members: tuple[Value, ...] = ()

    def asked(self) -> list[frozenset[Cause]]:
        """The failures that somebody who asks for this has asked for; one set for each way it may have gone."""
        if self.members:
            ways = [frozenset[Cause]()]
            for member in self.members:
                ways = [way | more for way in ways for more in member.asked()]
                if len(ways) > 64:
                    raise Unsupported
            return ways
        return [frozenset({cause}) for cause in self.causes] or [frozenset()]


class Raised(Exception):
    def __init__(self, causes: frozenset[Cause]) -> None:
        super().__init__(causes)
        self.names = frozenset(cause.name for cause in causes)


class Left(Exception):
    """``run`` is left in another way: ``names`` may stand in the reason."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(names)
        self.names = names


@dataclass
class End:
    """``values`` if the run may complete, ``reasons`` if it may fail."""

    values: Json = None
    completes: bool = False
    fails: bool = False
    reasons: frozenset[str] = frozenset()


@dataclass
class Oracle:
    """Counts what a program does while it evaluates it. ``racy`` are labels of which the counts are not certain."""

    attempts: Counter[str] = field(default_factory=Counter)
    markers: Counter[str] = field(default_factory=Counter)
    sends: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    children: int = 0
    racy: set[str] = field(default_factory=set)
    exact: bool = True  # whether everything that was submitted came to its end
    numbers: int = 0

    def program(self, program: Json, extra: tuple[Json, ...] = ()) -> End:
        run = _Run(self, program, extra)
        try:
            run.body(program["body"])
            for verb, *operands in program.get("end", ()):
                if verb == "continue":
                    return self.program(operands[0])
                run.do(verb, *operands)
        except Raised as raised:
            self.exact = False
            return End(fails=True, reasons=raised.names)
        except Left as left:
            self.exact = self.exact and run.drained(program)
            return End(fails=True, reasons=left.names)
        unasked = [run.failures - asked for asked in run.asked]
        reasons = frozenset(cause.name for causes in unasked for cause in causes)
        return End(run.values, not all(unasked), any(unasked), reasons)


class _Run:
    def __init__(self, oracle: Oracle, program: Json, extra: tuple[Json, ...]) -> None:
        self.oracle = oracle
        self.slots: dict[str, Value] = {}
        self.values: list[Json] = [*extra]
        self.failures: frozenset[Cause] = frozenset()
        self.asked: set[frozenset[Cause]] = {frozenset()}
        self.signals: defaultdict[str, list[Json]] = defaultdict(list)
        self.taken: Counter[str] = Counter()
        self.shared: dict[str, Value] = {}
        for name in program.get("externals", ()):
            self.signals[name].append({"external": name})
        for task in _sends(program["body"]):
            self.signals[task["name"]].append({"args": task["args"], "kwargs": {}, "__propagate": task["propagate"]})

    def drained(self, program: Json) -> bool:
        """Whether the program has come as far as its ``end``."""
        return any(statement[0] in ("raise", "fail") for statement in program.get("end", ()))

    def body(self, statements: Json) -> None:
        for verb, *operands in statements:
            self.do(verb, *operands)

    def do(self, verb: str, *operands: Any) -> None:
        getattr(self, f"do_{verb}", self.nothing)(*operands)

    def nothing(self, *operands: Any) -> None:
        """Leaves no value."""

    # -- failures

    def fresh(self, name: str) -> frozenset[Cause]:
        self.oracle.numbers += 1
        cause = Cause(self.oracle.numbers, name)
        self.failures |= {cause}
        return frozenset({cause})

    def ask(self, *values: Value) -> None:
        """Raise the failure of one of them, if there are any."""
        failing = [value for value in values if value.causes]
        if failing:
            self.note(*failing)
            raise Raised(frozenset().union(*(value.causes for value in failing)))

    def note(self, *values: Value) -> None:
        """One of these has been asked for."""
        self.asked = {asked | way for asked in self.asked for value in values for way in value.asked()}
        if len(self.asked) > 64:
            raise Unsupported

    # -- statements

    def do_submit(self, slot: str, task: Json) -> None:
        if task["t"] == "func":
            self.slots[slot] = self.product(task, None, ())
        else:
            self.slots[slot] = self.task(task, None)

    def do_result(self, slot: str) -> None:
        value = self.slots[slot]
        self.ask(value)
        self.values.append(value.value)

    def do_exception(self, slot: str) -> None:
        value = self.slots[slot]
        self.note(value)
        self.values.append(value.failed)

    def do_wait(self, *slots: str) -> None:
        self.ask(*(self.slots[slot] for slot in slots))
        self.values.append([self.slots[slot].value for slot in slots])

    def do_completed(self, *slots: str) -> None:
        self.values.append(sorted(slots))

    def do_cancel(self, slot: str) -> None:
        self.slots[slot] = Value(cancelled=True)

    def do_drop(self, slot: str) -> None:
        self.slots[slot] = Value(cancelled=True)
        self.values.append([True, True])

    def do_effect(self, name: str) -> None:
        self.oracle.effects += 1

    def do_bad_effect(self, name: str) -> None:
        self.oracle.effects += 1
        self.values.append(name)

    def do_try(self, body: Json) -> None:
        try:
            self.body(body)
        except Raised as raised:
            self.values.append(one_of(raised.names))

    def do_report(self, slot: str, label: str) -> None:
        self.oracle.attempts[label] += 1
        self.slots[slot] = Value()

    def do_raise(self, text: str) -> None:
        raise Left(frozenset({text}))

    def do_fail(self, reason: str) -> None:
        raise Left(frozenset({reason}))

    # -- tasks: ``raises`` is what a container further out says, ``extra`` what a chain sends

    def task(self, task: Json, raises: bool | None, extra: tuple[Value, ...] = ()) -> Value:
        value: Value = getattr(self, f"task_{task['t']}")(task, raises, extra)
        return value

    def task_work(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        label = task["label"]
        if task.get("idempotent") and label in self.shared:
            return self.shared[label]
        args, causes = self.resolve({"list": task["args"]})
        kwargs, more = self.resolve({"dict": task.get("kwargs", {})})
        causes |= more
        if causes:
            return Value(failed=True, causes=causes)
        args = [*args, *task.get("plus", ()), *(value.value for value in extra)]
        value = self.attempt(task, raises, args, kwargs)
        if task.get("racy"):
            self.oracle.racy.add(label)
        if task.get("idempotent"):
            self.shared[label] = value
        return value

    def attempt(self, task: Json, raises: bool | None, args: list[Json], kwargs: Json) -> Value:
        label = task["label"]
        verdict = label.partition("!")[2]
        allowed = {"ignore": 1, "abort": 1, "cancel": 1, "again": 3}.get(verdict, task.get("retry", 0) + 1)
        if verdict == "again":
            allowed = max(allowed, task.get("retry", 0) + 1)
        for _ in range(allowed):
            self.oracle.attempts[label] += 1
            if self.oracle.attempts[label] > task.get("fails", 0):
                return Value(_outcome(label, args, kwargs))
        if verdict == "ignore":
            return Value()
        if verdict == "cancel":
            return Value(cancelled=True)
        if not (task.get("raises", False) if raises is None else raises):
            return Value(failed=True)
        return Value(failed=True, causes=self.fresh("START_TO_CLOSE" if "~" in label else label))

    def task_group(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        inner = task.get("raises") if raises is None else raises
        members = [self.task(member, inner, extra) for member in task["members"]]
        return _together(members, task.get("bubbles", True))

    def task_chain(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        inner = task.get("raises") if raises is None else raises
        bubbles = task.get("bubbles")
        if bubbles is None:
            bubbles = task.get("raises") is not False
        members: list[Value] = []
        for member in task["members"]:
            value = self.task(member, inner, extra)
            members.append(value)
            if value.cancelled or (value.failed and task.get("break", True)):
                break
            if value.causes and not value.failed:
                raise Unsupported
            extra = (value,) if task.get("send") else ()
        return _together(members, bubbles)

    def task_func(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        try:
            return self.product(task, raises, extra)
        except Raised as raised:
            if len(raised.names) > 1:
                raise Unsupported from None
            (name,) = raised.names
            return Value(failed=True, causes=self.fresh(name))

    def product(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        inner = task.get("raises") if raises is None else raises
        results = []
        for slot in task["uses"]:
            value = self.slots[slot]
            self.ask(value)
            results.append(value.value)
        plus = [*results, *(value.value for value in extra)]
        return self.task(_with_argument(task["task"], plus), inner)

    def task_timer(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        return Value()

    task_cancel_timer = task_timer

    def task_marker(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        details, causes = self.resolve(task["details"])
        if causes:
            return Value(failed=True, causes=causes)
        self.oracle.markers[task["name"]] += 1
        return Value(details)

    def task_send(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        self.oracle.sends[task["name"]] += 1
        return Value({"args": task["args"], "kwargs": {}, "__propagate": task["propagate"]})

    def task_latch(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        (value,) = self.signals[task["name"]]
        return Value(value)

    def task_next(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        place = self.taken[task["name"]]
        self.taken[task["name"]] += 1
        return Value(self.signals[task["name"]][place])

    def task_child(self, task: Json, raises: bool | None, extra: tuple[Value, ...]) -> Value:
        for _ in range(2 if task["kind"] == "retried" else 1):
            self.oracle.children += 1
            end = self.oracle.program(task["program"], tuple(value.value for value in extra))
            if end.completes and end.fails:
                raise Unsupported
            if end.completes:
                return Value(end.values)
        own = task["kind"] != "quiet"
        if not (own if raises is None else raises):
            return Value(failed=True)
        return Value(failed=True, causes=self.fresh("workflow"))

    # -- expressions

    def resolve(self, expression: Json) -> tuple[Any, frozenset[Cause]]:
        ((kind, operand),) = expression.items()
        if kind == "slot":
            return self.slots[operand].value, self.slots[operand].causes
        if kind == "item":
            slot, *keys = operand
            value = self.slots[slot].value
            for key in keys:
                value = None if value is None else value[key]
            return value, self.slots[slot].causes
        if kind == "list":
            resolved = [self.resolve(member) for member in operand]
            return [value for value, _ in resolved], frozenset().union(*(causes for _, causes in resolved))
        if kind == "dict":
            members = {key: self.resolve(member) for key, member in operand.items()}
            causes = frozenset().union(*(causes for _, causes in members.values()))
            return {key: value for key, (value, _) in members.items()}, causes
        return operand, frozenset()


def _together(members: list[Value], bubbles: bool) -> Value:
    causes: frozenset[Cause] = frozenset().union(*(member.causes for member in members))
    if any(member.cancelled for member in members):
        return Value(cancelled=True, causes=causes, members=tuple(members))
    failed = bubbles and any(member.failed for member in members)
    return Value([member.value for member in members], failed, causes, members=tuple(members))


def _outcome(label: str, args: list[Json], kwargs: Json) -> Json:
    try:
        return {"label": label, "n": digest(args, kwargs), "parts": [label, [digest(kwargs, args)]]}
    except TypeError:
        raise Unsupported from None


def _with_argument(task: Json, argument: Json) -> Json:
    """The task with one more argument for each ``work`` in it."""
    if task["t"] == "work":
        return {**task, "plus": [argument, *task.get("plus", ())]}
    if "members" in task:
        return {**task, "members": [_with_argument(member, argument) for member in task["members"]]}
    return task


def _sends(statements: Json) -> Iterator[Json]:
    """The sends of a program, in order."""
    for statement in statements:
        if statement[0] == "submit":
            yield from _sends_of(statement[2])


def _sends_of(task: Json) -> Iterator[Json]:
    if task["t"] == "send":
        yield task
    for member in task.get("members", ()):
        yield from _sends_of(member)
