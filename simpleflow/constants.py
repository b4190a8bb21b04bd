"""Numbers that several parts share. Those that depend on SIMPLEFLOW_ENV are looked up when they are used."""

from __future__ import annotations

from typing import Any

from . import settings

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: Characters that the fields of SWF hold.
MAX_INPUT_LENGTH = MAX_RESULT_LENGTH = MAX_CONTROL_LENGTH = MAX_DETAILS_LENGTH = MAX_EXECUTION_CONTEXT_LENGTH = 32_768
MAX_HEARTBEAT_DETAILS_LENGTH = 2_048
MAX_REASON_LENGTH = MAX_IDENTITY_LENGTH = 256

#: What a reference to a text outside the history begins with, if the text is in S3.
JUMBO_FIELDS_PREFIX = "simpleflow+s3://"
#: Bytes of the longest text that is stored outside the history.
JUMBO_FIELDS_MAX_SIZE = 5 * 1024**2
CACHE_DIR = "/tmp/simpleflow-cache"

#: ``production``, or ``test`` for limits that a test can reach.
SIMPLEFLOW_ENV: str
#: Decisions in one response.
MAX_DECISIONS: int
#: Open activities of one execution; SWF_MAX_OPEN_ACTIVITY_COUNT in production.
MAX_OPEN_ACTIVITY_COUNT: int
#: Bytes of one response.
MAX_REQUEST_SIZE: int

_PRODUCTION = {"MAX_DECISIONS": 100, "MAX_REQUEST_SIZE": 1_000_000}
_TEST = {"MAX_DECISIONS": 10, "MAX_REQUEST_SIZE": 82_000, "MAX_OPEN_ACTIVITY_COUNT": 15}


def __getattr__(name: str) -> Any:
    if name == "SIMPLEFLOW_ENV":
        return settings.get("SIMPLEFLOW_ENV")
    if name not in _TEST:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if settings.get("SIMPLEFLOW_ENV") == "test":
        return _TEST[name]
    return _PRODUCTION.get(name) or settings.get("SWF_MAX_OPEN_ACTIVITY_COUNT")
