"""Files and texts in buckets of Amazon S3: push, pull and list.

A bucket is a name, or ``host/name`` with a host of amazonaws.com.
"""

from __future__ import annotations

import logging
from typing import Any

from . import settings
from .payloads import s3

logger = logging.getLogger(__name__)

#: boto3's Bucket by the name that was asked for.
BUCKET_CACHE: dict[str, Any] = {}
#: Host or region by the name of a bucket.
BUCKET_LOCATIONS_CACHE: dict[str, str] = {}


def get_client() -> Any:
    """boto3's client of S3."""
    return s3.client()


def get_resource(host_or_region: str) -> Any:
    """boto3's resource of S3, at a host or in a region."""
    return s3.resource(host_or_region)


def sanitize_bucket_and_host(bucket: str) -> tuple[str, str]:
    """The name of a bucket and its host or region; asks S3 where ``bucket`` does not say it. Raises ValueError."""
    if "/" in bucket:
        host, _, name = bucket.partition("/")
        if not name or "/" in name or not (host == "amazonaws.com" or host.endswith(".amazonaws.com")):
            raise ValueError(f"{bucket!r} is no bucket; expected a name, or <host>.amazonaws.com/<name>.")
        return name, host
    if bucket not in BUCKET_LOCATIONS_CACHE:
        BUCKET_LOCATIONS_CACHE[bucket] = _location(bucket)
    return bucket, BUCKET_LOCATIONS_CACHE[bucket]


def _location(bucket: str) -> str:
    region = s3.bucket_region(bucket)
    if region is None:
        host = str(settings.SIMPLEFLOW_S3_HOST)
        logger.warning("may not ask where the bucket %s is; SIMPLEFLOW_S3_HOST (%s) is used", bucket, host)
        return host
    return region


def get_bucket(bucket_name: str) -> Any:
    """boto3's Bucket."""
    if bucket_name not in BUCKET_CACHE:
        name, host = sanitize_bucket_and_host(bucket_name)
        BUCKET_CACHE[bucket_name] = get_resource(host).Bucket(name)
    return BUCKET_CACHE[bucket_name]


def push(bucket: str, path: str, src_file: str, content_type: str | None = None) -> None:
    """Store the file ``src_file`` as ``path``."""
    get_bucket(bucket).upload_file(src_file, path, ExtraArgs=_extra(content_type))


def push_content(bucket: str, path: str, content: str | bytes, content_type: str | None = None) -> None:
    """Store a text or bytes as ``path``."""
    get_bucket(bucket).Object(path).put(Body=content, **_extra(content_type))


def pull(bucket: str, path: str, dest_file: str) -> None:
    """Write what is stored as ``path`` to the file ``dest_file``."""
    get_bucket(bucket).download_file(path, dest_file)


def pull_content(bucket: str, path: str) -> str:
    """The text that is stored as ``path``."""
    content: bytes = get_bucket(bucket).Object(path).get()["Body"].read()
    return content.decode()


def list_keys(bucket: str, path: str | None = None) -> list[Any]:
    """boto3's ObjectSummary of each object whose key begins with ``path``."""
    return list(get_bucket(bucket).objects.filter(Prefix=path or ""))


def _extra(content_type: str | None) -> dict[str, str]:
    return s3.encryption() | ({"ContentType": content_type} if content_type else {})
