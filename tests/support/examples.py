"""The examples: the commands that their docstrings give, and what each of them tells."""

from __future__ import annotations

import importlib
import shlex
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import s3_server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py") if path.stem != "__init__")


@dataclass(frozen=True)
class Told:
    """What a command writes: the result as the last line of stdout, ``printed`` before it, ``error`` on stderr."""

    result: Any = None
    printed: tuple[str, ...] = ()
    error: str = ""


def statistics_of(directory: Path, most: int) -> dict[str, Any]:
    """What the source statistics should say, counted by tokens instead of trees."""
    paths = list(directory.rglob("*.py"))
    words: Counter[str] = Counter()
    imports: Counter[str] = Counter()
    for path in paths:
        for statement in statements(path):
            words.update(word for word in statement if word in ("def", "class"))
            match statement:
                case ["from", module, *_] if not module.startswith("."):
                    imports[module] += 1
                case ["import", *names]:
                    imports.update(name for before, name in zip([",", *names], names, strict=False) if before == ",")
    return {
        "files": len(paths),
        "lines": sum(len(path.read_text().splitlines()) for path in paths),
        "functions": words["def"],
        "classes": words["class"],
        "imports": [list(item) for item in sorted(imports.items(), key=lambda item: (-item[1], item[0]))[:most]],
    }


def statements(path: Path) -> Iterator[list[str]]:
    """The logical lines of a file, as the texts of their tokens."""
    statement: list[str] = []
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.NAME, tokenize.OP, tokenize.STRING, tokenize.NUMBER):
                # a text is no keyword, whatever it says
                statement.append(token.string if token.type != tokenize.STRING else "text")
            elif token.type == tokenize.NEWLINE:
                yield statement
                statement = []


#: For each example what its commands tell, in their order, given the directory in which they are run.
EXPECTED: dict[str, tuple[Told | Callable[[Path], Told], ...]] = {
    "async_workflow": (Told(14),),
    "basic": (Told(4, printed=("(1 + 1) * 2 = 4",)),),
    "canvas": (
        Told(
            {
                "side by side": [2, [3, 12]],
                "pipeline": [2, 20, [20, 21, 22], 63],
                "failures": [[None], [None, 2, 6], [[None], 2, 6], [[[None]], 6]],
            }
        ),
        Told([4, 9, 13]),
    ),
    "child_workflow": (
        Told(
            {
                "squares": [9, 81],
                "named": {"id": "child-of-3", "tags": ["one", "two"], "square": 9},
                "ran once": True,
            }
        ),
    ),
    "continue_as_new": (Told(55),),
    "download1": (Told("hello, world"),),
    "download2": (Told(["hello, world", "welcome back, world"]),),
    "dyn_task_list": (Told(["hello, world", "hello, eu", "hello, us"]),),
    "failing": (
        Told(
            {
                "silent": None,
                "reason": "ZeroDivisionError: division by zero",
                "hopeless": None,
                "corrected": 5.0,
                "raised": "ZeroDivisionError: division by zero",
                "failures": ["TypeError 1", *["ZeroDivisionError 1"] * 3, "ZeroDivisionError 2", "ZeroDivisionError 3"],
            }
        ),
        Told(error="ZeroDivisionError: division by zero"),
    ),
    "jumbo_fields": (Told({"length": 50_000, "begins": "LONG"}),),
    "marker": (
        Told(
            {
                "last of each name": {"progress": {"step": 2}, "finished": None},
                "all": ["progress", "progress", "finished"],
            }
        ),
    ),
    "middleware": (
        Told(
            22,
            printed=tuple(
                f"activity-examples.middleware.increment-{n} {what}"
                for n in (1, 2)
                for what in ("begins", f"gives {20 + n}")
            ),
        ),
    ),
    "priorities": (
        Told(
            [
                "the workflow's priority",
                "its own priority",
                "no priority",
                "its own priority",
                "its own priority",
            ]
        ),
    ),
    "signals": (Told({"opened with": [1], "closed by": "the customer", "total": 10}),),
    "source_statistics": (lambda directory: Told(statistics_of(directory / "simpleflow", 5)),),
    "step": (Told([["load", "completed", False], ["load.index", "completed", True], ["report", "completed", False]]),),
    "timer": (Told({"message": "the alarm rings", "in time": True, "year": "CANCELLED", "hours": 0}),),
    "wait_any": (Told({"first": "OSLO", "in order": ["OSLO", "ROME", "LISBON"], "in time": 0, "cancelled": True}),),
}


#: Buckets of the examples that need S3, by the setting that names them.
BUCKETS = {"SIMPLEFLOW_JUMBO_FIELDS_BUCKET": "example-jumbo-fields", "STEP_BUCKET": "example-steps"}

#: Objects that they need.
OBJECTS = {
    "example-programs/greet-1": '#!/bin/sh\necho "hello, $1"\n',
    "example-programs/greet-2": '#!/bin/sh\necho "welcome back, $1"\n',
}


def furnish(url: str, directory: Path) -> dict[str, str]:
    """Puts what examples need of S3 onto a server; the settings that lead them there."""
    s3_server.put(url, *BUCKETS.values(), *{path.partition("/")[0] for path in OBJECTS})
    for path, body in OBJECTS.items():
        s3_server.put(url, path, body=body)
    return {**BUCKETS, "AWS_ENDPOINT_URL_S3": url, "SIMPLEFLOW_BINARIES_DIRECTORY": str(directory / "binaries")}


def commands_of(example: str) -> list[list[str]]:
    """The arguments of the commands in the docstring of an example."""
    text = importlib.import_module(f"examples.{example}").__doc__ or ""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("simpleflow ")]


def expected(example: str, number: int, directory: Path = ROOT) -> Told:
    """What the command with this number, from 0, tells in a directory that holds the package."""
    told = EXPECTED[example][number]
    return told if isinstance(told, Told) else told(directory)


#: Every command of every example.
COMMANDS = [(example, number) for example, told in EXPECTED.items() for number in range(len(told))]
