"""Registration of domains and types."""

from __future__ import annotations

import pytest
from support.swf_in_process import InProcessClient

from simpleflow.replay.work import MissingType
from simpleflow.swf import types
from simpleflow.swf.errors import Refused
from simpleflow.swf.types import register_domain, register_type

TYPES = [MissingType("activity", "a", "1"), MissingType("workflow", "w", "1")]


@pytest.fixture
def client() -> InProcessClient:
    return InProcessClient()


def test_what_is_registered_stays_as_it_is(client: InProcessClient) -> None:
    for _ in range(2):
        register_domain(client, "d")
        for missing in TYPES:
            register_type(client, "d", missing)
    listed = client.call("ListActivityTypes", {"domain": "d", "registrationStatus": "REGISTERED"})["typeInfos"]
    assert [info["activityType"] for info in listed] == [{"name": "a", "version": "1"}]


def test_who_may_not_register_goes_on(client: InProcessClient, monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(types.logger, "warning", lambda text, *args: warnings.append(text % args))
    for operation in ("RegisterDomain", "RegisterActivityType", "RegisterWorkflowType"):
        client.fail_next[operation] = [Refused(operation, "AccessDeniedException", "not allowed", 400)]
    register_domain(client, "d")
    for missing in TYPES:
        register_type(client, "d", missing)
    assert warnings == [
        f"{operation}: AccessDeniedException: not allowed; it is taken to be registered already"
        for operation in ("RegisterDomain", "RegisterActivityType", "RegisterWorkflowType")
    ]


def test_other_refusals_are_raised(client: InProcessClient) -> None:
    with pytest.raises(Refused, match="Unknown domain"):
        register_type(client, "d", TYPES[0])
