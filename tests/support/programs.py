"""Programs for ``interpreter``, drawn by hypothesis: a handful of ingredients, mixed.

Every ingredient writes statements of its own and may take up futures that stand there already. What it started may be
asked for at once or somewhere later.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

Json = Any
Draw = Callable[[Any], Any]

LITERALS = st.one_of(
    st.integers(-5, 2**40),
    st.sampled_from([None, True, 1.5, "", "é", "hole 0 ", '"', [], {}, [1, [2]], {"a": {"b": 1}, "args": 3}]),
)
KEYWORDS = st.sampled_from(["x", "activity", "submittable", "func", "context", "self_", "executor"])


class Builder:
    """Writes one program. ``slots`` are the futures that may be used; ``sure`` those that cannot raise."""

    def __init__(self, draw: Draw, names: Iterator[int], *, judge: bool = False, child: bool = False) -> None:
        self.draw = draw
        self.names = names
        self.judge = judge
        self.child = child
        self.body: list[Json] = []
        self.end: list[Json] = []
        self.later: list[Json] = []
        self.externals: list[str] = []
        self.slots: list[str] = []
        self.shapes: dict[str, str] = {}  # of slots that may be taken apart: "work" or "list"
        self.sure: set[str] = set()

    def program(self, ingredients: list[str]) -> Json:
        for ingredient in ingredients:
            getattr(self, ingredient)()
            while self.later and self.chance(0.4):
                self.body.append(self.later.pop(self.draw(st.integers(0, len(self.later) - 1))))
        self.body += self.later
        if self.chance(0.8):
            self.body.append(["report", self.name("s"), self.name("report")])
        program: dict[str, Json] = {"body": self.body}
        if self.end:
            program["end"] = self.end
        if self.externals:
            program["externals"] = self.externals
        return program

    # -- helpers

    def chance(self, probability: float) -> bool:
        return bool(self.draw(st.integers(0, 99)) < probability * 100)

    def name(self, prefix: str) -> str:
        return f"{prefix}{next(self.names)}"

    def one(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def submit(self, task: Json, shape: str = "", sure: bool = False) -> str:
        slot = self.name("s")
        self.body.append(["submit", slot, task])
        self.slots.append(slot)
        if shape:
            self.shapes[slot] = shape
        if sure:
            self.sure.add(slot)
        return slot

    def ask(self, slot: str, *, guard: bool | None = None) -> None:
        """Ask for a future, now or later."""
        verb = self.one("result", "result", "wait", "exception")
        statement: Json = [verb, slot]
        if guard if guard is not None else slot not in self.sure and self.chance(0.8):
            statement = ["try", [statement]]
        (self.later if self.chance(0.6) else self.body).append(statement)

    def expression(self, depth: int = 0) -> Json:
        kinds = ["lit", "lit"]
        if self.slots:
            kinds += ["slot", "slot"]
        if self.shapes:
            kinds.append("item")
        if depth < 2:
            kinds += ["list", "dict"]
        kind = self.one(*kinds)
        if kind == "slot":
            return {"slot": self.one(*self.slots)}
        if kind == "item":
            return self.item()
        if kind == "list":
            return {"list": [self.expression(depth + 1) for _ in range(self.draw(st.integers(0, 2)))]}
        if kind == "dict":
            keys = self.draw(st.lists(st.sampled_from("abc"), max_size=2, unique=True))
            return {"dict": {key: self.expression(depth + 1) for key in keys}}
        return {"lit": self.draw(LITERALS)}

    def item(self) -> Json:
        slot = self.one(*self.shapes)
        if self.shapes[slot] == "list":
            return {"item": [slot, 0]}
        return {"item": self.one([slot, "label"], [slot, "parts"], [slot, "parts", 1], [slot, "parts", 1, 0])}

    def work(self, *args: Json, **options: Json) -> Json:
        label = self.name("w") + options.pop("mark", "")
        given = list(args) or [{"lit": self.draw(LITERALS)}]
        return {"t": "work", "label": label, "args": given, **options}

    def any_work(self, depth: int = 0) -> Json:
        """A call that may depend on others and may fail."""
        task = self.work(*(self.expression(1) for _ in range(self.draw(st.integers(1, 2)))))
        kind = self.one("", "", "", "retried", "quiet", "loud")
        if kind == "retried":
            task |= {"fails": 1, "retry": 1}
        elif kind == "quiet":
            task["fails"] = 9
        elif kind == "loud":
            task |= {"fails": 9, "raises": True}
        return task

    def member(self, depth: int) -> Json:
        """Something that can stand in a group or chain."""
        kind = self.one("work", "work", "work", "marker", "timer", *(["group", "chain", "func"] if depth < 2 else []))
        if kind == "group":
            return self.group_of(depth + 1)
        if kind == "chain":
            return self.chain_of(depth + 1)
        if kind == "func":
            return self.func_of(depth + 1)
        if kind == "marker":
            return {"t": "marker", "name": self.name("m"), "details": self.expression(1)}
        if kind == "timer":
            return {"t": "timer", "id": self.name("t"), "seconds": self.one(0, 1, 3)}
        return self.any_work()

    def members(self, depth: int, least: int = 1) -> list[Json]:
        return [self.member(depth) for _ in range(self.draw(st.integers(least, 3)))]

    def group_of(self, depth: int, **options: Json) -> Json:
        return {"t": "group", "members": self.members(depth), **options}

    def chain_of(self, depth: int, **options: Json) -> Json:
        return {"t": "chain", "members": self.members(depth), **options}

    def func_of(self, depth: int) -> Json:
        uses = [self.one(*self.slots)] if self.slots and self.chance(0.7) else []
        task = self.group_of(depth) if self.chance(0.4) and depth < 2 else self.any_work()
        return {"t": "func", "uses": uses, "task": task, "raises": self.one(None, None, False)}

    # -- ingredients

    def plain(self) -> None:
        self.ask(self.submit(self.work(), "work", sure=True))

    def keywords(self) -> None:
        task = self.work(self.expression())
        task["kwargs"] = {self.draw(KEYWORDS): self.expression() for _ in range(2)}
        self.ask(self.submit(task))

    def dependent(self) -> None:
        first = self.submit(self.work(), "work", sure=True)
        self.ask(self.submit(self.work({"slot": first}), "work", sure=True))
        self.ask(self.submit(self.work({"lit": 5}), "work", sure=True))

    def nested(self) -> None:
        first, second = self.submit(self.work(), "work", sure=True), self.submit(self.work(), "work", sure=True)
        value = {"dict": {"a": {"list": [{"slot": first}, {"lit": 1}]}, "b": {"slot": second}}}
        self.ask(self.submit(self.work(value, self.expression())))

    def projection(self) -> None:
        self.submit(self.work(), "work", sure=True)
        self.ask(self.submit(self.work(self.item())))

    def group(self) -> None:
        self.ask(self.submit(self.group_of(0), "list"))

    def group_argument(self) -> None:
        group = self.submit(self.group_of(1), "list")
        self.ask(self.submit(self.work({"slot": group}), "work"))

    def chain(self) -> None:
        self.ask(self.submit(self.chain_of(0)))

    def chains_in_group(self) -> None:
        chains = [{"t": "chain", "members": [self.work(), self.work()]} for _ in range(2)]
        self.ask(self.submit({"t": "group", "members": chains}, "list", sure=True))

    def parallel(self) -> None:
        members = self.members(1, least=2)
        self.ask(self.submit({"t": "group", "members": members, "parallel": self.one(1, 2)}, "list"))

    def send_result(self) -> None:
        second = self.one(self.work(), self.group_of(1), self.func_of(1), self.child_task())
        members = [self.any_work(), second, self.work()]
        self.ask(self.submit({"t": "chain", "members": members, "send": True}))

    def no_break(self) -> None:
        members = [self.work(fails=9, raises=self.one(True, False)), self.any_work()]
        self.ask(self.submit({"t": "chain", "members": members, "break": False}))

    def container_raises(self) -> None:
        for make in (self.group_of, self.chain_of):
            task = make(1, raises=self.one(True, False))
            task["members"].append(self.work(fails=9, raises=self.one(True, False)))
            self.ask(self.submit(task))

    def no_bubbles(self) -> None:
        for bubbles in (False, self.one(None, True)):
            inner = {"t": "chain", "members": [self.work(fails=9), self.work()], "raises": False, "bubbles": bubbles}
            outer = {"t": "chain", "members": [inner, self.work()], "send": self.one(True, False)}
            self.ask(self.submit(outer))

    def func(self) -> None:
        if not self.slots:
            self.plain()
        self.ask(self.submit(self.func_of(0)))

    def func_in_chain(self) -> None:
        members = [self.work(), self.func_of(1), self.work()]
        self.ask(self.submit({"t": self.one("chain", "group"), "members": members}))

    def retry(self) -> None:
        fails = self.one(1, 2)
        self.ask(self.submit(self.work(fails=fails, retry=2), "work", sure=True))

    def retry_later(self) -> None:
        task = self.work(self.expression(), fails=self.one(1, 9), retry=2, later=self.one(1, 2), raises=True)
        self.ask(self.submit(task))

    def quiet_failure(self) -> None:
        self.ask(self.submit(self.work(fails=9, retry=self.one(0, 1)), "work", sure=True))

    def loud_failure(self) -> None:
        self.ask(self.submit(self.work(fails=9, raises=True)), guard=self.chance(0.8))

    def two_failures(self) -> None:
        first = self.submit(self.work(fails=9, raises=True))
        second = self.submit(self.work(fails=9, raises=True))
        self.body.append(["try", [["wait", first, second]]])
        for slot in (first, second):
            if self.chance(0.6):
                self.later.append(["try", [["result", slot]]])

    def unasked_failure(self) -> None:
        slot = self.name("s")
        self.body.append(["submit", slot, self.work(fails=9, raises=True)])

    def timeout(self) -> None:
        task = self.work(mark="~", fails=self.one(1, 9), retry=1, raises=self.one(True, False))
        self.ask(self.submit(task))

    def guarded(self) -> None:
        slot = self.name("s")
        body = [["submit", slot, self.any_work()], ["result", slot], ["submit", self.name("s"), self.work()]]
        self.body.append(["try", body])

    def timer(self) -> None:
        self.ask(self.submit({"t": "timer", "id": self.name("t"), "seconds": self.one(0, 1, 4)}, sure=True))

    def timer_again(self) -> None:
        name = self.name("t")
        for _ in range(2):
            slot = self.submit({"t": "timer", "id": name, "seconds": 1}, sure=True)
            self.body.append(["result", slot])

    def cancel_timer(self) -> None:
        name = self.name("t")
        timer, cancel = self.name("s"), self.name("s")
        self.body.append(["submit", timer, {"t": "timer", "id": name, "seconds": self.one(1, 50)}])
        if self.chance(0.5):
            self.plain()
        self.body.append(["submit", cancel, {"t": "cancel_timer", "id": name}])
        self.later.append(["wait", timer])
        if self.chance(0.5):
            self.later.append(["wait", cancel])

    def marker(self) -> None:
        names = self.name("m"), self.name("m")
        for name in (names[0], names[0], names[1]):
            slot = self.submit({"t": "marker", "name": name, "details": self.expression()})
            if self.chance(0.5):
                self.ask(slot)

    def effect(self) -> None:
        for verb in self.draw(st.permutations(["effect", "effect", "bad_effect"])):
            self.body.append([verb, self.name("e")])

    def signal_latch(self) -> None:
        name = self.name("g")
        send = {"t": "send", "name": name, "args": [self.draw(LITERALS)], "propagate": self.one(True, False)}
        wait: Json = {"t": "latch", "name": name}
        tasks = [send, wait] if self.chance(0.5) else [wait, send]
        for slot in [self.submit(task, sure=True) for task in tasks]:
            self.ask(slot)

    def signal_next(self) -> None:
        name = self.name("g")
        many = self.draw(st.integers(1, 3))
        tasks = [{"t": "next", "name": name} for _ in range(self.draw(st.integers(1, many)))]
        sends = [{"t": "send", "name": name, "args": [i], "propagate": False} for i in range(many)]
        for slot in [self.submit(task, sure=True) for task in (sends + tasks if self.chance(0.5) else tasks + sends)]:
            self.ask(slot)

    def external(self) -> None:
        if self.child:
            return
        name = self.name("x")
        self.externals.append(name)
        self.ask(self.submit({"t": self.one("latch", "next"), "name": name}, sure=True))

    def child_task(self) -> Json:
        """A child with a program of its own."""
        kind = self.one("plain", "quiet", "retried")
        builder = Builder(self.draw, self.names, child=True)
        ingredients = self.draw(st.lists(st.sampled_from(CHILD_INGREDIENTS), min_size=1, max_size=2))
        program = builder.program(ingredients)
        if kind == "retried":
            program["body"].append(["submit", self.name("s"), self.work(fails=1, raises=True)])
        elif self.chance(0.2):
            program["end"] = [self.one(["raise", self.name("bang")], ["fail", self.name("stop")])]
        return {"t": "child", "kind": kind, "program": program}

    def start_child(self) -> None:
        self.ask(self.submit(self.child_task()))

    def first(self) -> None:
        self.first_of("FIRST_COMPLETED")

    def first_exception(self) -> None:
        self.first_of(self.one("FIRST_EXCEPTION", "FIRST_EXCEPTION", "ALL_COMPLETED"))

    def first_of(self, return_when: str) -> None:
        slots = [self.submit(self.work(fails=self.one(0, 9)), "work", sure=True) for _ in range(2)]
        if len(self.slots) > 2 and self.chance(0.5):
            slots.append(self.one(*self.slots[:-2]))
        self.body.append(["first", slots, return_when, None])
        self.body.append(["report", self.name("s"), self.name("report")])

    def first_in_time(self) -> None:
        slots = [self.submit(self.work(), "work", sure=True) for _ in range(2)]
        self.body.append(["first", slots, self.one(None, "FIRST_COMPLETED"), self.one(0, 1, 100)])

    def completed(self) -> None:
        slots = [self.submit(self.any_work()) for _ in range(3)]
        self.body.append(["completed", *slots])

    def peek(self) -> None:
        slots = self.draw(st.lists(st.sampled_from(self.slots), min_size=1, max_size=2)) if self.slots else []
        fresh = [self.submit(self.work(), "work", sure=True) for _ in range(2)]
        self.body.append(["peek", *slots, fresh[0]])
        self.body.append(["result", fresh[1]])
        self.body.append(["peek", *slots, fresh[0]])

    def racy_cancel(self) -> None:
        slot = self.name("s")
        self.body.append(["submit", slot, self.work(racy=True)])
        if self.chance(0.6):
            self.plain()
        self.later.append(["cancel", slot])
        self.later.append(["peek", slot])

    def drop(self) -> None:
        slot = self.name("s")
        task = self.one(self.work(racy=True), {"t": "timer", "id": self.name("t"), "seconds": 5})
        self.body += [["submit", slot, task], ["drop", slot]]

    def idempotent(self) -> None:
        task = self.work(idempotent=True)
        for _ in range(2):
            self.ask(self.submit(task, "work", sure=True))
            if self.chance(0.5):
                self.plain()

    def chance_and_time(self) -> None:
        for verb in self.draw(st.permutations(["now", "random", "uuid4", "markers"])):
            self.body.append([verb])
            if self.chance(0.3):
                self.plain()

    def verdict(self) -> None:
        if not self.judge:
            return self.quiet_failure()
        mark = self.one("!ignore", "!abort", "!cancel", "!again")
        task = self.work(self.expression(), mark=mark, fails=self.one(1, 2, 9), retry=self.one(0, 1))
        task["raises"] = self.one(True, False)
        self.ask(self.submit(task))

    def carry_on(self) -> None:
        """The program ends with continue_as_new."""
        follower = Builder(self.draw, self.names, judge=self.judge, child=True)
        program = follower.program(self.draw(st.lists(st.sampled_from(CHILD_INGREDIENTS), min_size=1, max_size=2)))
        self.end = self.end or [["continue", program]]

    def break_off(self) -> None:
        self.end = self.end or [[self.one("raise", "fail"), self.name("stop")]]


_OTHERS = {"program", "chance", "name", "one", "submit", "ask", "expression", "item", "work", "any_work", "member"}
_OTHERS |= {"members", "group_of", "chain_of", "func_of", "child_task", "first_of"}
INGREDIENTS = [name for name in vars(Builder) if not name.startswith("_") and name not in _OTHERS]
_ROOT_ONLY = ("start_child", "send_result", "external", "carry_on", "break_off")
CHILD_INGREDIENTS = [name for name in INGREDIENTS if name not in _ROOT_ONLY]


@st.composite
def programs(draw: Draw, least: int = 5, most: int = 9) -> Json:
    judge = bool(draw(st.integers(0, 3)) == 0)
    builder = Builder(draw, itertools.count(1), judge=judge)
    # by chance of our own: hypothesis likes some much more than others
    chance = random.Random(draw(st.integers(0, 2**32)))
    ingredients = chance.sample(INGREDIENTS, draw(st.integers(least, most)))
    if judge and "verdict" not in ingredients:
        ingredients.append("verdict")
    program = builder.program(ingredients)
    if judge:
        program["judge"] = True
    return program


# -- what a program has in it


def features(program: Json) -> set[str]:
    """The names of the features that a program uses, children included."""
    found: set[str] = set()
    groups: set[str] = set()
    _statements(program["body"] + program.get("end", []), found, groups)
    if program.get("externals"):
        found.add("external signal")
    return found


def _statements(statements: Json, found: set[str], groups: set[str]) -> None:
    for verb, *operands in statements:
        found.add(verb)
        if verb == "submit":
            if operands[1]["t"] == "group":
                groups.add(operands[0])
            _task(operands[1], found, groups)
        elif verb == "try":
            _statements(operands[0], found, groups)
        elif verb == "first":
            found.add("wait with a timeout" if operands[2] is not None else f"wait {operands[1]}")
        elif verb == "continue":
            found |= features(operands[0])


def _task(task: Json, found: set[str], groups: set[str], depth: int = 0) -> None:
    kind = task["t"]
    found.add(kind)
    if depth > 1:
        found.add("nested containers")
    for option in ("parallel", "send", "idempotent", "later", "racy"):
        if task.get(option):
            found.add(option)
    if kind == "work":
        _work(task, found, groups)
    elif kind in ("group", "chain", "func"):
        if task.get("raises") is not None:
            found.add(f"{kind} raises" if kind != "func" else "func raises")
        found |= {f"no {option}" for option in ("break", "bubbles") if task.get(option) is False}
        for member in task.get("members", [task.get("task")]):
            _task(member, found, groups, depth + 1)
    elif kind == "child":
        found |= features(task["program"])
    elif kind == "marker":
        _expression(task["details"], found, groups, 0)


def _work(task: Json, found: set[str], groups: set[str]) -> None:
    fails, allowed = task.get("fails", 0), task.get("retry", 0)
    if "~" in task["label"]:
        found.add("activity timeout")
    if "!" in task["label"]:
        found.add("verdict")
    if fails:
        found.add("retried" if fails <= allowed else "loud failure" if task.get("raises") else "quiet failure")
    for argument in [*task["args"], *task.get("kwargs", {}).values()]:
        _expression(argument, found, groups, 0)


def _expression(expression: Json, found: set[str], groups: set[str], depth: int) -> None:
    ((kind, operand),) = expression.items()
    if kind == "slot":
        found.add("nested future" if depth else "future argument")
        if operand in groups:
            found.add("group argument")
    elif kind == "item":
        found.add("projection")
    elif kind in ("list", "dict"):
        for member in operand if kind == "list" else operand.values():
            _expression(member, found, groups, depth + 1)
    else:
        found.add("literal argument")
