"""Where SWF is and who calls it.

botocore knows the configuration of AWS as its users know it, but takes 75 ms and 15 MB to load. It is asked unless the
environment alone says all, as it does for the embedded service: the lines that ``service.start`` prints, or a child of
``standalone``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from .errors import NotConfigured
from .signing import Keys

#: Whatever of these is set, botocore has the last word.
_FOR_BOTOCORE = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECURITY_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
#: The one word of a configuration file against which the environment does not win.
_IGNORE_ENDPOINTS = "ignore_configured_endpoint_urls"


class Credentials(Protocol):
    def keys(self) -> Keys:
        """Those of this moment. Raises Unreachable."""


@dataclass(frozen=True, slots=True)
class StaticKeys:
    access_key: str
    secret_key: str
    token: str | None = None

    def keys(self) -> Keys:
        return self


@dataclass(frozen=True, slots=True)
class Access:
    """``credentials`` may renew themselves; threads share them."""

    endpoint_url: str
    region: str
    signing_region: str
    signing_name: str
    credentials: Credentials | None
    ca_bundle: str | None

    @classmethod
    def configured(cls, region: str | None, endpoint_url: str | None) -> Access:
        """As the AWS configuration says. Raises NotConfigured."""
        access = _of_environment(region, endpoint_url)
        if access is None:
            from . import aws  # not loaded where nobody asks it

            access = cls(*aws.configured(region, endpoint_url))
            address(access.endpoint_url)
        return access

    def keys(self) -> Keys:
        """Raises NotConfigured, Unreachable."""
        if self.credentials is None:
            raise NotConfigured(
                f"no AWS credentials for {self.endpoint_url}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a "
                "profile (AWS_PROFILE), or use the embedded service (`simpleflow standalone --embedded`)."
            )
        return self.credentials.keys()


def _of_environment(region: str | None, endpoint_url: str | None) -> Access | None:
    """What botocore would find, if nothing but the environment has a say in it."""
    url = endpoint_url or os.environ.get("AWS_ENDPOINT_URL_SWF")
    region = region or os.environ.get("AWS_DEFAULT_REGION")
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not (url and region and key and secret) or any(os.environ.get(name) for name in _FOR_BOTOCORE):
        return None
    if address(url).scheme != "http":  # else certificates have a say
        return None
    if endpoint_url is None and _IGNORE_ENDPOINTS in _configuration_file():
        return None
    keys = StaticKeys(key, secret, os.environ.get("AWS_SESSION_TOKEN") or None)
    return Access(url, region, region, "swf", keys, None)


def address(url: str) -> SplitResult:
    """The parts of an endpoint's address. Raises NotConfigured."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConfigured(f"the endpoint {url!r} is no address; expected one as in http://127.0.0.1:7933.")
    return parts


def _configuration_file() -> str:
    """Its text, or "" where there is none; the word for botocore where it cannot be read."""
    path = Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    try:
        return path.read_text(encoding="utf-8").lower()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return _IGNORE_ENDPOINTS
