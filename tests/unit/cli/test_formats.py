"""Listings in every format."""

from __future__ import annotations

import csv
import io
import json
import re
import weakref
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from simpleflow.cli.exits import Refusal
from simpleflow.cli.formats import FORMATS
from simpleflow.cli.output import Listing, Output, Row, write
from simpleflow.utils import serialize_complex_object

COLUMNS = ("Workflow ID", "Status", "Start", "Time", "Tags", "Open", "Input")
BERLIN = timezone(timedelta(hours=2))
ROWS: list[Row] = [
    {
        "Workflow ID": "häufig\n\x1b[2J",
        "Status": "FAILED",
        "Start": datetime(2026, 8, 4, 23, 4, 34, 510_000, BERLIN),
        "Time": 102.2049,
        "Tags": ["a", "b,c"],
        "Open": True,
        "Input": {"args": [1, "é"], "kwargs": {}},
    },
    {
        "Workflow ID": "1e5",
        "Status": "OPEN",
        "Start": None,
        "Time": 0,
        "Tags": [],
        "Open": False,
        "Input": '"text", quoted',
    },
]


class Stream(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8", terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def written(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


def shown(
    monkeypatch: pytest.MonkeyPatch, listing: Listing | None = None, stream: Stream | None = None, **options: Any
) -> str:
    stream = stream or Stream()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        write(listing or Listing(COLUMNS, iter(ROWS)), Output(utc=True).but(**options))
    return stream.written()


def test_tabular(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, header=True).splitlines() == [
        "Workflow ID      Status    Start                       Time  Tags    Open    Input",
        r'häufig\n\x1b[2J  FAILED    2026-08-04T21:04:34.510Z  102.20  a,b,c   True    {"args":[1,"é"],"kwargs":{}}',
        '1e5              OPEN                                     0          False   "text", quoted',
    ]
    assert shown(monkeypatch).splitlines()[0].startswith("häufig")


def test_an_empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Listing(("A", "B"), [])
    assert shown(monkeypatch, empty) == ""
    assert shown(monkeypatch, empty, header=True).split() == ["A", "B"]
    assert shown(monkeypatch, empty, format="csv") == "A,B\n"
    assert shown(monkeypatch, empty, format="json") == "[]\n"
    assert shown(monkeypatch, empty, format="jsonl") == shown(monkeypatch, empty, format="human") == ""


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_separated_values_have_their_header_and_are_exact(
    format: str, delimiter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(monkeypatch, format=format)
    header, first, second = csv.reader(io.StringIO(text), delimiter=delimiter)
    assert tuple(header) == COLUMNS
    assert first == [
        "häufig\n\x1b[2J",
        "FAILED",
        "2026-08-04T21:04:34.510Z",
        "102.2049",
        "a,b,c",
        "True",
        '{"args":[1,"é"],"kwargs":{}}',
    ]
    assert second == ["1e5", "OPEN", "", "0", "", "False", '"text", quoted']
    assert text == "\n".join([delimiter.join(COLUMNS), shown(monkeypatch, format=format, header=False)])


def test_no_limit_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, limit=10**30) == shown(monkeypatch)


def test_human_prints_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = shown(monkeypatch, format="human").split("\n\n")
    assert first.splitlines()[:2] == [r"Workflow ID  häufig\n\x1b[2J", "Status       FAILED"]
    assert second.splitlines()[-1] == 'Input        "text", quoted'
    assert len(first.splitlines()) == len(second.splitlines()) == len(COLUMNS)


@pytest.mark.parametrize("format", ["json", "prettyjson", "jsonl"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_rows_are_objects_whose_values_have_types(format: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, format=format, stream=Stream(encoding))
    objects = [json.loads(line) for line in text.splitlines()] if format == "jsonl" else json.loads(text)
    assert objects == [{**ROWS[0], "Start": "2026-08-04T21:04:34.510Z"}, dict(ROWS[1])]
    assert [tuple(row) for row in objects] == [COLUMNS, COLUMNS]
    assert (len(text.splitlines()) > 10) == (format == "prettyjson")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_what_the_terminal_cannot_show_is_no_error(format: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(("A",), [{"A": "日本 \ud800"}])
    text = shown(monkeypatch, listing, Stream(encoding), format=format)
    assert "\\ud800" in text
    assert ("日本" in text) == (encoding == "utf-8")
    if format == "jsonl":
        assert json.loads(text) == {"A": "日本 \ud800"}


def test_times_are_in_the_local_zone_unless_utc_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = Listing(("T",), [{"T": datetime(2026, 1, 1, 12, tzinfo=BERLIN)}])
    local = shown(monkeypatch, listing, format="jsonl", utc=False)
    assert datetime.fromisoformat(json.loads(local)["T"].replace("Z", "+00:00")) == listing.rows[0]["T"]  # type: ignore[index]
    assert shown(monkeypatch, listing) == "2026-01-01T10:00:00.000Z\n"


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl"])
def test_the_first_row_is_printed_before_the_second_is_asked_for(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()

    def rows() -> Iterator[Row]:
        yield {"A": "first"}
        assert b"first" in stream.buffer.getvalue()  # type: ignore[attr-defined]
        yield {"A": "second"}

    assert "second" in shown(monkeypatch, Listing(("A",), rows()), stream, format=format)


class Kept:
    """A value that tells how many of its kind there are."""

    alive: weakref.WeakSet[Kept] = weakref.WeakSet()

    def __init__(self) -> None:
        self.alive.add(self)


@serialize_complex_object.register
def _(value: Kept) -> str:
    return "kept"


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl"])
def test_rows_that_are_printed_are_kept_no_longer(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0

    def rows() -> Iterator[Row]:
        nonlocal most
        for _ in range(50):
            yield {"A": Kept()}
            most = max(most, len(Kept.alive))

    listing = Listing(("A",), rows(), rows() if format == "jsonl" else None)
    assert shown(monkeypatch, listing, format=format).count("kept") == 50
    assert most <= 3


@pytest.mark.parametrize("format", FORMATS)
def test_no_more_rows_are_read_than_shown(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Iterator[Row]:
        yield {"A": "first"}
        yield {"A": "second"}
        raise AssertionError("asked for a third")

    text = shown(monkeypatch, Listing(("A",), rows()), format=format, limit=2)
    assert "second" in text


@pytest.mark.parametrize("format", FORMATS)
def test_columns_are_chosen_by_name(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, format=format, columns=("STATUS", "workflow-id"), header=True)
    assert "OPEN" in text and "2026" not in text
    if format == "csv":
        assert text.splitlines()[0] == "Status,Workflow ID"
    if format == "jsonl":
        assert list(json.loads(text.splitlines()[1])) == ["Status", "Workflow ID"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("n", [1, 2, 10, None]),
        ("-n", [10, 2, 1, None]),
        ("N", [1, 2, 10, None]),
        ("at", [10, 1, None, 2]),
        ("name", [2, 10, 1, None]),
        ("-mixed", [None, 1, 2, 10]),
    ],
)
def test_rows_are_sorted_by_their_values(sort: str, expected: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    day = datetime(2026, 1, 1, tzinfo=timezone.utc)
    rows = [
        {"N": 10, "At": day, "Name": "b", "Mixed": 1},
        {"N": 2, "At": None, "Name": "B", "Mixed": 2},
        {"N": None, "At": day + timedelta(2), "Name": "d", "Mixed": ["list"]},
        {"N": 1, "At": day + timedelta(1), "Name": "c", "Mixed": day},
    ]
    text = shown(monkeypatch, Listing(("N", "At", "Name", "Mixed"), rows), format="json", sort=sort, columns=("n",))
    found = [row["N"] for row in json.loads(text)]
    assert found == expected


@pytest.mark.parametrize("option", [{"columns": ("Nothing",)}, {"sort": "nothing"}])
def test_an_unknown_column_is_refused_with_those_that_there_are(
    option: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refusal, match="there are: workflow-id, status, start"):
        shown(monkeypatch, **option)


@pytest.mark.parametrize(
    ("color", "terminal", "variables", "colored"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {}, False),
    ],
)
def test_states_are_coloured_for_people(
    color: str, terminal: bool, variables: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for format in FORMATS:
        text = shown(
            monkeypatch, Listing(("A",), [{"A": "FAILED"}]), Stream(terminal=terminal), format=format, color=color
        )
        assert ("\x1b[31mFAILED\x1b[0m" in text) == (colored and format in ("tabular", "human")), format


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("terminal", [True, False])
def test_who_waits_for_rows_is_told_so(format: str, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, if a person watches, and not where rows show as they come."""
    stderr = Stream(terminal=terminal)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")
    text = shown(monkeypatch, Listing(("A",), iter([{"A": "first"}]), activity="searching"), format=format)
    assert "first" in text and "searching" not in text
    assert ("searching" in stderr.written()) == (terminal and format not in ("csv", "tsv", "jsonl"))


@pytest.mark.parametrize("format", ["json", "prettyjson", "jsonl"])
def test_objects_stand_for_rows_in_json(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def listing() -> Listing:
        return Listing(("A",), [{"A": 1}, {"A": 2}], [{"whole": 1}, {"whole": 2}])

    assert "whole" in shown(monkeypatch, listing(), format=format)
    assert "whole" not in shown(monkeypatch, listing(), format="csv")
    assert '"A"' in shown(monkeypatch, listing(), format=format, columns=("a",))


def test_the_formats_are_documented() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "commands.rst").read_text()
    listed = re.findall(r"\* - (``\w+``(?:, ``\w+``)*)\n", page)
    assert sorted(re.findall(r"\w+", " ".join(listed))) == sorted(FORMATS)
