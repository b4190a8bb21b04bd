"""The AWS configuration as botocore finds it: region, credentials, profiles, endpoints, certificates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import botocore.exceptions
import botocore.session

from .errors import NotConfigured, Unreachable
from .signing import Keys

_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Renewing:
    """Credentials of botocore, which renew themselves."""

    credentials: Any

    def keys(self) -> Keys:
        """Raises Unreachable."""
        try:
            keys: Keys = self.credentials.get_frozen_credentials()
        except botocore.exceptions.BotoCoreError as error:
            raise Unreachable(f"the AWS credentials cannot be renewed: {error}") from error
        return keys


def configured(region: str | None, endpoint_url: str | None) -> tuple[str, str, str, str, Renewing | None, str | None]:
    """The fields of an Access. Raises NotConfigured."""
    try:
        session = botocore.session.Session()
        region = region or session.get_config_variable("region") or _DEFAULT_REGION
        place = _place(session, region, endpoint_url or _endpoint_of_environment(session))
        credentials = session.get_credentials()
        ca_bundle = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        return *place, None if credentials is None else Renewing(credentials), ca_bundle
    except botocore.exceptions.BotoCoreError as error:
        raise NotConfigured(f"the AWS configuration cannot be used: {error}") from error


def has_credentials() -> bool:
    """Whether botocore finds credentials."""
    try:
        return botocore.session.Session().get_credentials() is not None
    except botocore.exceptions.BotoCoreError:
        return False


def _endpoint_of_environment(session: botocore.session.Session) -> str | None:
    ignored = session.get_config_variable("ignore_configured_endpoint_urls")
    return None if ignored else os.environ.get("AWS_ENDPOINT_URL_SWF")


def _place(session: botocore.session.Session, region: str, endpoint_url: str | None) -> tuple[str, str, str, str]:
    """Endpoint, region, and the region and the name to sign for."""
    if endpoint_url is not None:
        return endpoint_url, region, region, "swf"
    client = session.create_client("swf", region_name=region)  # its maps of the world and of SWF take 80 ms to read
    signer = client._request_signer
    return client.meta.endpoint_url, client.meta.region_name, signer.region_name, signer.signing_name
