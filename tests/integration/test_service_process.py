"""The service as it is used: a process, sockets, boto3 as it comes, kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from service_process import ServiceProcess, poll_request

from simpleflow.service.check import check

FLOW = {"name": "flow", "version": "1"}
WORK = {"name": "work", "version": "1"}
DECIDERS = {"name": "deciders"}
WORKERS = {"name": "workers"}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServiceProcess]]:
    """Starts a service on the database of this test; ends what still runs."""
    started: list[ServiceProcess] = []

    def start(**settings: Any) -> ServiceProcess:
        started.append(ServiceProcess(tmp_path / "service.db", **settings))
        return started[-1]

    yield start
    for service in started:
        if service.process.returncode is None:
            service.kill()


@pytest.fixture
def service(serve: Callable[..., ServiceProcess]) -> ServiceProcess:
    return serve()


def register(swf: Any) -> None:
    swf.register_domain(name="test", workflowExecutionRetentionPeriodInDays="1")
    swf.register_workflow_type(
        domain="test",
        **FLOW,
        defaultTaskList=DECIDERS,
        defaultChildPolicy="TERMINATE",
        defaultExecutionStartToCloseTimeout="3600",
        defaultTaskStartToCloseTimeout="300",
    )
    swf.register_activity_type(
        domain="test",
        **WORK,
        defaultTaskList=WORKERS,
        defaultTaskHeartbeatTimeout="NONE",
        defaultTaskScheduleToCloseTimeout="NONE",
        defaultTaskScheduleToStartTimeout="NONE",
        defaultTaskStartToCloseTimeout="NONE",
    )


def start(swf: Any, workflow_id: str = "w") -> str:
    return str(swf.start_workflow_execution(domain="test", workflowId=workflow_id, workflowType=FLOW)["runId"])


def schedule(activity_id: str) -> dict[str, Any]:
    attributes = {"activityType": WORK, "activityId": activity_id}
    return {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": attributes}


COMPLETE = {"decisionType": "CompleteWorkflowExecution"}


def decide(swf: Any, *decisions: dict[str, Any]) -> None:
    task = swf.poll_for_decision_task(domain="test", taskList=DECIDERS)
    swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=list(decisions))


def history(swf: Any, run_id: str, workflow_id: str = "w") -> list[dict[str, Any]]:
    execution = {"workflowId": workflow_id, "runId": run_id}
    events: list[dict[str, Any]] = swf.get_workflow_execution_history(domain="test", execution=execution)["events"]
    return events


# -- the protocol --------------------------------------------------------------------------------


def test_boto3_as_it_comes_completes_a_workflow(service: ServiceProcess) -> None:
    """In a process of its own, with nothing but the environment."""
    code = """
import boto3
swf = boto3.client("swf")
from test_service_process import *
register(swf)
run_id = start(swf)
decide(swf, schedule("a"))
task = swf.poll_for_activity_task(domain="test", taskList=WORKERS)
swf.respond_activity_task_completed(taskToken=task["taskToken"], result="done")
decide(swf, COMPLETE)
told = swf.describe_workflow_execution(domain="test", execution={"workflowId": "w", "runId": run_id})
print(told["executionInfo"]["closeStatus"])
"""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "AWS_ENDPOINT_URL_SWF": service.url,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "dummy",
        "AWS_SECRET_ACCESS_KEY": "dummy",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "COMPLETED\n", done.stderr


@pytest.mark.parametrize("prefix", ["SimpleWorkflowService", "com.amazonaws.swf.service.model.SimpleWorkflowService"])
def test_prefixes_of_the_target(service: ServiceProcess, prefix: str) -> None:
    response, body = service.post(f"{prefix}.ListDomains", {"registrationStatus": "REGISTERED"})
    assert (response.status, json.loads(body)) == (200, {"domainInfos": []})


def test_content_types_void_answers_and_request_ids(service: ServiceProcess) -> None:
    ids = set()
    for sent, given in (
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/json; charset=UTF-8", "application/json"),
    ):
        body = {"name": f"d{len(ids)}", "workflowExecutionRetentionPeriodInDays": "1"}
        response, answer = service.post("SimpleWorkflowService.RegisterDomain", body, content_type=sent)
        assert (response.status, answer) == (200, b"")
        assert response.headers["Content-Length"] == "0"
        assert response.headers["Content-Type"] == given
        ids.add(response.headers["x-amzn-RequestId"])
        response, answer = service.post("SimpleWorkflowService.RegisterDomain", body, content_type=sent)
        assert response.status == 400
        assert json.loads(answer) == {
            "__type": "com.amazonaws.swf.base.model#DomainAlreadyExistsFault",
            "message": body["name"],
        }
        assert response.headers["Content-Type"] == given
        ids.add(response.headers["x-amzn-RequestId"])
    assert len(ids) == 4


def test_boto3_raises_the_modelled_faults_and_reads_the_times(service: ServiceProcess) -> None:
    swf = service.client()
    with pytest.raises(swf.exceptions.UnknownResourceFault, match="Unknown domain: nowhere"):
        swf.describe_domain(name="nowhere")
    register(swf)
    run_id = start(swf)
    assert all(isinstance(event["eventTimestamp"], datetime) for event in history(swf, run_id))


def test_regions_are_apart(service: ServiceProcess) -> None:
    for region in ("eu-west-1", "us-east-1"):
        register(service.client(region=region))
    start(service.client(region="eu-west-1"))
    counts = [
        service.client(region=region).count_pending_decision_tasks(domain="test", taskList=DECIDERS)["count"]
        for region in ("eu-west-1", "us-east-1")
    ]
    assert counts == [1, 0]


# -- polls ---------------------------------------------------------------------------------------


def waiting(service: ServiceProcess, count: int) -> list[Any]:
    """That many sockets whose polls wait at the service."""
    sockets = [service.connect() for _ in range(count)]
    for one in sockets:
        one.sendall(poll_request())
    # Polls of the same loop are looked at in the order of their arrival: a later call is answered behind them.
    service.client().count_pending_decision_tasks(domain="test", taskList=DECIDERS)
    return sockets


def test_a_client_that_goes_away_takes_no_task(service: ServiceProcess) -> None:
    swf = service.client()
    register(swf)
    gone = waiting(service, 5)
    for one in gone:
        one.close()
    run_id = start(swf)
    task = swf.poll_for_decision_task(domain="test", taskList=DECIDERS)
    assert task["workflowExecution"]["runId"] == run_id


def test_each_task_goes_to_one_of_many_polls(service: ServiceProcess) -> None:
    swf = service.client()
    register(swf)
    sockets = waiting(service, 10)
    run_ids = {start(swf, f"w{index}") for index in range(10)}
    delivered = []
    for one in sockets:
        answer = b""
        while not answer.endswith(b"}"):
            answer += one.recv(65536)
        delivered.append(json.loads(answer.partition(b"\r\n\r\n")[2])["workflowExecution"]["runId"])
        one.close()
    assert len(delivered) == 10 and set(delivered) == run_ids


def test_more_polls_than_allowed(serve: Callable[..., ServiceProcess]) -> None:
    service = serve(pollers=2)
    swf = service.client()
    register(swf)
    sockets = waiting(service, 2)
    with pytest.raises(swf.exceptions.LimitExceededFault, match="Limit on maximum concurrent poll requests"):
        swf.poll_for_decision_task(domain="test", taskList=DECIDERS)
    for one in sockets:
        one.close()


def test_concurrent_starts_of_one_workflow_id(service: ServiceProcess) -> None:
    swf = service.client()
    register(swf)

    def attempt(_: int) -> str:
        try:
            return start(swf)
        except swf.exceptions.WorkflowExecutionAlreadyStartedFault:
            return ""

    with ThreadPoolExecutor(8) as pool:
        assert sum(map(bool, pool.map(attempt, range(8)))) == 1


# -- stopping and starting again -----------------------------------------------------------------


def test_kill_and_restart(serve: Callable[..., ServiceProcess]) -> None:
    """After each acknowledged step the service is killed; tokens, histories and waiting work survive."""
    service = serve()
    swf = service.client()
    register(swf)
    run_id = start(swf)

    def again() -> Any:
        nonlocal service
        service.kill()
        service = serve()
        return service.client()

    swf = again()
    task = swf.poll_for_decision_task(domain="test", taskList=DECIDERS)
    swf = again()
    swf.respond_decision_task_completed(taskToken=task["taskToken"], decisions=[schedule("a")])
    swf = again()
    activity = swf.poll_for_activity_task(domain="test", taskList=WORKERS)
    beat = swf.record_activity_task_heartbeat(taskToken=activity["taskToken"], details="x")
    assert beat["cancelRequested"] is False
    swf = again()
    swf.respond_activity_task_completed(taskToken=activity["taskToken"], result="r")
    swf = again()
    decide(swf, COMPLETE)
    swf = again()
    types = [event["eventType"] for event in history(swf, run_id)]
    assert types == [
        "WorkflowExecutionStarted",
        *("DecisionTaskScheduled", "DecisionTaskStarted", "DecisionTaskCompleted"),
        *("ActivityTaskScheduled", "ActivityTaskStarted", "ActivityTaskCompleted"),
        *("DecisionTaskScheduled", "DecisionTaskStarted", "DecisionTaskCompleted"),
        "WorkflowExecutionCompleted",
    ]


def test_killed_after_its_files_were_removed(serve: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    service = serve()
    swf = service.client()
    register(swf)
    start(swf, "before")
    for file in tmp_path.glob("service.db*"):
        file.unlink()
    start(swf, "after")
    service.kill()
    swf = serve().client()
    found = swf.list_open_workflow_executions(domain="test", startTimeFilter={"oldestDate": 0})
    assert {info["execution"]["workflowId"] for info in found["executionInfos"]} == {"before", "after"}


def test_killed_under_load_nothing_acknowledged_is_lost(serve: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    service = serve()
    register(service.client())
    for round_ in range(3):
        enough = threading.Event()

        def hammer(name: str, swf: Any, enough: threading.Event) -> None:
            for index in range(10_000):
                try:
                    acknowledged.add(start(swf, f"{name}-{index}"))
                except Exception:
                    return
                if len(acknowledged) % 40 == 0:
                    enough.set()

        threads = [
            threading.Thread(target=hammer, args=(f"{round_}-{index}", service.client(), enough)) for index in range(4)
        ]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        service.kill()
        for thread in threads:
            thread.join(60)
        service = serve()
    swf = service.client()
    pages = swf.get_paginator("list_open_workflow_executions").paginate(
        domain="test", startTimeFilter={"oldestDate": datetime(2000, 1, 1)}
    )
    found = {info["execution"]["runId"] for page in pages for info in page["executionInfos"]}
    assert len(acknowledged) >= 120
    assert acknowledged <= found
    assert service.stop()[0] == 0
    report = check(tmp_path / "service.db")
    assert report.clean and report.runs == len(found)


def test_a_signal_drains(service: ServiceProcess) -> None:
    register(service.client())
    (poll,) = waiting(service, 1)
    answers: list[bytes] = []
    reader = threading.Thread(target=lambda: answers.append(poll.recv(65536)))
    reader.start()
    code, told = service.stop()
    reader.join(20)
    assert (code, told) == (0, "")
    assert answers[0].startswith(b"HTTP/1.1 200") and b"connection: close" in answers[0]
    poll.close()


def test_a_second_server_on_the_database(service: ServiceProcess, serve: Callable[..., ServiceProcess]) -> None:
    second = serve()
    assert second.url == ""
    code, told = second.stop()
    assert code == 1
    assert f"is in use by process {service.process.pid}: stop that service, or name another database" in told


# -- who may, and who behaves badly --------------------------------------------------------------


def test_with_access_keys_requests_must_be_signed(serve: Callable[..., ServiceProcess], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.touch(mode=0o600)
    keys.write_text("AKIDEXAMPLE wJalrXUtnFEMI/K7MDENG\n")
    service = serve(keys=keys)
    register(service.client("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG"))

    def code(key: str, secret: str) -> str:
        swf = service.client(key, secret)
        with pytest.raises(swf.exceptions.ClientError) as caught:
            swf.describe_domain(name="test")
        return str(caught.value.response["Error"]["Code"])

    assert code("AKIDEXAMPLE", "guess") == "InvalidSignatureException"
    assert code("AKIDOTHER", "wJalrXUtnFEMI/K7MDENG") == "UnrecognizedClientException"
    response, body = service.post("SimpleWorkflowService.DescribeDomain", {"name": "test"})
    assert (response.status, json.loads(body)["__type"].partition("#")[2]) == (
        400,
        "MissingAuthenticationTokenException",
    )


def test_web_pages_and_other_hosts_are_refused(service: ServiceProcess) -> None:
    for header in ({"Host": "evil.example"}, {"Origin": "http://localhost"}):
        response, _ = service.post("SimpleWorkflowService.ListDomains", {"registrationStatus": "REGISTERED"}, **header)
        assert response.status == 403


def until_closed(connection: Any) -> bytes:
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def test_what_is_no_http(service: ServiceProcess) -> None:
    with service.connect() as connection:
        connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert until_closed(connection).startswith(b"HTTP/1.1 400")


def test_an_endless_head(service: ServiceProcess) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nX: ")
        answer = b""
        try:
            for _ in range(200):
                connection.sendall(b"x" * 4096)
            answer = until_closed(connection)
        except (ConnectionResetError, BrokenPipeError):
            pass
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    assert service.client().list_domains(registrationStatus="REGISTERED")["domainInfos"] == []


def test_a_body_that_is_too_large(service: ServiceProcess) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n")
        assert until_closed(connection).startswith(b"HTTP/1.1 413")


def test_idle_and_half_finished_clients_do_not_hinder_others(service: ServiceProcess) -> None:
    idle = [service.connect() for _ in range(200)]
    for connection in idle[100:]:
        connection.sendall(poll_request()[:-10])
    swf = service.client()
    register(swf)
    start(swf)
    decide(swf, COMPLETE)
    for connection in idle:
        connection.close()
