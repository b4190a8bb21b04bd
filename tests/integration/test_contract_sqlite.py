"""The contract of the service, which is killed and read back from its database before every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract_clients import Disk, DiskClient, contract_tests
from service_kit import Client, Kit

from simpleflow.service.limits import Limits

globals().update(
    contract_tests(
        # It depends on which of two tasks of one millisecond comes first, which a restart may turn round.
        "test_swf_batches__open_work_does_not_hinder_a_close",
        # A thousand calls that the others say as well.
        "test_swf_children__a_deep_family_is_terminated_as_a_whole",
        # The buckets are full again after a restart.
        "test_swf_rates__calls_are_refused_until_the_bucket_fills_again",
    )
)


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    disks: list[Disk] = []

    def make(**limits: int) -> Client:
        disks.append(Disk(tmp_path / f"{len(disks)}.db", Limits(**limits)))
        return DiskClient(disks[-1])

    yield make
    for disk in disks:
        disk.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def kit(client: Client) -> Kit:
    return Kit(client).register()


@pytest.fixture
def limited_kit(make_client: Callable[..., Client]) -> Callable[..., Kit]:
    return lambda **limits: Kit(make_client(**limits)).register()
