import contextvars
import logging

import pytest

from simpleflow import logging_context


@pytest.fixture(autouse=True)
def empty() -> None:
    logging_context.reset()


def test_set_get_reset() -> None:
    assert logging_context.get("domain") == ""
    logging_context.set("domain", "d")
    logging_context.set("event_id", 7)
    assert logging_context.get("domain") == "d"
    assert logging_context.values() == {"domain": "d", "event_id": "7"}
    logging_context.reset()
    assert logging_context.get("event_id") == ""


def test_unknown_keys_are_refused() -> None:
    for use in (lambda: logging_context.set("nothing", 1), lambda: logging_context.get("nothing")):
        with pytest.raises(KeyError, match="'nothing' is not in the logging context; it has activity_id,"):
            use()


def test_bound_values_are_for_a_while_and_alone() -> None:
    logging_context.set("domain", "d")
    with logging_context.bound(workflow_id="w", event_id=3):
        assert logging_context.values() == {"workflow_id": "w", "event_id": "3"}
    assert logging_context.values() == {"domain": "d"}
    with pytest.raises(KeyError, match="'nothing'"), logging_context.bound(nothing=1):
        pass


def test_shared_values_are_those_of_the_moment() -> None:
    shared = {"domain": "d"}
    logging_context.share(shared)
    shared["domain"] = "e"
    assert logging_context.get("domain") == "e"
    logging_context.set("run_id", "r")
    assert shared == {"domain": "e"}


def test_contexts_do_not_see_each_other() -> None:
    logging_context.set("domain", "outer")
    other = contextvars.copy_context()
    other.run(logging_context.set, "domain", "inner")
    assert logging_context.get("domain") == "outer"
    assert other.run(logging_context.get, "domain") == "inner"


def test_the_filter_drops_what_is_said_again() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "m", None, None)
    filter_ = logging_context.ReplayFilter()
    assert filter_.filter(record) is True
    token = logging_context.replaying.set(True)
    try:
        assert filter_.filter(record) is False
    finally:
        logging_context.replaying.reset(token)
    assert filter_.filter(record) is True
