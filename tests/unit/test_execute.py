"""Functions, classes and programs in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simpleflow import execute
from simpleflow.activity import current_context
from simpleflow.exceptions import ExecutionError, ExecutionTimeoutError
from simpleflow.process.perform import ActivityCallData, Completed, Failed, perform
from tests.support import executed
from tests.support.processes import is_alive, wait_until


def told_by(call: Any, *args: Any) -> dict[str, str]:
    with pytest.raises(ExecutionError) as caught:
        call(*args)
    told: dict[str, str] = json.loads(caught.value.args[0])
    return told


# -- python


def test_a_function_runs_in_a_process_of_its_own() -> None:
    pid, args, kwargs = executed.pid_and(1, "é", rows=[{"a": None}], context="mine", func=2)
    assert pid != os.getpid()
    assert (args, kwargs) == ([1, "é"], {"rows": [{"a": None}], "context": "mine", "func": 2})


def test_long_arguments_and_results_pass() -> None:
    long = "x" * 3_000_000
    assert executed.pid_and(long)[1] == [long]


def test_what_it_wraps_is_kept() -> None:
    assert executed.pid_and.__wrapped__.__name__ == "pid_and"
    assert execute.get_name(executed.pid_and) == "tests.support.executed.pid_and"


def test_an_activity_of_a_function() -> None:
    call = ActivityCallData("tests.support.executed.as_activity", "default", "activity-1", '{"args": [2]}')
    assert perform(call) == Completed('[3,"activity-1"]')


def test_an_activity_of_a_class_has_its_context() -> None:
    token = current_context.set({"activity_id": "activity-2"})
    try:
        assert executed.AsClass(4) == [8, {"activity_id": "activity-2"}]
    finally:
        current_context.reset(token)


def test_an_error_arrives_with_its_traceback() -> None:
    told = told_by(executed.raises, "bad news")
    assert (told["error"], told["message"]) == ("OwnError", "bad news \\udc80")
    assert told["error_type"] == "tests.support.executed.OwnError"
    assert "raise OwnError(text + " in told["traceback"] and "simpleflow/execute.py" not in told["traceback"]


def test_an_activity_fails_as_its_process_did() -> None:
    failed = perform(ActivityCallData("x.y", "v", "id", '["no"]'), activity=_activity(executed.raises))
    assert isinstance(failed, Failed)
    assert failed.reason == "OwnError: no \\udc80"
    assert json.loads(failed.details)["error"] == "OwnError"


def _activity(target: Any) -> Any:
    from simpleflow.activity import Activity

    return Activity(target, name=f"tests.unit.test_execute.{target.__name__}")


@pytest.mark.parametrize(
    ("call", "args", "message"),
    [
        (executed.leaves, [3], "the activity called sys.exit(3); let it return a result, or raise an error."),
        (executed.is_killed, [], "the process of tests.support.executed.is_killed died: SIGKILL"),
        (executed.has_no_json, [], "value is of type object, which has no JSON form"),
    ],
)
def test_every_other_end_is_an_error_too(call: Any, args: list[Any], message: str) -> None:
    assert message.split(",")[0] in told_by(call, *args)["message"]


@pytest.mark.parametrize(("how", "code"), [("return", 0), ("exit", 3), ("raise", 1)])
def test_what_it_forks_tells_nothing(how: str, code: int) -> None:
    assert executed.forks(how) == f"the fork ended with {code}"


def test_a_timeout_ends_the_process() -> None:
    with pytest.raises(ExecutionTimeoutError) as caught:
        executed.hangs()
    assert caught.value.timeout_value == 0.5
    assert str(caught.value) == "tests.support.executed.hangs did not end within 0.5 s"


def test_an_environment_that_is_given_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "not for everybody")
    assert executed.environment("EXECUTED_WITH") == "this"
    assert executed.environment("A_SECRET") is None


def test_children_end_with_it() -> None:
    assert not is_alive(executed.leaves_a_child())


def test_children_end_when_it_is_told_to_end(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    function = execute.get_name(executed.hangs_with_a_child)
    given = json.dumps({"args": [str(told)]})
    command = [sys.executable, "-m", "simpleflow.execute", function, given, "--kill-children"]
    with subprocess.Popen(command) as process:
        wait_until(lambda: told.exists() and told.read_text(), "the child of the function")
        process.terminate()
    assert not is_alive(int(told.read_text()))


def test_an_interpreter_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match="no-such-python"):
        executed.without_interpreter()


def test_what_no_other_process_finds() -> None:
    with pytest.raises(ValueError, match="another process cannot import"):
        execute.python()(lambda: 1)()


def test_the_module_can_be_called_by_hand() -> None:
    command = [sys.executable, "-m", "simpleflow.execute", "operator.add"]
    done = subprocess.run([*command, '{"args": [1, 2]}'], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "3\n")
    done = subprocess.run([*command, '{"args": [1]}'], capture_output=True, text=True)
    assert done.returncode == 1
    assert json.loads(done.stderr.splitlines()[-1])["error"] == "TypeError"


def test_wait_subprocess_gives_the_status() -> None:
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as process:
        assert execute.wait_subprocess(process, timeout=30) == 7


# -- program


@execute.program(path=sys.executable, argument_format=lambda *args, **kwargs: list(map(str, args)))
def interpreter(flag: str, code: str) -> str:
    raise AssertionError("the body is not used")


def test_a_program_gives_what_it_prints() -> None:
    assert interpreter("-c", "print('hello')") == "hello\n"


def test_a_program_is_called_as_its_signature_says() -> None:
    with pytest.raises(TypeError, match="code"):
        interpreter("-c")


def test_a_program_that_fails() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        interpreter("-c", "raise SystemExit(2)")


def test_a_program_is_named_as_its_function() -> None:
    @execute.program()
    def echo(*args: str) -> str:
        raise AssertionError("the body is not used")

    assert echo("a", "b") == "a b\n"


def test_a_required_argument() -> None:
    @execute.program()
    def echo(word: Any = execute.RequiredArgument) -> str:
        raise AssertionError("the body is not used")

    with pytest.raises(TypeError, match=r"echo\(\) needs a value for word"):
        echo()
    assert echo("hi") == "hi\n"


def test_format_arguments() -> None:
    assert execute.format_arguments("in", 2, k="v", key="w") == ['-k="v"', '--key="w"', "in", "2"]


def test_format_arguments_json() -> None:
    assert execute.format_arguments_json(1, a="b") == '{"args":[1],"kwargs":{"a":"b"}}'


def test_a_format_may_give_one_argument() -> None:
    @execute.program(path="echo", argument_format=execute.format_arguments_json)
    def echo(*args: int) -> None: ...

    assert echo(1) == '{"args":[1],"kwargs":{}}\n'
