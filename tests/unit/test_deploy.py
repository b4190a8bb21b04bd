"""The policies of docs/deploy.rst allow what the code does, and no more."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "simpleflow"
MODEL = botocore.session.Session().get_service_model("swf")
#: What stands behind the service is not its client; these parts call the service's core and not SWF.
NOT_CLIENTS = {"service", "local", "testing"}
DECIDER = ("swf/decider.py", "swf/work.py", "swf/types.py", "cli/decider.py")
WORKER = ("swf/worker.py", "swf/heartbeats.py", "swf/activity_work.py", "cli/worker.py")
#: `type.list` puts these names together.
COMPOSED = {"swf:ListActivityTypes", "swf:ListWorkflowTypes"}
#: A decision that simpleflow does not make.
LAMBDA = "ScheduleLambdaFunction"


@cache
def actions() -> list[set[str]]:
    """The actions of each policy, in the order of the page."""
    text = (ROOT / "docs" / "deploy.rst").read_text()
    found = []
    for block in re.findall(r"\.\. code-block:: json\n\n((?:   .*\n|\n)+)", text):
        policy: dict[str, Any] = json.loads(block)
        listed = [action for statement in policy["Statement"] for action in statement["Action"]]
        assert len(listed) == len(set(listed)), "an action is named twice"
        assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
        found.append(set(listed))
    return found


def called(*files: Path) -> set[str]:
    """The operations of SWF that are named in these files."""
    words = {word for file in files for word in re.findall(r'"([A-Z]\w+)"', file.read_text())}
    return {f"swf:{word}" for word in words & set(MODEL.operation_names)}


def decisions() -> set[str]:
    kinds = set(MODEL.shape_for("DecisionType").enum) - {LAMBDA}
    return {f"swf:{kind}" for kind in kinds}


def test_deciders() -> None:
    needed = called(*(PACKAGE / name for name in DECIDER)) - {"swf:RegisterDomain"}  # the page says why
    assert actions()[0] == needed | decisions()


def test_workers() -> None:
    assert actions()[1] == called(*(PACKAGE / name for name in WORKER))


def test_everybody_together() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in NOT_CLIENTS]
    assert actions()[0] | actions()[1] | actions()[2] == called(*files) | decisions() | COMPOSED


def test_the_store_of_payloads() -> None:
    assert actions()[3] == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
