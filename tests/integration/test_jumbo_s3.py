"""Jumbo fields over a real S3 protocol server: moto_server as a process of its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import s3_server

from simpleflow import Workflow, activity, local, storage
from simpleflow.exceptions import DecisionAbandoned, PayloadGone, PayloadUnavailable, PayloadWrong
from simpleflow.local.driver import Driver, Start
from simpleflow.local.run import execute
from simpleflow.payloads import jumbo, objects, s3

BUCKET, PREFIX = "jumbo-bucket", "with/prefix"
MB4 = 4 * 1024**2
REFERENCE = re.compile(rf"simpleflow\+s3://{BUCKET}/{PREFIX}/[0-9a-f]{{64}} [0-9]+")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server.s3_server(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    given = {
        "SIMPLEFLOW_JUMBO_FIELDS_BUCKET": f"{BUCKET}/{PREFIX}/",
        "SIMPLEFLOW_CACHE_DIR": str(tmp_path / "cache"),
    }
    s3_server.use(monkeypatch, server, **given)
    s3_server.put(server, BUCKET)
    yield storage.get_bucket(BUCKET)
    s3_server.forget()


def keys(bucket: Any) -> list[str]:
    return [found.key for found in bucket.objects.all()]


# -- a workflow whose every payload is long


@activity.with_attributes(task_list="jumbo", version="1", raises_on_failure=True)
def doubled(text: str) -> str:
    return text * 2


@activity.with_attributes(task_list="jumbo", version="1")
def measured(text: str) -> int:
    return len(text)


@activity.with_attributes(task_list="jumbo", version="1")
def failing(length: int) -> None:
    raise ValueError("no " * length)


class Long(Workflow):
    name = "jumbo"
    version = "1"
    task_list = "jumbo"

    def run(self, text: str) -> Any:
        twice = self.submit(doubled, text[: len(text) // 2])
        length = self.submit(measured, twice)
        self.submit(self.record_marker("marker", twice.result))
        signal = self.submit(self.wait_signal("signal")).result
        failed = self.submit(failing, MB4 // 3)
        again = self.submit(doubled, text[: len(text) // 2]).result
        assert failed.exception is not None
        return {
            "length": length.result,
            "signal": signal == text,
            "marker": self.list_markers()[0].details == text,
            "message": len(json.loads(failed.exception.details)["message"]),
            "same": again == twice.result == text,
            "text": text,
        }


def test_a_workflow_whose_payloads_are_4_mb_each(bucket: Any) -> None:
    text = "long" * (MB4 // 4)
    run = execute(Long, [text], check_replay=True, signals=[("signal", text)])
    assert run.status == "COMPLETED", run.explain()
    assert run.value == {
        "length": MB4,
        "signal": True,
        "marker": True,
        "message": MB4 // 3 * 3,
        "same": True,
        "text": text,
    }
    told = json.dumps(run.history)
    assert len(told) < 30_000
    references = set(REFERENCE.findall(told))
    # arguments of the workflow and of measured; of doubled; the text (result, marker, signal); the failure; the result
    assert len(references) == 5
    assert run.result in references
    assert sorted(
        reference.split()[0].removeprefix(f"simpleflow+s3://{BUCKET}/") for reference in references
    ) == sorted(keys(bucket))
    for reference in references:
        found = jumbo.reference(reference)
        assert found is not None
        body = bucket.Object("/".join(found.where.segments[1:])).get()["Body"].read()
        assert jumbo.digest(body) == found.digest and len(body) == found.size


def test_without_a_bucket_the_error_says_what_to_do(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET")
    with pytest.raises(ValueError, match=r"Message too long .*input .*32768.*SIMPLEFLOW_JUMBO_FIELDS_BUCKET"):
        execute(Long, ["x" * MB4])
    assert keys(bucket) == []


class Short(Workflow):
    name = "short"
    version = "1"
    task_list = "jumbo"

    def run(self, half: str) -> Any:
        return self.submit(measured, self.submit(doubled, half)).result


def test_short_payloads_touch_no_store(bucket: Any) -> None:
    assert local.run(Short, "x" * 1000) == 2000
    assert keys(bucket) == []


# -- the store and its cache


def test_what_is_stored_can_be_fetched_by_others(bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stored = objects.fields().store("input", "ä" * 40_000)
    assert stored.endswith(" 80000") and REFERENCE.fullmatch(stored)
    monkeypatch.setenv("SIMPLEFLOW_CACHE_DIR", str(tmp_path / "another machine"))
    assert objects.fields().fetch(stored) == "ä" * 40_000
    # the second time it comes from the disk
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    s3._clients.clear()
    assert objects.fields().fetch(stored) == "ä" * 40_000


def test_a_cache_that_lies_is_not_believed(bucket: Any) -> None:
    stored = objects.fields().store("input", "x" * 40_000)
    found, door = jumbo.reference(stored), objects.fields()
    assert found is not None and found.digest is not None and isinstance(door.objects, objects.StoredObjects)
    cache = door.objects.cache
    assert cache is not None and cache.get(found.digest) == b"x" * 40_000
    cache.put(found.digest, b"y" * 40_000)
    assert door.fetch(stored) == "x" * 40_000
    assert cache.get(found.digest) == b"x" * 40_000


def test_wrong_content_is_an_error(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ENABLE_DISK_CACHE", "false")
    stored = objects.fields().store("input", "x" * 40_000)
    (key,) = keys(bucket)
    for wrong in (b"y" * 40_000, b"x" * 39_999, b"x" * 40_001):
        bucket.Object(key).put(Body=wrong)
        with pytest.raises(PayloadWrong, match=BUCKET):
            objects.fields().fetch(stored)
    bucket.Object(key).delete()
    with pytest.raises(PayloadGone, match=f"no object s3://{BUCKET}/.*NoSuchKey"):
        objects.fields().fetch(stored)


def test_objects_are_encrypted_where_that_is_asked_for(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_S3_SSE", "true")
    objects.fields().store("input", "x" * 40_000)
    (key,) = keys(bucket)
    assert bucket.Object(key).get()["ServerSideEncryption"] == "AES256"


# -- faults, as a run sees them


def test_a_bucket_that_does_not_exist(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", "no-such-bucket")
    with pytest.raises(PayloadUnavailable, match=r"no-such-bucket.*NoSuchBucket"):
        objects.fields().store("input", "x" * 40_000)
    run = execute(Short, ["x" * 20_000])  # the result does not fit
    assert run.status == "FAILED"
    assert "PayloadUnavailable" in run.explain() and "NoSuchBucket" in run.explain()


class Asking(Workflow):
    name = "asking"
    version = "1"
    task_list = "jumbo"

    def run(self, spoil: str) -> Any:
        future = self.submit(doubled, "x" * 20_000)
        try:
            return len(future.result)
        except (PayloadGone, PayloadWrong) as error:
            return type(error).__name__


@pytest.mark.parametrize(("damage", "told"), [("gone", "PayloadGone"), ("other", "PayloadWrong")])
def test_a_result_that_is_lost_fails_its_future(
    bucket: Any, monkeypatch: pytest.MonkeyPatch, damage: str, told: str
) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ENABLE_DISK_CACHE", "false")
    put = s3.S3Store.put

    def put_and_spoil(self: s3.S3Store, reference: jumbo.Reference, body: bytes) -> None:
        put(self, reference, body)
        (key,) = keys(bucket)
        if damage == "gone":
            bucket.Object(key).delete()
        else:
            bucket.Object(key).put(Body=b"y" * len(body))

    monkeypatch.setattr(s3.S3Store, "put", put_and_spoil)
    run = execute(Asking, [""])
    assert run.value == told


def test_a_store_that_cannot_be_asked_gives_the_decision_up(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_ENABLE_DISK_CACHE", "false")

    def unreachable(self: s3.S3Store, reference: jumbo.Reference) -> bytes:
        raise PayloadUnavailable("the network is down")

    monkeypatch.setattr(s3.S3Store, "get", unreachable)
    with pytest.raises(DecisionAbandoned, match="the network is down"):
        execute(Asking, [""])


def test_a_value_that_looks_like_a_reference_is_a_value(bucket: Any) -> None:
    text = "simpleflow+file:///etc/passwd 9"
    assert local.run(Short, text) == 2 * len(text)


def test_an_input_that_leads_elsewhere_is_an_error(bucket: Any) -> None:
    driver = Driver()
    driver.start(Start(workflow_class=Short, input="simpleflow+file:///etc/passwd 9"))
    run = driver.run()
    assert run.status == "FAILED"
    assert "PayloadRefused" in run.explain() and "SIMPLEFLOW_JUMBO_FIELDS_READ" in run.explain()


# -- simpleflow.storage


def test_files_and_texts(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_S3_SSE", "true")
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"\x00content")
    storage.push(BUCKET, "a/file", str(source), content_type="image/png")
    storage.pull(BUCKET, "a/file", str(target))
    assert target.read_bytes() == b"\x00content"
    storage.push_content(BUCKET, "a/text", "tëxt", "text/plain")
    assert storage.pull_content(BUCKET, "a/text") == "tëxt"
    assert [found.key for found in storage.list_keys(BUCKET, "a/")] == ["a/file", "a/text"]
    assert storage.list_keys(BUCKET, "b/") == [] and len(storage.list_keys(BUCKET)) == 2
    told = storage.get_client().head_object(Bucket=BUCKET, Key="a/file")
    assert (told["ContentType"], told["ServerSideEncryption"]) == ("image/png", "AES256")
    assert bucket.Object("a/text").get()["ContentType"] == "text/plain"


def test_a_bucket_is_looked_up_once(bucket: Any) -> None:
    s3.client().create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert storage.sanitize_bucket_and_host("far") == ("far", "eu-west-1")
    assert storage.sanitize_bucket_and_host(BUCKET) == (BUCKET, "us-east-1")
    assert storage.BUCKET_LOCATIONS_CACHE == {"far": "eu-west-1", BUCKET: "us-east-1"}
    assert storage.get_bucket("far") is storage.get_bucket("far") is storage.BUCKET_CACHE["far"]
    assert storage.get_resource("eu-west-1").meta.client.meta.region_name == "eu-west-1"
