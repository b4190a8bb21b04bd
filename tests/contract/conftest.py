from __future__ import annotations

from collections.abc import Callable

import pytest
from service_kit import Client, InProcess, Kit

from simpleflow.service.limits import Limits


@pytest.fixture
def make_client() -> Callable[..., Client]:
    """Makes a client of a fresh service; the arguments are the limits that it shall have instead of Amazon's."""
    return lambda **limits: InProcess(Limits(**limits))


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    return make_client()


@pytest.fixture
def kit(client: Client) -> Kit:
    """A domain with a workflow type and an activity type."""
    return Kit(client).register()


@pytest.fixture
def limited_kit(make_client: Callable[..., Client]) -> Callable[..., Kit]:
    """The same over a service with lower limits."""
    return lambda **limits: Kit(make_client(**limits)).register()
