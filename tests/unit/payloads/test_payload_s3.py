"""S3 as it misbehaves: a server that gives one scripted answer to whatever it is asked."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import NoCredentialsError
from support.s3_script import Script, scripted

from simpleflow.exceptions import PayloadError, PayloadGone, PayloadUnavailable, PayloadWrong
from simpleflow.payloads import jumbo, s3
from simpleflow.payloads.jumbo import Reference, location

BODY = b"content" * 100
NAMED = jumbo.named(location("bucket/prefix"), BODY)


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as server:
        server.body = BODY
        yield server


@pytest.fixture
def store() -> s3.S3Store:
    return s3.S3Store(sleep=lambda seconds: None)


@pytest.fixture
def reference() -> Reference:
    found = jumbo.reference(NAMED)
    assert found is not None
    return found


def test_get_and_put_are_all_that_it_asks(script: Script, store: s3.S3Store, reference: Reference) -> None:
    store.put(reference, BODY)
    assert store.get(reference) == BODY
    path = f"/bucket/prefix/{reference.digest}"
    assert [request.partition("?")[0] for request in script.requests] == [f"PUT {path}", f"GET {path}"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NoSuchKey", PayloadGone),
        (403, "AccessDenied", PayloadGone),  # without ListBucket this is how S3 says "no such key"
        (404, "NoSuchBucket", PayloadUnavailable),
        (403, "ExpiredToken", PayloadUnavailable),
        (403, "InvalidAccessKeyId", PayloadUnavailable),
        (403, "RequestTimeTooSkewed", PayloadUnavailable),
        (503, "SlowDown", PayloadUnavailable),
        (500, "InternalError", PayloadUnavailable),
    ],
)
def test_answers_to_get(
    script: Script, store: s3.S3Store, reference: Reference, status: int, code: str, error: type[PayloadError]
) -> None:
    script.status, script.code = status, code
    with pytest.raises(error, match=rf"s3://bucket/prefix/{reference.digest}.*{code}"):
        store.get(reference)
    assert len(script.requests) == (s3._DOWNLOADS if code == "AccessDenied" else 1)


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket"), (503, "SlowDown"), (500, "InternalError")]
)
def test_answers_to_put(script: Script, store: s3.S3Store, reference: Reference, status: int, code: str) -> None:
    script.status, script.code = status, code
    with pytest.raises(PayloadUnavailable, match=rf"s3://bucket/prefix/{reference.digest}.*{code}"):
        store.put(reference, BODY)


def test_a_download_that_breaks_off_is_begun_again(script: Script, store: s3.S3Store, reference: Reference) -> None:
    script.body, script.length = BODY[:-1], len(BODY)
    with pytest.raises(PayloadUnavailable):
        store.get(reference)
    assert len(script.requests) == s3._DOWNLOADS


def test_what_is_denied_for_a_moment_is_there(script: Script, reference: Reference) -> None:
    script.status, script.code = 403, "AccessDenied"
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        script.status, script.code = 200, ""

    assert s3.S3Store(sleep).get(reference) == BODY
    assert waits == [0.2]


def test_the_length_of_an_object(script: Script, store: s3.S3Store, reference: Reference) -> None:
    assert store.length(reference) == len(BODY)
    assert script.requests[0].startswith("HEAD ")
    script.status = 404
    with pytest.raises(PayloadGone):
        store.length(reference)
    script.status = 503
    with pytest.raises(PayloadUnavailable):
        store.length(reference)


def test_another_length_is_not_read(script: Script, store: s3.S3Store, reference: Reference) -> None:
    script.body = BODY + b"!"
    with pytest.raises(PayloadWrong, match=f"has {len(BODY) + 1} bytes, its reference says {len(BODY)}"):
        store.get(reference)


def test_nobody_there(script: Script, store: s3.S3Store, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", "http://127.0.0.1:1")
    for act in (lambda: store.get(reference), lambda: store.put(reference, BODY)):
        with pytest.raises(PayloadUnavailable, match="Could not connect"):
            act()


def test_a_client_of_each_process(script: Script) -> None:
    import os

    first = s3.client()
    assert s3.client() is first
    child = os.fork()
    if not child:
        os._exit(0 if not s3._clients else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_no_credentials(store: s3.S3Store, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NoCredentialsError

    monkeypatch.setattr(s3, "client", refuse)
    for act in (lambda: store.get(reference), lambda: store.put(reference, BODY)):
        with pytest.raises(PayloadUnavailable, match=r"s3://bucket/prefix/.*: no AWS credentials; set AWS_ACC"):
            act()
