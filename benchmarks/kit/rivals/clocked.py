"""What the rivals have in common; it needs nothing but the standard library."""

from __future__ import annotations

import json
import time
from collections.abc import Callable


def clocked(shape: str, run: Callable[[], int]) -> None:
    begin = time.perf_counter()
    result = run()
    print(json.dumps({"shape": shape, "seconds": time.perf_counter() - begin, "result": result}), flush=True)
