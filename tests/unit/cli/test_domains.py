"""Domains, types and task lists by the command line."""

from __future__ import annotations

import pytest
from support import stage as stages
from support.command_line import run
from support.stage import DOMAIN, Stage

from simpleflow.cli.exits import Exit


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return stages.use(monkeypatch, Stage())


def names(*options: str) -> list[str]:
    ran = run("domain.list", "--format", "json", *options)
    assert ran.code == Exit.DONE, ran.stderr
    return [row["Name"] for row in ran.json()]


def test_the_life_of_a_domain(stage: Stage) -> None:
    assert run("domain.create", "Nächster", "--description", "für später", "--retention", "7").code == Exit.DONE
    assert names() == ["Nächster", DOMAIN]
    described = stage.call("DescribeDomain", name="Nächster")
    assert described["configuration"] == {"workflowExecutionRetentionPeriodInDays": "7"}
    assert described["domainInfo"]["description"] == "für später"
    assert run("domain.deprecate", "Nächster").code == Exit.DONE
    assert (names(), names("--status", "deprecated")) == ([DOMAIN], ["Nächster"])
    assert run("domain.undeprecate", "Nächster").code == Exit.DONE
    assert names() == ["Nächster", DOMAIN]


@pytest.mark.parametrize("format", ["csv", "tsv", "tabular", "human", "jsonl", "prettyjson"])
def test_domains_are_listed_in_every_format(stage: Stage, format: str) -> None:
    ran = run("domain.list", "--format", format)
    assert ran.code == Exit.DONE and DOMAIN in ran.stdout and "REGISTERED" in ran.stdout


def test_a_domain_that_is_there_already(stage: Stage) -> None:
    ran = run("domain.create", DOMAIN)
    assert ran.code == Exit.FAILED
    assert ran.stderr.startswith(f"Error: the domain {DOMAIN!r} exists already; `simpleflow domain.list` lists it")
    assert ran.stderr.count("\n") == 1


def test_a_domain_that_is_so_already(stage: Stage) -> None:
    ran = run("domain.undeprecate", DOMAIN)
    assert (ran.code, ran.stderr) == (Exit.FAILED, f"Error: the domain {DOMAIN!r} is not deprecated.\n")
    run("domain.deprecate", DOMAIN)
    ran = run("domain.deprecate", DOMAIN)
    assert (ran.code, ran.stderr) == (Exit.FAILED, f"Error: the domain {DOMAIN!r} is deprecated already.\n")


@pytest.mark.parametrize("verb", ["deprecate", "undeprecate"])
def test_a_domain_that_is_not_there(stage: Stage, verb: str) -> None:
    ran = run(f"domain.{verb}", "Nowhere")
    assert ran.code == Exit.NOT_FOUND
    assert "'Nowhere'" in ran.stderr and "domain.list" in ran.stderr


@pytest.mark.parametrize("days", ["-1", "91", "many"])
def test_executions_are_kept_for_90_days_at_most(stage: Stage, days: str) -> None:
    assert run("domain.create", "d", "--retention", days).code == Exit.USAGE


def test_types_of_both_kinds(stage: Stage) -> None:
    rows = run("type.list", DOMAIN, "--format", "json").json()
    assert [(row["Kind"], row["Name"], row["Status"]) for row in rows] == [
        ("workflow", "examples.basic", "REGISTERED"),
        ("activity", "examples.basic.increment", "REGISTERED"),
    ]
    (only,) = run("type.list", DOMAIN, "--kind", "activity", "--format", "json").json()
    assert only == rows[1]
    stage.on("DeprecateActivityType", activityType={"name": only["Name"], "version": only["Version"]})
    (deprecated,) = run("type.list", DOMAIN, "-s", "deprecated", "--format", "json").json()
    assert deprecated["Status"] == "DEPRECATED" and deprecated["Deprecated"] is not None


def test_the_backlog_of_a_task_list(stage: Stage) -> None:
    rows = run("tasklist.stat", DOMAIN, "open", "--format", "json").json()
    assert [(row["Kind"], row["Backlog"], row["Truncated"]) for row in rows] == [
        ("decision", 1, False),
        ("activity", 1, False),
    ]
