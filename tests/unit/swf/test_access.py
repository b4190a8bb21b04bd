"""The environment alone gives what botocore would, or botocore is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simpleflow.swf import aws
from simpleflow.swf.access import Access, StaticKeys
from simpleflow.swf.errors import NotConfigured
from simpleflow.swf.signing import Keys

URL = "http://127.0.0.1:7933"
SAID = {
    "AWS_ENDPOINT_URL_SWF": URL,
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
UNSAID = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ENDPOINT_URL")
BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")  # without a say where nothing is encrypted


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in (*UNSAID, *SAID, *BUNDLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def plain(keys: Keys | None) -> tuple[Any, ...] | None:
    return None if keys is None else (keys.access_key, keys.secret_key, keys.token)


def told(access: Access) -> list[Any]:
    credentials = access.credentials
    return [
        access.endpoint_url,
        access.region,
        access.signing_region,
        access.signing_name,
        plain(None if credentials is None else credentials.keys()),
        access.ca_bundle,
    ]


CONFIG = "[default]\nregion = us-west-2\nservices = here\n[services here]\nswf =\n  endpoint_url = http://127.0.0.1:1\n"
IGNORING = "[default]\nIgnore_Configured_Endpoint_URLs = true\n"
CREDENTIALS = "[default]\naws_access_key_id = theirs\naws_secret_access_key = also\n"


@pytest.mark.parametrize("config", [None, CONFIG, IGNORING], ids=["", "config", "ignoring"])
@pytest.mark.parametrize("credentials", [None, CREDENTIALS], ids=["", "credentials"])
@pytest.mark.parametrize(
    ("changes", "alone"),
    [
        ({}, True),
        ({"AWS_SESSION_TOKEN": "token"}, True),
        ({"AWS_SESSION_TOKEN": ""}, True),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:2"}, True),
        ({"AWS_SECURITY_TOKEN": "old"}, False),
        ({"AWS_ENDPOINT_URL_SWF": "https://127.0.0.1:7933"}, False),
        ({"AWS_DEFAULT_REGION": ""}, False),
        ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, False),
        ({"AWS_PROFILE": "default"}, False),
    ],
)
def test_it_is_what_botocore_says(
    environment: pytest.MonkeyPatch,
    tmp_path: Path,
    config: str | None,
    credentials: str | None,
    changes: dict[str, str],
    alone: bool,
) -> None:
    for name, value in {**SAID, **changes}.items():
        environment.setenv(name, value)
    for name, text in (("config", config), ("credentials", credentials)):
        if text is not None:
            (tmp_path / name).write_text(text)
    if "AWS_PROFILE" in changes and not (config or credentials):
        with pytest.raises(NotConfigured, match="default"):
            Access.configured(None, None)
        return
    access = Access.configured(None, None)
    assert isinstance(access.credentials, StaticKeys) == (alone and config is not IGNORING)
    assert told(access) == told(Access(*aws.configured(None, None)))


def test_what_is_given_goes_before_the_environment(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in SAID.items():
        environment.setenv(name, value)
    (tmp_path / "config").write_text(IGNORING)  # speaks of those that are configured
    access = Access.configured("us-west-1", "http://127.0.0.1:2")
    assert isinstance(access.credentials, StaticKeys)
    assert told(access) == told(Access(*aws.configured("us-west-1", "http://127.0.0.1:2")))


def test_half_of_the_keys_are_botocores_error(environment: pytest.MonkeyPatch) -> None:
    for name, value in SAID.items():
        environment.setenv(name, value)
    environment.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NotConfigured, match="AWS_SECRET_ACCESS_KEY"):
        Access.configured(None, None)


def test_botocore_is_not_loaded_where_it_has_no_say(environment: pytest.MonkeyPatch) -> None:
    for name, value in SAID.items():
        environment.setenv(name, value)
    script = "\n".join(
        (
            "import sys",
            "import simpleflow.cli.executions, simpleflow.cli.decider, simpleflow.cli.worker",
            "from simpleflow.swf.client import Client",
            "print(Client().endpoint_url, sorted(m for m in sys.modules if m.startswith(('boto', 'urllib3'))))",
        )
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{URL} []\n"
