"""Amazon S3, or a server that speaks its protocol (SIMPLEFLOW_S3_HOST, or AWS_ENDPOINT_URL_S3 of boto3).

boto3 is imported when S3 is first used: it takes a third of a second that a process without S3 need not spend.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from .. import settings
from ..exceptions import PayloadError, PayloadGone, PayloadUnavailable
from ..utils import retry
from .jumbo import Reference
from .stores import check_length

logger = logging.getLogger(__name__)

DEFAULT_HOST = "s3.amazonaws.com"
_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 5})

#: Answers that say that there is no such object.
_ABSENT = frozenset({"NoSuchKey", "404"})
#: Who may not list a bucket hears "denied" also of what is not there.
_DENIED = frozenset({"AccessDenied", "403"})

#: Downloads that broke off, and those that were denied, are tried so often; botocore repeats only requests.
_DOWNLOADS = 3


_wait = threading.Event().wait


class _Denied(Exception):
    """Perhaps there is no such object; perhaps the permission is only on its way."""


class S3Store:
    """``s3:GetObject`` and ``s3:PutObject`` are all that it needs. ``sleep`` waits for so many seconds."""

    def __init__(self, sleep: Callable[[float], object] = _wait) -> None:
        again = retry.with_delay(
            _DOWNLOADS,
            delay=lambda failures: 0.2 * 5**failures,
            on_exceptions=(BotoCoreError, _Denied),
            log_with=logger.warning,
            sleep=sleep,
        )
        self._downloaded = again(self._download)

    def get(self, reference: Reference) -> bytes:
        try:
            return self._downloaded(reference)
        except _Denied as error:
            raise PayloadGone(str(error)) from None
        except BotoCoreError as error:
            raise _unavailable(reference, error) from error

    def _download(self, reference: Reference) -> bytes:
        try:
            answer = client().get_object(**_address(reference))
        except ClientError as error:
            if error.response["Error"]["Code"] in _DENIED:
                raise _Denied(_absent(reference, error)) from None
            raise _refused(reference, error) from error
        with contextlib.closing(answer["Body"]) as stream:
            check_length(reference, answer["ContentLength"])
            body: bytes = stream.read()
        return body

    def length(self, reference: Reference) -> int:
        try:
            return int(client().head_object(**_address(reference))["ContentLength"])
        except ClientError as error:
            raise _refused(reference, error) from error
        except BotoCoreError as error:
            raise _unavailable(reference, error) from error

    def put(self, reference: Reference, body: bytes) -> None:
        try:
            client().put_object(**_address(reference), Body=body, **encryption())
        except (BotoCoreError, ClientError) as error:
            raise _unavailable(reference, error) from error


def _refused(reference: Reference, error: ClientError) -> PayloadError:
    if error.response["Error"]["Code"] in _ABSENT | _DENIED:
        return PayloadGone(_absent(reference, error))
    return _unavailable(reference, error)


def _absent(reference: Reference, error: ClientError) -> str:
    perhaps = ", or this process may not read it" if error.response["Error"]["Code"] in _DENIED else ""
    return f"there is no object {reference.where}{perhaps} ({_told(error)})."


def _address(reference: Reference) -> dict[str, str]:
    bucket, *key = reference.where.segments
    return {"Bucket": bucket, "Key": "/".join(key)}


def _unavailable(reference: Reference, error: Exception) -> PayloadUnavailable:
    return PayloadUnavailable(f"{reference.where}: {_told(error)}")


def _told(error: Exception) -> str:
    if isinstance(error, NoCredentialsError):
        return (
            "no AWS credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile (AWS_PROFILE), or let "
            "SIMPLEFLOW_JUMBO_FIELDS_BUCKET name a directory (file:///…)"
        )
    return f"{type(error).__name__}: {error}"


def encryption() -> dict[str, str]:
    """What SIMPLEFLOW_S3_SSE adds to whatever is stored."""
    return {"ServerSideEncryption": "AES256"} if settings.SIMPLEFLOW_S3_SSE else {}


# -- connections

_clients: dict[str, Any] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    """Connections and locks are the parent's."""
    global _lock
    _lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_after_fork)


def client() -> Any:
    """The boto3 client of this process; it may be used by any thread."""
    host = str(settings.SIMPLEFLOW_S3_HOST or DEFAULT_HOST)
    with _lock:
        if host not in _clients:
            import boto3

            _clients[host] = boto3.session.Session().client("s3", config=_CONFIG, **_endpoint(host))
        return _clients[host]


def resource(host_or_region: str | None) -> Any:
    """A boto3 resource at a host, an URL or in a region; for None where boto3 looks by itself."""
    import boto3

    return boto3.session.Session().resource("s3", config=_CONFIG, **_endpoint(host_or_region or DEFAULT_HOST))


def _endpoint(host_or_region: str) -> dict[str, str]:
    if host_or_region == DEFAULT_HOST:
        return {}
    if "://" in host_or_region:
        return {"endpoint_url": host_or_region}
    if "." in host_or_region:
        return {"endpoint_url": f"https://{host_or_region}"}
    return {"region_name": host_or_region}


def bucket_region(bucket: str) -> str | None:
    """The region of a bucket; None where this process may not ask for it."""
    try:
        answer = client().get_bucket_location(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return None
    return str(answer.get("LocationConstraint") or "us-east-1")
