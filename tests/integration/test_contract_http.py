"""The contract of the service, over HTTP with boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract_clients import Port, contract_tests
from service_kit import Client, Kit

from simpleflow.service.limits import Limits

# Left out: a thousand calls that say nothing about the wire.
globals().update(contract_tests("test_swf_children__a_deep_family_is_terminated_as_a_whole"))


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    opened = Port()
    yield opened
    opened.close()


@pytest.fixture
def make_client(port: Port, tmp_path: Path) -> Iterator[Callable[..., Client]]:
    names = iter(range(100))
    yield lambda **limits: port.serve(tmp_path / f"{next(names)}.db", Limits(**limits))
    port.stop()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def kit(client: Client) -> Kit:
    return Kit(client).register()


@pytest.fixture
def limited_kit(make_client: Callable[..., Client]) -> Callable[..., Kit]:
    return lambda **limits: Kit(make_client(**limits)).register()
