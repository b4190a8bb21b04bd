"""S3 as it misbehaves, as activities and decisions meet it: the right one fails, clearly, and no value is wrong."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.s3_script import Script, scripted
from support.s3_server import forget

from simpleflow import Workflow, activity
from simpleflow.exceptions import DecisionAbandoned
from simpleflow.local.driver import Driver, Start
from simpleflow.payloads import jumbo, s3
from simpleflow.payloads.jumbo import location
from simpleflow.process.perform import ActivityCallData, Failed, perform

BODY = b'{"args":["' + b"x" * 40_000 + b'"],"kwargs":{}}'
REFERENCE = str(jumbo.named(location("bucket/prefix"), BODY))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "bucket/prefix")
    monkeypatch.setenv("SIMPLEFLOW_ENABLE_DISK_CACHE", "false")
    plain = s3.S3Store.__init__
    monkeypatch.setattr(s3.S3Store, "__init__", lambda self: plain(self, sleep=lambda seconds: None))
    with scripted() as server:
        server.body = BODY
        yield server


@activity.with_attributes(name="faults.echo", version="1", raises_on_failure=True)
def echo(value: str) -> str:
    return value


@activity.with_attributes(name="faults.long", version="1")
def long() -> str:
    return "x" * 40_000


class Asking(Workflow):
    name, version, task_list = "faults.asking", "1", "decisions"

    def run(self, value: Any = None) -> Any:
        try:
            return self.submit(self.wait_signal("s")).result["args"][0][:9]
        except Exception as error:
            return type(error).__name__


class Storing(Workflow):
    name, version, task_list = "faults.storing", "1", "decisions"

    def run(self) -> Any:
        try:
            return self.submit(echo, "x" * 40_000).result
        except Exception:
            return "the author must not see this"


def denied(script: Script) -> None:
    script.status, script.code = 403, "AccessDenied"


def no_bucket(script: Script) -> None:
    script.status, script.code = 404, "NoSuchBucket"


def no_object(script: Script) -> None:
    script.status, script.code = 404, "NoSuchKey"


def slow_down(script: Script) -> None:
    script.status, script.code = 503, "SlowDown"


def silent(script: Script) -> None:
    script.answers.clear()


def truncated(script: Script) -> None:
    script.body, script.length = BODY[:-1], len(BODY)


def another(script: Script) -> None:
    script.body = BODY.replace(b"x", b"y")


def shorter(script: Script) -> None:
    script.body = BODY[:-1]


#: What goes wrong, what it is called, and what it says besides where the object should be.
READING: list[tuple[Callable[[Script], None], str, str]] = [
    (denied, "PayloadGone", "or this process may not read it .*AccessDenied"),
    (no_bucket, "PayloadUnavailable", "NoSuchBucket"),
    (no_object, "PayloadGone", "there is no object .*NoSuchKey"),
    (slow_down, "PayloadUnavailable", "SlowDown"),
    (silent, "PayloadUnavailable", "Read timeout"),
    (truncated, "PayloadUnavailable", "Incomplete|broken|IncompleteRead"),
    (another, "PayloadWrong", "holds something else than was stored there"),
    (shorter, "PayloadWrong", "its reference says"),
]


@pytest.mark.parametrize(("spoil", "error", "told"), READING)
def test_an_activity_whose_input_cannot_be_read(
    script: Script, spoil: Callable[[Script], None], error: str, told: str
) -> None:
    call = ActivityCallData("faults.echo", "1", "id", REFERENCE)
    spoil(script)
    outcome = perform(call)
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(f"{error}: ")
    assert "s3://bucket/prefix/" in outcome.details
    assert re.search(told, outcome.details)


@pytest.mark.parametrize("spoil", [denied, no_bucket, slow_down, silent])
def test_an_activity_whose_result_cannot_be_stored(script: Script, spoil: Callable[[Script], None]) -> None:
    spoil(script)
    outcome = perform(ActivityCallData("faults.long", "1", "id", None))
    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("PayloadUnavailable: s3://bucket/prefix/")


def decided(workflow: type[Workflow], signal: str | None = None) -> Any:
    driver = Driver()
    driver.start(Start(workflow_class=workflow, input="{}"))
    if signal is not None:
        driver.signal("local", "s", signal)
    return driver.run().value


@pytest.mark.parametrize(("spoil", "error", "told"), READING)
def test_a_decision_that_needs_what_cannot_be_read(
    script: Script, spoil: Callable[[Script], None], error: str, told: str
) -> None:
    spoil(script)
    if error == "PayloadUnavailable":
        with pytest.raises(DecisionAbandoned, match=told):  # it is made again
            decided(Asking, REFERENCE)
    else:
        assert decided(Asking, REFERENCE) == error


@pytest.mark.parametrize("spoil", [denied, no_bucket, slow_down, silent])
def test_a_decision_that_cannot_store(script: Script, spoil: Callable[[Script], None]) -> None:
    spoil(script)
    with pytest.raises(DecisionAbandoned, match=r"s3://bucket/prefix/"):
        decided(Storing)


def test_it_works_again(script: Script) -> None:
    slow_down(script)
    with pytest.raises(DecisionAbandoned):
        decided(Asking, REFERENCE)
    script.status, script.code = 200, ""
    forget()
    assert decided(Asking, REFERENCE) == "x" * 9
