"""Other packages, each in an environment of its own, made once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

VERSION = "0.36.0"


def prepared(name: str = "simpleflow", *requirements: str) -> Path:
    """The interpreter of an environment with ``requirements``, by default the existing package.

    Raises SystemExit if they cannot be installed.
    """
    requirements = requirements or (f"{name}=={VERSION}",)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    tag = f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(" ".join(requirements).encode()).hexdigest()[:8]
    folder = cache / "simpleflow-benchmarks" / f"{name}-{digest}-{tag}"
    ready, python = folder / "ready", folder / "bin" / "python"
    if not ready.exists():
        print(f"installing {' '.join(requirements)} into {folder}", file=sys.stderr)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--quiet", *requirements],
        ):
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
                raise SystemExit(f"benchmark: {' '.join(command)} failed; it needs a package index to compare with.")
        ready.touch()
    return python


class Existing:
    """The existing package at work: one process, one request after the other."""

    def __init__(self) -> None:
        variables = {
            **os.environ,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "LOG_LEVEL": "CRITICAL",
        }
        variables.pop("PYTHONPATH", None)
        script = Path(__file__).with_name("existing.py")
        self._process = subprocess.Popen(
            [str(prepared()), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=variables,
            cwd=script.parent,
        )

    def ask(self, **request: Any) -> dict[str, list[float]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("benchmark: the existing package gave up; see above.")
        answer: dict[str, list[float]] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
