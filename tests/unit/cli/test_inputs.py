from typing import Any

import pytest

from simpleflow.cli.inputs import parse_input
from simpleflow.cli.output import Refusal


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("[1, 5]", [1, 5], {}),
        ("[]", [], {}),
        ('{"args": [1]}', [1], {}),
        ('{"kwargs": {"x": 1}}', [], {"x": 1}),
        ('{"args": [1], "kwargs": {"t": 5}}', [1], {"t": 5}),
        ("{}", [], {}),
        (" [null]\n", [None], {}),
    ],
)
def test_the_forms_of_an_input(text: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    assert parse_input(text, "--input") == (args, kwargs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--input is not JSON: Expecting value at line 1, column 1, at the end."),
        ("[1 5]", "--input is not JSON: Expecting ',' delimiter at line 1, column 4, before '5]'."),
        ("[1,\n x]", "--input is not JSON: Expecting value at line 2, column 2, before 'x]'."),
        ("[NaN]", "--input is not JSON: NaN is no number of JSON; use null or leave it out."),
        ("[" * 100_000, "--input nests too deep."),
        ("7", "--input is 7; expected '[1, 5]'"),
        ('{"x": 1}', "--input has the key 'x'; expected '[1, 5]'"),
        ('{"args": {"x": 1}}', "--input: args has to be a list and kwargs an object; expected '[1, 5]'"),
        ('{"kwargs": [1]}', "--input: args has to be a list and kwargs an object; expected '[1, 5]'"),
    ],
)
def test_a_wrong_input_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_input(text, "--input")
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2
