"""Fixtures for pytest. Only who asks gets them: ``pytest_plugins = ["simpleflow.testing.plugin"]`` in conftest.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cluster import Cluster
from .environment import WorkflowEnvironment

_SEEDS = 20


@pytest.fixture
def workflow_environment() -> Iterator[WorkflowEnvironment]:
    """An environment of the test's own."""
    with WorkflowEnvironment() as environment:
        yield environment


@pytest.fixture(params=range(_SEEDS))
def workflow_cluster(request: pytest.FixtureRequest) -> Cluster:
    """A cluster with faults. The test is run with each of 20 seeds."""
    return Cluster(request.param)
