import io

import click
import pytest

from simpleflow.cli.output import LineWatcher, write_last_line, write_started


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


def test_what_was_started_is_told_where_stdout_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", full)
        with pytest.raises(click.ClickException) as told:
            write_started("w", "r", "to go on: x")
    assert told.value.message == (
        "cannot write to stdout: No space left on device; the execution w r was started.\nto go on: x"
    )
