"""A piece of real work: what the Python files below a directory are made of, and which modules they import most.

Each file is one activity, a few of them at a time; their counts are merged eight by eight until one is left.

simpleflow workflow.start --local examples.source_statistics.SourceStatisticsWorkflow --input '["simpleflow"]'
"""

import ast
from collections import Counter
from pathlib import Path

from simpleflow import Workflow, activity
from simpleflow.canvas import Group

AT_A_TIME = 8


@activity.with_attributes(task_list="quickstart", version="example", raises_on_failure=True)
def list_sources(directory):
    paths = sorted(str(path) for path in Path(directory).rglob("*.py"))
    if not paths:
        raise FileNotFoundError(f"there is no Python file below {directory!r}")
    return paths


@activity.with_attributes(task_list="quickstart", version="example", raises_on_failure=True)
def count(path):
    text = Path(path).read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text, path)))
    return {
        "files": 1,
        "lines": len(text.splitlines()),
        "functions": sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in nodes),
        "classes": sum(isinstance(node, ast.ClassDef) for node in nodes),
        "imports": Counter(module for node in nodes for module in imported(node)),
    }


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module.partition(".")[0]]
    return []


@activity.with_attributes(task_list="quickstart", version="example", raises_on_failure=True)
def merge(counts):
    merged = {key: sum(each[key] for each in counts) for key in ("files", "lines", "functions", "classes")}
    return {**merged, "imports": sum((Counter(each["imports"]) for each in counts), Counter())}


class SourceStatisticsWorkflow(Workflow):
    name = "source_statistics"
    version = "example"
    task_list = "example"

    def run(self, directory, most=5):
        paths = self.submit(list_sources, directory).result
        counts = self.submit(Group(*((count, path) for path in paths), max_parallel=AT_A_TIME)).result
        while len(counts) > 1:
            heaps = (counts[i : i + AT_A_TIME] for i in range(0, len(counts), AT_A_TIME))
            counts = self.submit(Group(*((merge, heap) for heap in heaps), max_parallel=AT_A_TIME)).result
        [statistics] = counts
        by_use = sorted(statistics["imports"].items(), key=lambda item: (-item[1], item[0]))
        return {**statistics, "imports": by_use[:most]}
