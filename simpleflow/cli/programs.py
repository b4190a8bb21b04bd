"""The programs of an activity, which its decorator names: ``meta={"binaries": {"ffmpeg": "s3://bucket/key"}}``."""

from __future__ import annotations

import importlib
from typing import Any

from ..registry import registry

#: The middleware with which every worker begins.
FETCH = f"{__name__}.fetch"


def fetch(context: dict[str, Any]) -> None:
    """Fetch them and put them first on the PATH. What an input says of programs is not read."""
    meta = registry[None][context["name"]].meta or {}
    if meta.get("binaries"):
        download = importlib.import_module("simpleflow.download")  # boto3, for few activities
        download.download_binaries(meta["binaries"])
