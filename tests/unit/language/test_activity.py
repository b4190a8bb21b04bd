"""Definitions of activities and retry policies."""

from __future__ import annotations

import contextvars
from typing import Any

import pytest

from simpleflow import settings
from simpleflow.activity import PRIORITY_NOT_SET, Activity, RetryPolicy, current_context, with_attributes
from simpleflow.registry import registry


def double(x: int) -> int:
    """Twice as much."""
    return x * 2


class Upload:
    """Sends something."""

    def __init__(self, what: str) -> None:
        self.what = what

    def execute(self) -> str:
        return f"sent {self.what}"


class Named:
    name = "pretty"

    def __call__(self) -> int:
        return 1


# -- what is wrapped


def test_a_definition_can_be_called_as_what_it_wraps() -> None:
    assert with_attributes()(double)(21) == 42
    upload = with_attributes()(Upload)(what="x")
    assert isinstance(upload, Upload) and upload.execute() == "sent x"


def test_a_definition_looks_like_what_it_wraps() -> None:
    wrapped = with_attributes()(double)
    assert (wrapped.__doc__, wrapped.__module__, wrapped.callable) == ("Twice as much.", __name__, double)


def test_the_name_of_an_object_is_its_own() -> None:
    assert Activity(Named()).name == f"{__name__}.pretty"


@pytest.mark.parametrize("thing", [None, 3, "double", object()])
def test_only_what_can_be_called_is_an_activity(thing: Any) -> None:
    with pytest.raises(TypeError, match="an activity wraps a function or a class"):
        Activity(thing)
    with pytest.raises(TypeError, match="an activity wraps a function or a class"):
        with_attributes()(thing)


def test_repr_says_what_tells_activities_apart() -> None:
    shown = repr(Activity(double, "shown", version="3", task_list="list", retry=2, raises_on_failure=True))
    assert shown == "Activity(name=shown, version=3, task_list=list, retry=2, raises_on_failure=True)"


def test_the_latest_definition_of_a_name_counts() -> None:
    Activity(double, name="tests.activity.twice")
    latest = Activity(Upload, name="tests.activity.twice")
    assert registry[None]["tests.activity.twice"] is latest


# -- defaults


DEFAULTS = {
    "ACTIVITY_DEFAULT_VERSION": "v9",
    "ACTIVITY_DEFAULT_TASK_LIST": "some list",
    "ACTIVITY_START_TO_CLOSE_TIMEOUT": "1",
    "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT": "2",
    "ACTIVITY_SCHEDULE_TO_START_TIMEOUT": "3",
    "ACTIVITY_HEARTBEAT_TIMEOUT": "4",
}


def values(definition: Activity) -> tuple[Any, ...]:
    return (
        definition.version,
        definition.task_list,
        definition.task_start_to_close_timeout,
        definition.task_schedule_to_close_timeout,
        definition.task_schedule_to_start_timeout,
        definition.task_heartbeat_timeout,
    )


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in DEFAULTS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("defaults")
def test_defaults_come_from_the_settings_when_the_decorator_is_used() -> None:
    decorate = with_attributes()
    assert values(decorate(double)) == tuple(DEFAULTS.values())
    assert values(Activity(double)) == (None,) * 6


@pytest.mark.usefixtures("defaults")
def test_what_is_given_is_no_default() -> None:
    given: dict[str, Any] = {
        "version": None,
        "task_list": None,
        "start_to_close_timeout": None,
        "schedule_to_close_timeout": 0,
        "schedule_to_start_timeout": "NONE",
        "heartbeat_timeout": None,
    }
    assert values(with_attributes(**given)(double)) == tuple(given.values())


def test_the_settings_of_the_defaults_exist() -> None:
    assert set(DEFAULTS) <= set(settings.SETTINGS)


# -- options


OPTIONS = [
    ("task_list", "task_list", "elsewhere"),
    ("version", "version", "7"),
    ("retry", "retry", 5),
    ("retry", "retry", RetryPolicy(attempts=2)),
    ("raises_on_failure", "raises_on_failure", True),
    ("start_to_close_timeout", "task_start_to_close_timeout", 10),
    ("schedule_to_close_timeout", "task_schedule_to_close_timeout", "20"),
    ("schedule_to_start_timeout", "task_schedule_to_start_timeout", None),
    ("heartbeat_timeout", "task_heartbeat_timeout", "NONE"),
    ("task_priority", "task_priority", 3),
    ("priority", "task_priority", None),
    ("idempotent", "idempotent", True),
    ("meta", "meta", {"binaries": {}}),
]


@pytest.mark.parametrize(("option", "attribute", "value"), OPTIONS)
def test_options_change_a_copy(option: str, attribute: str, value: Any) -> None:
    definition = with_attributes()(double)
    before = dict(vars(definition))
    changed = definition.options(**{option: value})
    assert getattr(changed, attribute) == value
    assert vars(definition) == before
    assert vars(changed) == {**before, attribute: value}
    assert changed(4) == 8


def test_every_keyword_of_the_decorator_but_the_name_is_an_option() -> None:
    keywords = set(with_attributes.__annotations__) - {"name", "return"}
    assert keywords <= {option for option, _, _ in OPTIONS}


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match=r"'timeout' is not an option of an activity.*heartbeat_timeout.*version"):
        with_attributes()(double).options(timeout=3)


def test_options_do_not_replace_the_definition() -> None:
    definition = Activity(double, name="tests.activity.options")
    definition.options(version="2")
    assert registry[None]["tests.activity.options"] is definition


def test_the_priority_that_is_not_set_is_one_object() -> None:
    definition = with_attributes()(double)
    assert definition.options(version="2").task_priority is definition.task_priority is PRIORITY_NOT_SET
    assert definition.options(priority=None).task_priority is None


# -- context


def test_the_context_is_that_of_the_task_being_executed() -> None:
    definition = with_attributes()(double)
    assert definition.context is None

    def execute() -> Any:
        current_context.set({"activity_id": "double-1"})
        return definition.context

    assert contextvars.Context().run(execute) == {"activity_id": "double-1"}
    assert definition.context is None


# -- retries


@pytest.mark.parametrize(("retry", "attempts"), [(0, 1), (3, 4), (None, 1)])
def test_a_number_of_retries_is_a_policy(retry: int | None, attempts: int) -> None:
    policy = RetryPolicy.of(retry)
    assert policy == RetryPolicy(attempts=attempts)
    assert policy.delay(1, 0.5) == 0


def test_a_policy_is_itself() -> None:
    policy = RetryPolicy(attempts=2, interval=1)
    assert RetryPolicy.of(policy) is policy


@pytest.mark.parametrize(
    ("policy", "delays"),
    [
        (RetryPolicy(attempts=9, interval=3), [3, 6, 12, 24]),
        (RetryPolicy(attempts=9, interval=3, backoff=1), [3, 3, 3, 3]),
        (RetryPolicy(attempts=9, interval=3, maximum=10), [3, 6, 10, 10]),
        (RetryPolicy(attempts=9, interval=8, backoff=0.5), [8, 4, 2, 1]),
        (RetryPolicy(attempts=9, interval=8, backoff=0), [8, 0, 0, 0]),
        (RetryPolicy(attempts=9, interval=0, backoff=3), [0, 0, 0, 0]),
    ],
)
def test_delays(policy: RetryPolicy, delays: list[float]) -> None:
    assert [policy.delay(attempt, 0.99) for attempt in (1, 2, 3, 4)] == delays


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 10.0), (0.5, 12.5)])
def test_jitter_makes_a_wait_longer(chance: float, delay: float) -> None:
    policy = RetryPolicy(attempts=3, interval=4, backoff=10, maximum=10, jitter=0.5)
    assert policy.delay(2, chance) == delay


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attempts": 0}, "attempts is 0"),
        ({"interval": -1}, "interval is -1"),
        ({"backoff": float("nan")}, "backoff is nan"),
        ({"backoff": -0.5}, "backoff is -0.5"),
        ({"jitter": -1}, "jitter is -1"),
    ],
)
def test_policies_that_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RetryPolicy(**wrong)


def test_a_negative_retry_is_found_at_the_definition() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        with_attributes(retry=-1)(double)


@pytest.mark.parametrize(
    ("excluded", "types", "excludes"),
    [
        ((ValueError,), {"ValueError"}, True),
        ((ValueError,), {"builtins.ValueError", "TaskFailed"}, True),
        ((ValueError,), {"KeyError", "TaskFailed"}, False),
        (("mine.Broken",), {"mine.Broken"}, True),
        (("Broken",), {"mine.Broken"}, False),
        (("KeyError", ValueError), {"ValueError"}, True),
        (("TimeoutError",), {"TimeoutError", "HEARTBEAT"}, True),
        ((), {"ValueError"}, False),
        ((ValueError,), set(), False),
    ],
)
def test_errors_that_are_not_tried_again(excluded: Any, types: set[str], excludes: bool) -> None:
    assert RetryPolicy(attempts=2, except_on=excluded).excludes(types) is excludes


def test_a_policy_does_not_change() -> None:
    with pytest.raises(AttributeError):
        RetryPolicy().attempts = 5  # type: ignore[misc]


def test_a_policy_waits_no_longer_than_its_maximum_however_often() -> None:
    assert RetryPolicy(attempts=5000, interval=1, maximum=60).delay(1100, 0) == 60
    assert RetryPolicy(attempts=5000, interval=1).delay(1100, 0) == 365 * 24 * 3600


@pytest.mark.parametrize("excluded", ["ValueError", ValueError])
def test_one_type_alone_may_be_excluded(excluded: Any) -> None:
    assert RetryPolicy(2, except_on=excluded).excludes({"ValueError"})


def test_options_refuse_a_bad_retry() -> None:
    with pytest.raises(ValueError, match="attempts is 0"):
        with_attributes()(double).options(retry=-1)
