"""``info``: versions, settings and environment, for a report of what goes wrong. Nothing secret is shown."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import click

from .. import __version__, settings
from ..settings import SettingError
from .options import chosen_output, listing_options
from .output import Listing, Row, write

_LIBRARIES = (
    *("boto3", "botocore", "click", "diskcache", "greenlet", "httptools", "orjson", "psutil", "rich"),
    *("setproctitle", "tabulate"),
)
#: Whose values are shown. Of the others only where they come from.
SHOWN_SETTINGS = frozenset(
    (
        *("WORKFLOW_DEFAULT_TASK_LIST", "WORKFLOW_DEFAULT_VERSION", "WORKFLOW_DEFAULT_EXECUTION_TIME"),
        *("WORKFLOW_DEFAULT_DECISION_TASK_TIMEOUT", "ACTIVITY_DEFAULT_TASK_LIST", "ACTIVITY_DEFAULT_VERSION"),
        *("ACTIVITY_DEFAULT_TIMEOUT", "ACTIVITY_START_TO_CLOSE_TIMEOUT", "ACTIVITY_SCHEDULE_TO_CLOSE_TIMEOUT"),
        *("ACTIVITY_SCHEDULE_TO_START_TIMEOUT", "ACTIVITY_HEARTBEAT_TIMEOUT", "ACTIVITY_SIGTERM_WAIT_SEC"),
        *("LOG_LEVEL", "METROLOGY_BUCKET", "METROLOGY_PATH_PREFIX", "SIMPLEFLOW_BINARIES_DIRECTORY"),
        *("SIMPLEFLOW_CACHE_DIR", "SIMPLEFLOW_DISABLE_SETPROCTITLE", "SIMPLEFLOW_ENABLE_DISK_CACHE"),
        *("SIMPLEFLOW_ENV", "SIMPLEFLOW_FORMAT", "SIMPLEFLOW_IDENTITY", "SIMPLEFLOW_JUMBO_FIELDS_BUCKET"),
        *("SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE", "SIMPLEFLOW_JUMBO_FIELDS_READ", "SIMPLEFLOW_LOG_FORMAT"),
        *("SIMPLEFLOW_PAYLOAD_CODEC", "SIMPLEFLOW_S3_HOST", "SIMPLEFLOW_S3_SSE", "SIMPLEFLOW_SYSLOG_TARGET"),
        *("STEP_BUCKET", "SWF_CONNECTION_RETRIES", "SWF_DOMAIN", "SWF_MAX_OPEN_ACTIVITY_COUNT"),
    )
)
#: Variables that are no settings, and matter. Of those in the second tuple it is told only whether they are set.
SHOWN_VARIABLES = (
    *(settings.MODULE_VARIABLE, "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"),
    *("AWS_ENDPOINT_URL_SWF", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_CONFIG_FILE"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy", "NO_COLOR", "TERM", "LANG", "LC_ALL", "TZ", "PATH", "PYTHONPATH"),
    *("VIRTUAL_ENV",),
)
TOLD_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")

#: A user and a password, which may have a slash in it; a proxy needs no scheme before them.
_IN_URL = re.compile(r"(?<=//)\S*@|^[^\s/@]*:(?!//)\S*@")
_NOT_SHOWN = "(not shown)"


@click.command("info")
@click.argument("sections", nargs=-1, type=click.Choice(("versions", "settings", "environment")))
@listing_options()
@click.pass_context
def info(ctx: click.Context, /, sections: tuple[str, ...], **options: Any) -> None:
    """Tell versions, settings and what matters of the environment, with where each value comes from.

    Nothing secret is among it, so it can be pasted into a report.

    Example: simpleflow --header info settings
    """
    output = chosen_output(ctx, options)
    rows = (row for section, tell in _SECTIONS.items() if not sections or section in sections for row in tell())
    write(Listing(("Section", "Name", "Source", "Value"), rows), output)


def _versions() -> Iterator[Row]:
    yield _row("versions", "simpleflow", __version__)
    yield _row("versions", "python", f"{platform.python_version()} {sys.executable}")
    yield _row("versions", "platform", platform.platform())
    yield _row("versions", "sqlite", sqlite3.sqlite_version)
    for name in _LIBRARIES:
        yield _row("versions", name, _version(name))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _settings() -> Iterator[Row]:
    for name in sorted(settings.SETTINGS):
        shown = name in SHOWN_SETTINGS
        try:
            value, source = settings.lookup(name)
        except SettingError as error:
            yield _row("settings", name, f"cannot be used: {_clean(str(error))}" if shown else _NOT_SHOWN)
        else:
            yield _row("settings", name, _clean(value) if shown else _NOT_SHOWN, _SOURCES.get(source, source))


_SOURCES = {"module": f"module of {settings.MODULE_VARIABLE}"}


def _environment() -> Iterator[Row]:
    for name in SHOWN_VARIABLES:
        if os.environ.get(name):
            yield _row("environment", name, _clean(os.environ[name]), "environment")
    for name in TOLD_VARIABLES:
        if os.environ.get(name):
            yield _row("environment", name, _NOT_SHOWN, "environment")


_SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "versions": _versions,
    "settings": _settings,
    "environment": _environment,
}


def _row(section: str, name: str, value: str | None, source: str | None = None) -> Row:
    return {"Section": section, "Name": name, "Source": source, "Value": value}


def _clean(value: Any) -> str | None:
    """As text, without what a URL has before its host."""
    return None if value is None else _IN_URL.sub("***@", str(value))
