import json

import pytest

from simpleflow.process.outcome import Died


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (3, "exit code 3"),
        (0, "exit code 0"),
        (-11, "exit code -11 (SIGSEGV)"),
        (-9, "exit code -9 (SIGKILL, perhaps for lack of memory)"),
        (-40, "exit code -40 (signal 40)"),
    ],
)
def test_a_death_is_a_failure_that_tells_how(status: int, how: str) -> None:
    failure = Died(12, status).failure()
    assert failure.reason == f"process 12 died: {how}"
    assert json.loads(failure.details) == {
        "error": "Died",
        "error_type": "simpleflow.process.outcome.Died",
        "message": f"process 12 died: {how}",
        "traceback": "",
    }
