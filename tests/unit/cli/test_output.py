import io

import pytest

from simpleflow.cli.output import LineWatcher, write_last_line


@pytest.mark.parametrize(
    ("before", "written"),
    [
        ([], "4\n"),
        (["text\n"], "text\n4\n"),
        (["te", "xt"], "text\n4\n"),
        (["text\n", ""], "text\n4\n"),
    ],
)
def test_the_result_is_a_line_of_its_own(before: list[str], written: str) -> None:
    stream = io.StringIO()
    stdout = LineWatcher(stream)
    stdout.writelines(before)
    write_last_line(stdout, "4")
    assert stream.getvalue() == written


@pytest.mark.parametrize(("encoding", "written"), [("utf-8", '"é"\n'), ("ascii", '"\\u00e9"\n')])
def test_the_result_is_written_in_the_encoding_of_stdout(encoding: str, written: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding)
    write_last_line(LineWatcher(stream), '"é"')
    assert raw.getvalue().decode(encoding) == written
