"""``simpleflow service.start``, ``service.check`` and ``service.backup`` as processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

SESSION = boto3.Session()  # one, for it reads the service model only once
EXPORT = re.compile(r"export (\w+)=(\S+)\n")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "simpleflow", *map(str, arguments)]


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2])}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, env=environment(), timeout=60)


class Started:
    """A running ``service.start`` and the variables that it printed."""

    def __init__(self, *arguments: object, lines: int, **variables: str) -> None:
        self.process = subprocess.Popen(
            command("service.start", "--port", 0, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment(), **variables},
        )
        assert self.process.stdout is not None
        found = [EXPORT.fullmatch(self.process.stdout.readline()) for _ in range(lines)]
        self.variables = dict(match.groups() for match in found if match)

    def client(self, key: str = "any", secret: str = "thing") -> Any:
        return SESSION.client(
            "swf",
            endpoint_url=self.variables["AWS_ENDPOINT_URL_SWF"],
            region_name=self.variables["AWS_DEFAULT_REGION"],
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Its exit code and the rest of what it wrote."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start(*arguments: object, lines: int = 4, **variables: str) -> Started:
        started.append(Started("--db", tmp_path / "swf.db", *arguments, lines=lines, **variables))
        return started[-1]

    yield start
    for service in started:
        if service.process.returncode is None:
            service.process.kill()
            service.process.communicate()


def register(swf: Any, name: str) -> None:
    swf.register_domain(name=name, workflowExecutionRetentionPeriodInDays="1")


def domains(swf: Any) -> list[str]:
    return [info["name"] for info in swf.list_domains(registrationStatus="REGISTERED")["domainInfos"]]


def start_and_terminate(swf: Any, workflow_id: str = "w") -> None:
    """In the domain d, which this registers."""
    register(swf, "d")
    swf.register_workflow_type(domain="d", name="flow", version="1")
    swf.start_workflow_execution(
        domain="d",
        workflowId=workflow_id,
        workflowType={"name": "flow", "version": "1"},
        taskList={"name": "deciders"},
        childPolicy="TERMINATE",
        executionStartToCloseTimeout="60",
        taskStartToCloseTimeout="60",
    )
    swf.terminate_workflow_execution(domain="d", workflowId=workflow_id)


# -- service.start -------------------------------------------------------------------------------


def test_the_printed_variables_lead_an_unchanged_client_to_it(serve: Callable[..., Started]) -> None:
    service = serve(lines=4)
    code = "import boto3; print(boto3.client('swf').list_domains(registrationStatus='REGISTERED')['domainInfos'])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], **service.variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (told.stdout, told.stderr) == ("[]\n", "")
    assert sorted(service.variables) == [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_SWF",
        "AWS_SECRET_ACCESS_KEY",
    ]
    assert service.variables["AWS_DEFAULT_REGION"] == "us-east-1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well_and_nothing_is_lost(serve: Callable[..., Started], number: int) -> None:
    first = serve()
    register(first.client(), "d")
    assert first.end(number) == (0, "", "")
    assert domains(serve().client()) == ["d"]


def test_the_region_is_the_one_of_the_environment(serve: Callable[..., Started]) -> None:
    assert serve(AWS_DEFAULT_REGION="eu-west-1").variables["AWS_DEFAULT_REGION"] == "eu-west-1"


def test_the_hold_of_a_poll(serve: Callable[..., Started]) -> None:
    swf = serve("--poll-hold", "0.05").client()
    register(swf, "d")
    assert "taskToken" not in swf.poll_for_decision_task(domain="d", taskList={"name": "deciders"})


def test_the_printed_port_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    service = Started("--db", tmp_path / "swf.db", "--port", port, lines=4)
    assert service.variables["AWS_ENDPOINT_URL_SWF"] == f"http://127.0.0.1:{port}"
    assert domains(service.client()) == []
    service.end()


def test_with_a_key_file_no_dummy_keys_are_printed_and_strangers_are_refused(
    serve: Callable[..., Started], tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text("AKIDA secret\n")
    service = serve("--access-key-file", keys, lines=2)
    assert sorted(service.variables) == ["AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_SWF"]
    assert domains(service.client("AKIDA", "secret")) == []
    stranger = service.client("AKIDB", "secret")
    with pytest.raises(stranger.exceptions.ClientError, match="UnrecognizedClientException"):
        domains(stranger)


def test_any_address_of_the_loopback_will_do(serve: Callable[..., Started]) -> None:
    assert domains(serve("--host", "127.0.0.2").client()) == []


def test_names_of_this_machine(serve: Callable[..., Started]) -> None:
    service = serve("--allow-host", "workflows.internal", "--allow-host", "second")
    port = service.variables["AWS_ENDPOINT_URL_SWF"].rpartition(":")[2]

    def status(host: str) -> bytes:
        with socket.create_connection(("127.0.0.1", int(port))) as connection:
            connection.sendall(f"GET /health HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            with connection.makefile("rb") as answer:
                return answer.readline().split()[1]

    told = {host: status(host) for host in ("workflows.internal", "second", "localhost", "third")}
    assert told == {"workflows.internal": b"200", "second": b"200", "localhost": b"200", "third": b"403"}


# -- what keeps it from starting -----------------------------------------------------------------


def refused(*arguments: object) -> tuple[int, str]:
    """The exit code and the one line of `service.start` that cannot start."""
    ended = run("service.start", *arguments)
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.returncode, ended.stderr


def test_a_busy_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, told = refused("--db", tmp_path / "swf.db", "--port", port)
    assert code == 1
    assert f"Cannot listen on port {port} of 127.0.0.1" in told and "--port" in told


def test_a_second_server_is_told_who_has_the_database(serve: Callable[..., Started], tmp_path: Path) -> None:
    service = serve()
    code, told = refused("--db", tmp_path / "swf.db", "--port", 0)
    assert code == 1
    assert f"{tmp_path / 'swf.db'} is in use by process {service.process.pid}" in told
    assert domains(service.client()) == []


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "swf.db").write_bytes(b"These are not the bytes of a database." * 200)
    code, told = refused("--db", tmp_path / "swf.db", "--port", 0)
    assert code == 1
    assert f"{tmp_path / 'swf.db'} is no SQLite database" in told and "--db" in told and "backup" in told


def test_a_database_that_is_damaged_inside(serve: Callable[..., Started], tmp_path: Path) -> None:
    service = serve()
    start_and_terminate(service.client())
    service.end()
    with closing(sqlite3.connect(tmp_path / "swf.db")) as connection, connection:
        connection.execute("DELETE FROM closed_index")
        connection.execute("DELETE FROM closed_runs")
        connection.execute("UPDATE events SET body = '{' WHERE event_id = 1")
    connection.close()
    code, told = refused("--db", tmp_path / "swf.db", "--port", 0)
    assert code == 1
    assert f"The database {tmp_path / 'swf.db'} is damaged" in told and "service.check" in told


def test_a_database_of_a_newer_version(serve: Callable[..., Started], tmp_path: Path) -> None:
    serve().end()
    with closing(sqlite3.connect(tmp_path / "swf.db")) as connection, connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    code, told = refused("--db", tmp_path / "swf.db", "--port", 0)
    assert code == 1
    assert "written by a newer simpleflow (its version is 99" in told and "upgrade simpleflow" in told


def test_other_addresses_want_keys(tmp_path: Path) -> None:
    code, told = refused("--db", tmp_path / "swf.db", "--host", "0.0.0.0", "--port", 0)
    assert code == 1
    assert "--access-key-file" in told


def test_a_key_file_that_others_may_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("AKIDA secret\n")
    keys.chmod(0o644)
    code, told = refused("--db", tmp_path / "swf.db", "--port", 0, "--access-key-file", keys)
    assert code == 2
    assert f"chmod 600 {keys}" in told


# -- service.check and service.backup ------------------------------------------------------------


def test_check_beside_the_server_and_repair_after_it(serve: Callable[..., Started], tmp_path: Path) -> None:
    db = tmp_path / "swf.db"
    service = serve()
    start_and_terminate(service.client())
    beside = run("service.check", "--db", db)
    assert (beside.returncode, beside.stdout) == (0, "1 executions, 3 events: clean\n")
    refusal = run("service.check", "--db", db, "--repair")
    assert refusal.returncode == 1 and f"is in use by process {service.process.pid}" in refusal.stderr
    ever = {"oldestDate": 0}
    assert service.client().count_closed_workflow_executions(domain="d", startTimeFilter=ever)["count"] == 1
    service.end()
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("DELETE FROM closed_index")
    connection.close()
    found = run("service.check", "--db", db)
    assert found.returncode == 1
    assert "does not stand on every shelf of the index" in found.stdout
    assert found.stdout.endswith(f"mend the rest with: simpleflow service.check --db {db} --repair\n")
    mended = run("service.check", "--db", db, "--repair")
    assert (mended.returncode, mended.stdout) == (0, "1 executions, 3 events: clean\n")
    assert run("service.check", "--db", db).returncode == 0


def test_check_tells_of_damage_that_it_cannot_mend(serve: Callable[..., Started], tmp_path: Path) -> None:
    db = tmp_path / "swf.db"
    service = serve()
    start_and_terminate(service.client())
    service.end()
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("DELETE FROM events WHERE event_id = 2")
    connection.close()
    for arguments in (("--db", db), ("--db", db, "--repair")):
        found = run("service.check", *arguments)
        assert found.returncode == 1
        assert "event 2" in found.stdout and "backup" in found.stdout


@pytest.mark.parametrize("arguments", [("service.check",), ("service.check", "--repair"), ("service.backup", "copy")])
def test_no_database_there(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = run(*arguments, "--db", tmp_path / "nothing.db")
    assert ended.returncode == 2
    assert "nothing.db' does not exist" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_backup_of_a_running_database_can_be_served(serve: Callable[..., Started], tmp_path: Path) -> None:
    service = serve()
    start_and_terminate(service.client())
    copy = tmp_path / "copy.db"
    made = run("service.backup", "--db", tmp_path / "swf.db", copy)
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir() if "swf" not in path.name) == ["copy.db"]
    assert run("service.check", "--db", copy).stdout == "1 executions, 3 events: clean\n"
    register(service.client(), "later")
    other = Started("--db", copy, lines=4)
    assert domains(other.client()) == ["d"]
    assert domains(service.client()) == ["d", "later"]
    other.end()


def test_a_backup_replaces_nothing(serve: Callable[..., Started], tmp_path: Path) -> None:
    serve().end()
    (tmp_path / "copy.db").write_text("precious")
    made = run("service.backup", "--db", tmp_path / "swf.db", tmp_path / "copy.db")
    assert made.returncode == 1 and "exists already" in made.stderr
    assert (tmp_path / "copy.db").read_text() == "precious"


def test_a_backup_that_cannot_be_written(serve: Callable[..., Started], tmp_path: Path) -> None:
    serve().end()
    made = run("service.backup", "--db", tmp_path / "swf.db", tmp_path / "nowhere" / "copy.db")
    assert made.returncode == 1
    assert f"Cannot write the backup {tmp_path / 'nowhere' / 'copy.db'}" in made.stderr
    assert "Traceback" not in made.stderr
