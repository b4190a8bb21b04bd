"""How each command of the command line is tested: one line for each. A command without a line fails.

``test_commands.py`` makes the tests. ``{domain}``, ``{id}``, ``{run}`` and ``{task}`` stand for an execution of the
stage and one of its tasks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simpleflow.cli.exits import Exit


@dataclass(frozen=True, slots=True)
class Sees:
    """A command that shows something: run in every format, on executions in every state.

    ``forms`` are ways to say the same, the first of which has a domain among the words. ``states`` are those that it
    has something to show of, if not all.
    """

    forms: tuple[str, ...]
    columns: tuple[str, ...]
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Does:
    """A command that changes something: run on executions in every state, each on a stage of its own.

    ``codes`` are the exit codes by state where that is not ``code``.
    """

    words: str
    code: Exit = Exit.DONE
    codes: dict[str, Exit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A command that is tested as a process, or without SWF: the test."""

    test: str


_EXECUTION = ("{domain} {id}", "{domain} {id} {run}", "{id} --domain {domain}", "--domain {domain} {id} {run}")
_WITH_TASKS = ("open", "completed", "failed", "timed_out", "long")
#: Exit codes of commands that tell how an execution ended, by state.
_BY_END = {
    "open": Exit.NOT_FOUND,
    "failed": Exit.FAILED,
    "timed_out": Exit.TIMED_OUT,
    "canceled": Exit.CANCELED,
    "terminated": Exit.TERMINATED,
}

CASES: dict[str, Sees | Does | Elsewhere] = {
    "activity.rerun": Elsewhere("tests/unit/cli/test_rerun.py::test_any_attempt_of_a_task_that_was_tried_again"),
    "binaries.download": Elsewhere("tests/integration/test_binaries.py::test_programs_are_fetched_beforehand"),
    "decider.start": Elsewhere("tests/integration/test_standalone.py::test_daemons"),
    **{
        f"domain.{verb}": Elsewhere("tests/unit/cli/test_domains.py::test_the_life_of_a_domain")
        for verb in ("create", "list", "deprecate", "undeprecate")
    },
    "info": Elsewhere("tests/unit/cli/test_info.py::test_all_sections_in_every_format"),
    "payload.get": Elsewhere("tests/unit/cli/test_payload.py::test_get_writes_the_payload"),
    "payload.stat": Elsewhere("tests/unit/cli/test_payload.py::test_stat_tells_without_reading"),
    "service.backup": Elsewhere(
        "tests/integration/test_cli_service.py::test_the_backup_of_a_running_database_can_be_served"
    ),
    "service.check": Elsewhere(
        "tests/integration/test_cli_service.py::test_check_beside_the_server_and_repair_after_it"
    ),
    "service.start": Elsewhere("tests/integration/test_cli_service.py::test_a_signal_ends_it_well_and_nothing_is_lost"),
    "standalone": Elsewhere("tests/integration/test_standalone.py::test_the_quick_start"),
    "task.info": Sees(
        (
            "{domain} {id} {task}",
            "{domain} {id} {task} {run}",
            "{id} {task} --domain {domain}",
            "{domain} {id} {task} --no-details",
        ),
        ("type", "id", "name", "version", "state", "timestamp", "input", "result", "reason"),
        _WITH_TASKS,
    ),
    "task.list": Sees(
        _EXECUTION,
        ("ID", "Type", "Name", "Version", "State", "Attempt", "Scheduled", "Started", "Ended", "Reason"),
        _WITH_TASKS,
    ),
    "tasklist.stat": Sees(
        ("{domain} open", "open --domain {domain}"), ("Task List", "Kind", "Backlog", "Truncated"), ("open",)
    ),
    "type.list": Sees(
        ("{domain}", "--domain {domain}", "{domain} -s registered"),
        ("Kind", "Name", "Version", "Status", "Description", "Created", "Deprecated"),
        ("open",),
    ),
    "workflow.cancel": Does("{domain} {id}", Exit.NOT_FOUND, {"open": Exit.DONE}),
    "workflow.replay": Elsewhere("tests/unit/cli/test_replay_command.py::test_each_of_several_files_has_a_row"),
    "workflow.result": Does("{domain} {id}", codes=_BY_END),
    "workflow.restart": Does("{domain} {id}"),
    "workflow.signal": Does("{domain} {id} gö {run} --input [1]", Exit.NOT_FOUND, {"open": Exit.DONE}),
    "workflow.terminate": Does("{domain} {id} {run}", Exit.NOT_FOUND, {"open": Exit.DONE}),
    "workflow.wait": Does("{domain} {id} {run} --timeout 0", codes={**_BY_END, "open": Exit.TIMED_OUT}),
    "workflow.watch": Elsewhere("tests/unit/cli/test_watching.py::test_each_change_is_a_row"),
    "worker.start": Elsewhere("tests/integration/test_standalone.py::test_daemons"),
    "workflow.filter": Sees(
        (
            "{domain} -s {side} --workflow-id {id} --limit 1",
            "{domain} -s {side} --tag nächtlich --workflow-id {id} --limit 1",
            "--domain {domain} -s {side} --workflow-type-name examples.basic --workflow-id {id} --limit 1",
            "{domain} -s {side} --from-date 1970-01-01 --to-date 1971-01-01T00:00:00Z --workflow-id {id} --limit 1",
        ),
        (
            *("Workflow ID", "Workflow Type", "Workflow Version", "Run ID", "Status", "Child Policy", "Close Status"),
            *("Start Timestamp", "Close Timestamp", "Cancel Requested", "Execution Timeout", "Input", "Tags"),
            *("Decision Tasks Timeout", "Parent Workflow ID", "Parent Run ID"),
        ),
    ),
    "workflow.graph": Sees(
        (*_EXECUTION, "{domain} {id} --output-format text"),
        ("Task", "Kind", "Name", "State", "After", "Known By"),
        _WITH_TASKS,
    ),
    "workflow.history": Sees(
        ("{id} --domain {domain}", "{id} {run} --domain {domain}", "{domain} {id}", "--domain {domain} -o raw {id}"),
        ("eventId", "eventTimestamp", "eventType", "attributes"),
    ),
    "workflow.info": Sees(
        _EXECUTION,
        (
            *("domain", "workflow_type.name", "workflow_type.version", "task_list", "workflow_id", "run_id"),
            *("tag_list", "execution_time", "input", "status", "result", "reason"),
        ),
    ),
    "workflow.list": Sees(
        ("{domain} -s {side}", "--domain {domain} --status {side}", "{domain} -s {side} --started-since 1"),
        ("Workflow ID", "Workflow Type", "Status"),
    ),
    "workflow.profile": Sees(
        (*_EXECUTION, "{domain} {id} --nb-tasks 1000"),
        (
            *("Task", "Last State", "Scheduled", "Time Scheduled", "Start", "Time Running", "End"),
            "Percentage of total time",
        ),
        _WITH_TASKS,
    ),
    "workflow.start": Elsewhere("tests/integration/test_kept_commands.py::test_forms_of_the_input"),
    "workflow.tasks": Sees(
        (*_EXECUTION, "{domain} {id} -n 1000"),
        ("Tasks", "Last State", "Last State Time", "Scheduled Time"),
        _WITH_TASKS,
    ),
}
