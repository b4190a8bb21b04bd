import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from simpleflow import activity
from simpleflow.exceptions import ExecutionError, NotFound
from simpleflow.futures import Future
from simpleflow.payloads import limits
from simpleflow.process.perform import ActivityCallData, Completed, Failed, Middlewares, perform

told: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    told.clear()
    yield


@activity.with_attributes(name="perform.add")
def add(x: int, y: int = 0) -> int:
    return x + y


@activity.with_attributes(name="perform.act")
def act(what: str) -> Any:
    return DEEDS[what]()


@activity.with_attributes(name="perform.context")
def context_of_function() -> Any:
    return context_of_function.context


def plain() -> Any:
    return [plain.context["activity_id"], plain.context.get("nothing"), dict(plain.context)["version"]]  # type: ignore[attr-defined]


made_of_plain = activity.Activity(plain, name="perform.plain")


@activity.with_attributes(name="perform.Class")
class OfAClass:
    context: dict[str, Any]

    def __init__(self, x: int) -> None:
        self.x = x

    def execute(self) -> Any:
        told.append("execute")
        return [self.x, self.context["activity_id"]]

    def post_execute(self) -> None:
        told.append("post_execute")


def recurse() -> Any:
    return recurse()


def fail(error: BaseException) -> Any:
    raise error


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


async def coroutine() -> None:
    pass


DEEDS: dict[str, Any] = {
    "raise": lambda: fail(ValueError("boom")),
    "raise much": lambda: fail(ValueError("é\x00" * 50_000)),
    "raise long": lambda: fail(ValueError("b" * 300)),
    "surrogate": lambda: fail(ValueError("\ud800")),
    "unprintable": lambda: fail(Unprintable()),
    "exit": lambda: sys.exit(3),
    "recurse": recurse,
    "future": lambda: {"a": [Future()]},
    "coroutine": coroutine,
    "object": lambda: {"a": [object()]},
    "much": lambda: "x" * 40_000,
    "child": lambda: fail(
        ExecutionError(json.dumps({"error": "KeyError", "message": "k", "traceback": "t", "own": 1}))
    ),
    "broken child": lambda: fail(ExecutionError("killed")),
    "interrupt": lambda: fail(KeyboardInterrupt()),
    "generator exit": lambda: fail(GeneratorExit()),
}


def call(name: str, input: Any = None) -> ActivityCallData:
    text = None if input is None else json.dumps(input)
    return ActivityCallData(name, "v1", f"activity-{name}-1", text, "workflow", "run", "domain", "list")


def failed(what: str) -> tuple[str, dict[str, Any]]:
    outcome = perform(call("perform.act", {"args": [what]}))
    assert isinstance(outcome, Failed)
    assert len(outcome.reason) <= limits.LIMITS["reason"]
    assert len(outcome.details) <= limits.LIMITS["details"]
    return outcome.reason, json.loads(outcome.details)


@pytest.mark.parametrize(
    ("input", "result"),
    [
        ({"args": [1, 2], "kwargs": {}}, "3"),
        ({"kwargs": {"x": 1, "y": 5}, "meta": {"binaries": {}}}, "6"),
        ({"args": [7]}, "7"),
        ([1, 3], "4"),
        ({"x": 2}, "2"),
        (9, "9"),
    ],
)
def test_arguments(input: Any, result: str) -> None:
    assert perform(call("perform.add", input)) == Completed(result)


def test_a_class_is_instantiated_executed_and_post_executed() -> None:
    assert perform(call("perform.Class", {"args": [4]})) == Completed('[4,"activity-perform.Class-1"]')
    assert told == ["execute", "post_execute"]


def test_the_context_is_there_during_the_call_only() -> None:
    outcome = perform(call("perform.context"))
    assert isinstance(outcome, Completed)
    assert json.loads(outcome.result) == {
        "name": "perform.context",
        "version": "v1",
        "workflow_id": "workflow",
        "run_id": "run",
        "activity_id": "activity-perform.context-1",
        "attempt": 1,
        "input": None,
        "domain_name": "domain",
        "activity_task_list": "list",
    }
    assert context_of_function.context is None


def test_a_function_that_is_no_activity_itself_has_the_context_as_well() -> None:
    outcome = perform(call("perform.plain"))
    assert isinstance(outcome, Completed), outcome
    assert json.loads(outcome.result) == ["activity-perform.plain-1", None, "v1"]
    assert not plain.context  # type: ignore[attr-defined]


def before(context: dict[str, Any]) -> None:
    told.append(("before", context["activity_id"]))


def after(context: dict[str, Any], result: Any) -> None:
    told.append(("after", context["activity_id"], result))


def test_middlewares_surround_the_activity() -> None:
    middlewares = Middlewares.load([f"{__name__}.before"], [f"{__name__}.after"])
    assert perform(call("perform.add", [1]), middlewares) == Completed("1")
    assert told == [("before", "activity-perform.add-1"), ("after", "activity-perform.add-1", 1)]


def test_a_middleware_that_raises_fails_the_activity() -> None:
    outcome = perform(call("perform.add", [1]), Middlewares(before=(lambda context: fail(OSError("no")),)))
    assert isinstance(outcome, Failed)
    assert outcome.reason == "OSError: no"


@pytest.mark.parametrize("path", ["nosuchmodule.f", "sys.path"])
def test_a_middleware_that_is_no_function_is_refused(path: str) -> None:
    with pytest.raises(NotFound, match=path):
        Middlewares.load([path])


def test_a_failure_tells_class_message_and_the_authors_frames() -> None:
    reason, details = failed("raise")
    assert reason == "ValueError: boom"
    assert {key: details[key] for key in ("error", "error_type", "message")} == {
        "error": "ValueError",
        "error_type": "builtins.ValueError",
        "message": "boom",
    }
    assert "in fail" in details["traceback"]
    assert "perform.py" not in details["traceback"].replace(__file__, "")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("raise long", "ValueError: " + "b" * 240 + " ..."),
        ("surrogate", "ValueError: \\ud800"),
        ("unprintable", "Unprintable: <unprintable Unprintable object>"),
        ("exit", "SystemExit: the activity called sys.exit(3); let it return a result, or raise an error."),
        ("recurse", "RecursionError: maximum recursion depth exceeded"),
        ("future", 'EncodeError: result["a"][0] is a Future, which belongs to a workflow.'),
        ("object", 'EncodeError: result["a"][0] is of type object, which has no JSON form.'),
        ("coroutine", "TypeError: the activity returned a coroutine;"),
        ("much", "JumboTooLargeError: Message too long (40002 chars)"),
        ("generator exit", "GeneratorExit: "),
        ("child", "KeyError: k"),
        ("broken child", "ExecutionError: killed"),
    ],
)
def test_every_mistake_is_a_clear_failure(what: str, reason: str) -> None:
    assert failed(what)[0].startswith(reason)


def test_a_long_reason_is_whole_in_the_details() -> None:
    assert failed("raise long")[1]["message"] == "b" * 300


def test_details_are_shortened_to_fit_and_stay_json() -> None:
    _, details = failed("raise much")
    assert details["message"].startswith("é\x00")
    assert details["traceback"].startswith("Traceback")


def test_recursion_shows_where_it_began() -> None:
    assert "in recurse" in failed("recurse")[1]["traceback"]


def test_the_failure_of_a_child_process_is_passed_on() -> None:
    assert failed("child")[1] == {"error": "KeyError", "message": "k", "traceback": "t", "own": 1}


def test_wrong_arguments_are_a_failure() -> None:
    outcome = perform(call("perform.add", {"kwargs": {"z": 1}}))
    assert isinstance(outcome, Failed)
    assert outcome.reason == "TypeError: add() got an unexpected keyword argument 'z'"


def test_an_activity_that_does_not_exist_is_a_failure_with_the_old_words() -> None:
    outcome = perform(call("nosuchmodule.f"))
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("unable to import 'nosuchmodule.f'")


def test_an_interrupt_is_nobodys_failure() -> None:
    with pytest.raises(KeyboardInterrupt):
        perform(call("perform.act", ["interrupt"]))


def test_context_goes_into_the_keywords_of_a_function_that_asks_for_it() -> None:
    def asks(x: int, context: dict[str, Any]) -> Any:
        return [x, context["activity_id"]]

    asks.add_context_in_kwargs = True  # type: ignore[attr-defined]
    activity.Activity(asks, name="perform.asks")
    assert perform(call("perform.asks", [1])) == Completed('[1,"activity-perform.asks-1"]')
